// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "attester/direct.h"
#include "attester/loop.h"
#include "attester/session.h"
#include "attester/state.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/text.h"
#include "bundle/export.h"
#include "cli/terminal.h"
#include "commands.h"
#include "control/client.h"
#include "control/message.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "tpm/esys/esys_attestation_tpm.h"

namespace imakeep::app {
namespace {

struct AttestOptions {
  std::optional<std::string> server;
  std::optional<std::string> authorities;
  std::optional<std::string> pin;
  std::string state = "/var/lib/imakeep/attest";
  std::string host;
  std::string tenant;
  std::string token;
  std::optional<std::string> archive;
  std::optional<std::string> list;
  std::optional<std::string> direct;
  std::string method = "auto";
  std::optional<std::int64_t> hold_limit_ms;
  bool retain = false;
  std::optional<std::string> keeper;
  std::string verifier;
  std::string tcti = "device:/dev/tpmrm0";
  bool json = false;
};

Result<std::string> own_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) {
    return fail(ErrorCode::kEnvironment, "this machine's name cannot be read; give one with --host NAME");
  }
  return std::string(name.data());
}

Result<std::unique_ptr<http::Client>> client_of(const attester::AttesterState& state) {
  return http::Client::make({.base_url = state.server, .authorities = state.authorities, .pin = state.pin});
}

// What was given on the command line replaces what was saved.
void take_server(const AttestOptions& options, attester::AttesterState& state) {
  if (options.server) state.server = *options.server;
  if (!options.authorities && !options.pin) return;
  state.authorities = options.authorities.value_or("");
  state.pin = options.pin.value_or("");
}

Error refusal_of(const attester::Refused& refused) {
  return {.code = ErrorCode::kMismatch,
          .message = "the verifier refuses (" + refused.problem.reason + "): " + refused.problem.detail};
}

Error delay_of(const attester::Later& later) {
  return {.code = ErrorCode::kEnvironment,
          .message = "the verifier cannot answer now (" + later.why + "); try again in " +
                     std::to_string(later.after.count()) + " s"};
}

// ---- enrol ----------------------------------------------------------------------------------------------------------

int report_enrolment(const AttestOptions& options, const attester::AttesterState& state,
                     const attester::Enrolment& outcome) {
  if (const auto* const refused = std::get_if<attester::Refused>(&outcome)) return report(refusal_of(*refused));
  if (const auto* const later = std::get_if<attester::Later>(&outcome)) return report(delay_of(*later));
  const bool enrolled = std::get<evidence::EnrolmentStatus>(outcome) == evidence::EnrolmentStatus::kEnrolled;
  if (options.json) {
    print_json(nlohmann::json{
        {"host", state.host}, {"server", state.server}, {"status", enrolled ? "enrolled" : "waiting-for-approval"}});
  } else {
    std::printf("host %s %s %s\n", state.host.c_str(),
                enrolled ? "is enrolled at" : "waits for the approval of an administrator of", state.server.c_str());
  }
  return kDone;
}

Result<int> enrol(const AttestOptions& options) {
  IMAKEEP_TRY(const auto& saved, attester::load_state(options.state));
  attester::AttesterState state{.tenant = options.tenant, .host = options.host};
  take_server(options, state);
  if (state.host.empty()) {
    IMAKEEP_TRY(state.host, own_name());
  }
  IMAKEEP_TRY(const auto client, client_of(state));
  IMAKEEP_TRY(const auto tpm, tpm::EsysAttestationTpm::open(options.tcti));
  IMAKEEP_TRY(auto ek, tpm->endorsement_key());
  state.ek_certificate = std::move(ek.certificate);
  IMAKEEP_TRY(state.key, attester::usable_key(*tpm, saved ? std::optional<tpm::SavedKey>(saved->key) : std::nullopt));
  // A new key is saved first: the verifier may accept it, and this process end before it hears so.
  if (!saved || saved->key != state.key) IMAKEEP_CHECK(attester::save_state(options.state, state));
  SystemClock clock;
  attester::Session session(*client, *tpm, clock, {.tenant = state.tenant, .host = state.host, .key = state.key});
  IMAKEEP_TRY(const auto& outcome, session.enrol(options.token, options.retain));
  if (std::holds_alternative<evidence::EnrolmentStatus>(outcome)) {
    IMAKEEP_CHECK(attester::save_state(options.state, state));
  }
  return report_enrolment(options, state, outcome);
}

