// SPDX-License-Identifier: Apache-2.0
// base/unix_socket.h - Unix stream sockets by path, also as a C++ stream. Threads: no shared state; one thread at a
// time uses an object, but any thread may call shut_down().
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>

#include "base/file.h"

namespace imakeep {

struct UnixAddress {
  sockaddr_un address{};
  socklen_t bytes = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

// Empty if the path is too long for a socket's address (ENAMETOOLONG).
std::optional<UnixAddress> unix_address(const std::string& path);

// Returns a connected stream socket, or the errno of socket(2), setsockopt(2) or connect(2). connect(2), and each later
// call on the socket, waits at most `limit` and then fails with EAGAIN. ENAMETOOLONG if the path is too long.
tl::expected<UniqueFd, int> connect_to(const std::string& path, std::chrono::milliseconds limit);

// A connected socket for reading and writing. A failed recv(2) ends the stream, as does a close by the other side. A
// failed send(2) sets badbit; after clear() a flush continues with the first byte that was not sent. Raises no SIGPIPE.
class SocketStream : public std::iostream {
 public:
  explicit SocketStream(UniqueFd socket);

  // Ends our direction: the other side reads the end of the stream, and may still write.
  void end_writing();
  // Ends the other direction: once what has arrived is read, reading ends. The other side can send no more.
  void end_reading();
  // Ends both directions. Another thread that waits in a read or write returns.
  void shut_down();
  // True if the last call on the socket failed because of its time limit.
  bool timed_out() const { return buffer_.timed_out(); }

 private:
  class Buffer : public std::streambuf {
   public:
    explicit Buffer(UniqueFd socket);
    int fd() const { return socket_.get(); }
    bool timed_out() const { return timed_out_; }

   protected:
    int_type underflow() override;
    int_type overflow(int_type c) override;
    int sync() override;

   private:
    bool send_all();

    UniqueFd socket_;
    bool timed_out_ = false;
    std::array<char, 16u << 10> in_;
    std::array<char, 16u << 10> out_;
  };

  Buffer buffer_;
};

}  // namespace imakeep
