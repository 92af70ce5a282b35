// SPDX-License-Identifier: Apache-2.0
// attester/direct_state.h - where the list of a host without an archive begins: how many records of the chain were
// deleted from it, and the PCR values after them.
//
//   DIR/direct.json := {"version": 1, "begins": [B64...]}
// B64 is base64 of attest/verified_chain.h's form, with the deleted records as `proven`. A list has one beginning.
// While a deletion is under way the file has two, before and after it; the replay against a quote tells which one is
// true. So a process may be killed at any time. Without a usable beginning the file is missing, or its array empty.
// Threads: no shared state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "attest/verified_chain.h"

namespace imakeep::attester {

inline constexpr std::size_t kMostBeginnings = 2;

// Durable on return. Replaces the file atomically, with mode 0600. Errors: as attester/state.h's save_state().
Result<void> save_beginnings(const std::string& directory, std::span<const attest::VerifiedChain> begins);

// Empty if the file is missing. kMalformed if it is damaged, kUnsupported for another version; kEnvironment if it
// cannot be read. The message names the file.
Result<std::vector<attest::VerifiedChain>> load_beginnings(const std::string& directory);

}  // namespace imakeep::attester
