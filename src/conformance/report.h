// SPDX-License-Identifier: Apache-2.0
// conformance/report.h - formats a report as text and as JSON.
//
//   text  one line per check: STATUS  ID  TITLE: expected X, found Y (REASON), and a line of totals
//   JSON  {"ima_dir", "on_fuse", "staging", "table", "banks": [...], "totals": {"pass", "fail", "skip", "exempt"},
//          "checks": [{"id", "title", "status", "expected", "found", "reason"}]}
// Threads: no shared state.
#pragma once

#include <string>

#include "conformance/conformance.h"

namespace imakeep::conformance {

std::string_view status_name(CheckStatus status);  // "pass", "fail", "skip", "exempt"

// One line without its newline, to show each result when it is available.
std::string render_line(const CheckResult& result);
// The subject of the test, and the totals: the lines before and after those of render_line(), each with its newline.
std::string render_heading(const Report& report);
std::string render_totals(const Report& report);

std::string render_text(const Report& report);
std::string render_json(const Report& report);

}  // namespace imakeep::conformance
