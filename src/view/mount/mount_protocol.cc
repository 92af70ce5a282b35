// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mount_protocol.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace imakeep::view {
namespace {

// Ends each argument, and the errno of an error: no path contains NUL.
constexpr char kEnd = '\0';
// The first byte of an answer.
constexpr char kDone = '+';
constexpr char kFailed = '-';

struct ArgumentCount {
  std::size_t min;
  std::size_t max;
};

std::optional<ArgumentCount> argument_count(MountCommand command) {
  switch (command) {
    case MountCommand::kPrepare:
    case MountCommand::kUncover:
    case MountCommand::kAdoptBind:
    case MountCommand::kLeave:
      return ArgumentCount{.min = 1, .max = 1};
    case MountCommand::kAdopt:
      return ArgumentCount{.min = 1, .max = 2};
    case MountCommand::kBind:
      return ArgumentCount{.min = 2, .max = 2};
    case MountCommand::kMount:
      return ArgumentCount{.min = 3, .max = 3};
    case MountCommand::kInPlace:
    case MountCommand::kUnmount:
      return ArgumentCount{.min = 0, .max = 0};
  }
  return std::nullopt;
}

unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::kMalformed, "a message between the keeper and its mount child: " + what);
}

unexpected<Error> gone() {
  return fail_errno(errno, "cannot send to the other end of the mount child's socket");
}

// Receives one message into `bytes`. False when the connection has ended.
bool receive(int socket, std::string& bytes, UniqueFd& descriptor) {
  bytes.resize(kMostMessageBytes);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  bytes.resize(static_cast<std::size_t>(got));
  if (const cmsghdr* const sent = CMSG_FIRSTHDR(&header); sent != nullptr) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(sent), sizeof fd);
    descriptor = UniqueFd(fd);
  }
  return true;
}

}  // namespace

std::string encode_request(const MountRequest& request) {
  std::string bytes(1, static_cast<char>(request.command));
  for (const std::string& argument : request.arguments) bytes += argument + kEnd;
  return bytes;
}

Result<MountRequest> decode_request(std::string_view bytes) {
  if (bytes.empty()) return malformed("an empty request");
  MountRequest request{.command = static_cast<MountCommand>(bytes[0])};
  const auto count = argument_count(request.command);
  if (!count) return malformed("unknown command " + std::to_string(static_cast<unsigned char>(bytes[0])));
  for (std::string_view rest = bytes.substr(1); !rest.empty();) {
    const std::size_t end = rest.find(kEnd);
    if (end == std::string_view::npos) return malformed("an argument is cut short");
    request.arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (request.arguments.size() < count->min || request.arguments.size() > count->max) {
    return malformed(std::to_string(request.arguments.size()) + " arguments of command " +
                     std::to_string(static_cast<unsigned char>(bytes[0])));
  }
  return request;
}

std::string encode_answer(const Result<std::string>& answer) {
  if (answer) return kDone + *answer;
  return kFailed + std::to_string(answer.error().os_errno) + kEnd + answer.error().message;
}

Result<std::string> decode_answer(std::string_view bytes) {
  if (bytes.starts_with(kDone)) return std::string(bytes.substr(1));
  const std::size_t end = bytes.find(kEnd);
  int os_errno = 0;
  if (!bytes.starts_with(kFailed) || end == std::string_view::npos ||
      std::from_chars(bytes.data() + 1, bytes.data() + end, os_errno).ptr != bytes.data() + end) {
    return malformed("not an answer");
  }
  return unexpected(
      Error{.code = ErrorCode::kEnvironment, .message = std::string(bytes.substr(end + 1)), .os_errno = os_errno});
}

Result<void> send_request(int socket, const MountRequest& request, int descriptor) {
  std::string bytes = encode_request(request);
  if (bytes.size() > kMostMessageBytes) return fail(ErrorCode::kUsage, "the paths of the view are too long");
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const sent = CMSG_FIRSTHDR(&header);
    sent->cmsg_level = SOL_SOCKET;
    sent->cmsg_type = SCM_RIGHTS;
    sent->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(sent), &descriptor, sizeof descriptor);
  }
  if (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) return gone();
  return {};
}

std::optional<ReceivedRequest> receive_request(int socket) {
  std::string bytes;
  UniqueFd descriptor;
  if (!receive(socket, bytes, descriptor)) return std::nullopt;
  return ReceivedRequest{.request = decode_request(bytes), .descriptor = std::move(descriptor)};
}

Result<void> send_answer(int socket, const Result<std::string>& answer) {
  const std::string bytes = encode_answer(answer);
  if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return gone();
  return {};
}

std::optional<Result<std::string>> receive_answer(int socket, int limit_ms) {
  pollfd answered{.fd = socket, .events = POLLIN, .revents = 0};
  if (::poll(&answered, 1, limit_ms) != 1) return std::nullopt;
  std::string bytes;
  UniqueFd none;
  if (!receive(socket, bytes, none)) return std::nullopt;
  return decode_answer(bytes);
}

}  // namespace imakeep::view
