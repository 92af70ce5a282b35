// SPDX-License-Identifier: Apache-2.0
// imalog/list_kind.h - recognizes files that a user gives as a binary measurement list but that are something else.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::imalog {

// Names the kind of the file that begins with these bytes, and says what to give instead: "an ASCII list; give ...".
// Empty if the file may be a binary list. Never names a binary list, in any bank and byte order: such a list begins
// with a PCR's index as u32, of which three bytes are zero. Two kinds begin like that as well: TCG's TLV form and a
// firmware's event log. They are recognized by fields at places where a binary list has a template digest. The first 4
// KiB are enough.
std::optional<std::string> other_kind(ByteView front);

// kMalformed if other_kind() knows the kind: "not a binary measurement list but an ASCII list; give ...".
Result<void> check_kind(ByteView front);

}  // namespace imakeep::imalog
