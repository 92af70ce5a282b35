// SPDX-License-Identifier: Apache-2.0
// monitor/metrics_server.h - HTTP/1.1 on a Unix socket for scrapers of metrics: GET and HEAD of /metrics, nothing else.
//
// The server answers with the current snapshot, so a scrape neither waits for the keeper nor causes work in it. A
// connection carries one request, and is then closed. The server cuts off a client that sends too much or takes too
// long. It serves a bounded number of connections at once; further clients wait in the socket's queue. While a
// client waits there, the server closes the oldest connection that has used up its share of time. That way, idle
// clients delay a scrape only a little. The socket's mode is 0666, because its content is that of the 0644 file of
// metrics_file.h: the socket's directory decides which users may scrape.
// Threads: one of its own, which reads the snapshot.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "monitor/metrics_snapshot.h"

namespace imakeep::monitor {

struct MetricsLimits {
  std::size_t connections = 64;
  std::size_t connection_bytes = 16u << 10;     // memory for the head of a connection's request and of its answer
  std::chrono::milliseconds timeout{5000};      // from accepting the connection to the end of the answer
  std::chrono::milliseconds full_timeout{250};  // the same, while all connections are taken and another client waits
};

class MetricsServer {
 public:
  // Listens on `path` and begins to answer. Keeps a reference to the snapshot. Errors: listen_on()'s;
  //   kEnvironment  no descriptor or memory for the HTTP daemon
  static Result<std::unique_ptr<MetricsServer>> listen(const std::string& path, const MetricsSnapshot& snapshot,
                                                       const MetricsLimits& limits = {});
  // Cuts off the connected clients, and removes the socket.
  virtual ~MetricsServer() = default;
};

}  // namespace imakeep::monitor
