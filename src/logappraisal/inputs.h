// SPDX-License-Identifier: Apache-2.0
// logappraisal/inputs.h - reads the policies and keys that a log is appraised with. Threads: one thread; it reads
// files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policy/compiled_policy.h"
#include "signature/keyrings.h"

namespace imakeep::logappraisal {

// A policy that is shared by all who use it.
struct LoadedPolicy {
  std::string file;  // or another name of the policy
  std::shared_ptr<const policy::CompiledPolicy> policy;
};

// If `key_file` is not empty, each policy has to be in an envelope that a key of this file signed. Errors: those of
// read_file(), PolicyKey::parse(), parse_policy() and compile(), with the name of the file.
Result<std::vector<LoadedPolicy>> read_policies(const std::vector<std::string>& files, policy::Mode mode,
                                                const std::string& key_file);

// The keyring of keys that lie in the directory itself, and not in one of its subdirectories.
inline constexpr std::string_view kDefaultKeyring = ".ima";

struct LoadedKeys {
  signature::Keyrings keyrings;
  std::vector<Error> unusable;  // one for each file that gave no key; it names the file
};

// Keys of files in the directory belong to keyring kDefaultKeyring, those of files in a subdirectory to the keyring of
// its name. Errors: those of read_key_directory() and Keyrings::add(); kUsage if there is no key.
Result<LoadedKeys> read_keyrings(const std::string& directory);

}  // namespace imakeep::logappraisal
