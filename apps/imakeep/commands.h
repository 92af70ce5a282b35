// SPDX-License-Identifier: Apache-2.0
// commands.h - the commands of imakeep: each adds itself to the command line.
//
// A command prints only its result to standard output.
#pragma once

#include <cstdint>
#include <string>

#include "cli/options.h"

namespace imakeep::attest {
struct LogCheck;
}
namespace imakeep::logproof {
struct BundleProof;
struct Evidence;
}  // namespace imakeep::logproof

namespace imakeep::app {

// Every command uses exit codes, options and messages of the command line.
using namespace cli;

void add_list_serve(const Command& list);
void add_list_clients(const Command& list);
void add_keep(const Command& root);
void add_status(const Command& root);
void add_doctor(const Command& root);
void add_view(const Command& root);
void add_verify(const Command& root);
void add_appraise(const Command& root);
void add_log(const Command& root);
void add_log_import(const Command& log);
void add_log_query(const Command& log);
void add_log_retire(const Command& log);
void add_policy(const Command& root);
void add_attest(const Command& root);
void add_conformance(const Command& root);

// Directory for the copy of a list that comes from a pipe. The list may be too large for /tmp.
std::string spool_folder();
// Seconds since 1970 by the system's clock.
std::int64_t unix_seconds();
// Reports the problem of a proof, if there is one, and what explains it. Returns the exit code.
int report_problem(const attest::LogCheck& check, const logproof::Evidence& evidence);
// The same for a bundle, with each quote that is not good.
int report_problem(const logproof::BundleProof& bundle, const attest::LogCheck& check);

}  // namespace imakeep::app
