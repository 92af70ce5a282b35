// SPDX-License-Identifier: Apache-2.0
// appraisal/keylime_rules.h - judges a line of IMA's ASCII list with the verdict that Keylime gives.
//
// docs/reference/findings.md has the order and the differences that are known. Internal to src/appraisal.
// Source: keylime/ima/ima.py, ast.py and file_signatures.py at Keylime's commit 9b1f6e6a. Threads: no shared state.
#pragma once

#include "appraisal/judgement.h"
#include "appraisal/keylime_line.h"

namespace imakeep::appraisal {

// The hash in which the list shows template digests, and the bank that the record is extended into.
Judgement judge_keylime_line(const Grounds& by, std::uint64_t record, const KeylimeLine& line);

// The policy's log_hash_alg; sha1 without a policy.
digest::Algorithm log_hash_of(const policy::CompiledPolicy* policy);

}  // namespace imakeep::appraisal
