#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "commands.h"
#include "digest/kernel.h"
#include "terminal.h"

int main(int argc, char** argv) {
  using namespace imakeep::app;
  // tpm2-tss prints to standard error what imakeep says by itself. Whoever wants both sets the variable.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  ::setenv("TSS2_LOG", "all+none", 0);
  CLI::App root("Takes IMA's measurement list out of memory without losing a record.", "imakeep");
  root.require_subcommand(1);
  root.set_version_flag("--version", "imakeep " IMAKEEP_VERSION);
  int code = kDone;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
  if (const char* const kernel = std::getenv("IMAKEEP_DIGEST"); kernel != nullptr && *kernel != '\0') {
    if (auto used = imakeep::digest::use_kernel(kernel); !used) {
      used.error().message = "IMAKEEP_DIGEST: " + used.error().message;
      return report(used.error());
    }
  }
  CLI::App* const list = root.add_subcommand("list", "the measurement list itself, for machines without it");
  list->require_subcommand(1);
  add_list_serve(*list, code);
  add_list_clients(*list, code);
  add_keep(root, code);
  add_status(root, code);
  add_doctor(root, code);
  add_view(root, code);
  add_verify(root, code);
  add_log(root, code);
  add_conformance(root, code);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return root.exit(error) == 0 ? kDone : kWrongUsage;
  } catch (const std::invalid_argument& error) {
    // How CLI11 says that a flag was given a value that is none.
    std::fprintf(stderr, "imakeep: a flag takes true or false, or nothing (%s); see --help\n", error.what());
    return kWrongUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "imakeep: %s\n", error.what());
    return kEnvironmentForbids;
  }
  return code;
}
