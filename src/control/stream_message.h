// control/stream_message.h - messages over a byte stream. Threads: no shared state.
#pragma once

#include <istream>
#include <limits>
#include <optional>
#include <ostream>

#include "control/message.h"

namespace imakeep::control {

// For answers, which come from a list that is trusted.
inline constexpr std::size_t kAnyPayloadBytes = std::numeric_limits<std::size_t>::max();

// The next message; nothing at the end of the stream. kMalformed for what is no message, kTruncated for one cut short.
Result<std::optional<Message>> receive(std::istream& in, std::size_t max_payload_bytes = kMaxPayloadBytes);

// False if the stream failed.
bool send(std::ostream& out, const Message& message);

}  // namespace imakeep::control
