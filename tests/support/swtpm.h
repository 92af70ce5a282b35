// SPDX-License-Identifier: Apache-2.0
// support/swtpm.h - a TPM 2.0 for tests: a real swtpm process of one's own, on free loopback ports.
//
// It starts as a machine's TPM does after a reset, with PCRs at zero. Threads: an object belongs to one thread at a
// time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace imakeep::test {

struct SwtpmOptions {
  bool started = true;  // TPM2_Startup(CLEAR) was sent, as firmware does
};

class Swtpm {
 public:
  // Whether the program is in PATH. Tests that need it skip themselves when it is not:
  //   if (!Swtpm::installed()) GTEST_SKIP() << Swtpm::kNotInstalled;
  static bool installed();
  static constexpr const char* kNotInstalled = "swtpm is not installed (Debian: apt install swtpm)";

  // Returns once it can be connected to.
  static Result<std::unique_ptr<Swtpm>> start(const SwtpmOptions& options = {});
  ~Swtpm();  // ends the process and removes its state
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  // The TCTI for EsysPcrBanks::open() and tpm2-tools' -T.
  std::string tcti() const;

  void kill();    // at once, as a machine that loses its TPM; nothing once it is dead
  void pause();   // it keeps its ports and answers nothing
  void resume();  // it answers what came meanwhile
  // The same TPM after a reset: same ports, same NV state (PCR banks among it), PCRs at zero.
  Result<void> restart();

 private:
  explicit Swtpm(SwtpmOptions options);
  Result<void> launch();
  // Whether it listens now; false when it ended, most often because another process has a port.
  bool becomes_ready();

  const SwtpmOptions options_;
  std::string state_folder_;
  std::uint16_t port_ = 0;  // of commands; the control port is the next one, as tcti-swtpm wants it
  pid_t pid_ = -1;
};

}  // namespace imakeep::test
