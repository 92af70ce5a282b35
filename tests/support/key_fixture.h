// SPDX-License-Identifier: Apache-2.0
// support/key_fixture.h - a test fixture with an RSA key, an EC key and a scratch directory. RSA keys take time, so all
// suites of a program share one of each.
//
// Threads: one at a time.
#pragma once

#include "support/key_tools.h"

namespace imakeep::test {

class WithKeys : public ::testing::Test {
 protected:
  // A fixture that derives and has its own calls this first.
  static void SetUpTestSuite() {
    struct Made {
      ScratchDirectory scratch;
      KeyFiles rsa = make_key(scratch, "rsa", kRsa2048);
      KeyFiles ec = make_key(scratch, "ec", kP256);
    };
    static const Made made;  // removed with the process
    scratch = &made.scratch;
    rsa = &made.rsa;
    ec = &made.ec;
  }

  static inline const ScratchDirectory* scratch = nullptr;
  static inline const KeyFiles* rsa = nullptr;
  static inline const KeyFiles* ec = nullptr;
};

}  // namespace imakeep::test
