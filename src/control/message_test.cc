// SPDX-License-Identifier: Apache-2.0
#include "control/message.h"

#include <sstream>

#include <gtest/gtest.h>

#include "control/stream_message.h"

namespace imakeep::control {
namespace message_test {

std::optional<ErrorCode> refused(const std::string& bytes) {
  std::istringstream in(bytes);
  const auto received = receive(in);
  return received ? std::nullopt : std::optional(received.error().code);
}

TEST(StreamMessage, ArrivesAsItWasSent) {
  std::stringstream stream;
  Bytes payload(1000);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i);
  ASSERT_TRUE(send(stream, {.head = {{"op", "append"}, {"text", "a\nb"}}, .payload = payload}));
  ASSERT_TRUE(send(stream, {.head = {{"op", "stats"}}}));
  const auto first = receive(stream);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->head["op"], "append");
  EXPECT_EQ((*first)->head["text"], "a\nb");
  EXPECT_EQ((*first)->payload, payload);
  const auto second = receive(stream);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->head, nlohmann::json({{"op", "stats"}}));
  EXPECT_TRUE((*second)->payload.empty());
  const auto end = receive(stream);
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST(StreamMessage, SendsNamesThatAreNoUtf8) {
  std::stringstream stream;
  ASSERT_TRUE(send(stream, {.head = {{"message", "\xff\xfe"}}}));
  EXPECT_TRUE(*receive(stream));
}

TEST(StreamMessage, CutShortIsTruncated) {
  EXPECT_EQ(refused("{\"op\": \"stats\"}"), ErrorCode::kTruncated) << "no newline";
  EXPECT_EQ(refused("{\"payload_bytes\": 5}\n1234"), ErrorCode::kTruncated);
  EXPECT_EQ(refused("{\"payload_bytes\": 5}\n"), ErrorCode::kTruncated);
}

TEST(StreamMessage, ThatIsNoJsonObjectIsMalformed) {
  for (const char* text : {"\n", "x\n", "[]\n", "3\n", "{\"a\": }\n", "{\"a\": 1} trailing\n"}) {
    EXPECT_EQ(refused(text), ErrorCode::kMalformed) << text;
  }
}

TEST(StreamMessage, OfABadPayloadSizeIsMalformed) {
  for (const char* size : {"-1", "1.5", "\"5\"", "null", "67108865", "18446744073709551615"}) {
    EXPECT_EQ(refused("{\"payload_bytes\": " + std::string(size) + "}\n"), ErrorCode::kMalformed) << size;
  }
}

TEST(StreamMessage, WithAnEndlessHeadIsMalformed) {
  EXPECT_EQ(refused("{\"a\": \"" + std::string(2 * kMaxHeadBytes, 'a') + "\"}\n"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(std::string(kMaxHeadBytes - 1, '[') + "\n"), ErrorCode::kMalformed);
}

TEST(ErrorJson, KeepsEverythingAnErrorSays) {
  for (int code = 0; code < 8; ++code) {
    const Error error{.code = static_cast<ErrorCode>(code), .message = "why", .offset = 7, .record = 3, .os_errno = 5};
    const Error back = error_from_json(error_to_json(error));
    EXPECT_EQ(back.code, error.code);
    EXPECT_EQ(back.message, "why");
    EXPECT_EQ(back.offset, 7u);
    EXPECT_EQ(back.record, 3u);
    EXPECT_EQ(back.os_errno, 5);
  }
  const Error plain = error_from_json(error_to_json({.code = ErrorCode::kUsage, .message = "why"}));
  EXPECT_FALSE(plain.offset);
  EXPECT_FALSE(plain.record);
}

}  // namespace message_test
}  // namespace imakeep::control
