// control/stream_message.h - messages over a byte stream. Threads: no shared state.
#pragma once

#include <istream>
#include <optional>
#include <ostream>

#include "control/message.h"

namespace imakeep::control {

// The next message; nothing at the end of the stream. kMalformed for what is no message, kTruncated for one cut short.
Result<std::optional<Message>> receive(std::istream& in);

// False if the stream failed.
bool send(std::ostream& out, const Message& message);

}  // namespace imakeep::control
