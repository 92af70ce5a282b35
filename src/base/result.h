// SPDX-License-Identifier: Apache-2.0
// base/result.h - the return type of every fallible call of imakeep: a value or one Error.
//
// The code tells the caller what it can do. The message tells a person what happened and what to do about it.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace imakeep {

enum class ErrorCode : std::uint8_t {
  kTruncated,    // a prefix of valid input: retry from the same start with more bytes
  kMalformed,    // the bytes can never become valid: reject
  kUnsupported,  // may be valid, but this build does not know it: reject, or use another tool
  kMismatch,     // well-formed, but a digest, PCR or count does not match: what was checked is not as it should be
  kUsage,        // the request makes no sense: fix the call
  kRefused,      // the state of the list forbids the request; os_errno is Linux's answer
  kEnvironment,  // permission, busy, missing file or device: fix the machine, then retry
  kIo,           // a read or write failed midway: reopen or give up
};

struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string message = {};
  std::optional<std::uint64_t> offset = std::nullopt;  // bytes from the start of the input
  std::optional<std::uint64_t> record = std::nullopt;  // count of records before the faulty one
  int os_errno = 0;                                    // 0 if no system call failed and Linux's list returns no errno
};

template <class T>
using Result = tl::expected<T, Error>;

using tl::unexpected;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{.code = code, .message = std::move(message)});
}

// kRefused, with the errno that Linux returns.
inline tl::unexpected<Error> refuse(int os_errno, std::string message) {
  return tl::unexpected<Error>(Error{.code = ErrorCode::kRefused, .message = std::move(message), .os_errno = os_errno});
}

// An error of a system call. `what` names the file and the attempt; the strerror text is appended.
tl::unexpected<Error> fail_errno(int os_errno, const std::string& what);

// Returns the error with "WHERE: " before its message. `where` is usually the file with the error.
Error named(Error error, const std::string& where);

// "MESSAGE (record R, byte offset O)": the line that a person sees.
std::string describe(const Error& error);

}  // namespace imakeep

// If `expr` fails, returns its error from the enclosing function.
#define IMAKEEP_CHECK(expr)                                             \
  do {                                                                  \
    if (auto imakeep_checked = (expr); !imakeep_checked) {              \
      return ::imakeep::unexpected(std::move(imakeep_checked).error()); \
    }                                                                   \
  } while (false)

#define IMAKEEP_JOIN_EXPANDED(a, b) a##b
#define IMAKEEP_JOIN(a, b) IMAKEEP_JOIN_EXPANDED(a, b)

// IMAKEEP_TRY(const auto& name, EXPR): if EXPR, a Result, fails, returns its error from the enclosing function.
// Otherwise declares `name` as its value. A reference lives as long as the enclosing block. The macro is several
// statements, so it needs braces after `if`. A line has at most one.
#define IMAKEEP_TRY(declaration, ...)                                                        \
  auto IMAKEEP_JOIN(imakeep_tried_, __LINE__) = (__VA_ARGS__);                               \
  if (!IMAKEEP_JOIN(imakeep_tried_, __LINE__)) {                                             \
    return ::imakeep::unexpected(std::move(IMAKEEP_JOIN(imakeep_tried_, __LINE__)).error()); \
  }                                                                                          \
  declaration = *std::move(IMAKEEP_JOIN(imakeep_tried_, __LINE__))
