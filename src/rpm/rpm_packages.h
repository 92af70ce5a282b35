// SPDX-License-Identifier: Apache-2.0
// rpm/rpm_packages.h - takes reference values from the headers of RPM packages: they hold a digest of each file.
//
// The package's signature covers its header, so nothing is unpacked. A header may also hold IMA signatures of its files
// (`rpmsign --signfiles`); rpm-plugin-ima writes them to security.ima. A policy that requires these signatures needs no
// digests; RpmReport counts them. The library is librpm; its settings are global, so: one thread.
#pragma once

#include <string>
#include <vector>

#include "digest/digest.h"
#include "reference/document.h"

namespace imakeep::rpm {

struct RpmOptions {
  std::vector<std::string> packages;  // files; of a directory, each *.rpm in it
  std::string keyring;                // armored public keys, one of which signed each package
};

struct RpmReport {
  std::uint64_t packages = 0;
  std::uint64_t files = 0;
  std::uint64_t signed_files = 0;     // with an IMA signature in the header
  std::vector<std::string> left_out;  // why: a digest of another algorithm, or a name that JSON cannot hold
};

// Errors: kMismatch: a package is not signed by a key of the keyring, or is damaged; kEnvironment: a file cannot be
// read; kMalformed: the keyring has no key; kUsage: no package.
Result<RpmReport> add_rpms(const RpmOptions& options, reference::Document& document);

}  // namespace imakeep::rpm
