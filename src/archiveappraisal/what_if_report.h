// SPDX-License-Identifier: Apache-2.0
// archiveappraisal/what_if_report.h - the answer to a what-if as text and as JSON, as `imakeep policy check --against`
// shows it.
//
// As text, a change is a line: CHANGE ARCHIVE CHAIN FIRST RECORDS BEFORE AFTER DIGEST PATH. BEFORE and AFTER are the
// rule that accepts, or the reasons with commas between them. "-" stands for what there is not. After the changes each
// chain has a line with its counts. Names are escaped in the text: base/text.h. Threads: no shared state.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "archiveappraisal/what_if.h"

namespace imakeep::archiveappraisal {

// `before`: as it was given to judge_archives().
std::string what_if_text(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                         const logappraisal::LoadedPolicy* before);
nlohmann::json what_if_json(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                            const logappraisal::LoadedPolicy* before);

// What is not as it should be: damage of the first damaged chain, if there is one, and kMismatch if verdicts become
// refusals. In the order in which a command reports them.
std::vector<Error> what_if_problems(const WhatIfResult& result, const logappraisal::LoadedPolicy& policy,
                                    const logappraisal::LoadedPolicy* before);

}  // namespace imakeep::archiveappraisal
