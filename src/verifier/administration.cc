// SPDX-License-Identifier: Apache-2.0
#include "verifier/administration.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include "base/base64.h"
#include "base/text.h"
#include "evidence/names.h"
#include "jsontext/json_text.h"
#include "verifier/admin_json.h"
#include "verifier/host_state.h"

namespace imakeep::verifier {
namespace {

using jsontext::Members;
using Json = nlohmann::json;
using vstore::HostStatus;

constexpr std::string_view kAdminPrefix = "/v1/admin/";
constexpr std::string_view kAdminType = "application/json";
constexpr std::string_view kSocketName = "administrator";  // of whoever uses the Unix socket
constexpr int kCreated = 201;
constexpr std::size_t kUsualRows = 100;
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kSha256Bytes = 32;
// No time that a request names makes a sum overflow.
constexpr std::uint64_t kMostSeconds = std::uint64_t{100} * 366 * 86'400;

struct Caller {
  std::string name;
  std::string tenant;
  std::optional<vstore::Role> role = std::nullopt;  // none: through the Unix socket
};

// One request that is allowed.
struct Call {
  Service& service;
  const http::Head head;
  const Caller caller;
  const std::vector<std::string> names;  // what stands in place of "{...}" in the route's path
  Bytes body = {};

  vstore::Store& store() const { return service.judge.store; }
  const std::string& tenant() const { return caller.tenant; }
  std::int64_t now() const { return service.clock.unix_s(); }
  vstore::HostKey host() const { return {.tenant = caller.tenant, .host = names.at(0)}; }
  std::optional<std::string> query(const std::string& name) const {
    const auto found = head.query.find(name);
    return found == head.query.end() ? std::nullopt : std::optional(found->second);
  }
};

using Answered = Judged<http::Response>;

// ---- errors ---------------------------------------------------------------------------------------------------------

// The value, or the refusal for an error of the store.
template <class T>
Judged<T> stored(Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(*result);
    }
  }
  const Error& error = result.error();
  if (error.code == ErrorCode::kUsage) return refuse(Reason::kMalformed, error.message);
  if (error.code != ErrorCode::kRefused) return unexpected(store_refusal(error));
  return refuse(error.os_errno == ENOENT ? Reason::kNotFound : Reason::kConflict, error.message);
}

// The value that was read from a request, or the refusal of the request.
template <class T>
Judged<T> taken(Result<T> result) {
  if (!result) return refuse(Reason::kMalformed, result.error().message);
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

Judged<Json> object_of(const Call& call) {
  return taken(jsontext::read_object(as_text(call.body), "the request"));
}

Judged<Bytes> digest_of(std::string_view text) {
  const auto digest = from_hex(text);
  if (!digest || digest->size() != kSha256Bytes) {
    return refuse(Reason::kMalformed, "\"" + printable(text) +
                                          "\" is no digest; give the 64 hexadecimal digits of a "
                                          "SHA-256");
  }
  return *digest;
}

Judged<std::uint64_t> number_of(const Call& call, const std::string& name, std::uint64_t usual, std::uint64_t least,
                                std::uint64_t most) {
  const auto text = call.query(name);
  if (!text) return usual;
  std::uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number >= least && number <= most) return number;
  return refuse(Reason::kMalformed, "the parameter " + name + " is \"" + printable(*text) +
                                        "\"; give a whole number from " + std::to_string(least) + " to " +
                                        std::to_string(most));
}

Judged<std::uint64_t> limit_of(const Call& call) {
  return number_of(call, "limit", kUsualRows, 1, kMostRowsOfAnswer);
}

http::Response nothing() {
  return json_response("{}");
}

// ---- tenants --------------------------------------------------------------------------------------------------------

Answered list_tenants(const Call& call) {
  IMAKEEP_TRY(const auto& rows, stored(call.store().tenants()));
  return json_response(tenants_json(rows));
}

Answered add_tenant(const Call& call) {
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"tenant"})));
  IMAKEEP_TRY(const auto& tenant, taken(members.text("tenant")));
  IMAKEEP_CHECK(taken(evidence::check_tenant(tenant)));
  const vstore::TenantRow row{.tenant = tenant, .created_unix_s = call.now()};
  IMAKEEP_CHECK(stored(call.store().add_tenant(row)));
  return json_response(tenants_json({&row, 1}), kCreated);
}