// ---- once, run ------------------------------------------------------------------------------------------------------

Result<attester::AttesterState> enrolled_state(const AttestOptions& options) {
  IMAKEEP_TRY(auto saved, attester::load_state(options.state));
  if (!saved) {
    return fail(ErrorCode::kUsage,
                options.state + " has no state of an enrolled host; call `imakeep attest enrol --server URL` first");
  }
  take_server(options, *saved);
  return std::move(*saved);
}

Result<attester::OpenRecords> records_of(const AttestOptions& options) {
  if (options.archive.has_value() + options.list.has_value() + options.direct.has_value() != 1) {
    return fail(ErrorCode::kUsage, "name one of --archive FILE, --list DIR and --direct DIR");
  }
  if (options.direct) return attester::OpenRecords();
  return options.archive ? attester::records_of_archive(*options.archive) : attester::records_of_lists(*options.list);
}

nlohmann::json quote_json(const evidence::EvidenceHeader& sent, const Bytes& ak_public) {
  nlohmann::json pcrs = nlohmann::json::object();
  for (const imalog::PcrValue& value : sent.pcrs) {
    pcrs[std::string(digest::info(value.bank.algorithm).name)][std::to_string(value.pcr)] = to_hex(value.value.view());
  }
  return {{"statement", to_base64(sent.quote)},
          {"signature", to_base64(sent.signature)},
          {"ak_public", to_base64(ak_public)},
          {"pcrs", std::move(pcrs)}};
}

// Tells the keeper how many records of its chain are proven, so that it trims by that: trim_after = "verified". The
// keeper keeps the quote that proved them.
Result<void> tell_keeper(const AttestOptions& options, std::optional<std::uint64_t> chain, std::uint64_t n,
                         nlohmann::json quote) {
  if (!options.keeper || !chain) return {};
  IMAKEEP_TRY(auto client, control::Client::connect(*options.keeper, control::Client::kQuestionLimit));
  const auto answer = client.ask({.head = {{"op", "verified"},
                                           {"verifier", options.verifier},
                                           {"chain", *chain},
                                           {"n", n},
                                           {"quote", std::move(quote)}}});
  if (!answer) return unexpected(named(answer.error(), *options.keeper));
  return {};
}

// The list of a host without an archive, from which the records are deleted; none with --archive and --list.
struct Direct {
  std::unique_ptr<keeper::KernelImaSource> source;
  std::unique_ptr<attester::DirectList> list;
};

Result<Direct> direct_of(const AttestOptions& options, http::Client& client, Clock& clock) {
  Direct direct;
  if (!options.direct) return direct;
  IMAKEEP_TRY(direct.source, keeper::KernelImaSource::in(*options.direct));
  IMAKEEP_CHECK(direct.source->take());
  IMAKEEP_CHECK(direct.source->require_live());
  attester::DirectOptions chosen{.state_directory = options.state};
  if (options.method == "stage") chosen.method = keeper::Method::kStage;
  if (options.method == "count") chosen.method = keeper::Method::kCount;
  if (options.hold_limit_ms) chosen.hold_limit_ms = *options.hold_limit_ms;
  direct.list = std::make_unique<attester::DirectList>(*direct.source, client, clock, std::move(chosen));
  return direct;
}

