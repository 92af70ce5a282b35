// SPDX-License-Identifier: Apache-2.0
// enrol/trust_directory.h - reads a directory of certificates that are trusted. Threads: one thread; it reads files.
#pragma once

#include <string>

#include "enrol/certificate.h"

namespace imakeep::enrol {

// Every regular file of the directory, in the order of their names, is one certificate in DER or several in PEM.
// Errors: kUsage if there is no root; those of reading and of TrustStore::add().
Result<TrustStore> read_trust_directory(const std::string& directory);

}  // namespace imakeep::enrol
