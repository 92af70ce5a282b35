// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <fstream>

#include "http/test_support.h"

namespace imakeep::http {
namespace client_test {

using test::good;

TEST(Client, RefusesAnAddressWithoutTls) {
  const auto client = Client::make({.base_url = "http://127.0.0.1:1"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kUsage);
}

TEST(Client, RefusesAServerWithAnotherKey) {
  const auto server = test::start(test::echo);
  const std::string other = good(pin_of(good(make_self_signed({}, 1'750'000'000)).certificate));
  const auto answer = good(Client::make({.base_url = test::url_of(*server), .pin = other}))->get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kEnvironment);
}

TEST(Client, RefusesASelfSignedServerWithoutItsPin) {
  const auto server = test::start(test::echo);
  EXPECT_FALSE(good(Client::make({.base_url = test::url_of(*server)}))->get("/"));
}

TEST(Client, TrustsTheAuthorityThatItIsGiven) {
  const std::string file = testing::TempDir() + "imakeep-http-client-" + std::to_string(::getpid()) + ".pem";
  std::ofstream(file) << test::identity().certificate;
  const auto server = test::start(test::echo);
  const auto client = good(Client::make({.base_url = test::url_of(*server), .authorities = file}));
  EXPECT_EQ(good(client->get("/a")).body, "GET /a ");
  std::remove(file.c_str());
}

TEST(Client, NamesAServerThatDoesNotAnswer) {
  std::string url;
  {
    const auto server = test::start(test::echo);
    url = test::url_of(*server);
  }
  const auto answer = good(Client::make({.base_url = url}))->get("/v1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(answer.error().message.find(url + "/v1"), std::string::npos);
}

TEST(Client, RefusesAnAnswerThatIsTooLarge) {
  const auto server = test::start(test::echo);
  const auto client = good(Client::make({.base_url = test::url_of(*server),
                                         .pin = good(pin_of(test::identity().certificate)),
                                         .most_response_bytes = 100}));
  EXPECT_EQ(good(client->post("/", "text/plain", std::string(90, 'a'))).body.size(), 97u);
  const auto answer = client->post("/", "text/plain", std::string(94, 'a'));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kMalformed);
}

TEST(Client, EndsARequestWhoseSourceFails) {
  const auto server = test::start(test::echo);
  const auto client = test::client_of(*server);
  const auto answer = client->send("POST", "/", "text/plain", [](std::span<std::byte>) -> Result<std::size_t> {
    return fail(ErrorCode::kIo, "the archive cannot be read");
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the archive cannot be read");
  EXPECT_EQ(good(client->get("/again")).body, "GET /again ");
}

}  // namespace client_test
}  // namespace imakeep::http