Answered set_tenant(const Call& call, bool disabled) {
  IMAKEEP_CHECK(stored(call.store().set_tenant_disabled(call.names.at(0), disabled)));
  return nothing();
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

Judged<vstore::HostRow> host_row(const Call& call) {
  IMAKEEP_TRY(const auto& row, stored(call.store().host(call.host(), call.now())));
  if (!row) return refuse(Reason::kNotFound, "the tenant has no host \"" + printable(call.names.at(0)) + "\"");
  return *row;
}

Answered list_hosts(const Call& call) {
  IMAKEEP_TRY(const std::uint64_t limit, limit_of(call));
  IMAKEEP_TRY(auto rows, stored(call.store().hosts(call.tenant(), call.query("after").value_or(""), limit + 1)));
  std::optional<std::string> next;
  if (rows.size() > limit) {
    rows.pop_back();
    next = rows.back().key.host;
  }
  return json_response(hosts_json(rows, next));
}

Answered show_host(const Call& call) {
  IMAKEEP_TRY(const auto& row, host_row(call));
  return json_response(host_json(row));
}

// Only from one status: a host that has not proven its enrolment, or waits for approval, must not become an enrolled
// one because it was disabled and enabled.
Answered move_status(const Call& call, HostStatus from, HostStatus to) {
  IMAKEEP_TRY(const auto& row, host_row(call));
  if (row.status != from) {
    return refuse(Reason::kConflict, "the host's status is " + std::string(name_of(row.status)) +
                                         ", and it has to be " + std::string(name_of(from)) + " for this");
  }
  IMAKEEP_CHECK(stored(call.store().set_status(call.host(), to, from)));
  IMAKEEP_TRY(const auto& after, host_row(call));
  return json_response(host_json(after));
}

Answered remove_host(const Call& call) {
  IMAKEEP_CHECK(stored(call.store().remove_host(call.host())));
  return nothing();
}

Answered assign_policies(const Call& call) {
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"list"})));
  IMAKEEP_TRY(const auto& list, taken(members.text("list")));
  IMAKEEP_CHECK(stored(call.store().assign_policies(call.host(), list)));
  IMAKEEP_TRY(const auto& row, host_row(call));
  return json_response(host_json(row));
}

// A page ends where a second ends, so that no row is shown twice or left out.
Answered show_history(const Call& call) {
  constexpr auto kEnd = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  IMAKEEP_TRY(const std::uint64_t from, number_of(call, "from", 0, 0, kEnd));
  IMAKEEP_TRY(const std::uint64_t to, number_of(call, "to", kEnd, 0, kEnd));
  IMAKEEP_TRY(const std::uint64_t limit, limit_of(call));
  IMAKEEP_TRY(const auto& row, host_row(call));
  const auto end = static_cast<std::int64_t>(to);
  IMAKEEP_TRY(auto rows, stored(call.store().history(row.key, static_cast<std::int64_t>(from), end, limit + 1)));
  std::optional<std::int64_t> next;
  if (rows.size() > limit) {
    next = rows.back().at_unix_s;
    std::erase_if(rows, [&next](const vstore::HistoryRow& of) { return of.at_unix_s >= *next; });
    if (rows.empty()) {
      const std::int64_t second = *next;
      next = second + 1;
      IMAKEEP_TRY(rows, stored(call.store().history(row.key, second, second + 1, kMostRowsOfAnswer)));
    }
  }
  return json_response(history_json(rows, next));
}

// The retained records of a chain, the current one if none is named. A page is also bounded in bytes.
Answered show_records(const Call& call) {
  constexpr std::size_t kMostPageBytes = 4u << 20;
  IMAKEEP_TRY(const auto& row, host_row(call));
  const auto state = load_host_state(row.state);
  const std::uint64_t current = state ? state->chain.chain : 0;
  IMAKEEP_TRY(const std::uint64_t chain, number_of(call, "chain", current, 0, vstore::kMostNumber));
  IMAKEEP_TRY(const std::uint64_t from, number_of(call, "from", 0, 0, vstore::kMostNumber - kMostRowsOfAnswer));
  IMAKEEP_TRY(const std::uint64_t limit, limit_of(call));
  IMAKEEP_TRY(auto rows, stored(call.store().records(row.key, chain, from, from + limit)));
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < rows.size() && (count == 0 || bytes + rows[count].bytes.size() <= kMostPageBytes)) {
    bytes += rows[count++].bytes.size();
  }
  std::optional<std::uint64_t> next;
  if (count < rows.size() || rows.size() == limit) next = rows[count - 1].number + 1;
  rows.resize(count);
  return json_response(records_json(chain, rows, next));
}

