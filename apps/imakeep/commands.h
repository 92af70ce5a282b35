// SPDX-License-Identifier: Apache-2.0
// commands.h - the commands of imakeep: each adds itself to the command line.
//
// A command prints only its result to standard output.
#pragma once

#include "cli/options.h"

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
void add_log(const Command& root);
void add_log_import(const Command& log);
void add_log_retire(const Command& log);
void add_conformance(const Command& root);

}  // namespace imakeep::app
