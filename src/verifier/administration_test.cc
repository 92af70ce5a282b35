// SPDX-License-Identifier: Apache-2.0
#include "verifier/administration.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "policy/test_support.h"
#include "support/test_service.h"
#include "support/vstore_rows.h"
#include "verifier/admin_json.h"

namespace imakeep::verifier {
namespace administration_test {

using nlohmann::json;
using test::good;
using test::reason_of;
using test::Sent;
using test::TestService;
using ::testing::HasSubstr;
using vstore::HostStatus;
using vstore::Role;

const std::string kPolicy = policy::PolicyText{.release = "1"}.str();
const std::string kOtherPolicy = policy::PolicyText{.release = "2"}.str();

std::string digest_text(const std::string& text) {
  return to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes(text)).view());
}

Bytes digest_bytes(const std::string& text) {
  return *from_hex(digest_text(text));
}

// A verifier with a row of each kind, in the tenants "default" and "blue".
struct World : TestService {
  World() {
    EXPECT_TRUE(verifier.store.add_tenant({.tenant = "blue"}));
    for (const std::string tenant : {"default", "blue"}) {
      add_host("web-1", HostStatus::kEnrolled, tenant);
      add_host("waits", HostStatus::kWaiting, tenant);
      add_host("off", HostStatus::kDisabled, tenant);
      vstore::Move move = vstore::test::sample_move({.tenant = tenant, .host = "web-1"}, 7, 3);
      move.sightings.push_back(vstore::test::sample_sighting(1));
      EXPECT_TRUE(verifier.store.commit({&move, 1}));
      add_token("admin-" + tenant, Role::kAdmin, tenant);
      add_token("viewer-" + tenant, Role::kViewer, tenant);
      add_token("auditor-" + tenant, Role::kAuditor, tenant);
      add_token("enrol-" + tenant, Role::kEnrol, tenant);
      add_token("spare-" + tenant, Role::kEnrol, tenant);
    }
    EXPECT_TRUE(verifier.store.put_policy(digest_bytes(kPolicy), as_bytes(kPolicy), 1));
    EXPECT_TRUE(verifier.store.put_policy(digest_bytes(kOtherPolicy), as_bytes(kOtherPolicy), 1));
    const Bytes digest = digest_bytes(kPolicy);
    EXPECT_TRUE(verifier.store.set_policy_list("default", "servers", {&digest, 1}));
    EXPECT_TRUE(verifier.store.set_policy_list("blue", "servers", {&digest, 1}));
  }

  void add_host(const std::string& host, HostStatus status, const std::string& tenant = "default") {
    EXPECT_TRUE(verifier.store.add_host(vstore::test::sample_host({.tenant = tenant, .host = host}, status)));
  }
  HostStatus status(const std::string& host) {
    return good(verifier.store.host({.tenant = "default", .host = host}, 0)).value().status;
  }
  // Every row that administration could change, as text.
  std::string everything() {
    vstore::MemoryStore& rows = verifier.store;
    std::string all = tenants_json(good(rows.tenants()));
    for (const std::string tenant : {"default", "blue"}) {
      const auto hosts = good(rows.hosts(tenant, "", 100));
      all += hosts_json(hosts, std::nullopt);
      for (const auto& host : hosts) all += history_json(good(rows.history(host.key, 0, 1ll << 40, 100)), std::nullopt);
      all += findings_json(good(rows.findings({.tenant = tenant})), std::nullopt);
      all += tokens_json(good(rows.tokens(tenant)));
      for (const std::string list : {"servers", "new"}) {
        const auto row = good(rows.policy_list(tenant, list));
        all += row ? policy_list_json(list, *row) : "none";
      }
    }
    all += policies_json(good(rows.policies()));
    for (const auto& key : good(rows.keys())) {
      all += std::to_string(key.id) + to_hex(key.bytes) + std::to_string(key.retires_unix_s.value_or(0));
    }
    return all;
  }
  http::Response socket(const std::string& method, const std::string& path, const std::string& body = "") {
    return send(method, path, {.body = body, .local = true});
  }
  http::Response by(const std::string& name, const std::string& method, const std::string& path,
                    const std::string& body = "") {
    return send(method, path, {.body = body, .token = "token-of-" + name});
  }
};

