// SPDX-License-Identifier: Apache-2.0
// read_keys.h - the option --keys DIR. Threads: the main thread.
#pragma once

#include "cli/terminal.h"
#include "logappraisal/inputs.h"

namespace imakeep::app {

// The keys of a directory, none if it is empty. Reports files that gave no key. Errors: those of read_keyrings().
inline Result<logappraisal::LoadedKeys> read_keys(const std::string& directory) {
  if (directory.empty()) return logappraisal::LoadedKeys{};
  auto keys = logappraisal::read_keyrings(directory);
  for (const Error& error : keys ? keys->unusable : std::vector<Error>()) cli::report(error, "left out");
  return keys;
}

}  // namespace imakeep::app
