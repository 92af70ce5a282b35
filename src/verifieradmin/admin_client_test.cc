// SPDX-License-Identifier: Apache-2.0
#include "verifieradmin/admin_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/test_support.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::verifieradmin {
namespace admin_client_test {

using http::test::good;
using ::testing::HasSubstr;

http::Response json_of(std::string body) {
  return {.content_type = "application/json", .body = std::move(body)};
}

http::Response problem_of(int status, const std::string& reason) {
  return {.status = status,
          .content_type = "application/problem+json",
          .body = R"({"title": "t", "status": )" + std::to_string(status) + R"(, "reason": ")" + reason +
                  R"(", "detail": "because"})"};
}

// A server that answers as the test says, on a Unix socket or over HTTPS.
class AdminClientTest : public testing::Test {
 protected:
  http::Begun begin(const http::Head& head) {
    return {.request = http::answered(1u << 20, [this, head](const Bytes& body) {
              heads.push_back(head);
              bodies.emplace_back(as_text(body));
              http::Response response = answers.empty() ? http::Response{} : answers.front();
              if (!answers.empty()) answers.erase(answers.begin());
              return response;
            })};
  }
  std::unique_ptr<http::Server> start_socket() {
    return good(http::Server::start({.unix_path = socket, .threads = 2, .limits = {.connections = 10}},
                                    [this](const http::Head& head) { return begin(head); }));
  }

  imakeep::test::ScratchDirectory scratch;
  const std::string socket = scratch.file("admin.sock");
  std::vector<http::Response> answers;
  std::vector<http::Head> heads;
  std::vector<std::string> bodies;
};

TEST_F(AdminClientTest, AsksThroughTheSocket) {
  const auto server = start_socket();
  answers = {json_of("{}")};
  const auto client = good(AdminClient::make({.socket = socket, .tenant = "a&b"}));
  EXPECT_EQ(good(client->ask("PUT", "/v1/x", {{"state", "a b"}}, "{1}")), "{}");
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_EQ(heads[0].method, "PUT");
  EXPECT_EQ(heads[0].path, "/v1/x");
  EXPECT_EQ(heads[0].query.at("state"), "a b");
  EXPECT_EQ(heads[0].query.at("tenant"), "a&b");
  EXPECT_EQ(heads[0].header("content-type"), "application/json");
  EXPECT_EQ(bodies[0], "{1}");
}

TEST_F(AdminClientTest, SendsItsTokenOverHttps) {
  const auto server = http::test::start([this](const http::Head& head) { return begin(head); });
  const std::string pin = good(http::pin_of(http::test::identity().certificate));
  const std::string file = scratch.file("token");
  imakeep::test::write_file(file, as_bytes("abc-_9\n"));
  answers = {json_of("{}")};
  const auto client = good(AdminClient::make({.server = http::test::url_of(*server), .token_file = file, .pin = pin}));
  EXPECT_TRUE(client->ask("GET", "/v1/x"));
  EXPECT_EQ(heads.at(0).header("authorization"), "Bearer abc-_9");
  EXPECT_FALSE(heads[0].local);
}

TEST_F(AdminClientTest, RefusesOptionsThatDoNotGoTogetherAndTokensThatAreNone) {
  EXPECT_EQ(AdminClient::make({.server = "https://a"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(AdminClient::make({.socket = "a", .token_file = "b"}).error().code, ErrorCode::kUsage);
  EXPECT_EQ(AdminClient::make({.socket = "a", .pin = "b"}).error().code, ErrorCode::kUsage);
  const std::string file = scratch.file("token");
  for (const char* const bad : {"", "\n", "two words", "a\r\nHost: b"}) {
    imakeep::test::write_file(file, as_bytes(bad));
    EXPECT_EQ(AdminClient::make({.server = "https://a", .token_file = file}).error().code, ErrorCode::kUsage) << bad;
  }
}

TEST_F(AdminClientTest, SaysWhatTheVerifierRefuses) {
  const auto server = start_socket();
  answers = {problem_of(400, "malformed"),
             problem_of(404, "not-found"),
             problem_of(409, "conflict"),
             problem_of(403, "forbidden"),
             {.status = 413, .content_type = "text/plain", .body = "too long\n"}};
  const auto client = good(AdminClient::make({.socket = socket}));
  const auto error = [&] { return client->ask("GET", "/v1/x").error(); };
  const Error malformed = error();
  EXPECT_EQ(malformed.code, ErrorCode::kUsage);
  EXPECT_THAT(malformed.message, HasSubstr("(malformed): because"));
  EXPECT_THAT(malformed.message, HasSubstr(socket));
  EXPECT_EQ(error().code, ErrorCode::kMismatch);
  EXPECT_EQ(error().code, ErrorCode::kMismatch);
  EXPECT_EQ(error().code, ErrorCode::kEnvironment);
  const Error plain = error();
  EXPECT_EQ(plain.code, ErrorCode::kUsage);
  EXPECT_THAT(plain.message, HasSubstr("(status 413): too long"));
}

TEST_F(AdminClientTest, NamesTheSocketIfNobodyListens) {
  const auto client = good(AdminClient::make({.socket = socket}));
  const auto answer = client->ask("GET", "/v1/x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(answer.error().message, HasSubstr(socket));
}

TEST_F(AdminClientTest, JoinsThePagesOfAListing) {
  const auto server = start_socket();
  answers = {json_of(R"({"rows": [1, 2], "next": "b"})"), json_of(R"({"rows": [3]})")};
  const auto client = good(AdminClient::make({.socket = socket}));
  EXPECT_EQ(good(client->list("/v1/x", {}, "rows")), R"({"rows":[1,2,3]})");
  EXPECT_FALSE(heads.at(0).query.contains("after"));
  EXPECT_EQ(heads.at(1).query.at("after"), "b");
  // A server that shows the same page for ever.
  answers.assign(3, json_of(R"({"rows": [], "next": 7})"));
  EXPECT_EQ(client->list("/v1/x", {}, "rows").error().code, ErrorCode::kMalformed);
}

TEST(UrlPart, EscapesAllButUnreservedCharacters) {
  EXPECT_EQ(url_part("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(url_part("a/b?c&d=e%\xff"), "a%2Fb%3Fc%26d%3De%25%FF");
}

}  // namespace admin_client_test
}  // namespace imakeep::verifieradmin