// ---- who may do what ------------------------------------------------------------------------------------------------

struct Case {
  std::string method, path, body;
  std::string roles;    // that may do it over HTTPS
  bool changes = true;  // rows
};

std::vector<Case> cases() {
  const std::string identity = to_hex(vstore::test::sample_sighting(1).identity);
  const std::string token = to_hex(token_hash("token-of-spare-default"));
  const std::string host = "/v1/admin/hosts/";
  return {
      {"GET", "/v1/admin/tenants", "", "", false},
      {"POST", "/v1/admin/tenants", R"({"tenant": "red"})", ""},
      {"POST", "/v1/admin/tenants/blue/disable", "", ""},
      {"POST", "/v1/admin/tenants/blue/enable", "", "", false},
      {"GET", "/v1/admin/hosts", "", "admin viewer auditor", false},
      {"GET", host + "web-1", "", "admin viewer auditor", false},
      {"DELETE", host + "web-1", "", "admin"},
      {"POST", host + "waits/approve", "", "admin"},
      {"POST", host + "web-1/disable", "", "admin"},
      {"POST", host + "off/enable", "", "admin"},
      {"PUT", host + "web-1/policies", R"({"list": "servers"})", "admin"},
      {"GET", host + "web-1/history", "", "admin viewer auditor", false},
      {"GET", host + "web-1/records", "", "admin viewer auditor", false},
      {"GET", "/v1/admin/policies", "", "", false},
      {"POST", "/v1/admin/policies", policy::PolicyText{.release = "3"}.str(), "admin"},
      {"GET", "/v1/admin/policies/" + digest_text(kPolicy), "", "admin viewer auditor", false},
      {"DELETE", "/v1/admin/policies/" + digest_text(kOtherPolicy), "", ""},
      {"GET", "/v1/admin/policy-lists/servers", "", "admin viewer auditor", false},
      {"PUT", "/v1/admin/policy-lists/new", R"({"policies": [")" + digest_text(kPolicy) + "\"]}", "admin"},
      {"GET", "/v1/admin/findings", "", "admin viewer auditor", false},
      {"POST", "/v1/admin/findings/acknowledge", R"({"host": "web-1", "identity": ")" + identity + "\"}",
       "admin auditor"},
      {"GET", "/v1/admin/tokens", "", "admin viewer auditor", false},
      {"POST", "/v1/admin/tokens", R"({"name": "new", "role": "viewer"})", "admin"},
      {"DELETE", "/v1/admin/tokens/" + token, "", "admin"},
      {"POST", "/v1/admin/keys/rotate", "{}", ""},
  };
}

// Whether the path is one of the template.
bool fits(const std::string& path, std::string_view pattern) {
  std::string shape(pattern);
  for (std::size_t at = shape.find('{'); at != std::string::npos; at = shape.find('{')) {
    if (at > path.size()) return false;
    const std::size_t end = path.find('/', at);
    shape.replace(at, shape.find('}') - at + 1, path.substr(at, end == std::string::npos ? end : end - at));
  }
  return shape == path;
}

TEST(Administration, HasACaseHereForEachRoute) {
  std::set<std::pair<std::string, std::string>> covered;
  for (const AdminRoute& route : admin_routes()) {
    const auto all = cases();
    EXPECT_TRUE(std::ranges::any_of(
        all, [&](const Case& of) { return of.method == route.method && fits(of.path, route.path); }))
        << route.method << " " << route.path;
    covered.emplace(route.method, route.path);
  }
  EXPECT_EQ(covered.size(), cases().size());
}