// ---- policies -------------------------------------------------------------------------------------------------------

Answered list_policies(const Call& call) {
  IMAKEEP_TRY(const auto& rows, stored(call.store().policies()));
  return json_response(policies_json(rows));
}

Answered add_policy(const Call& call) {
  const auto parsed = policy::parse_policy(call.body, call.service.judge.settings.mode);
  if (!parsed) return refuse(Reason::kBadPolicy, parsed.error().message);
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, call.body);
  vstore::PolicyRow row{.text_bytes = call.body.size(), .created_unix_s = call.now()};
  row.digest.assign(digest.view().begin(), digest.view().end());
  IMAKEEP_CHECK(stored(call.store().put_policy(row.digest, call.body, row.created_unix_s)));
  return json_response(policy_json(row), kCreated);
}

Answered get_policy(const Call& call) {
  IMAKEEP_TRY(const auto& digest, digest_of(call.names.at(0)));
  IMAKEEP_TRY(const auto& text, stored(call.store().policy_text(digest)));
  if (!text) return refuse(Reason::kNotFound, "no policy has the digest " + to_hex(digest));
  return json_response(std::string(as_text(*text)));
}

Answered remove_policy(const Call& call) {
  IMAKEEP_TRY(const auto& digest, digest_of(call.names.at(0)));
  IMAKEEP_CHECK(stored(call.store().remove_policy(digest)));
  return nothing();
}

Answered get_policy_list(const Call& call) {
  const std::string& list = call.names.at(0);
  IMAKEEP_TRY(const auto& row, stored(call.store().policy_list(call.tenant(), list)));
  if (!row) return refuse(Reason::kNotFound, "the tenant has no list of policies \"" + printable(list) + "\"");
  return json_response(policy_list_json(list, *row));
}

Answered set_policy_list(const Call& call) {
  const std::string& list = call.names.at(0);
  // The name stands in a path of a URL, as a host's does.
  if (const auto fine = evidence::check_host(list); !fine) {
    return refuse(Reason::kMalformed, "the name of a list has letters, digits and . _ - : only");
  }
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"policies"})));
  IMAKEEP_TRY(const auto* const policies, taken(members.array("policies")));
  vstore::PolicyListRow row;
  for (const Json& one : *policies) {
    if (!one.is_string()) return refuse(Reason::kMalformed, "the request: policies has a member that is no text");
    IMAKEEP_TRY(auto digest, digest_of(one.get_ref<const std::string&>()));
    row.policies.push_back(std::move(digest));
  }
  IMAKEEP_TRY(row.version, stored(call.store().set_policy_list(call.tenant(), list, row.policies)));
  return json_response(policy_list_json(list, row));
}

// ---- findings -------------------------------------------------------------------------------------------------------

// "HOST/IDENTITY": no name of a host has a slash.
Judged<vstore::FindingCursor> cursor_of(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  const auto identity =
      from_hex(slash == std::string::npos ? std::string_view() : std::string_view(text).substr(slash + 1));
  if (slash == std::string::npos || !identity || identity->empty()) {
    return refuse(Reason::kMalformed,
                  "the parameter after is \"" + printable(text) + "\"; give the member next of the page before");
  }
  return vstore::FindingCursor{.host = text.substr(0, slash), .identity = *identity};
}

Answered list_findings(const Call& call) {
  IMAKEEP_TRY(const std::uint64_t limit, limit_of(call));
  vstore::FindingQuery query{.tenant = call.tenant(), .host = call.query("host"), .limit = limit + 1};
  if (const auto state = call.query("state")) {
    query.state = finding_state_named(*state);
    if (!query.state) {
      return refuse(Reason::kMalformed,
                    "the parameter state is \"" + printable(*state) + "\"; give open, acknowledged or fixed");
    }
  }
  if (const auto after = call.query("after")) {
    IMAKEEP_TRY(query.after, cursor_of(*after));
  }
  IMAKEEP_TRY(auto rows, stored(call.store().findings(query)));
  std::optional<std::string> next;
  if (rows.size() > limit) {
    rows.pop_back();
    next = rows.back().key.host + "/" + to_hex(rows.back().sighting.identity);
  }
  return json_response(findings_json(rows, next));
}

