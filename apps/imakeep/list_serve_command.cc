// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include <systemd/sd-daemon.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/list_service.h"
#include "control/measure_file.h"
#include "control/message.h"
#include "control/socket_server.h"
#include "imalog/template.h"
#include "imalog/templates_option.h"
#include "listfs/libfuse/mount.h"
#include "listfs/list_file.h"
#include "mlist/kexec.h"
#include "pcrs/list_pcrs.h"

namespace imakeep::app {
namespace {

struct ServeOptions {
  std::string mount;
  std::string control;
  pcrs::ListPcrsOptions pcrs;
  std::string hash = "sha256";
  std::string template_name = "ima-ng";
  std::string templates;
  bool flush_hash_table = false;
  bool no_hash_table = false;
  bool no_critical_data = false;
  std::string byte_order;
  std::string restore;
};

std::atomic<listfs::Mount*> served = nullptr;

void stop_serving(int) {
  if (listfs::Mount* const mount = served; mount != nullptr) mount->stop();
}

constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGHUP};

// Blocks the stop signals while the object exists. Without it, a signal between mounting and the installation of the
// handler would leave a dead mount. Threads that start meanwhile never receive these signals.
class HoldStopSignals {
 public:
  HoldStopSignals() {
    ::sigemptyset(&signals_);
    for (const int signal : kStopSignals) ::sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~HoldStopSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HoldStopSignals(const HoldStopSignals&) = delete;
  HoldStopSignals& operator=(const HoldStopSignals&) = delete;

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

void stop_on_signals() {
  for (const int signal : kStopSignals) {
    struct sigaction action {};
    action.sa_handler = stop_serving;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
}

Result<mlist::ListOptions> list_options(const ServeOptions& options, const std::vector<digest::Bank>& banks) {
  mlist::ListOptions list;
  list.banks = banks;
  for (const digest::Bank& bank : list.banks) {
    if (!digest::available(bank.algorithm)) {
      return fail(ErrorCode::kEnvironment,
                  "this machine's OpenSSL has no " + bank.name() + "; leave that bank out with --banks");
    }
  }
  // For md5, use sha1 here: no bank is md5, and the hash that identifies records in the table is not visible anywhere.
  const bool md5 = options.hash == control::kMd5Name;
  if (md5 && options.template_name != imalog::kImaTemplate) {
    return fail(ErrorCode::kUsage, "--hash md5 requires --template ima");
  }
  const auto hash = md5 ? digest::Algorithm::kSha1 : digest::algorithm_from_name(options.hash);
  if (!hash || !digest::available(*hash))
    return fail(ErrorCode::kUsage,
                "no such hash: '" + options.hash +
                    "'; use one of OpenSSL's, such as sha1, sha256, sha384, sha512 or sm3; or md5 for template ima");
  list.hash = *hash;
  IMAKEEP_TRY(auto templates, imalog::TemplateSet::parse(options.templates));
  list.templates = std::move(templates);
  list.table = options.flush_hash_table ? mlist::TableMode::kFlushed
               : options.no_hash_table  ? mlist::TableMode::kNone
                                        : mlist::TableMode::kKept;
  if (!options.byte_order.empty()) list.order = options.byte_order == "big" ? ByteOrder::kBig : ByteOrder::kLittle;
  if (!imalog::Template::find(options.template_name)) {
    return fail(ErrorCode::kUsage, "no such template: '" + options.template_name +
                                       "'; use a built-in one, such as ima-ng, or field ids joined with '|'");
  }
  return list;
}

// Starts the list with a kexec image. Reports on standard error if Linux would have stopped restoring early.
Result<void> restore(mlist::MeasurementList& list, const std::string& file) {
  const auto check_front = [&list](ByteView front) { return mlist::check_kexec_header(front, list.options().order); };
  IMAKEEP_TRY(const auto& image, read_file(file, {.most_bytes = kMostListBytes, .check_front = check_front}));
  const auto restored = mlist::restore_kexec_image(list, image);
  if (!restored) return unexpected(named(restored.error(), file));
  if (restored->stopped) {
    std::fprintf(stderr, "imakeep: %s: restored %llu records and stopped, as Linux would: %s\n",
                 printable(file).c_str(), static_cast<unsigned long long>(restored->records),
                 printable(describe(*restored->stopped)).c_str());
  }
  return {};
}

Result<void> serve(const ServeOptions& options) {
  IMAKEEP_TRY(auto pcrs, pcrs::ListPcrs::open(options.pcrs));
  IMAKEEP_TRY(auto made, list_options(options, pcrs.banks()));

  // The PCRs' start values may depend on the restored records, so restore these first.
  std::unique_ptr<control::PcrRecorder> recorder;
  made.extend = [&recorder](std::uint32_t pcr, std::span<const digest::Digest> digests) {
    return recorder->extend(pcr, digests);
  };
  mlist::MeasurementList list(made);
  if (!options.restore.empty()) IMAKEEP_CHECK(restore(list, options.restore));

  IMAKEEP_CHECK(pcrs.start(list));
  recorder = std::make_unique<control::PcrRecorder>(pcrs.pcrs(), pcrs.extended());

  listfs::ListFiles files(list);
  std::optional<HoldStopSignals> hold(std::in_place);
  IMAKEEP_TRY(auto mount, listfs::Mount::mount(files, options.mount));
  control::ListService service(list, *recorder,
                               {.template_name = options.template_name,
                                .md5 = options.hash == control::kMd5Name,
                                .pcr = options.pcrs.ima_pcr,
                                .measure_critical_data = !options.no_critical_data});
  served = mount.get();
  stop_on_signals();
  hold.reset();
  const auto server = control::SocketServer::listen(
      options.control, [&service](const control::Message& request) { return service.answer(request); });
  if (!server) return unexpected(server.error());

  std::printf("ready: list in %s, control socket %s\n", options.mount.c_str(), options.control.c_str());
  std::fflush(stdout);
  ::sd_notify(0, "READY=1");
  auto ended = mount->run();
  ::sd_notify(0, "STOPPING=1");
  served = nullptr;
  return ended;
}

}  // namespace

void add_list_serve(const Command& list) {
  auto options = std::make_shared<ServeOptions>();
  const Command command =
      list.add_command("serve", "serve a list's files in a directory until SIGTERM, SIGINT or SIGHUP");
  command.add_option("--mount", options->mount, "mount point of the files; an empty directory")
      .required()
      .value_name("DIR");
  command.add_option("--control", options->control, "socket for requests").required().value_name("SOCK");
  const Option tcti = command
                          .add_option("--tcti", options->pcrs.tcti,
                                      "TPM to extend, such as device:/dev/tpmrm0 (default: PCRs in memory)")
                          .value_name("TCTI");
  command.add_option("--banks", options->pcrs.banks,
                     std::string("PCR banks, separated by commas (default: all that the TPM has; in memory ") +
                         pcrs::ListPcrs::kSoftBanks + ")");
  command
      .add_option("--extend", options->pcrs.extend,
                  "way to extend a bank, as another kernel does; HOW is native, padded, padded-short or invalidated")
      .value_name("ALG=HOW");
  command.add_count("--pcr", options->pcrs.ima_pcr, {.min = 0, .max = 23}, "IMA's PCR").show_default();
  command.add_option("--hash", options->hash, "IMA's hash, for files and the table of digests").show_default();
  command.add_option("--template", options->template_name, "template of the records of added files").show_default();
  command.add_option("--templates", options->templates, imalog::kTemplatesHelp).value_name("DESCRIPTIONS");
  const Option flush = command.add_flag("--flush-hash-table", options->flush_hash_table,
                                        "table of digests that each D empties, as with boot option ima_flush_htable");
  command.add_flag("--no-hash-table", options->no_hash_table, "no table of digests, as with CONFIG_IMA_DISABLE_HTABLE")
      .excludes(flush);
  command.add_flag("--no-critical-data", options->no_critical_data, "no added records at kexec");
  command
      .add_option("--byte-order", options->byte_order,
                  "byte order of the list's numbers, as on another machine (default: this machine's)")
      .one_of({"little", "big"});
  command.add_option("--restore", options->restore, "kexec image with the list's first records (default: none)")
      .value_name("FILE");
  command
      .add_option("--start-pcrs", options->pcrs.start_pcrs,
                  "start values of PCRs in memory, as kexec leaves them (default: a replay of --restore)")
      .excludes(tcti)
      .value_name("FILE");
  command.set_action([options] {
    const auto ended = serve(*options);
    return ended ? kDone : report(ended.error());
  });
}

}  // namespace imakeep::app
