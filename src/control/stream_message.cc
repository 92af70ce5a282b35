// SPDX-License-Identifier: Apache-2.0
#include "control/stream_message.h"

#include <istream>
#include <ostream>
#include <string>

#include <nlohmann/json.hpp>

#include "control/message.h"

namespace imakeep::control {

Result<std::optional<Message>> receive(std::istream& in, std::size_t max_payload_bytes) {
  std::string line(kMaxHeadBytes, '\0');
  in.getline(line.data(), static_cast<std::streamsize>(line.size()));
  if (in.eof() && in.gcount() == 0) return std::nullopt;
  if (in.eof()) return fail(ErrorCode::kTruncated, "message cut short");
  if (!in.good()) return fail(ErrorCode::kMalformed, "the head of a message is longer than 64 KiB");
  line.resize(static_cast<std::size_t>(in.gcount() - 1));

  Message message;
  message.head = nlohmann::json::parse(line, nullptr, false);
  if (!message.head.is_object()) return fail(ErrorCode::kMalformed, "the head of a message is not a JSON object");
  const auto size = message.head.find("payload_bytes");
  if (size == message.head.end()) return message;
  if (!size->is_number_unsigned() || size->get<std::uint64_t>() > max_payload_bytes) {
    return fail(ErrorCode::kMalformed, "payload_bytes is not a number up to " + std::to_string(max_payload_bytes));
  }
  message.payload.resize(size->get<std::size_t>());
  in.read(reinterpret_cast<char*>(message.payload.data()), static_cast<std::streamsize>(message.payload.size()));
  if (!in.good()) return fail(ErrorCode::kTruncated, "payload cut short");
  return message;
}

bool send(std::ostream& out, const Message& message) {
  nlohmann::json head = message.head;
  if (!message.payload.empty()) head["payload_bytes"] = message.payload.size();
  // File names may not be valid UTF-8. They must not prevent an answer.
  out << head.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  out.write(reinterpret_cast<const char*>(message.payload.data()),
            static_cast<std::streamsize>(message.payload.size()));
  out.flush();
  return out.good();
}

}  // namespace imakeep::control