Answered acknowledge_finding(const Call& call) {
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"host", "identity", "why", "who"})));
  IMAKEEP_TRY(const auto& host, taken(members.text("host")));
  IMAKEEP_TRY(const auto& text, taken(members.text("identity")));
  IMAKEEP_TRY(const auto& why, taken(members.optional_text("why")));
  IMAKEEP_TRY(const auto& who, taken(members.optional_text("who")));
  const auto identity = from_hex(text);
  if (!identity || identity->empty()) {
    return refuse(Reason::kMalformed, "the request: identity has to be the hexadecimal digits of a finding");
  }
  if (who && call.caller.role) {
    return refuse(Reason::kMalformed, "the request: who counts on the Unix socket only; a token has a name already");
  }
  IMAKEEP_CHECK(stored(call.store().acknowledge(
      {.tenant = call.tenant(), .host = host}, *identity,
      {.who = who.value_or(call.caller.name), .at_unix_s = call.now(), .why = why.value_or("")})));
  return nothing();
}

// ---- tokens and keys ------------------------------------------------------------------------------------------------

Answered list_tokens(const Call& call) {
  IMAKEEP_TRY(const auto& rows, stored(call.store().tokens(call.tenant())));
  return json_response(tokens_json(rows));
}

Answered add_token(const Call& call) {
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"name", "role", "lifetime_s", "uses"})));
  IMAKEEP_TRY(const auto& name, taken(members.text("name")));
  IMAKEEP_TRY(const auto& role_name, taken(members.text("role")));
  IMAKEEP_TRY(const auto& lifetime_s, taken(members.optional_count("lifetime_s")));
  IMAKEEP_TRY(const auto& uses, taken(members.optional_count("uses")));
  if (name.empty()) return refuse(Reason::kMalformed, "the request: name is empty; say whose token it is");
  const auto role = role_named(role_name);
  if (!role) return refuse(Reason::kMalformed, "the request: role has to be enrol, admin, viewer or auditor");
  if (uses && *role != vstore::Role::kEnrol) {
    return refuse(Reason::kMalformed, "the request: uses counts for tokens of role enrol only; give lifetime_s");
  }
  if ((uses && *uses == 0) || (lifetime_s && (*lifetime_s == 0 || *lifetime_s > kMostSeconds))) {
    return refuse(Reason::kMalformed, "the request: uses and lifetime_s are at least 1, and lifetime_s is at most " +
                                          std::to_string(kMostSeconds));
  }
  Bytes secret(kTokenBytes);
  call.service.judge.random(secret);
  const std::string token = to_base64url(secret);
  vstore::TokenRow row{
      .hash = token_hash(token), .tenant = call.tenant(), .role = *role, .name = name, .uses_left = uses};
  if (lifetime_s) row.until_unix_s = call.now() + static_cast<std::int64_t>(*lifetime_s);
  IMAKEEP_CHECK(stored(call.store().add_token(row)));
  http::Response response = json_response(new_token_json(row, token), kCreated);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Answered remove_token(const Call& call) {
  IMAKEEP_TRY(const auto& id, digest_of(call.names.at(0)));
  IMAKEEP_CHECK(stored(call.store().remove_token(call.tenant(), id)));
  return nothing();
}

// So long a nonce or a result of a retired key may still be shown.
std::uint64_t usual_overlap_s(const Settings& settings) {
  return std::max(
      {settings.nonce_lifetime_s, settings.upload_lifetime_s, 2 * settings.interval_s + settings.result_lifetime_s});
}

Answered rotate_keys(const Call& call) {
  IMAKEEP_TRY(const auto& body, object_of(call));
  const Members members(body, "the request");
  IMAKEEP_CHECK(taken(members.only({"overlap_s"})));
  IMAKEEP_TRY(const auto& given, taken(members.optional_count("overlap_s")));
  const std::uint64_t overlap_s = given.value_or(usual_overlap_s(call.service.judge.settings));
  if (overlap_s > kMostSeconds) {
    return refuse(Reason::kMalformed, "the request: overlap_s is at most " + std::to_string(kMostSeconds));
  }
  IMAKEEP_CHECK(stored(call.service.judge.keys.rotate(call.now(), static_cast<std::int64_t>(overlap_s))));
  return json_response("{\"overlap_s\":" + std::to_string(overlap_s) + "}");
}

// ---- the routes -----------------------------------------------------------------------------------------------------

struct Route {
  AdminRoute of;
  Answered (*act)(const Call& call);
  std::size_t most_body_bytes = 0;   // 0: the route takes no body
  std::string_view parameters = {};  // of the query besides "tenant", separated by spaces
};

