// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <system_error>

namespace imakeep {

tl::unexpected<Error> fail_errno(int os_errno, const std::string& what) {
  return tl::unexpected<Error>(Error{.code = ErrorCode::kEnvironment,
                                     .message = what + ": " + std::generic_category().message(os_errno),
                                     .os_errno = os_errno});
}

Error named(Error error, const std::string& where) {
  error.message = where + ": " + error.message;
  return error;
}

std::string describe(const Error& error) {
  std::string text = error.message;
  if (error.record && error.offset) {
    text += " (record " + std::to_string(*error.record) + ", byte offset " + std::to_string(*error.offset) + ")";
  } else if (error.record) {
    text += " (record " + std::to_string(*error.record) + ")";
  } else if (error.offset) {
    text += " (byte offset " + std::to_string(*error.offset) + ")";
  }
  return text;
}

}  // namespace imakeep
