// SPDX-License-Identifier: Apache-2.0
// control/socket_server.h - answers requests on a Unix socket.
//
// The socket's mode is 0600, because a process that may connect may change the list.
// At most kMostConnections are open. If another client connects, the server closes the connection that has been silent
// the longest. If all clients wait for answers, it closes the new connection.
// Threads: the server runs one thread that accepts, and one for each connection. The latter call the answering
// function.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace imakeep::control {

struct Message;

class SocketServer {
 public:
  static constexpr std::size_t kMostConnections = 64;
  using Answer = std::function<Message(const Message&)>;

  // Listens on `path` and begins to answer. Replaces a socket that a dead process left there. kEnvironment: a process
  // listens there already, another kind of file has that name, no permission, the name is too long.
  static Result<std::unique_ptr<SocketServer>> listen(const std::string& path, Answer answer);
  // Ends all connections, waits for the answers in progress, and removes the socket.
  virtual ~SocketServer() = default;
};

}  // namespace imakeep::control
