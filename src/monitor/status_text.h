// SPDX-License-Identifier: Apache-2.0
// monitor/status_text.h - a status as text for people, a line for each subject. Threads: no shared state.
#pragma once

#include <string>

#include "monitor/status.h"

namespace imakeep::monitor {

// Escapes as printable() does.
std::string status_text(const Status& status);

}  // namespace imakeep::monitor
