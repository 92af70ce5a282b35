#include "digest/kernel.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include "digest/avx2.h"
#include "digest/sha_ni.h"

namespace imakeep::digest {
namespace {

struct Named {
  Kernel kernel;
  std::string_view name;
};
constexpr std::array<Named, 3> kAll = {
    {{Kernel::kPortable, "portable"}, {Kernel::kShaNi, "sha-ni"}, {Kernel::kShaNiAvx2, "sha-ni+avx2"}}};

bool available(Kernel kernel) {
  if (kernel == Kernel::kPortable) return true;
  return sha_ni::available() && (kernel == Kernel::kShaNi || avx2::available());
}

std::atomic<Kernel>& chosen() {
  static std::atomic<Kernel> kernel = kernels().back();
  return kernel;
}

}  // namespace

Kernel kernel() {
  return chosen().load(std::memory_order_relaxed);
}

std::string_view kernel_name(Kernel kernel) {
  return std::ranges::find(kAll, kernel, &Named::kernel)->name;
}

std::vector<Kernel> kernels() {
  std::vector<Kernel> found;
  for (const Named& named : kAll) {
    if (available(named.kernel)) found.push_back(named.kernel);
  }
  return found;
}

Result<void> use_kernel(std::string_view name) {
  const auto* const found = std::ranges::find(kAll, name, &Named::name);
  if (found == kAll.end()) {
    return fail(ErrorCode::kUsage, "there is no kernel '" + std::string(name) +
                                       "' for digests; there are portable, sha-ni and sha-ni+avx2");
  }
  if (!available(found->kernel)) {
    return fail(ErrorCode::kUnsupported, "this processor lacks what the kernel '" + std::string(name) + "' needs");
  }
  chosen().store(found->kernel);
  return {};
}

bool has_lanes(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kSha1:
    case Algorithm::kSha256:
      return kernel() != Kernel::kPortable;
    case Algorithm::kSha384:
    case Algorithm::kSha512:
      return kernel() == Kernel::kShaNiAvx2;
    default:
      return false;
  }
}

}  // namespace imakeep::digest
