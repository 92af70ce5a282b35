// SPDX-License-Identifier: Apache-2.0
// view/mount/mount_protocol.h - what the keeper and its mount child say to each other: a request, an answer, in turn.
//
// The socket is AF_UNIX and SOCK_SEQPACKET: each message arrives whole. Keeper and child are the same program, so the
// form needs no version. Paths are absolute, because the child has another working directory.
// Threads: one thread at a time uses a socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace imakeep::view {

enum class MountCommand : std::uint8_t {
  kPrepare,    // DIRECTORY: make it fit for a mount, see MountGuard::check()
  kUncover,    // DIRECTORY: unmount each view that covers a file of it and for which no process answers
  kMount,      // DIRECTORY SOURCE OPTIONS, and an open /dev/fuse
  kAdopt,      // DIRECTORY [SOURCE]: take charge of a view that is mounted; the answer is its source
  kAdoptBind,  // FILE: take charge of a file that the view covers
  kBind,       // FROM FILE: cover FILE with FROM
  kLeave,      // "1" or "0": whether the mounts stay when the connection ends
  kInPlace,    // the answer says what is missing; it is empty if all mounts are in place
  kUnmount,
};

struct MountRequest {
  MountCommand command = MountCommand::kInPlace;
  std::vector<std::string> arguments = {};  // without NUL
};

struct ReceivedRequest {
  Result<MountRequest> request;  // the error of decode_request()
  UniqueFd descriptor;           // valid if one came with the request
};

// The longest message, in bytes. Two paths of PATH_MAX fit.
inline constexpr std::size_t kMostMessageBytes = 64u << 10;

// decode_request(): kMalformed if the bytes are no request, or if the command takes another number of arguments.
std::string encode_request(const MountRequest& request);
Result<MountRequest> decode_request(std::string_view bytes);

// An answer is the text of a success, or an error. Of an error, message and errno are sent; its code becomes
// kEnvironment. decode_answer(): kMalformed if the bytes are no answer.
std::string encode_answer(const Result<std::string>& answer);
Result<std::string> decode_answer(std::string_view bytes);

// Sends a duplicate of the descriptor too, if that is not -1. kUsage if the request is too long; kEnvironment, with
// errno, if it cannot be sent.
Result<void> send_request(int socket, const MountRequest& request, int descriptor);
// Waits without limit. Empty when the connection has ended.
std::optional<ReceivedRequest> receive_request(int socket);

// kEnvironment, with errno, if it cannot be sent.
Result<void> send_answer(int socket, const Result<std::string>& answer);
// Empty if no answer arrives within the limit, or if the connection has ended.
std::optional<Result<std::string>> receive_answer(int socket, int limit_ms);

}  // namespace imakeep::view
