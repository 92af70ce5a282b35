// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "commands.h"
#include "verifieradmin/admin_client.h"
#include "verifieradmin/retained.h"
#include "verifieradmin/tables.h"
#include "verifierd/serve.h"

namespace imakeep::app {
namespace {

using nlohmann::json;
using verifieradmin::AdminClient;
using verifieradmin::Query;
using verifieradmin::url_part;
using verifieradmin::View;

constexpr std::uint64_t kMostPolicyFileBytes = 200'000'000;

// What all of these commands take, and the arguments of those that take more.
struct AdminArguments {
  verifieradmin::Connection connection{.socket = verifierd::ServeOptions{}.admin_socket};
  bool as_json = false;
  std::string name;  // HOST, TENANT, LIST, FILE, DIGEST or ID
  std::vector<std::string> more;
  std::string host, state, why, role = "enrol";
  std::optional<std::string> who;
  std::optional<std::uint64_t> uses;
  std::optional<std::int64_t> duration_ms;
  std::optional<std::uint64_t> chain, from;
};

using Ask = std::function<Result<std::string>(AdminClient& client, const AdminArguments& arguments)>;

std::optional<std::int64_t> seconds_of(const std::optional<std::int64_t>& duration_ms) {
  constexpr std::int64_t kSecond = 1000;
  return duration_ms ? std::optional((*duration_ms + kSecond - 1) / kSecond) : std::nullopt;
}

int run_admin(const AdminArguments& arguments, View view, const Ask& ask) {
  const auto client = AdminClient::make(arguments.connection);
  if (!client) return report(client.error());
  const auto answer = ask(**client, arguments);
  if (!answer) return report(answer.error());
  const auto text = arguments.as_json ? verifieradmin::indented(*answer) : verifieradmin::text_of(view, *answer);
  if (!text) return report(text.error());
  std::fwrite(text->data(), 1, text->size(), stdout);
  return kDone;
}

// How a command prints what it asked for. Returns the exit code.
using Act = std::function<int(const AdminArguments& arguments)>;

// A command with the options that all have. `add` adds its own arguments first.
void add_admin_action(const Command& parent, const std::string& name, const std::string& help, bool takes_json, Act act,
                      const std::function<void(const Command&, AdminArguments&)>& add) {
  const auto arguments = std::make_shared<AdminArguments>();
  verifieradmin::Connection& to = arguments->connection;
  const Command command = parent.add_command(name, help);
  if (add) add(command, *arguments);
  const Option socket = command.add_option("--socket", to.socket, "administration socket of the verifier")
                            .value_name("PATH")
                            .show_default();
  const Option server = command.add_option("--server", to.server, "verifier to ask over HTTPS (default: the socket)")
                            .value_name("URL")
                            .excludes(socket);
  command.add_option("--token-file", to.token_file, "file of the token for --server").value_name("FILE").needs(server);
  const Option pin =
      command.add_option("--pin", to.pin, "key of the server, as serve prints it").value_name("PIN").needs(server);
  command.add_option("--ca", to.authorities, "authorities of the server, in PEM (default: the system's)")
      .value_name("FILE")
      .needs(server)
      .excludes(pin);
  command.add_option("--tenant", to.tenant, "tenant (default: the token's, or the verifier's default one)")
      .value_name("TENANT");
  if (takes_json) command.add_flag("--json", arguments->as_json, "print JSON");
  command.set_action([arguments, act = std::move(act)] { return act(*arguments); });
}

void add_admin(const Command& parent, const std::string& name, const std::string& help, View view, Ask ask,
               const std::function<void(const Command&, AdminArguments&)>& add = {}) {
  add_admin_action(
      parent, name, help, true,
      [view, ask = std::move(ask)](const AdminArguments& arguments) { return run_admin(arguments, view, ask); }, add);
}

std::function<void(const Command&, AdminArguments&)> named_argument(const std::string& title, const std::string& help) {
  return [title, help](const Command& command, AdminArguments& arguments) {
    command.add_option(title, arguments.name, help).required();
  };
}

// A request about one thing, without a body: `path` + name + `rest`.
Ask about(const std::string& method, const std::string& path, const std::string& rest = "") {
  return [=](AdminClient& client, const AdminArguments& arguments) {
    return client.ask(method, path + url_part(arguments.name) + rest);
  };
}

Ask all(const std::string& path, const std::string& rows) {
  return [=](AdminClient& client, const AdminArguments&) { return client.list(path, {}, rows); };
}

Ask whole(const std::string& path) {
  return [=](AdminClient& client, const AdminArguments&) { return client.ask("GET", path); };
}

int print_records(const AdminArguments& arguments) {
  const auto client = AdminClient::make(arguments.connection);
  if (!client) return report(client.error());
  const auto copied = verifieradmin::copy_retained(
      **client, arguments.name, arguments.chain, arguments.from.value_or(0), [](ByteView piece) -> Result<void> {
        if (std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size()) return {};
        return fail_errno(errno, "cannot write the records to standard output");
      });
  if (!copied) return report(copied.error());
  if (std::fflush(stdout) == 0) return kDone;
  return report(fail_errno(errno, "cannot write the records to standard output").value());
}

void add_hosts(const Command& root) {
  const std::string hosts = "/v1/admin/hosts/";
  const Command command = root.add_command("hosts", "hosts of a tenant");
  command.require_command();
  const auto host = named_argument("HOST", "name of the host");
  add_admin(command, "list", "print the hosts", View::kHosts, all("/v1/admin/hosts", "hosts"));
  add_admin(command, "show", "print what the verifier knows of a host", View::kHost, about("GET", hosts), host);
  add_admin(command, "approve", "let a host attest that has proven its enrolment", View::kHost,
            about("POST", hosts, "/approve"), host);
  add_admin(command, "disable", "refuse all that an enrolled host sends", View::kHost, about("POST", hosts, "/disable"),
            host);
  add_admin(command, "enable", "let a disabled host attest again", View::kHost, about("POST", hosts, "/enable"), host);
  add_admin(command, "remove", "forget a host with its findings and history", View::kDone, about("DELETE", hosts),
            host);
  add_admin_action(command, "records", "write the records that the verifier retains of a host, as a binary list", false,
                   print_records, [host](const Command& added, AdminArguments& arguments) {
                     host(added, arguments);
                     added.add_count("--chain", arguments.chain, "chain of the host (default: the current one)");
                     added.add_count("--from", arguments.from, "number of the first record (default: 0)");
                   });
  add_admin(
      command, "assign", "judge a host by a list of policies", View::kHost,
      [hosts](AdminClient& client, const AdminArguments& arguments) {
        return client.ask("PUT", hosts + url_part(arguments.name) + "/policies", {},
                          json{{"list", arguments.more.empty() ? "" : arguments.more.front()}}.dump());
      },
      [host](const Command& added, AdminArguments& arguments) {
        host(added, arguments);
        added.add_option("LIST", arguments.more, "list of policies (default: none, so that nothing is judged)");
      });
}

Result<std::string> add_policy(AdminClient& client, const AdminArguments& arguments) {
  IMAKEEP_TRY(const Bytes text, read_file(arguments.name, {.most_bytes = kMostPolicyFileBytes}));
  if (text.empty()) return fail(ErrorCode::kUsage, arguments.name + " is empty; give the file of a policy");
  auto answer = client.ask("POST", "/v1/admin/policies", {}, std::string(as_text(text)));
  if (!answer) return unexpected(named(answer.error(), arguments.name));
  return answer;
}

void add_policies(const Command& root) {
  const std::string policies = "/v1/admin/policies/";
  const std::string lists = "/v1/admin/policy-lists/";
  const Command command = root.add_command("policy", "policies, and lists of them");
  command.require_command();
  add_admin(command, "add", "store a policy, and print its digest", View::kPolicy, add_policy,
            named_argument("FILE", "the policy"));
  add_admin(command, "list", "print the digests of all policies", View::kPolicies, whole("/v1/admin/policies"));
  add_admin(command, "remove", "remove a policy that no list has", View::kDone, about("DELETE", policies),
            named_argument("DIGEST", "SHA-256 of the policy's text"));
  add_admin(command, "show-list", "print the policies of a list", View::kPolicyList, about("GET", lists),
            named_argument("LIST", "name of the list"));
  add_admin(
      command, "assign-list", "replace the policies of a list", View::kPolicyList,
      [lists](AdminClient& client, const AdminArguments& arguments) {
        return client.ask("PUT", lists + url_part(arguments.name), {}, json{{"policies", arguments.more}}.dump());
      },
      [](const Command& added, AdminArguments& arguments) {
        added.add_option("LIST", arguments.name, "name of the list").required();
        added.add_option("DIGEST", arguments.more, "SHA-256 of each policy's text (default: none)");
      });
}

Result<std::string> list_findings(AdminClient& client, const AdminArguments& arguments) {
  Query query;
  if (!arguments.host.empty()) query["host"] = arguments.host;
  if (!arguments.state.empty()) query["state"] = arguments.state;
  return client.list("/v1/admin/findings", query, "findings");
}

Result<std::string> acknowledge(AdminClient& client, const AdminArguments& arguments) {
  json body{{"host", arguments.name}, {"identity", arguments.more.front()}};
  if (!arguments.why.empty()) body["why"] = arguments.why;
  if (arguments.who) body["who"] = *arguments.who;
  return client.ask("POST", "/v1/admin/findings/acknowledge", {}, body.dump());
}

void add_findings(const Command& root) {
  const Command command = root.add_command("findings", "records that the policies refuse");
  command.require_command();
  add_admin(
      command, "list", "print findings", View::kFindings, list_findings,
      [](const Command& added, AdminArguments& arguments) {
        added.add_option("--host", arguments.host, "only those of this host (default: of all)").value_name("HOST");
        added.add_option("--state", arguments.state, "only those in this state (default: all)")
            .one_of({"open", "acknowledged", "fixed"});
      });
  add_admin(command, "acknowledge", "mark a finding as known", View::kDone, acknowledge,
            [](const Command& added, AdminArguments& arguments) {
              added.add_option("HOST", arguments.name, "name of the host").required();
              added.add_option("IDENTITY", arguments.more, "identity of the finding, as list prints it").required();
              added.add_option("--why", arguments.why, "reason, for people").value_name("TEXT");
              added.add_option("--who", arguments.who, "who acknowledges (default: administrator); socket only")
                  .value_name("NAME");
            });
  add_admin(
      root, "history", "print the accepted quotes of a host", View::kHistory,
      [](AdminClient& client, const AdminArguments& arguments) {
        return client.list("/v1/admin/hosts/" + url_part(arguments.name) + "/history", {}, "history", "next_unix_s",
                           "from");
      },
      named_argument("HOST", "name of the host"));
}

Result<std::string> add_token(AdminClient& client, const AdminArguments& arguments) {
  json body{{"name", arguments.name}, {"role", arguments.role}};
  if (arguments.uses) body["uses"] = *arguments.uses;
  if (const auto lifetime_s = seconds_of(arguments.duration_ms)) body["lifetime_s"] = *lifetime_s;
  return client.ask("POST", "/v1/admin/tokens", {}, body.dump());
}

void add_tokens(const Command& root) {
  const Command command = root.add_command("tokens", "tokens for enrolment and administration");
  command.require_command();
  add_admin(command, "add", "make a token, and print it this once", View::kNewToken, add_token,
            [](const Command& added, AdminArguments& arguments) {
              added.add_option("NAME", arguments.name, "name of the token, for people").required();
              added.add_option("--role", arguments.role, "what the token allows")
                  .one_of({"enrol", "admin", "viewer", "auditor"})
                  .show_default();
              added.add_count("--uses", arguments.uses, "enrolments that the token allows (default: any number)");
              added.add_duration("--lifetime", arguments.duration_ms, "time until the token ends (default: none)");
            });
  add_admin(command, "list", "print the tokens, without their secret", View::kTokens, whole("/v1/admin/tokens"));
  add_admin(command, "remove", "remove a token", View::kDone, about("DELETE", "/v1/admin/tokens/"),
            named_argument("ID", "id of the token, as list prints it"));
}

void add_tenants(const Command& root) {
  const Command command = root.add_command("tenants", "tenants; through the socket only");
  command.require_command();
  const auto tenant = named_argument("TENANT", "name of the tenant");
  add_admin(command, "list", "print the tenants", View::kTenants, whole("/v1/admin/tenants"));
  add_admin(
      command, "add", "add a tenant", View::kDone,
      [](AdminClient& client, const AdminArguments& arguments) {
        return client.ask("POST", "/v1/admin/tenants", {}, json{{"tenant", arguments.name}}.dump());
      },
      tenant);
  add_admin(command, "disable", "refuse all hosts and tokens of a tenant", View::kDone,
            about("POST", "/v1/admin/tenants/", "/disable"), tenant);
  add_admin(command, "enable", "let a tenant's hosts attest again", View::kDone,
            about("POST", "/v1/admin/tenants/", "/enable"), tenant);
}

void add_keys(const Command& root) {
  const Command command = root.add_command("keys", "the verifier's own keys; through the socket only");
  command.require_command();
  add_admin(
      command, "rotate", "use new keys for nonces and results", View::kRotated,
      [](AdminClient& client, const AdminArguments& arguments) {
        json body = json::object();
        if (const auto overlap_s = seconds_of(arguments.duration_ms)) body["overlap_s"] = *overlap_s;
        return client.ask("POST", "/v1/admin/keys/rotate", {}, body.dump());
      },
      [](const Command& added, AdminArguments& arguments) {
        added.add_duration("--overlap", arguments.duration_ms,
                           "time until the keys before retire (default: as long as their results are valid)");
      });
}

}  // namespace

void add_administration(const Command& root) {
  add_hosts(root);
  add_policies(root);
  add_findings(root);
  add_tokens(root);
  add_tenants(root);
  add_keys(root);
}

}  // namespace imakeep::app
