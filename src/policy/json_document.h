// SPDX-License-Identifier: Apache-2.0
// policy/json_document.h - reads JSON with bounds on depth and size, and refuses members that occur twice.
//
// A policy has up to a million digests. Its maps of digests are handed over while they are read. Only what is small is
// kept as a tree. Internal to src/policy. Threads: no shared state.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/result.h"
#include "policy/policy.h"

namespace imakeep::policy {

// "POINTER: REASON; REMEDY". The top of the document has the pointer "(top)".
Error at_pointer(ErrorCode code, const std::string& pointer, const std::string& reason, const std::string& remedy);

// The pointer of a member or an element of what `pointer` leads to. Escapes as RFC 6901 says, and for a terminal.
std::string pointer_to(const std::string& pointer, std::string_view member);
std::string pointer_to(const std::string& pointer, std::size_t index);

enum class MemberUse : std::uint8_t {
  kKeep,  // as a tree
  kMap,   // handed over: an object of arrays of texts
  kSkip,
};

// What to do with the members of the document, an object.
struct MemberPlan {
  std::function<MemberUse(std::string_view member)> use_of;
  // Called for each name of a map, then for each text of its array. An error ends the reading.
  std::function<void(std::string_view member, std::string name)> on_name = {};
  std::function<Result<void>(std::string_view member, const std::string& text)> on_text = {};
};

// Returns an object with the members that are kept. kMalformed: not JSON, not an object, a member twice, or a map that
// is no map of non-empty arrays. kUnsupported: deeper or more values than `limits` allows. Whoever hands over a map
// checks itself that no name is there twice.
// `pointer` is put before every pointer: where the text stands in another document.
Result<nlohmann::json> read_json(ByteView text, const MemberPlan& plan, const Limits& limits,
                                 const std::string& pointer = "");

}  // namespace imakeep::policy