constexpr std::size_t kBody = kMostAdminBodyBytes;

constexpr Route kRoutes[] = {
    {{"GET", "/v1/admin/tenants", Access::kSocket}, list_tenants},
    {{"POST", "/v1/admin/tenants", Access::kSocket}, add_tenant, kBody},
    {{"POST", "/v1/admin/tenants/{tenant}/disable", Access::kSocket},
     [](const Call& call) { return set_tenant(call, true); }},
    {{"POST", "/v1/admin/tenants/{tenant}/enable", Access::kSocket},
     [](const Call& call) { return set_tenant(call, false); }},
    {{"GET", "/v1/admin/hosts", Access::kRead}, list_hosts, 0, "after limit"},
    {{"GET", "/v1/admin/hosts/{host}", Access::kRead}, show_host},
    {{"DELETE", "/v1/admin/hosts/{host}", Access::kChange}, remove_host},
    {{"POST", "/v1/admin/hosts/{host}/approve", Access::kChange},
     [](const Call& call) { return move_status(call, HostStatus::kWaiting, HostStatus::kEnrolled); }},
    {{"POST", "/v1/admin/hosts/{host}/disable", Access::kChange},
     [](const Call& call) { return move_status(call, HostStatus::kEnrolled, HostStatus::kDisabled); }},
    {{"POST", "/v1/admin/hosts/{host}/enable", Access::kChange},
     [](const Call& call) { return move_status(call, HostStatus::kDisabled, HostStatus::kEnrolled); }},
    {{"PUT", "/v1/admin/hosts/{host}/policies", Access::kChange}, assign_policies, kBody},
    {{"GET", "/v1/admin/hosts/{host}/history", Access::kRead}, show_history, 0, "from to limit"},
    {{"GET", "/v1/admin/hosts/{host}/records", Access::kRead}, show_records, 0, "chain from limit"},
    // A policy belongs to no tenant: its digest gives access to it, and only the socket lists the digests.
    {{"GET", "/v1/admin/policies", Access::kSocket}, list_policies},
    {{"POST", "/v1/admin/policies", Access::kChange}, add_policy, kMostPolicyBodyBytes},
    {{"GET", "/v1/admin/policies/{digest}", Access::kRead}, get_policy},
    {{"DELETE", "/v1/admin/policies/{digest}", Access::kSocket}, remove_policy},
    {{"GET", "/v1/admin/policy-lists/{list}", Access::kRead}, get_policy_list},
    {{"PUT", "/v1/admin/policy-lists/{list}", Access::kChange}, set_policy_list, kBody},
    {{"GET", "/v1/admin/findings", Access::kRead}, list_findings, 0, "host state after limit"},
    {{"POST", "/v1/admin/findings/acknowledge", Access::kAcknowledge}, acknowledge_finding, kBody},
    {{"GET", "/v1/admin/tokens", Access::kRead}, list_tokens},
    {{"POST", "/v1/admin/tokens", Access::kChange}, add_token, kBody},
    {{"DELETE", "/v1/admin/tokens/{id}", Access::kChange}, remove_token},
    {{"POST", "/v1/admin/keys/rotate", Access::kSocket}, rotate_keys, kBody},
};

// What stands in the path in place of each "{...}" of the template; none: the path is another one.
std::optional<std::vector<std::string>> matched(std::string_view path, std::string_view pattern) {
  const auto parts = split(path, "/");
  const auto wanted = split(pattern, "/");
  if (parts.size() != wanted.size()) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (wanted[i].starts_with('{') && !parts[i].empty()) {
      names.emplace_back(parts[i]);
    } else if (parts[i] != wanted[i]) {
      return std::nullopt;
    }
  }
  return names;
}

bool allows(vstore::Role role, Access access) {
  switch (access) {
    case Access::kRead:
      return role != vstore::Role::kEnrol;
    case Access::kAcknowledge:
      return role == vstore::Role::kAdmin || role == vstore::Role::kAuditor;
    case Access::kChange:
      return role == vstore::Role::kAdmin;
    case Access::kSocket:
      return false;
  }
  return false;
}