TEST(Administration, HasTheRoutesAndRolesOfTheApiFile) {
  const std::map<Access, std::vector<std::string>> roles{{Access::kRead, {"admin", "viewer", "auditor"}},
                                                         {Access::kAcknowledge, {"admin", "auditor"}},
                                                         {Access::kChange, {"admin"}},
                                                         {Access::kSocket, {"socket"}}};
  const auto file = good(read_file(std::string(IMAKEEP_DOCS) + "/reference/openapi.json"));
  std::map<std::string, std::vector<std::string>> in_file;
  const json api = json::parse(as_text(file));
  for (const auto& [path, methods] : api["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      if (operation.contains("x-roles")) in_file.emplace(method + " " + path, operation["x-roles"]);
    }
  }
  std::map<std::string, std::vector<std::string>> in_code;
  for (const AdminRoute& route : admin_routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    in_code.emplace(method + " " + std::string(route.path), roles.at(route.access));
  }
  EXPECT_EQ(in_file, in_code);
}

TEST(Administration, AllowsEachRoleItsRoutesAndChangesNothingOtherwise) {
  for (const Case& of : cases()) {
    for (const std::string role : {"admin", "viewer", "auditor", "enrol"}) {
      World world;
      const std::string before = world.everything();
      const auto response = world.by(role + "-default", of.method, of.path, of.body);
      const bool may = of.roles.find(role) != std::string::npos;
      SCOPED_TRACE(role + ": " + of.method + " " + of.path + ": " + response.body);
      if (may) {
        EXPECT_LT(response.status, 300);
        EXPECT_EQ(response.content_type, "application/json");
      } else {
        EXPECT_EQ(response.status, 403);
        EXPECT_EQ(reason_of(response), "forbidden");
      }
      EXPECT_EQ(world.everything() != before, may && of.changes);
      EXPECT_EQ(world.lines.size(), may && of.method == "GET" ? 0u : 1u);
    }
  }
}

TEST(Administration, AllowsEverythingOverTheUnixSocket) {
  for (const Case& of : cases()) {
    World world;
    const std::string before = world.everything();
    const auto response = world.socket(of.method, of.path, of.body);
    SCOPED_TRACE(of.method + " " + of.path + ": " + response.body);
    EXPECT_LT(response.status, 300);
    EXPECT_EQ(world.everything() != before, of.changes);
  }
}

TEST(Administration, AsksEverybodyElseForAToken) {
  for (const Case& of : cases()) {
    World world;
    ASSERT_TRUE(world.verifier.store.set_tenant_disabled("blue", true));
    const std::string before = world.everything();
    // None, a wrong one, one of a disabled tenant.
    for (const std::string token : {"", "token-of-nobody", "token-of-admin-blue"}) {
      const auto response = world.send(of.method, of.path, {.body = of.body, .token = token});
      EXPECT_EQ(response.status, 401) << of.path;
      EXPECT_EQ(reason_of(response), "unauthorized") << of.path;
      EXPECT_EQ(response.headers.at(0).first, "WWW-Authenticate");
    }
    EXPECT_TRUE(world.everything() == before);
  }
}

TEST(Administration, RefusesATokenWhoseTimeIsOverOrThatWasRemoved) {
  World world;
  const Bytes hash = token_hash("timed");
  ASSERT_TRUE(world.verifier.store.add_token({.hash = hash,
                                              .tenant = "default",
                                              .role = Role::kAdmin,
                                              .name = "timed",
                                              .until_unix_s = world.clock.unix_s() + 10}));
  const auto ask = [&] { return world.send("GET", "/v1/admin/hosts", {.token = "timed"}).status; };
  EXPECT_EQ(ask(), 200);
  world.clock.set_unix_s(world.clock.unix_s() + 10);
  EXPECT_EQ(ask(), 401);
  world.clock.set_unix_s(world.clock.unix_s() - 1);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(world.by("admin-default", "DELETE", "/v1/admin/tokens/" + to_hex(hash)).status, 200);
  EXPECT_EQ(ask(), 401);
}

TEST(Administration, TellsAStrangerNotEvenWhichRoutesExist) {
  World world;
  EXPECT_EQ(reason_of(world.send("GET", "/v1/admin/nothing")), "unauthorized");
  EXPECT_EQ(reason_of(world.by("viewer-default", "GET", "/v1/admin/nothing")), "not-found");
  EXPECT_EQ(reason_of(world.socket("PATCH", "/v1/admin/hosts")), "not-found");
  EXPECT_EQ(reason_of(world.socket("GET", "/v1/admin/hosts/")), "not-found");
  EXPECT_EQ(reason_of(world.socket("GET", "/v1/admin")), "not-found");
}

