// metrics_server.h - HTTP/1.1 on a Unix socket for who scrapes metrics: GET and HEAD of /metrics, nothing else.
//
// The answer is the snapshot as it is, so a scrape neither waits for the keeper nor makes it work. One request a
// connection, which is then closed. Who sends too much, or too slowly, is cut off, and no more than a few are served at
// once; others wait in the socket's queue. The socket's mode is 0666, as what it says is what the 0644 file of
// metrics_file.h says: the socket's directory decides who may scrape.
// Threads: one of its own; the snapshot is read from there.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "metrics_snapshot.h"

namespace imakeep::app {

struct MetricsLimits {
  std::size_t connections = 8;
  std::uint32_t header_bytes = 8u << 10;
  std::chrono::milliseconds timeout{5000};  // from accepting to the answer's end
};

class MetricsServer {
 public:
  // Listens on `path` and begins to answer. Keeps a reference to the snapshot. Errors: control::listen_on()'s.
  static Result<std::unique_ptr<MetricsServer>> listen(const std::string& path, const MetricsSnapshot& snapshot,
                                                       const MetricsLimits& limits = {});
  // Cuts off who is served, and removes the socket.
  virtual ~MetricsServer() = default;
};

}  // namespace imakeep::app
