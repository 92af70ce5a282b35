// control/socket_server.h - answers requests on a Unix socket.
//
// The socket's mode is 0600: whoever may connect may change the list.
// Threads: one of its own that accepts, and one a connection. The answering function is called from those.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/message.h"

namespace imakeep::control {

class SocketServer {
 public:
  using Answer = std::function<Message(const Message&)>;

  // Listens on `path` and begins to answer. A socket that a dead process left there is replaced. kEnvironment: somebody
  // listens there already, something else has that name, no permission.
  static Result<std::unique_ptr<SocketServer>> listen(const std::string& path, Answer answer);
  // Ends all connections, waits for answers under way, removes the socket.
  virtual ~SocketServer() = default;
};

}  // namespace imakeep::control
