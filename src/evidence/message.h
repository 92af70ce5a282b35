// SPDX-License-Identifier: Apache-2.0
// evidence/message.h - what all JSON messages of src/evidence have in common. Internal: it includes all of
// nlohmann-json.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "jsontext/json_text.h"

namespace imakeep::evidence {

// The object of a message of at most `most_bytes`. `what` names the message in errors. kMalformed as
// jsontext::read_object(), or without a version; kUnsupported: too long, or another version than kControlVersion.
Result<nlohmann::json> read_message(std::string_view text, const std::string& what, std::size_t most_bytes);

// The bytes of a member; kMalformed if it is missing, is no base64, or has other than `least` to `most` bytes.
Result<Bytes> read_base64(const jsontext::Members& members, std::string_view name, std::size_t least, std::size_t most);
Result<Bytes> read_base64url(const jsontext::Members& members, std::string_view name, std::size_t least,
                             std::size_t most);

// A member that is true or false, or missing: false. kMalformed if it is anything else.
Result<bool> read_flag(const jsontext::Members& members, std::string_view name);

struct HostName {
  std::string tenant;
  std::string host;
};

// Members "tenant", which may be missing, and "host". kMalformed if a name has another form.
Result<HostName> read_host_name(const jsontext::Members& members);

// Hands a message out once its reader accepts it, so that what is made is always read. kUsage with the reader's
// message.
template <class Message>
Result<std::string> checked_message(std::string text, Result<Message> (*read)(std::string_view)) {
  if (auto accepted = read(text); !accepted) return fail(ErrorCode::kUsage, accepted.error().message);
  return text;
}

// The JSON without white space. Text that is not UTF-8 is replaced; names and digests that are read never have any.
std::string text_of(const nlohmann::ordered_json& object);

}  // namespace imakeep::evidence
