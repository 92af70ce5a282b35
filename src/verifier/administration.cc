// SPDX-License-Identifier: Apache-2.0
#include "verifier/administration.h"

namespace imakeep::verifier {

std::optional<http::Begun> administer(Service& /*service*/, const http::Head& /*head*/) {
  return std::nullopt;
}

}  // namespace imakeep::verifier
