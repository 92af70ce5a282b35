// SPDX-License-Identifier: Apache-2.0
// output/proof_report.h - the output of `imakeep verify` about a proof, as lines and as JSON. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "attest/log_check.h"
#include "output/archive_log.h"

namespace imakeep::output {

// "matches after record 30", or that the value matches no prefix of the log.
std::string found_text(const std::optional<std::uint64_t>& found_at);
std::string match_text(const attest::ValueMatch& match);
// For a quote: which of its banks were extended in another way than usual. Empty if none was.
std::string quote_fill_text(const attest::LogCheck& check);
// "measured without TPM"; empty for kNone.
std::string diagnosis_name(attest::Diagnosis diagnosis);

// One line for each PCR of the log, or none at all if the total line says everything.
std::vector<std::string> pcr_lines(const attest::LogCheck& check);
// Empty if no values were given to compare the boot aggregate with.
std::string boot_aggregate_line(const attest::LogCheck& check);
std::string range_line(const UnprovenRange& range);
// "93 of 135 records proven, 42 after the match", and the number of unproven records, if any.
std::string total_line(const attest::LogCheck& check);

nlohmann::json value_json(const attest::ValueMatch& match);
nlohmann::json proof_json(const attest::PcrProof& proof);
nlohmann::json range_json(const UnprovenRange& range);
nlohmann::json boot_aggregate_json(const attest::LogCheck& check);

}  // namespace imakeep::output
