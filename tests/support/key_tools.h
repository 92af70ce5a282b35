// SPDX-License-Identifier: Apache-2.0
// support/key_tools.h - keys, certificates and signatures that openssl and evmctl make in a scratch directory.
//
// Threads: one at a time.
#pragma once

#include <stdexcept>

#include <gtest/gtest.h>

#include "signature/keyrings.h"
#include "support/programs.h"
#include "support/scratch_directory.h"

namespace imakeep::test {

inline bool evmctl_installed() {
  return run("command -v evmctl").code == 0;
}
inline constexpr const char* kNoEvmctl = "evmctl is not installed (Debian: apt install ima-evm-utils)";

inline Bytes with_bit_flipped(Bytes bytes, std::size_t bit) {
  bytes[bit / 8] ^= std::byte{1} << bit % 8;
  return bytes;
}

// A key pair with a self-signed certificate. Files: NAME.key (private), NAME.pub and NAME.crt (PEM), NAME.der
// (certificate).
struct KeyFiles {
  std::string stem;

  std::string pair() const { return stem + ".key"; }
  std::string public_key() const { return stem + ".pub"; }
  std::string certificate() const { return stem + ".crt"; }
  std::string certificate_der() const { return stem + ".der"; }

  signature::Key key() const { return must(signature::Key::parse(bytes_of_file(public_key()))).front(); }
  signature::Key certified_key() const { return must(signature::Key::parse(bytes_of_file(certificate()))).front(); }
};

// `algorithm` is what follows `openssl genpkey`. `more` goes to `openssl req`.
inline KeyFiles make_key(const ScratchDirectory& scratch, const std::string& name, const std::string& algorithm,
                         const std::string& more = "-days 30") {
  const KeyFiles files{.stem = scratch.file(name)};
  must_run("openssl genpkey " + algorithm + " -out " + files.pair());
  must_run("openssl pkey -in " + files.pair() + " -pubout -out " + files.public_key());
  must_run("openssl req -x509 -new -key " + files.pair() + " -subj '/O=imakeep/CN=" + name + "' " + more + " -out " +
           files.certificate());
  must_run("openssl x509 -in " + files.certificate() + " -outform DER -out " + files.certificate_der());
  return files;
}

inline constexpr const char* kRsa2048 = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
inline constexpr const char* kP256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

// Keyrings with one keyring, "test", that has one key.
inline signature::Keyrings only(const signature::Key& key) {
  signature::Keyrings keyrings;
  must(keyrings.add("test", key));
  return keyrings;
}

}  // namespace imakeep::test
