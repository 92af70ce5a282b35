// conformance/report.h - a report as text and as JSON.
//
//   text  one line a check: STATUS  ID  TITLE: expected X, found Y (REASON), and a line of totals
//   JSON  {"ima_dir", "on_fuse", "staging", "table", "banks": [...], "totals": {"pass", "fail", "skip", "exempt"},
//          "checks": [{"id", "title", "status", "expected", "found", "reason"}]}
// Threads: no shared state.
#pragma once

#include <string>

#include "conformance/conformance.h"

namespace imakeep::conformance {

std::string_view status_name(CheckStatus status);  // "pass", "fail", "skip", "exempt"

// One line without its newline, for showing results as they come.
std::string render_line(const CheckResult& result);
// What was tested and the totals: the lines around render_line()'s, each with its newline.
std::string render_heading(const Report& report);
std::string render_totals(const Report& report);

std::string render_text(const Report& report);
std::string render_json(const Report& report);

}  // namespace imakeep::conformance
