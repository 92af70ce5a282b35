// SPDX-License-Identifier: Apache-2.0
// support/vstore_rows.h - rows of a verifier that tests of several folders store. The values have no meaning.
// Threads: no shared state.
#pragma once

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/programs.h"
#include "vstore/checks.h"
#include "vstore/store.h"

namespace imakeep::vstore::test {

using imakeep::test::must;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

inline constexpr std::int64_t kNow = 1'800'000'000;

inline Bytes filled(std::size_t bytes, std::uint8_t fill) {
  return Bytes(bytes, std::byte{fill});
}

template <class T>
void expect_refused(const Result<T>& result, int os_errno) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kRefused) << describe(result.error());
  EXPECT_EQ(result.error().os_errno, os_errno) << describe(result.error());
}

inline void must_do(const Result<void>& result) {
  if (!result) throw std::runtime_error(describe(result.error()));
}

inline HostRow sample_host(const HostKey& key, HostStatus status = HostStatus::kEnrolled) {
  return {.key = key,
          .name = key.host + ".example",
          .status = status,
          .ak_public = filled(90, 1),
          .ak_name = filled(34, 2),
          .ek_hash = filled(32, 3),
          .ek_check = "certificate",
          .secret_hash = status == HostStatus::kPending ? filled(32, 4) : Bytes(),
          .secret_until_unix_s = status == HostStatus::kPending ? kNow + 600 : 0,
          .created_unix_s = kNow,
          .seen_unix_s = kNow,
          .epoch = 7,
          .proven = 0,
          .state = Bytes()};
}

inline Sighting sample_sighting(std::uint8_t identity) {
  return {.identity = filled(32, identity),
          .record = identity,
          // A path is any bytes.
          .path = {std::byte{'/'}, std::byte{0xff}, std::byte{0}, std::byte{identity}},
          .digest = filled(32, identity),
          .reason = "unknown-path",
          .rule = {},
          .policy = filled(32, 9)};
}

// A move of a host of epoch `epoch` to N = `proven`.
inline Move sample_move(const HostKey& key, std::uint64_t epoch, std::uint64_t proven) {
  const auto mark = static_cast<std::uint8_t>(proven);
  return {.key = key,
          .epoch = epoch,
          .state = filled(300, mark),
          .proven = proven,
          .seen_unix_s = kNow + static_cast<std::int64_t>(epoch),
          .answer = {.nonce_hash = filled(32, mark), .bytes = filled(700, mark)},
          .history = {.at_unix_s = kNow + static_cast<std::int64_t>(epoch),
                      .outcome = "affirming",
                      .chain = 1,
                      .first = 0,
                      .proven = proven,
                      .findings = 0,
                      .quote_digest = filled(32, mark)}};
}

}  // namespace imakeep::vstore::test
