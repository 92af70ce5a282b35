// SPDX-License-Identifier: Apache-2.0
// logappraisal/report.h - an appraisal as text and as JSON, as `imakeep appraise` shows it. Names from records are
// escaped in the text: base/text.h. Threads: no shared state.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "logappraisal/log_appraisal.h"

namespace imakeep::logappraisal {

// One line each: policies, what was accepted by which rule, what was refused for which reason, learned keys, and then
// several lines for each finding.
std::string appraisal_text(const AppraisalResult& result, const std::vector<LoadedPolicy>& policies);

nlohmann::json appraisal_json(const AppraisalResult& result, const std::vector<LoadedPolicy>& policies);

// "34 of 1234 records are refused"; an error for the exit code.
Error refusal(const AppraisalResult& result);

}  // namespace imakeep::logappraisal
