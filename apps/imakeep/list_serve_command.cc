#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include <systemd/sd-daemon.h>

#include "base/file.h"
#include "commands.h"
#include "control/list_service.h"
#include "control/socket_server.h"
#include "fusefs/libfuse/mount.h"
#include "fusefs/list_file.h"
#include "imalog/template.h"
#include "list_pcrs.h"
#include "mlist/kexec.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct ServeOptions {
  std::string mount;
  std::string control;
  ListPcrsOptions pcrs;
  std::string hash = "sha256";
  std::string template_name = "ima-ng";
  bool flush_hash_table = false;
  bool no_hash_table = false;
  bool no_critical_data = false;
  std::string restore;
};

std::atomic<fusefs::Mount*> served = nullptr;

void stop_serving(int) {
  if (fusefs::Mount* const mount = served; mount != nullptr) mount->stop();
}

void stop_on(std::initializer_list<int> signals) {
  for (const int signal : signals) {
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
  const auto hash = digest::algorithm_from_name(options.hash);
  if (!hash || !digest::available(*hash))
    return fail(ErrorCode::kUsage, "no such hash: '" + options.hash +
                                       "'; use one of OpenSSL's, such as sha1, sha256, sha384, sha512 or sm3");
  list.hash = *hash;
  list.table = options.flush_hash_table ? mlist::TableMode::kFlushed
               : options.no_hash_table  ? mlist::TableMode::kNone
                                        : mlist::TableMode::kKept;
  if (!imalog::Template::find(options.template_name)) {
    return fail(ErrorCode::kUsage, "no such template: '" + options.template_name +
                                       "'; use a built-in one, such as ima-ng, or field ids joined with '|'");
  }
  return list;
}

// Starts the list with a kexec image, and says what Linux would have left out.
Result<void> restore(mlist::MeasurementList& list, const std::string& file) {
  const auto image = read_file(file);
  if (!image) return unexpected(image.error());
  const auto restored = mlist::restore_kexec_image(list, *image);
  if (!restored) return unexpected(named(restored.error(), file));
  if (restored->stopped) {
    std::fprintf(stderr, "imakeep: %s: restored %llu records and stopped, as Linux would: %s\n", file.c_str(),
                 static_cast<unsigned long long>(restored->records), describe(*restored->stopped).c_str());
  }
  return {};
}

Result<void> serve(const ServeOptions& options) {
  auto pcrs = ListPcrs::open(options.pcrs);
  if (!pcrs) return unexpected(pcrs.error());
  auto made = list_options(options, pcrs->banks());
  if (!made) return unexpected(made.error());

  // What the PCRs start with may depend on the restored records, so these come first.
  std::unique_ptr<control::PcrRecorder> recorder;
  made->extend = [&recorder](std::uint32_t pcr, std::span<const digest::Digest> digests) {
    return recorder->extend(pcr, digests);
  };
  mlist::MeasurementList list(*made);
  if (!options.restore.empty()) IMAKEEP_CHECK(restore(list, options.restore));

  IMAKEEP_CHECK(pcrs->start(list));
  recorder = std::make_unique<control::PcrRecorder>(pcrs->pcrs(), pcrs->extended());

  fusefs::ListFiles files(list);
  auto mount = fusefs::Mount::mount(files, options.mount);
  if (!mount) return unexpected(mount.error());
  control::ListService service(list, *recorder,
                               {.template_name = options.template_name,
                                .pcr = options.pcrs.ima_pcr,
                                .measure_critical_data = !options.no_critical_data});
  served = mount->get();
  stop_on({SIGTERM, SIGINT, SIGHUP});
  const auto server = control::SocketServer::listen(
      options.control, [&service](const control::Message& request) { return service.answer(request); });
  if (!server) return unexpected(server.error());

  std::printf("ready: list in %s, control socket %s\n", options.mount.c_str(), options.control.c_str());
  std::fflush(stdout);
  ::sd_notify(0, "READY=1");
  auto ended = (*mount)->run();
  ::sd_notify(0, "STOPPING=1");
  served = nullptr;
  return ended;
}

}  // namespace

void add_list_serve(CLI::App& list, int& exit_code) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* const command = list.add_subcommand("serve", "serve a list's files in a directory until told to stop");
  command->add_option("--mount", options->mount, "empty directory to show the files in")->required()->type_name("DIR");
  command->add_option("--control", options->control, "socket to take requests on")->required()->type_name("SOCK");
  auto* const tcti = command->add_option("--tcti", options->pcrs.tcti,
                                         "extend this TPM, such as device:/dev/tpmrm0 (default: PCRs in memory)");
  tcti->type_name("TCTI");
  command->add_option("--banks", options->pcrs.banks,
                      std::string("PCR banks, separated by commas (default: all that the TPM has; in memory ") +
                          ListPcrs::kSoftBanks + ")");
  command->add_option("--pcr", options->pcrs.ima_pcr, "IMA's PCR")->check(CLI::Range(0, 23))->capture_default_str();
  command->add_option("--hash", options->hash, "IMA's hash, for files and the table of digests")->capture_default_str();
  command->add_option("--template", options->template_name, "template of added files")->capture_default_str();
  auto* const flush = command->add_flag("--flush-hash-table", options->flush_hash_table,
                                        "empty the table of digests at D, as boot option ima_flush_htable");
  command
      ->add_flag("--no-hash-table", options->no_hash_table, "keep no table, as a kernel with CONFIG_IMA_DISABLE_HTABLE")
      ->excludes(flush);
  command->add_flag("--no-critical-data", options->no_critical_data, "add no records at kexec");
  command->add_option("--restore", options->restore, "start with the records of a kexec image")->type_name("FILE");
  command
      ->add_option("--start-pcrs", options->pcrs.start_pcrs,
                   "start with these PCR values, as kexec leaves them (in memory only)")
      ->excludes(tcti)
      ->type_name("FILE");
  command->callback([options, &exit_code] {
    const auto ended = serve(*options);
    exit_code = ended ? kDone : report(ended.error());
  });
}

}  // namespace imakeep::app
