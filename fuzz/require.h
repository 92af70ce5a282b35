// SPDX-License-Identifier: Apache-2.0
// fuzz/require.h - a claim that must hold for every input; where it does not, libFuzzer keeps the input.
// Threads: no shared state.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace imakeep::fuzz {

inline void require(bool claim, const char* what) {
  if (claim) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace imakeep::fuzz
