// SPDX-License-Identifier: Apache-2.0
#include "signature/curves.h"

#include <string_view>

#include "base/openssl_objects.h"

namespace imakeep::signature {

using openssl::ErrorQueueCleared;

const Curve* nist_curve_of(const evp_pkey_st* key) {
  const ErrorQueueCleared cleared;
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return nullptr;
  for (const Curve& curve : kNistCurves) {
    if (std::string_view(group.data()) == curve.openssl_name) return &curve;
  }
  return nullptr;
}

}  // namespace imakeep::signature
