// SPDX-License-Identifier: Apache-2.0
// http/client.h - an HTTPS client for one server: TLS 1.3, the server known by an authority or by its pinned key.
//
// Built on libcurl. The connection is kept for the next request. Threads: one thread at a time uses an object.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/exchange.h"

namespace imakeep::http {

struct ClientOptions {
  std::string base_url;          // "https://verifier.example:8890"; with `unix_path` "http://localhost"
  std::string unix_path = {};    // a Unix socket instead of TCP
  std::string authorities = {};  // PEM file of certificates that may have signed the server's; empty: the system's
  std::string pin = {};          // pin_of() the server's certificate: then no authority is asked
  std::vector<std::string> headers = {};  // "Authorization: Bearer ..." of every request
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds stall{30'000};  // without a byte in either direction
  std::size_t most_response_bytes = 16u << 20;
};

struct Answer {
  int status = 0;
  std::string content_type;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;

  bool good() const { return status >= 200 && status < 300; }
};

// Fills the room with the next bytes of a body; 0: the end. An error ends the request and becomes its error.
using BodySource = std::function<Result<std::size_t>(std::span<std::byte> room)>;

class Client {
 public:
  // kUsage for an address that is not https and no Unix socket; kEnvironment if libcurl cannot begin.
  static Result<std::unique_ptr<Client>> make(ClientOptions options);
  virtual ~Client() = default;

  // `path` with its query, encoded. An answer with any status is no error. Errors name the URL:
  //   kEnvironment  no connection, a certificate that does not count, no answer in time
  //   kMalformed    an answer that is too large or no HTTP
  // and those of the source.
  virtual Result<Answer> send(const std::string& method, const std::string& path, const std::string& content_type,
                              BodySource body) = 0;
  // From now on no request takes longer than this in all; 0: only the options' limits count.
  void limit_total(std::chrono::milliseconds total) { total_ = total; }

  Result<Answer> get(const std::string& path);
  Result<Answer> post(const std::string& path, const std::string& content_type, const std::string& body);

 protected:
  std::chrono::milliseconds total_{0};
};

// The body of a text. The text must outlive the source.
BodySource source_of(std::string_view text);

}  // namespace imakeep::http
