// SPDX-License-Identifier: Apache-2.0
// apps/imakeep-verifier/commands.h - the commands of imakeep-verifier. Threads: one thread.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"

namespace imakeep::app {

using namespace imakeep::cli;

void add_serve(const Command& root);
// hosts, policy, findings, history, tokens, tenants, keys: what asks a running verifier.
void add_administration(const Command& root);

}  // namespace imakeep::app
