// control/listening_socket.h - a Unix socket with a name, to listen on. Threads: no shared state, but for the umask,
// which is another for a moment.
#pragma once

#include <sys/types.h>

#include <string>

#include <boost/asio/local/stream_protocol.hpp>

#include "base/result.h"

namespace imakeep::control {

// Binds `acceptor`, which is closed, to `path` with that mode, and listens. A socket that a dead process left there is
// replaced. `what` is for messages: "control socket". Whoever listens unlinks the path at the end. Errors:
//   kEnvironment  somebody listens there already, something else has that name, no permission, the name is too long
Result<void> listen_on(boost::asio::local::stream_protocol::acceptor& acceptor, const std::string& path, mode_t mode,
                       const std::string& what);

}  // namespace imakeep::control
