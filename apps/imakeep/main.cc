// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>

#include "cli/terminal.h"
#include "commands.h"
#include "digest/implementation.h"
#include "view/mount/mount_child.h"

int main(int argc, char** argv) {
  using namespace imakeep::app;
  if (const auto exit_code = imakeep::view::run_if_mount_child(argc, argv)) return *exit_code;
  fill_standard_streams();
  // With SIGXFSZ ignored, a write beyond the file size limit fails with EFBIG, which imakeep reports.
  ::signal(SIGXFSZ, SIG_IGN);
  // imakeep reports TPM errors itself, so keep tpm2-tss from printing them too. A user who wants both sets TSS2_LOG.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  ::setenv("TSS2_LOG", "all+none", 0);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  if (const char* const kernel = std::getenv("IMAKEEP_DIGEST"); kernel != nullptr && *kernel != '\0') {
    if (auto used = imakeep::digest::use_implementation(kernel); !used) {
      used.error().message = "IMAKEEP_DIGEST: " + used.error().message;
      return report(used.error());
    }
  }
  CommandLine command_line("imakeep", "Trims IMA's measurement list without losing a record.",
                           "imakeep " IMAKEEP_VERSION);
  const Command root = command_line.root();
  root.require_command();
  const Command list = root.add_command("list", "serve and fill a measurement list, for machines without IMA");
  list.require_command();
  add_list_serve(list);
  add_list_clients(list);
  add_keep(root);
  add_status(root);
  add_doctor(root);
  add_view(root);
  add_verify(root);
  add_appraise(root);
  add_log(root);
  add_policy(root);
  add_attest(root);
  add_conformance(root);
  return end_of_output(command_line.run(argc, argv));
}
