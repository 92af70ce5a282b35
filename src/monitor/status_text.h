// SPDX-License-Identifier: Apache-2.0
// monitor/status_text.h - a status (docs/formats/keeper-socket.md) as text for people, a line for each subject.
// Threads: no shared state.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace imakeep::monitor {

// Escapes as printable() does. Throws nlohmann::json::exception if a member has another type than a keeper
// gives it.
std::string status_text(const nlohmann::json& status);

}  // namespace imakeep::monitor
