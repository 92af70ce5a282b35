// SPDX-License-Identifier: Apache-2.0
// doctor/doctor.h - finds what keeps imakeep from working on this machine, and names the remedy.
//
// It changes nothing. It reads only the front of the list, and never waits for a keeper. Threads: no shared state.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pcrs/keep_pcrs.h"

namespace imakeep::doctor {

struct DoctorOptions {
  std::string ima_dir = "/sys/kernel/security/ima";
  std::string archive;  // empty: no archive is examined
  std::string pcrs = "auto";
  bool after_verifiers = false;  // the keeper is given trim_after = "verified"; needs `archive`
  std::string policy;            // file; empty: the kernel's policy
  std::string templates;         // template descriptions, as the keeper is given them
};

enum class Verdict : std::uint8_t { kOk, kWarn, kFail };

std::string_view word(Verdict verdict);  // "ok", "warn", "FAIL"

struct Checked {
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string what;
  std::string remedy = {};  // empty if none is needed
};

// Runs all checks, in the order in which an operator would fix the findings. A check that cannot be made is a finding
// too.
std::vector<Checked> examine(const DoctorOptions& options);

}  // namespace imakeep::doctor
