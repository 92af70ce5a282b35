// SPDX-License-Identifier: Apache-2.0
// control/stream_message.h - reads and writes messages on a byte stream. Threads: no shared state.
#pragma once

#include <iosfwd>
#include <limits>
#include <optional>

#include "base/result.h"

namespace imakeep::control {

struct Message;

inline constexpr std::size_t kMaxHeadBytes = 64u << 10;
// Limit for requests. A saved image may have any size.
inline constexpr std::size_t kMaxPayloadBytes = 64u << 20;
// Limit for answers: they come from a trusted list.
inline constexpr std::size_t kAnyPayloadBytes = std::numeric_limits<std::size_t>::max();

// Returns the next message; empty at the end of the stream. kMalformed for bytes that are not a message, kTruncated for
// a message that is cut short.
Result<std::optional<Message>> receive(std::istream& in, std::size_t max_payload_bytes = kMaxPayloadBytes);

// False if the stream failed.
bool send(std::ostream& out, const Message& message);

}  // namespace imakeep::control