// Who asks. An enrolment token that somebody shows here keeps its uses.
Judged<Caller> caller_of(const Service& service, const http::Head& head) {
  if (head.local) return Caller{.name = std::string(kSocketName)};
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = head.header("authorization");
  if (!header.starts_with(kBearer)) {
    return refuse(Reason::kUnauthorized, "a token is needed; send the header Authorization: Bearer TOKEN");
  }
  const Bytes hash = token_hash(header.substr(kBearer.size()));
  IMAKEEP_TRY(auto row, stored(service.judge.store.token(hash, service.clock.unix_s())));
  if (row && row->role != vstore::Role::kEnrol && row->uses_left) {
    IMAKEEP_TRY(row, stored(service.judge.store.take_token(hash, service.clock.unix_s())));
  }
  if (!row) return refuse(Reason::kUnauthorized, "the token is not valid, or its time is over; ask for another one");
  return Caller{.name = row->name, .tenant = row->tenant, .role = row->role};
}

// The tenant that the request is about. Over HTTPS only the token's own exists.
Judged<std::string> tenant_of(const Service& service, const http::Head& head, const Caller& caller) {
  const auto asked = head.query.find("tenant");
  if (caller.role) {
    if (asked == head.query.end() || asked->second == caller.tenant) return caller.tenant;
  } else {
    const std::string tenant = asked == head.query.end() ? service.judge.settings.default_tenant : asked->second;
    IMAKEEP_TRY(const auto& rows, stored(service.judge.store.tenants()));
    if (std::ranges::find(rows, tenant, &vstore::TenantRow::tenant) != rows.end()) return tenant;
  }
  return refuse(Reason::kNotFound, "there is no such tenant");
}

Judged<void> check_head(const Route& route, const http::Head& head) {
  const auto known = split(route.parameters, " ");
  for (const auto& [name, value] : head.query) {
    if (name == "tenant" || (!name.empty() && std::ranges::find(known, name) != known.end())) continue;
    return refuse(Reason::kMalformed, "the route has no parameter \"" + printable(name) + "\"; leave it out");
  }
  const std::string_view type = head.header("content-type");
  if (route.most_body_bytes > 0 && type.substr(0, type.find(';')) != kAdminType) {
    return refuse(Reason::kMalformed, "the content type has to be application/json");
  }
  return {};
}

struct Allowed {
  const Route* route;
  std::vector<std::string> names;
  Caller caller;
};

// Decides by the head alone. Whoever is not known learns nothing, not even which routes exist.
Judged<Allowed> allowed(const Service& service, const http::Head& head) {
  IMAKEEP_TRY(auto caller, caller_of(service, head));
  for (const Route& route : kRoutes) {
    auto names = route.of.method == head.method ? matched(head.path, route.of.path) : std::nullopt;
    if (!names) continue;
    if (caller.role && !allows(*caller.role, route.of.access)) {
      return refuse(Reason::kForbidden, route.of.access == Access::kSocket
                                            ? "only the administration socket of the verifier's machine has this route"
                                            : "a token of role " + std::string(name_of(*caller.role)) +
                                                  " does not allow this; ask for one that does");
    }
    IMAKEEP_TRY(caller.tenant, tenant_of(service, head, caller));
    IMAKEEP_CHECK(check_head(route, head));
    return Allowed{.route = &route, .names = std::move(*names), .caller = std::move(caller)};
  }
  return refuse(Reason::kNotFound, "the verifier has no such route");
}

http::Response answer(const Route& route, const Call& call) {
  Answered answered = route.act(call);
  if (!answered) return refused(call.service, call.head.peer, answered.error());
  if (call.head.method != "GET" && call.service.log) {
    call.service.log(
        {.event = "administered",
         .peer = call.head.peer,
         .detail = call.caller.name + " of " + call.caller.tenant + ": " + call.head.method + " " + call.head.path});
  }
  return std::move(*answered);
}

}  // namespace

std::span<const AdminRoute> admin_routes() {
  static const std::vector<AdminRoute> routes = [] {
    std::vector<AdminRoute> all;
    for (const Route& route : kRoutes) all.push_back(route.of);
    return all;
  }();
  return routes;
}

std::optional<http::Begun> administer(Service& service, const http::Head& head) {
  if (!head.path.starts_with(kAdminPrefix)) return std::nullopt;
  auto may = allowed(service, head);
  if (!may) return http::Begun{.refused = refused(service, head.peer, may.error())};
  return http::Begun{
      .request = http::answered(may->route->most_body_bytes, [&service, head, route = may->route, names = may->names,
                                                              caller = may->caller](Bytes body) {
        return answer(*route,
                      {.service = service, .head = head, .caller = caller, .names = names, .body = std::move(body)});
      })};
}

}  // namespace imakeep::verifier
