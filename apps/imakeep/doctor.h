// doctor.h - looks for what keeps imakeep from working on this machine, and names the remedy.
//
// It changes nothing and opens no list. Threads: no shared state.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "keep_pcrs.h"

namespace imakeep::app {

struct DoctorOptions {
  std::string ima_dir = "/sys/kernel/security/ima";
  std::string archive;  // empty: not looked at
  std::string pcrs = "auto";
  std::string policy;  // empty: the kernel's
};

enum class Verdict : std::uint8_t { kOk, kWarn, kFail };

std::string_view word(Verdict verdict);  // "ok", "warn", "FAIL"

struct Checked {
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string what;
  std::string remedy = {};  // empty where there is none to need
};

// All checks, in the order in which one would mend what they find. What cannot be checked is a finding too.
std::vector<Checked> examine(const DoctorOptions& options);

}  // namespace imakeep::app