TEST(Administration, HidesTheThingsOfAnotherTenant) {
  World world;
  ASSERT_TRUE(world.verifier.store.remove_host({.tenant = "default", .host = "off"}));
  const Bytes digest = digest_bytes(kPolicy);
  ASSERT_TRUE(world.verifier.store.set_policy_list("blue", "only-blue", {&digest, 1}));
  const std::string before = world.everything();
  const std::string token = to_hex(token_hash("token-of-spare-blue"));
  const std::vector<std::pair<std::string, std::string>> foreign{
      {"GET", "/v1/admin/hosts/off"},         {"DELETE", "/v1/admin/hosts/off"},
      {"POST", "/v1/admin/hosts/off/enable"}, {"GET", "/v1/admin/hosts/off/history"},
      {"GET", "/v1/admin/hosts/off/records"}, {"GET", "/v1/admin/policy-lists/only-blue"},
      {"DELETE", "/v1/admin/tokens/" + token}};
  for (const auto& [method, path] : foreign) {
    EXPECT_EQ(reason_of(world.by("admin-default", method, path)), "not-found") << method << " " << path;
  }
  EXPECT_EQ(reason_of(world.by("admin-default", "PUT", "/v1/admin/hosts/web-1/policies", R"({"list": "only-blue"})")),
            "not-found");
  // Naming the other tenant does not help.
  for (const Case& of : cases()) {
    const auto response = world.send(
        of.method, of.path, {.body = of.body, .token = "token-of-admin-default", .query = {{"tenant", "blue"}}});
    EXPECT_EQ(reason_of(response), of.roles.empty() ? "forbidden" : "not-found") << of.path;
  }
  EXPECT_TRUE(world.everything() == before);
  const auto own =
      world.send("GET", "/v1/admin/hosts", {.token = "token-of-admin-default", .query = {{"tenant", "default"}}});
  EXPECT_EQ(own.status, 200);
  // The socket sees both.
  const auto blue = world.send("GET", "/v1/admin/hosts/off", {.local = true, .query = {{"tenant", "blue"}}});
  EXPECT_EQ(blue.status, 200);
  EXPECT_EQ(reason_of(world.send("GET", "/v1/admin/hosts", {.local = true, .query = {{"tenant", "red"}}})),
            "not-found");
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

TEST(Administration, NeverMakesAHostEnrolledThatDidNotProveItself) {
  World world;
  world.add_host("pending", HostStatus::kPending);
  const auto act = [&](const std::string& host, const std::string& what) {
    return reason_of(world.socket("POST", "/v1/admin/hosts/" + host + "/" + what));
  };
  for (const std::string what : {"approve", "disable", "enable"}) EXPECT_EQ(act("pending", what), "conflict") << what;
  EXPECT_EQ(world.status("pending"), HostStatus::kPending);
  for (const std::string what : {"disable", "enable"}) EXPECT_EQ(act("waits", what), "conflict") << what;
  EXPECT_EQ(world.status("waits"), HostStatus::kWaiting);
  for (const std::string what : {"approve", "enable"}) EXPECT_EQ(act("web-1", what), "conflict") << what;
  for (const std::string what : {"approve", "disable"}) EXPECT_EQ(act("off", what), "conflict") << what;
  EXPECT_EQ(act("nobody", "approve"), "not-found");
  EXPECT_EQ(act("waits", "approve"), "");
  EXPECT_EQ(world.status("waits"), HostStatus::kEnrolled);
  EXPECT_EQ(act("web-1", "disable"), "");
  EXPECT_EQ(world.status("web-1"), HostStatus::kDisabled);
  EXPECT_EQ(act("web-1", "enable"), "");
  EXPECT_EQ(world.status("web-1"), HostStatus::kEnrolled);
}

TEST(Administration, ListsHostsPageByPage) {
  World world;
  std::vector<std::string> hosts;
  std::map<std::string, std::string> query{{"limit", "2"}};
  for (;;) {
    const auto page = json::parse(world.send("GET", "/v1/admin/hosts", {.local = true, .query = query}).body);
    for (const auto& host : page["hosts"]) hosts.push_back(host["host"]);
    if (!page.contains("next")) break;
    query["after"] = page["next"];
  }
  EXPECT_EQ(hosts, (std::vector<std::string>{"off", "waits", "web-1"}));
  for (const std::string limit : {"0", "1001", "x", "", "-1"}) {
    EXPECT_EQ(reason_of(world.send("GET", "/v1/admin/hosts", {.local = true, .query = {{"limit", limit}}})),
              "malformed");
  }
  EXPECT_EQ(reason_of(world.send("GET", "/v1/admin/hosts", {.local = true, .query = {{"lmit", "1"}}})), "malformed");
}

TEST(Administration, ShowsNoSecretOfAHost) {
  World world;
  world.add_host("pending", HostStatus::kPending);
  const auto shown = world.socket("GET", "/v1/admin/hosts/pending").body;
  EXPECT_THAT(shown, HasSubstr(R"("status":"pending")"));
  EXPECT_THAT(shown, ::testing::Not(HasSubstr(to_hex(vstore::test::filled(32, 4)))));
}

TEST(Administration, ShowsHistoryInPagesThatLoseAndRepeatNoRow) {
  World world;
  const vstore::HostKey key{.tenant = "default", .host = "web-1"};
  // Three rows in one second, and two later ones.
  const std::int64_t times[] = {100, 100, 100, 101, 105};
  for (std::size_t i = 0; i < std::size(times); ++i) {
    vstore::Move move = vstore::test::sample_move(key, 8 + i, 4 + i);
    move.history.at_unix_s = vstore::test::kNow + times[i];
    move.seen_unix_s = move.history.at_unix_s;
    ASSERT_EQ(good(world.verifier.store.commit({&move, 1})).front(), vstore::MoveResult::kMoved);
  }
  for (const std::string limit : {"1", "2", "3", "4", "100"}) {
    std::vector<int> epochs;
    std::map<std::string, std::string> query{{"limit", limit}};
    for (int pages = 0; pages < 10; ++pages) {
      const auto page =
          json::parse(world.send("GET", "/v1/admin/hosts/web-1/history", {.local = true, .query = query}).body);
      for (const auto& row : page["history"]) epochs.push_back(row["epoch"]);
      if (!page.contains("next_unix_s")) break;
      query["from"] = std::to_string(page["next_unix_s"].get<std::int64_t>());
    }
    EXPECT_EQ(epochs, (std::vector{8, 9, 10, 11, 12, 13})) << limit;
  }
}

// ---- policies -------------------------------------------------------------------------------------------------------

TEST(Administration, StoresAPolicyAsItWasSentUnderItsDigest) {
  World world;
  const std::string text = policy::PolicyText{.release = "7"}.str() + "\n";
  const auto added = world.socket("POST", "/v1/admin/policies", text);
  EXPECT_EQ(added.status, 201);
  EXPECT_EQ(json::parse(added.body)["digest"], digest_text(text));
  EXPECT_EQ(json::parse(added.body)["bytes"], text.size());
  EXPECT_EQ(world.by("viewer-default", "GET", "/v1/admin/policies/" + digest_text(text)).body, text);
  EXPECT_EQ(world.socket("POST", "/v1/admin/policies", text).status, 201);  // the same once more
}

TEST(Administration, RefusesAPolicyThatIsNoneAndSaysWhere) {
  World world;
  const std::string before = world.everything();
  const std::string bad = policy::PolicyText{.digests = R"({"/a": ["xyz"]})"}.str();
  const auto refused = world.by("admin-default", "POST", "/v1/admin/policies", bad);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(reason_of(refused), "bad-policy");
  EXPECT_THAT(refused.body, HasSubstr("/digests/~1a/0"));
  EXPECT_EQ(reason_of(world.socket("POST", "/v1/admin/policies", "")), "bad-policy");
  EXPECT_EQ(reason_of(world.send("POST", "/v1/admin/policies", {.body = kPolicy, .type = "text/plain", .local = true})),
            "malformed");
  EXPECT_TRUE(world.everything() == before);
}

TEST(Administration, DoesNotRemoveAPolicyOfAList) {
  World world;
  EXPECT_EQ(reason_of(world.socket("DELETE", "/v1/admin/policies/" + digest_text(kPolicy))), "conflict");
  EXPECT_EQ(world.socket("DELETE", "/v1/admin/policies/" + digest_text(kOtherPolicy)).status, 200);
  EXPECT_EQ(reason_of(world.socket("DELETE", "/v1/admin/policies/" + digest_text(kOtherPolicy))), "not-found");
  EXPECT_EQ(reason_of(world.socket("GET", "/v1/admin/policies/" + digest_text(kOtherPolicy))), "not-found");
}

TEST(Administration, CountsTheVersionsOfAListUp) {
  World world;
  const auto set = [&](const std::string& digests) {
    return json::parse(world.socket("PUT", "/v1/admin/policy-lists/servers", "{\"policies\": [" + digests + "]}").body);
  };
  const std::string one = '"' + digest_text(kPolicy) + '"';
  const std::string other = '"' + digest_text(kOtherPolicy) + '"';
  EXPECT_EQ(set(one)["version"], 1);
  EXPECT_EQ(set(other + ", " + one)["version"], 2);
  const auto shown = json::parse(world.socket("GET", "/v1/admin/policy-lists/servers").body);
  EXPECT_EQ(shown["policies"], (std::vector{digest_text(kOtherPolicy), digest_text(kPolicy)}));
  EXPECT_EQ(set("")["version"], 3);
  EXPECT_EQ(set(one + ", " + one)["reason"], "malformed");
  EXPECT_EQ(set('"' + std::string(64, '0') + '"')["reason"], "not-found");
}

// ---- findings -------------------------------------------------------------------------------------------------------

TEST(Administration, KeepsWhoAcknowledgedAFinding) {
  const std::string identity = to_hex(vstore::test::sample_sighting(1).identity);
  const std::string plain = R"({"host": "web-1", "identity": ")" + identity + R"(", "why": "known")";
  const auto who = [](World& world) {
    return good(world.verifier.store.findings({.tenant = "default"})).at(0).acknowledged.value().who;
  };
  World world;
  EXPECT_EQ(world.by("auditor-default", "POST", "/v1/admin/findings/acknowledge", plain + "}").status, 200);
  EXPECT_EQ(who(world), "auditor-default");
  EXPECT_EQ(world.socket("POST", "/v1/admin/findings/acknowledge", plain + "}").status, 200);
  EXPECT_EQ(who(world), "administrator");
  EXPECT_EQ(world.socket("POST", "/v1/admin/findings/acknowledge", plain + R"(, "who": "kim"})").status, 200);
  EXPECT_EQ(who(world), "kim");
  // Nobody with a token signs with another name.
  EXPECT_EQ(
      reason_of(world.by("auditor-default", "POST", "/v1/admin/findings/acknowledge", plain + R"(, "who": "boss"})")),
      "malformed");
  EXPECT_EQ(who(world), "kim");
}

TEST(Administration, ListsFindingsByHostAndStateAndPageByPage) {
  World world;
  vstore::Move move = vstore::test::sample_move({.tenant = "default", .host = "web-1"}, 8, 4);
  for (const std::uint8_t identity : {std::uint8_t{2}, std::uint8_t{3}})
    move.sightings.push_back(vstore::test::sample_sighting(identity));
  move.fixed.push_back(vstore::test::sample_sighting(1).identity);
  ASSERT_TRUE(world.verifier.store.commit({&move, 1}));
  const auto list = [&](std::map<std::string, std::string> query) {
    return json::parse(world.send("GET", "/v1/admin/findings", {.local = true, .query = std::move(query)}).body);
  };
  EXPECT_EQ(list({})["findings"].size(), 3u);
  EXPECT_EQ(list({{"state", "open"}})["findings"].size(), 2u);
  EXPECT_EQ(list({{"state", "fixed"}})["findings"].size(), 1u);
  EXPECT_EQ(list({{"host", "waits"}})["findings"].size(), 0u);
  const auto first = list({{"limit", "2"}});
  EXPECT_EQ(first["findings"].size(), 2u);
  const auto second = list({{"limit", "2"}, {"after", first["next"]}});
  ASSERT_EQ(second["findings"].size(), 1u);
  EXPECT_FALSE(second.contains("next"));
  EXPECT_EQ(second["findings"][0]["identity"], to_hex(vstore::test::sample_sighting(3).identity));
  // Bytes that are no text are escaped.
  EXPECT_EQ(second["findings"][0]["path"], R"(/\xff\x00\x03)");
  EXPECT_EQ(list({{"state", "shut"}})["reason"], "malformed");
  for (const std::string after : {"", "web-1", "web-1/", "web-1/xyz"}) {
    EXPECT_EQ(list({{"after", after}})["reason"], "malformed") << after;
  }
}

// ---- tokens and keys ------------------------------------------------------------------------------------------------

TEST(Administration, ShowsANewTokenOnce) {
  World world;
  const auto added =
      world.by("admin-default", "POST", "/v1/admin/tokens", R"({"name": "ci", "role": "admin", "lifetime_s": 60})");
  EXPECT_EQ(added.status, 201);
  EXPECT_EQ(added.headers.at(0), (std::pair<std::string, std::string>{"Cache-Control", "no-store"}));
  const auto made = json::parse(added.body);
  const std::string token = made["token"];
  EXPECT_EQ(token.size(), 43u);  // 32 bytes as base64url
  EXPECT_EQ(made["until_unix_s"], world.clock.unix_s() + 60);
  EXPECT_EQ(world.send("GET", "/v1/admin/hosts", {.token = token}).status, 200);
  const std::string listed = world.socket("GET", "/v1/admin/tokens").body;
  EXPECT_THAT(listed, HasSubstr(made["id"].get<std::string>()));
  EXPECT_THAT(listed, ::testing::Not(HasSubstr(token)));
  for (const LogLine& line : world.lines) EXPECT_THAT(line.detail, ::testing::Not(HasSubstr(token)));
  const auto other = world.socket("POST", "/v1/admin/tokens", R"({"name": "ci", "role": "admin"})");
  EXPECT_NE(json::parse(other.body)["token"], token);
}

TEST(Administration, MakesEnrolmentTokensThatAreUsedUp) {
  World world;
  const auto added =
      json::parse(world.socket("POST", "/v1/admin/tokens", R"({"name": "rack", "role": "enrol", "uses": 2})").body);
  EXPECT_EQ(added["uses_left"], 2);
  const Bytes hash = token_hash(added["token"].get<std::string>());
  EXPECT_TRUE(good(world.verifier.store.take_token(hash, world.clock.unix_s())));
  EXPECT_TRUE(good(world.verifier.store.take_token(hash, world.clock.unix_s())));
  EXPECT_FALSE(good(world.verifier.store.take_token(hash, world.clock.unix_s())));
}

TEST(Administration, RotatesKeysWithAnOverlap) {
  World world;
  const auto old = good(world.verifier.keys.nonce_key(world.clock.unix_s()));
  EXPECT_EQ(world.socket("POST", "/v1/admin/keys/rotate", R"({"overlap_s": 50})").body, R"({"overlap_s":50})");
  EXPECT_EQ(good(world.verifier.keys.nonce_key(world.clock.unix_s())).id, old.id + 1);
  for (const auto& key : good(world.verifier.store.keys())) {
    if (key.id == old.id) {
      EXPECT_EQ(key.retires_unix_s, world.clock.unix_s() + 50);
    }
  }
  // Without a given one, as long as a nonce, a long upload or a result may live.
  EXPECT_EQ(world.socket("POST", "/v1/admin/keys/rotate", "{}").body, R"({"overlap_s":3600})");
}

// ---- requests that are none, and a store that fails -----------------------------------------------------------------

TEST(Administration, RefusesBodiesThatAreNotExactlyAsTheyShouldBe) {
  World world;
  const std::string before = world.everything();
  const std::vector<std::pair<std::string, std::vector<std::string>>> bad{
      {"POST /v1/admin/tenants", {R"({"tenant": ""})", R"({"tenant": "a b"})", R"({"tenant": 1})"}},
      {"PUT /v1/admin/hosts/web-1/policies", {R"({"list": 1})", R"({"list": null})"}},
      {"PUT /v1/admin/policy-lists/new", {R"({"policies": "a"})", R"({"policies": [1]})", R"({"policies": ["ab"]})"}},
      {"PUT /v1/admin/policy-lists/a b", {R"({"policies": []})"}},
      {"POST /v1/admin/findings/acknowledge",
       {R"({"host": "web-1"})", R"({"host": "web-1", "identity": "xyz"})", R"({"host": "web-1", "identity": ""})"}},
      {"POST /v1/admin/tokens",
       {R"({"name": "a"})", R"({"name": "a", "role": "root"})", R"({"name": "", "role": "viewer"})",
        R"({"name": "a", "role": "admin", "uses": 1})", R"({"name": "a", "role": "enrol", "uses": 0})",
        R"({"name": "a", "role": "enrol", "uses": -1})", R"({"name": "a", "role": "enrol", "lifetime_s": 0})",
        R"({"name": "a", "role": "enrol", "lifetime_s": 9223372036854775807})"}},
      {"POST /v1/admin/keys/rotate", {R"({"overlap_s": -1})", R"({"overlap_s": 9223372036854775807})"}}};
  for (const auto& [route, bodies] : bad) {
    const std::string method = route.substr(0, route.find(' '));
    const std::string path = route.substr(route.find(' ') + 1);
    std::vector<std::string> all = bodies;
    for (const char* const any : {"", "[]", "{", R"({"surprise": 1})", R"({"name": "a", "name": "a"})"}) {
      all.emplace_back(any);
    }
    for (const std::string& body : all) {
      EXPECT_EQ(reason_of(world.socket(method, path, body)), "malformed") << route << " " << body;
    }
    EXPECT_EQ(world.socket(method, path, "{" + std::string(kMostAdminBodyBytes, ' ') + "}").status, 413) << route;
  }
  EXPECT_TRUE(world.everything() == before);
}

TEST(Administration, RefusesDigestsThatAreNone) {
  World world;
  for (const std::string& digest : {std::string("xyz"), std::string(63, 'a'), std::string(66, 'a')}) {
    EXPECT_EQ(reason_of(world.socket("GET", "/v1/admin/policies/" + digest)), "malformed") << digest;
    EXPECT_EQ(reason_of(world.socket("DELETE", "/v1/admin/tokens/" + digest)), "malformed") << digest;
  }
}

TEST(Administration, SaysIfTheStoreFails) {
  for (const Case& of : cases()) {
    // The first call is about the caller or the tenant, the next one is the route's own. The key ring has a store of
    // its own here.
    for (const std::uint64_t good_calls : {0u, 1u}) {
      if (good_calls == 1 && of.path.ends_with("rotate")) continue;
      World world;
      const std::string before = world.everything();
      const Sent by_token{.body = of.body, .token = "token-of-admin-default"};
      for (const Sent& sent : {Sent{.body = of.body, .local = true}, by_token}) {
        if (!sent.local && good_calls == 1 && of.roles.empty()) continue;  // forbidden
        world.store.fail_from(world.store.calls() + good_calls);
        const auto response = world.send(of.method, of.path, sent);
        EXPECT_EQ(response.status, 503) << of.path;
        EXPECT_EQ(reason_of(response), "store") << of.path;
        world.store.fail_never();
      }
      EXPECT_TRUE(world.everything() == before);
    }
  }
}

TEST(Administration, RefusesWhatExistsAlready) {
  World world;
  EXPECT_EQ(reason_of(world.socket("POST", "/v1/admin/tenants", R"({"tenant": "blue"})")), "conflict");
  EXPECT_EQ(reason_of(world.socket("POST", "/v1/admin/tenants/red/disable")), "not-found");
}

}  // namespace administration_test
}  // namespace imakeep::verifier
