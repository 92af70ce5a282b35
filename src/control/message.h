// control/message.h - what goes over the control socket of a served list or a keeper.
//
//   message := one line of JSON, "\n", then as many bytes as its member "payload_bytes" says (none if it is missing)
//   request := {"op": NAME, ...}       answer := {"ok": true, ...} | {"ok": false, "error": {...}}
// The operations are in docs/formats/control-socket.md and keeper-socket.md. One connection carries requests and
// answers in turn. Threads: values.
#pragma once

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::control {

struct Message {
  nlohmann::json head;
  Bytes payload = {};
};

inline constexpr std::size_t kMaxHeadBytes = 64u << 10;
// Of requests; a saved image may be of any size.
inline constexpr std::size_t kMaxPayloadBytes = 64u << 20;

// Errors as they travel: code, message, offset, record and errno.
nlohmann::json error_to_json(const Error& error);
Error error_from_json(const nlohmann::json& json);

}  // namespace imakeep::control