// Opens the TPM for this attestation alone, so that others can use it in between.
Result<attester::Attestation> attest(const AttestOptions& options, const attester::AttesterState& state,
                                     http::Client& client, const attester::OpenRecords& records, Direct& direct) {
  IMAKEEP_TRY(const auto tpm, tpm::EsysAttestationTpm::open(options.tcti));
  SystemClock clock;
  attester::Session session(client, *tpm, clock, {.tenant = state.tenant, .host = state.host, .key = state.key});
  if (direct.list) return direct.list->attest(session);
  AttestOptions told = options;
  if (told.verifier.empty()) told.verifier = state.server;
  return session.attest_once(
      records, [&](std::optional<std::uint64_t> chain, std::uint64_t n, const evidence::EvidenceHeader& sent) {
        return tell_keeper(told, chain, n, quote_json(sent, state.key.public_area));
      });
}

nlohmann::json attested_json(const attester::Attested& attested) {
  return {{"outcome", "attested"},
          {"chain", attested.chain},
          {"n", attested.n},
          {"first", attested.first},
          {"sent", attested.sent},
          {"status", ear::name_of(attested.status)},
          {"interval_s", attested.interval_s},
          {"result", attested.result}};
}

std::string attested_text(const attester::Attested& attested) {
  const std::uint64_t end = attested.first + attested.sent;
  const std::string sent =
      attested.sent == 0 ? "none was sent"
                         : "records [" + std::to_string(attested.first) + ", " + std::to_string(end) + ") were sent";
  return std::to_string(attested.n) + " records are proven; " + sent + "; the verifier's result is " +
         std::string(ear::name_of(attested.status));
}

std::string deleted_text(const Direct& direct) {
  if (!direct.list) return {};
  const std::string& why_not = direct.list->why_not();
  return "; " + std::to_string(direct.list->deleted()) + " were deleted from the list" +
         (why_not.empty() ? "" : ": " + why_not);
}

