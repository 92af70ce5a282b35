// SPDX-License-Identifier: Apache-2.0
// http/server.h - an HTTP/1.1 server: over TLS 1.3 on TCP, or plain on a Unix socket.
//
// Built on libmicrohttpd and GnuTLS (docs/decisions/http.md). Connections are kept alive. Limits bound what one client
// can take: connections, requests a second, bytes of a head and of a body, and the time from the first byte of a
// request to the last byte of its response. A request beyond a limit is refused with 413, 429 or 503, or its connection
// is closed. Threads: its own; `begin` and the requests that it returns are called by several of them at once.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/exchange.h"

namespace imakeep::http {

struct ServerLimits {
  unsigned connections = 10'000;
  unsigned connections_of_peer = 64;           // of one address
  double requests_of_peer = 20;                // a second, over a few seconds; 0: any number
  std::size_t head_bytes = 32u << 10;          // memory of a connection for heads
  std::uint64_t body_bytes = 1u << 30;         // a request may have a lower limit of its own
  std::chrono::milliseconds idle{60'000};      // of a connection between two requests, or in the middle of one
  std::chrono::milliseconds request{600'000};  // from the first byte of a request to the end of its response
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // or an IPv6 address; not used with `unix_path`
  std::uint16_t port = 0;             // 0: any free one
  std::string unix_path = {};         // a Unix socket instead of TCP
  unsigned unix_mode = 0600;
  std::string certificates = {};  // PEM, the server's first; required on TCP
  std::string private_key = {};   // PEM, of the first certificate
  unsigned threads = 4;
  ServerLimits limits = {};
};

class Server {
 public:
  // Listens and begins to answer. Errors:
  //   kUsage        the address is none; certificate or key are missing or do not fit
  //   kEnvironment  the address is in use or not of this machine; no descriptor is left; too few descriptors for
  //                 `connections`
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Begin begin);
  virtual ~Server() = default;

  virtual std::uint16_t port() const = 0;
  // Takes no new connections, waits for the responses of requests that it has begun, at most so long, and closes.
  virtual void stop(std::chrono::milliseconds patience) = 0;
};

}  // namespace imakeep::http
