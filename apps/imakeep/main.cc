#include <cstdio>
#include <cstdlib>
#include <exception>

#include "commands.h"
#include "terminal.h"

int main(int argc, char** argv) {
  using namespace imakeep::app;
  // The TSS prints what it refuses; we say it in our own words. NOLINTNEXTLINE(concurrency-mt-unsafe): no thread yet.
  ::setenv("TSS2_LOG", "all+none", 0);
  CLI::App root("Takes IMA's measurement list out of memory without losing a record.", "imakeep");
  root.require_subcommand(1);
  root.set_version_flag("--version", "imakeep " IMAKEEP_VERSION);
  int code = kDone;
  CLI::App* const list = root.add_subcommand("list", "the measurement list itself, for machines without it");
  list->require_subcommand(1);
  add_list_serve(*list, code);
  add_list_clients(*list, code);
  add_verify(root, code);
  add_conformance(root, code);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return root.exit(error) == 0 ? kDone : kWrongUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "imakeep: %s\n", error.what());
    return kEnvironmentForbids;
  }
  return code;
}
