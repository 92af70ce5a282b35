// SPDX-License-Identifier: Apache-2.0
// policy/test_support.h - texts of policies for tests. Threads: no shared state.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "policy/compiled_policy.h"
#include "policy/envelope.h"

namespace imakeep::policy {

// Members of a policy as JSON. What a test leaves alone makes a policy that is good and empty.
struct PolicyText {
  std::string meta = R"({"version": 1, "generator": 3})";
  std::string release = "0";
  std::string digests = "{}";
  std::string excludes = "[]";
  std::string keyrings = "{}";
  std::string ima = R"({"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": null})";
  std::string ima_buf = "{}";
  std::string verification_keys = R"("")";
  std::string imakeep = {};  // empty: the member is not there
  std::string more = {};     // further members, with a comma before them

  std::string str() const {
    const std::string superset = imakeep.empty() ? "" : R"(, "imakeep": )" + imakeep;
    return R"({"meta": )" + meta + R"(, "release": )" + release + R"(, "digests": )" + digests + R"(, "excludes": )" +
           excludes + R"(, "keyrings": )" + keyrings + R"(, "ima": )" + ima + R"(, "ima-buf": )" + ima_buf +
           R"(, "verification-keys": )" + verification_keys + superset + more + "}";
  }
};

// A digest as text: `digits` times the digit.
inline std::string hex_of(char digit, std::size_t digits = 64) {
  return std::string(digits, digit);
}

inline Bytes bytes_of_hex(char digit, std::size_t digits = 64) {
  return *from_hex(hex_of(digit, digits));
}

inline std::string error_of(const std::string& text, Mode mode = Mode::kStrict, const Limits& limits = {}) {
  const auto policy = parse_policy(as_bytes(text), mode, limits);
  return policy ? "accepted" : policy.error().message;
}

inline CompiledPolicy compiled(const std::string& text, Mode mode = Mode::kStrict) {
  const auto policy = parse_policy(as_bytes(text), mode);
  EXPECT_TRUE(policy) << policy.error().message;
  if (!policy) std::abort();
  return *CompiledPolicy::compile(*policy);
}

}  // namespace imakeep::policy
