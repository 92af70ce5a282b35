// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>

#include "commands.h"

int main(int argc, char** argv) {
  using namespace imakeep::app;
  fill_standard_streams();
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  // A stranger's malformed quote is refused with a reason of our own. A user who wants tpm2-tss's messages sets
  // TSS2_LOG. NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  ::setenv("TSS2_LOG", "all+none", 0);
  CommandLine command_line("imakeep-verifier", "Proves and appraises the measurement lists of hosts.",
                           "imakeep-verifier " IMAKEEP_VERSION);
  const Command root = command_line.root();
  root.require_command();
  add_serve(root);
  add_administration(root);
  return end_of_output(command_line.run(argc, argv));
}
