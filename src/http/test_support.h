// SPDX-License-Identifier: Apache-2.0
// http/test_support.h - for tests only: a server on the loopback, and clients that know its key.
// Threads: no shared state.
#pragma once

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/self_signed.h"
#include "http/server.h"

namespace imakeep::http::test {

template <class T>
T good(Result<T> result) {
  if (!result) ADD_FAILURE() << describe(result.error());
  return std::move(result).value();
}

inline const Identity& identity() {
  static const Identity made = good(make_self_signed({"localhost", "127.0.0.1"}, 1'750'000'000));
  return made;
}

inline std::unique_ptr<Server> start(Begin begin, ServerLimits limits = {}) {
  limits.connections = 100;
  return good(Server::start(
      {.certificates = identity().certificate, .private_key = identity().private_key, .threads = 2, .limits = limits},
      std::move(begin)));
}

inline std::string url_of(const Server& server) {
  return "https://127.0.0.1:" + std::to_string(server.port());
}

inline std::unique_ptr<Client> client_of(const Server& server) {
  return good(Client::make({.base_url = url_of(server), .pin = good(pin_of(identity().certificate))}));
}

// Answers each request with its method, path and body.
inline Begun echo(const Head& head) {
  return {.request = answered(1u << 20, [head](const Bytes& body) {
            return Response{.content_type = "text/plain",
                            .body = head.method + " " + head.path + " " + std::string(as_text(body))};
          })};
}

}  // namespace imakeep::http::test
