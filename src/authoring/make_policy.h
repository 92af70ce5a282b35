// SPDX-License-Identifier: Apache-2.0
// authoring/make_policy.h - makes policies: of lists and archives, of directory trees, of packages, of other policies.
// Threads: no shared state.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/chain_id.h"
#include "base/clock.h"
#include "debian/from_packages.h"
#include "debian/root_comparison.h"
#include "reference/merge.h"
#include "reference/root_walk.h"

namespace imakeep::authoring {

// A policy that was made, and what a person should know of how.
struct Made {
  std::string text;
  std::vector<std::string> notes;
  std::vector<std::string> inputs;  // files that the policy must not replace
  bool complete = true;             // false: something that was asked for could not be found
};

struct LogInputs {
  std::vector<std::string> files;  // binary lists; or
  std::optional<std::string> archive;
  std::optional<archive::ChainId> chain;
  std::string templates;              // TemplateSet::parse()
  std::vector<std::string> excludes;  // RE2
  std::string spool_folder;           // for lists that come from pipes
};
Result<Made> from_log(const LogInputs& inputs);

struct RootInputs {
  reference::RootOptions root;
  std::vector<std::string> algorithms;  // names; none: sha256
  std::vector<std::string> initramfs;
};
Result<Made> from_root(RootInputs inputs);

struct PackageInputs {
  std::vector<std::string> sources;  // debian::parse_source()
  std::vector<std::string> rpms;     // or RPM files, and directories of them
  std::string keyring;
  std::string status = "/var/lib/dpkg/status";
  std::optional<std::string> diversions;  // none: the file "diversions" next to the status
  std::string cache;
  std::vector<std::string> algorithms;
  bool split_usr = false;
  bool dpkg_new = false;
  std::optional<std::string> compare;  // a root whose files are compared with the policy
  std::vector<std::string> under;      // directories in it; none: /boot and /usr
};
struct MadeFromPackages {
  Made made;
  std::optional<debian::RootComparison> comparison;
};
Result<MadeFromPackages> from_packages(const PackageInputs& inputs, Clock& clock,
                                       const std::function<void(std::uint64_t done, std::uint64_t total)>& on_bytes);

// One policy of all files, in order. With a span, of two: merge_update().
Result<Made> merged(const std::vector<std::string>& files, const std::optional<reference::UpdateSpan>& span);

Result<Made> signed_policy(const std::string& policy, const std::string& private_key);

}  // namespace imakeep::authoring