// Prints the outcome; refusals and delays as errors, and in JSON too. Returns the exit code.
int report_attestation(const AttestOptions& options, const attester::Attestation& outcome, const Direct& direct) {
  nlohmann::json json;
  int code = kNotAsItShouldBe;
  if (const auto* const attested = std::get_if<attester::Attested>(&outcome)) {
    if (attested->status == ear::Tier::kAffirming) code = kDone;
    json = attested_json(*attested);
    if (direct.list) json["deleted"] = direct.list->deleted();
    if (direct.list && !direct.list->why_not().empty()) json["why_not"] = direct.list->why_not();
    if (!options.json) std::puts((attested_text(*attested) + deleted_text(direct)).c_str());
  } else if (const auto* const refused = std::get_if<attester::Refused>(&outcome)) {
    code = report(refusal_of(*refused));
    json = {{"outcome", "refused"}, {"reason", refused->problem.reason}, {"detail", refused->problem.detail}};
  } else {
    const auto& later = std::get<attester::Later>(outcome);
    code = report(delay_of(later));
    json = {{"outcome", "later"}, {"after_s", later.after.count()}, {"detail", later.why}};
  }
  if (options.json) {
    // One line each, so that a reader of `run` finds where one ends.
    std::puts(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
  std::fflush(stdout);
  return code;
}

Result<int> once(const AttestOptions& options) {
  IMAKEEP_TRY(const auto& state, enrolled_state(options));
  IMAKEEP_TRY(const auto& records, records_of(options));
  IMAKEEP_TRY(const auto client, client_of(state));
  SystemClock clock;
  IMAKEEP_TRY(auto direct, direct_of(options, *client, clock));
  IMAKEEP_TRY(const auto& outcome, attest(options, state, *client, records, direct));
  return report_attestation(options, outcome, direct);
}

// Ends with the process, by a signal.
Result<int> run(const AttestOptions& options) {
  IMAKEEP_TRY(const auto& state, enrolled_state(options));
  IMAKEEP_TRY(const auto& records, records_of(options));
  IMAKEEP_TRY(const auto client, client_of(state));
  SystemClock clock;
  IMAKEEP_TRY(auto direct, direct_of(options, *client, clock));
  attester::Loop(clock).run([&] { return attest(options, state, *client, records, direct); },
                            [&](const Result<attester::Attestation>& outcome, std::int64_t) {
                              if (outcome) {
                                static_cast<void>(report_attestation(options, *outcome, direct));
                              } else {
                                static_cast<void>(report(outcome.error()));
                              }
                              return true;
                            });
  return kDone;
}

// ---- export ---------------------------------------------------------------------------------------------------------

struct ExportOptions {
  std::string archive;
  std::optional<archive::ChainId> chain;
  std::string state = "/var/lib/imakeep/attest";
  std::string host;
  std::string output;
  bool json = false;
};

// The host's name and EK certificate, as they were enrolled.
Result<bundle::BundleFacts> facts_of(const ExportOptions& options) {
  bundle::BundleFacts facts{.host = options.host, .made_unix_s = unix_seconds()};
  IMAKEEP_TRY(auto saved, attester::load_state(options.state));
  if (saved) facts.ek_certificate = std::move(saved->ek_certificate);
  if (facts.host.empty() && saved) facts.host = saved->host;
  if (facts.host.empty()) {
    IMAKEEP_TRY(facts.host, own_name());
  }
  return facts;
}

int report_export(const ExportOptions& options, const bundle::Exported& exported) {
  if (options.json) {
    print_json(nlohmann::json{{"output", options.output},
                              {"chain", exported.chain},
                              {"records", exported.records},
                              {"quotes", exported.quotes},
                              {"said_records", exported.covered}});
  } else {
    std::printf("%s: chain %llu, %s, %llu quotes; the last covers the first %llu records\n", options.output.c_str(),
                static_cast<unsigned long long>(exported.chain), records_text(exported.records).c_str(),
                static_cast<unsigned long long>(exported.quotes), static_cast<unsigned long long>(exported.covered));
  }
  if (exported.quotes > 0) return kDone;
  std::fprintf(stderr,
               "imakeep: the archive has no quote of this chain, so the bundle proves nothing; quotes are kept if "
               "`imakeep attest` has --keeper\n");
  return kDone;
}

Result<int> export_to_file(const ExportOptions& options) {
  constexpr mode_t kMode = 0600;
  IMAKEEP_CHECK(check_replaceable(options.output, evidence::bundle_prefix(), "evidence bundle"));
  IMAKEEP_TRY(const auto& facts, facts_of(options));
  IMAKEEP_TRY(const auto& log, options.chain ? output::ArchiveLog::open(options.archive, options.chain)
                                             : output::ArchiveLog::open_host(options.archive));
  bundle::Exported exported;
  IMAKEEP_CHECK(replace_file(
      options.output,
      [&](const WritePiece& write) -> Result<void> {
        IMAKEEP_TRY(exported, bundle::export_bundle(*log, facts, write));
        return {};
      },
      kMode));
  return report_export(options, exported);
}

void add_export(const Command& attest) {
  auto options = std::make_shared<ExportOptions>();
  const Command command =
      attest.add_command("export", "write records and quotes to a bundle that can be judged later without the host");
  command.add_option("--archive", options->archive, "archive of this host's keeper").value_name("FILE").required();
  command.add_count("--chain", options->chain, "chain of the archive (default: the last of this host)").value_name("C");
  command.add_option("--state", options->state, "directory of this host's attestation key")
      .value_name("DIR")
      .show_default();
  command.add_option("--host", options->host, "name of this host (default: that of the enrolment, or the machine's)")
      .value_name("NAME");
  command.add_option("--output", options->output, "bundle to write; replaces an older bundle only")
      .value_name("FILE")
      .required();
  command.add_flag("--json", options->json, "output as JSON");
  command.set_action([options] {
    const auto code = export_to_file(*options);
    return code ? *code : report(code.error());
  });
}

// ---- options --------------------------------------------------------------------------------------------------------

Option add_common(const Command& command, AttestOptions& options) {
  const Option server =
      command.add_option("--server", options.server, "address of the verifier (default: that of the enrolment)")
          .value_name("URL");
  const Option authorities =
      command
          .add_option("--ca", options.authorities,
                      "certificates that may have signed the verifier's (default: the system's, or as enrolled)")
          .value_name("FILE");
  command
      .add_option("--pin", options.pin,
                  "pin of the verifier's key, which imakeep-verifier prints, instead of authorities")
      .value_name("PIN")
      .excludes(authorities);
  command.add_option("--state", options.state, "directory of this host's attestation key")
      .value_name("DIR")
      .show_default();
  command.add_option("--tcti", options.tcti, "TPM").value_name("TCTI").show_default();
  command.add_flag("--json", options.json, "output as JSON");
  return server;
}

void add_records(const Command& command, AttestOptions& options) {
  const Option archive =
      command.add_option("--archive", options.archive, "archive of this host's keeper").value_name("FILE");
  const Option list = command
                          .add_option("--list", options.list,
                                      "IMA directory with the whole list: the view, or the kernel's if nobody trims")
                          .value_name("DIR")
                          .excludes(archive);
  const Option direct =
      command
          .add_option("--direct", options.direct,
                      "IMA directory of a host without an archive: what the verifier proves and retains is deleted")
          .value_name("DIR")
          .excludes(archive)
          .excludes(list);
  command.add_option("--method", options.method, "how records are deleted")
      .one_of({"auto", "stage", "count"})
      .show_default()
      .needs(direct);
  command
      .add_duration("--hold-limit", options.hold_limit_ms,
                    "longest time that the list is held for an attestation; then nothing is deleted (default: 30s)")
      .needs(direct);
  const Option keeper = command
                            .add_option("--keeper", options.keeper,
                                        "control socket of the keeper, to tell it how many records are proven")
                            .value_name("SOCKET")
                            .needs(archive);
  command
      .add_option("--verifier", options.verifier, "name of the verifier for the keeper (default: the server's address)")
      .value_name("NAME")
      .needs(keeper);
}

}  // namespace

void add_attest(const Command& root) {
  const Command attest = root.add_command("attest", "prove this host's list to a verifier");
  attest.require_command();
  const auto act = [](const Command& command, const std::shared_ptr<AttestOptions>& options,
                      Result<int> (*action)(const AttestOptions&)) {
    command.set_action([options, action] {
      const auto code = action(*options);
      return code ? *code : report(code.error());
    });
  };
  auto enrolment = std::make_shared<AttestOptions>();
  const Command enrol_command = attest.add_command("enrol", "make this host known to a verifier, by a key in its TPM");
  add_common(enrol_command, *enrolment).required();
  enrol_command.add_option("--host", enrolment->host, "name of this host (default: the machine's)").value_name("NAME");
  enrol_command.add_option("--tenant", enrolment->tenant, "tenant of this host (default: the verifier's default)")
      .value_name("NAME");
  enrol_command
      .add_option("--token", enrolment->token, "enrolment token of the verifier's administrator (default: none)")
      .value_name("TOKEN");
  enrol_command.add_flag("--retain", enrolment->retain,
                         "let the verifier keep this host's records, for once and run with --direct");
  act(enrol_command, enrolment, enrol);
  auto single = std::make_shared<AttestOptions>();
  const Command once_command = attest.add_command("once", "attest once, and say what was proven");
  add_common(once_command, *single);
  add_records(once_command, *single);
  act(once_command, single, once);
  auto repeated = std::make_shared<AttestOptions>();
  const Command run_command = attest.add_command("run", "attest again and again, when the verifier says");
  add_common(run_command, *repeated);
  add_records(run_command, *repeated);
  act(run_command, repeated, run);
  add_export(attest);
}

}  // namespace imakeep::app
