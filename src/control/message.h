// SPDX-License-Identifier: Apache-2.0
// control/message.h - one message on the control socket of a served list or of a keeper.
//
//   message := one line of JSON, "\n", then as many bytes as its member "payload_bytes" says (none if it is missing)
//   request := {"op": NAME, ...}       answer := {"ok": true, ...} | {"ok": false, "error": {...}}
// The operations are in docs/formats/control-socket.md and keeper-socket.md. On a connection requests and answers
// alternate. Threads: plain values.
//
// A message is its JSON, so this header needs all of nlohmann/json. Headers that only pass messages on forward-declare
// Message instead, so that their users compile fast.
#pragma once

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::control {

struct Message {
  nlohmann::json head;
  Bytes payload = {};
};

// The form of errors on the socket: code, message, offset, record and errno.
nlohmann::json error_to_json(const Error& error);
Error error_from_json(const nlohmann::json& json);

}  // namespace imakeep::control
