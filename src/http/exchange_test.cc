// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.h"

#include <gtest/gtest.h>

namespace imakeep::http {
namespace exchange_test {

TEST(Responder, GivesItsResponseOnce) {
  std::vector<int> taken;
  {
    Responder respond([&](const Response& response) { taken.push_back(response.status); });
    respond({.status = 204});
    respond({.status = 205});
  }
  EXPECT_EQ(taken, std::vector<int>{204});
}

TEST(Responder, WithoutAResponseGivesStatus500) {
  std::vector<int> taken;
  {
    const Responder dropped([&](const Response& response) { taken.push_back(response.status); });
  }
  EXPECT_EQ(taken, std::vector<int>{500});
}

TEST(Responder, ThatWasMovedFromGivesNothing) {
  int taken = 0;
  {
    Responder first([&](const Response&) { ++taken; });
    Responder second(std::move(first));
    second({});
  }
  EXPECT_EQ(taken, 1);
}

TEST(Gathered, HandsOverTheWholeBody) {
  Bytes got;
  const auto request = answered(6, [&](Bytes body) {
    got = std::move(body);
    return Response{.status = 201};
  });
  EXPECT_FALSE(request->take(as_bytes("abc")));
  EXPECT_FALSE(request->take(as_bytes("def")));
  int status = 0;
  request->finish(Responder([&](const Response& response) { status = response.status; }));
  EXPECT_EQ(as_text(got), "abcdef");
  EXPECT_EQ(status, 201);
}

TEST(Gathered, RefusesALargerBody) {
  const auto request = answered(6, [](const Bytes&) { return Response(); });
  EXPECT_FALSE(request->take(as_bytes("abcdef")));
  const auto refused = request->take(as_bytes("g"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
}

TEST(Head, FindsAHeaderByItsNameInLowerCase) {
  const Head head{.headers = {{"accept", "text/plain"}}};
  EXPECT_EQ(head.header("accept"), "text/plain");
  EXPECT_EQ(head.header("host"), "");
}

}  // namespace exchange_test
}  // namespace imakeep::http
