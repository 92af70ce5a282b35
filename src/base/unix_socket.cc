// SPDX-License-Identifier: Apache-2.0
#include "base/unix_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace imakeep {

std::optional<UnixAddress> unix_address(const std::string& path) {
  UnixAddress made{.address = {.sun_family = AF_UNIX, .sun_path = {}},
                   .bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())};
  if (path.size() >= sizeof made.address.sun_path) return std::nullopt;
  path.copy(made.address.sun_path, path.size());
  return made;
}

tl::expected<UniqueFd, int> connect_to(const std::string& path, std::chrono::milliseconds limit) {
  const auto address = unix_address(path);
  if (!address) return tl::unexpected(ENAMETOOLONG);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return tl::unexpected(errno);
  const timeval waits{.tv_sec = limit.count() / 1000, .tv_usec = limit.count() % 1000 * 1000};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, option, &waits, sizeof waits) != 0) return tl::unexpected(errno);
  }
  while (::connect(socket.get(), address->get(), address->bytes) != 0) {
    if (errno != EINTR) return tl::unexpected(errno);
  }
  return socket;
}

SocketStream::Buffer::Buffer(UniqueFd socket) : socket_(std::move(socket)) {
  setg(in_.data(), in_.data(), in_.data());
  setp(out_.data(), out_.data() + out_.size());
}

SocketStream::Buffer::int_type SocketStream::Buffer::underflow() {
  ssize_t got = 0;
  do {
    got = ::recv(fd(), in_.data(), in_.size(), 0);
  } while (got < 0 && errno == EINTR);
  timed_out_ = got < 0 && errno == EAGAIN;
  if (got <= 0) return traits_type::eof();
  setg(in_.data(), in_.data(), in_.data() + got);
  return traits_type::to_int_type(in_.front());
}

SocketStream::Buffer::int_type SocketStream::Buffer::overflow(int_type c) {
  if (!send_all()) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  return sputc(traits_type::to_char_type(c));
}

int SocketStream::Buffer::sync() {
  return send_all() ? 0 : -1;
}

bool SocketStream::Buffer::send_all() {
  const char* from = pbase();
  bool failed = false;
  while (from < pptr() && !failed) {
    const ssize_t sent = ::send(fd(), from, static_cast<std::size_t>(pptr() - from), MSG_NOSIGNAL);
    if (sent > 0) from += sent;
    failed = sent < 0 && errno != EINTR;
    timed_out_ = failed && errno == EAGAIN;
  }
  // Keep only the unsent bytes, so that a later flush does not send the others again.
  const std::ptrdiff_t unsent = pptr() - from;
  std::copy(from, static_cast<const char*>(pptr()), out_.data());
  setp(out_.data(), out_.data() + out_.size());
  pbump(static_cast<int>(unsent));
  return !failed;
}

SocketStream::SocketStream(UniqueFd socket) : std::iostream(nullptr), buffer_(std::move(socket)) {
  rdbuf(&buffer_);
}

void SocketStream::end_writing() {
  ::shutdown(buffer_.fd(), SHUT_WR);
}

void SocketStream::end_reading() {
  ::shutdown(buffer_.fd(), SHUT_RD);
}

void SocketStream::shut_down() {
  ::shutdown(buffer_.fd(), SHUT_RDWR);
}

}  // namespace imakeep
