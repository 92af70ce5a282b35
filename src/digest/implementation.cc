// SPDX-License-Identifier: Apache-2.0
#include "digest/implementation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace imakeep::digest {
namespace {

struct Named {
  Implementation implementation;
  std::string_view name;
};
constexpr std::array<Named, 4> kAll = {{{Implementation::kPortable, "portable"},
                                        {Implementation::kShaNi, "sha-ni"},
                                        {Implementation::kShaNiAvx2, "sha-ni+avx2"},
                                        {Implementation::kAvx512, "avx512"}}};

#if defined(__x86_64__)
// Query the processor in this file: it is compiled without instructions that may be missing.
bool has_sha_ni() {
  constexpr unsigned kSsse3 = 1u << 9;   // leaf 1, ECX
  constexpr unsigned kSse41 = 1u << 19;  // leaf 1, ECX
  constexpr unsigned kSha = 1u << 29;    // leaf 7, EBX
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kSsse3) == 0 || (c & kSse41) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kSha) != 0;
}

// True if the processor has the instructions and the system saves their registers.
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}
bool has_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}
#else
bool has_sha_ni() {
  return false;
}
bool has_avx2() {
  return false;
}
bool has_avx512() {
  return false;
}
#endif

bool available(Implementation implementation) {
  // Query only once: in a virtual machine each query takes far longer than a digest.
  static const bool sha_ni = has_sha_ni(), avx2 = sha_ni && has_avx2(), avx512 = avx2 && has_avx512();
  switch (implementation) {
    case Implementation::kPortable:
      return true;
    case Implementation::kShaNi:
      return sha_ni;
    case Implementation::kShaNiAvx2:
      return avx2;
    default:
      return avx512;
  }
}

std::atomic<Implementation>& chosen() {
  static std::atomic<Implementation> implementation = implementations().back();
  return implementation;
}

}  // namespace

Implementation implementation() {
  return chosen().load(std::memory_order_relaxed);
}

std::string_view implementation_name(Implementation implementation) {
  return std::ranges::find(kAll, implementation, &Named::implementation)->name;
}

std::vector<Implementation> implementations() {
  std::vector<Implementation> found;
  for (const Named& named : kAll) {
    if (available(named.implementation)) found.push_back(named.implementation);
  }
  return found;
}

Result<void> use_implementation(std::string_view name) {
  const auto* const found = std::ranges::find(kAll, name, &Named::name);
  if (found == kAll.end()) {
    return fail(ErrorCode::kUsage,
                "no digest implementation '" + std::string(name) + "'; use portable, sha-ni, sha-ni+avx2 or avx512");
  }
  if (!available(found->implementation)) {
    return fail(ErrorCode::kUnsupported,
                "this processor lacks what the implementation '" + std::string(name) + "' needs");
  }
  chosen().store(found->implementation);
  return {};
}

bool has_lanes(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kSha1:
    case Algorithm::kSha256:
      return implementation() != Implementation::kPortable;
    case Algorithm::kSha384:
    case Algorithm::kSha512:
      return implementation() >= Implementation::kShaNiAvx2;
    default:
      return false;
  }
}

}  // namespace imakeep::digest
