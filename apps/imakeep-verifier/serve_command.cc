// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <memory>

#include "commands.h"
#include "verifierd/serve.h"

namespace imakeep::app {
namespace {

struct ServeArguments {
  verifierd::ServeOptions serve;
  std::string listen = "127.0.0.1:8890";
  std::optional<std::int64_t> interval_ms;
  std::optional<std::int64_t> upload_time_ms;
  std::optional<std::int64_t> keep_history_ms;
  std::optional<std::int64_t> store_timeout_ms;
  std::string mode = "strict";
  std::string profile = "veraison";
};

// "ADDRESS:PORT", "[IPV6]:PORT"
Result<void> take_address(const std::string& text, verifierd::ServeOptions& options) {
  const std::size_t colon = text.rfind(':');
  const std::string_view port =
      colon == std::string::npos ? std::string_view() : std::string_view(text).substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    return fail(ErrorCode::kUsage, "--listen: \"" + text + "\" is not ADDRESS:PORT");
  }
  options.address = text.substr(0, colon);
  if (options.address.starts_with('[') && options.address.ends_with(']')) {
    options.address = options.address.substr(1, options.address.size() - 2);
  }
  return {};
}

int run_serve(ServeArguments& arguments) {
  verifierd::ServeOptions& options = arguments.serve;
  if (const auto taken = take_address(arguments.listen, options); !taken) return report(taken.error());
  constexpr std::int64_t kSecond = 1000;
  if (arguments.interval_ms) {
    options.settings.interval_s =
        static_cast<std::uint64_t>(std::max(*arguments.interval_ms / kSecond, std::int64_t{1}));
  }
  if (arguments.upload_time_ms) {
    options.settings.upload_lifetime_s =
        static_cast<std::uint64_t>(std::max(*arguments.upload_time_ms / kSecond, std::int64_t{1}));
  }
  if (arguments.keep_history_ms) {
    options.keep_history = std::chrono::seconds((*arguments.keep_history_ms + kSecond - 1) / kSecond);
  }
  if (arguments.store_timeout_ms) {
    options.store_timeout = std::chrono::milliseconds(std::max(*arguments.store_timeout_ms, kSecond));
  }
  options.settings.mode = arguments.mode == "keylime" ? policy::Mode::kKeylime : policy::Mode::kStrict;
  options.settings.profile = arguments.profile == "ietf" ? ear::Profile::kIetf : ear::Profile::kVeraison;
  options.settings.build = "imakeep-verifier " IMAKEEP_VERSION;
  const auto served = verifierd::serve(options);
  return served ? kDone : report(served.error());
}

}  // namespace

void add_serve(const Command& root) {
  const auto arguments = std::make_shared<ServeArguments>();
  verifierd::ServeOptions& options = arguments->serve;
  const Command command = root.add_command("serve", "give challenges, judge evidence, answer how much is proven");
  command.add_option("--store", options.store, "file of SQLite, or postgresql://... of a fleet").show_default();
  command.add_duration("--store-timeout", arguments->store_timeout_ms,
                       "time after which a PostgreSQL that does not answer counts as away, 1s at least (default: 8s)");
  command.add_option("--state", options.state_directory, "directory of the self-signed certificate").show_default();
  command.add_option("--listen", arguments->listen, "address and port for hosts")
      .value_name("ADDRESS:PORT")
      .show_default();
  command.add_option("--admin-socket", options.admin_socket, "Unix socket for administration; empty: none")
      .value_may_be_empty()
      .show_default();
  command
      .add_option("--certificate", options.certificate,
                  "certificates in PEM, the server's first (default: self-signed)")
      .value_name("FILE");
  command.add_option("--private-key", options.private_key, "private key of the certificate, in PEM").value_name("FILE");
  command.add_option("--name", options.names, "DNS names and addresses in the self-signed certificate")
      .value_name("NAME");
  command.add_option("--ek-roots", options.ek_roots, "directory of the root certificates of TPM makers (default: none)")
      .value_name("DIR");
  command.add_option("--ek-pins", options.ek_pins, "hashes of endorsement keys that are trusted (default: none)")
      .value_name("FILE");
  command.add_flag("--any-tpm", options.any_tpm, "enrol TPMs that nothing vouches for, too");
  command.add_flag("--no-token", options.no_token, "enrol hosts without an enrolment token");
  command.add_flag("--approval", options.approval, "enrolled hosts wait until a person approves them");
  command.add_option("--policies", options.settings.default_policies, "list of policies of a new host (default: none)")
      .value_name("LIST");
  command.add_duration("--interval", arguments->interval_ms, "time between two attestations of a host (default: 60s)");
  command.add_count(
      "--request-records", [&options](std::uint64_t count) { options.settings.most_records = count; },
      "records of one request; more come in parts (default: 1000000)");
  command.add_count(
      "--upload-records", [&options](std::uint64_t count) { options.settings.most_upload_records = count; },
      "records of all parts of an increment (default: 100000000)");
  command.add_duration("--upload-time", arguments->upload_time_ms,
                       "time from a challenge to the last part of an increment (default: 1h)");
  command.add_duration("--keep-history", arguments->keep_history_ms,
                       "age from which accepted quotes are forgotten (default: none is)");
  command.add_flag("--findings-hold-back", options.settings.findings_hold_back,
                   "N ends before the first record that the policies refuse");
  command.add_option("--mode", arguments->mode, "semantics of the policies")
      .one_of({"strict", "keylime"})
      .show_default();
  command.add_option("--ear-profile", arguments->profile, "profile of the attestation results")
      .one_of({"veraison", "ietf"})
      .show_default();
  command.set_action([arguments] { return run_serve(*arguments); });
}

}  // namespace imakeep::app
