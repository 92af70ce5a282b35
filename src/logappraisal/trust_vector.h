// SPDX-License-Identifier: Apache-2.0
// logappraisal/trust_vector.h - the parts of an attestation result (ear/ear.h) that an appraisal leads to.
//
// A record does not say whether its file was executed or only read, so every record counts for the claim of
// executables. Threads: no shared state.
#pragma once

#include "attest/boot_aggregate.h"
#include "ear/ear.h"
#include "logappraisal/log_appraisal.h"

namespace imakeep::logappraisal {

// Whether a policy has the boot aggregate among its digests.
bool is_reference(const std::vector<LoadedPolicy>& policies, const attest::BootAggregate& stated);
// Whether the appraisal refused a boot aggregate because it is another one.
bool boot_refused(const AppraisalResult& appraisal);

// Makes the claim of executables that of the worst record so far.
void add_records(ear::TrustVector& vector, const AppraisalResult& appraisal);

// At most ear::kMostFindings.
std::vector<ear::ReportedFinding> reported_findings(const AppraisalResult& appraisal);
// "sha256:HEX"
std::string digest_text_of(ByteView digest);

}  // namespace imakeep::logappraisal
