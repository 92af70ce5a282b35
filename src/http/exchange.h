// SPDX-License-Identifier: Apache-2.0
// http/exchange.h - one HTTP request and its response, as a server hands them to the code that answers.
//
// A body is handed over piece by piece, so that it takes no memory. A response may be given later and by another
// thread, so that requests which wait for one commit do not each hold a thread.
// Threads: calls of one Request come one after the other, from any thread; a Responder may be used by any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace imakeep::http {

struct Head {
  std::string method;                               // "GET"
  std::string path;                                 // decoded, without the query: "/v1/hosts"
  std::map<std::string, std::string> query = {};    // decoded; of a name that stands twice the last
  std::map<std::string, std::string> headers = {};  // names in lower case; of a name that stands twice the last
  std::string peer;                                 // address of the client without its port; "unix" for a local one
  bool local = false;                               // through a Unix socket

  // The value of a header by its name in lower case; empty if it is missing.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = {};  // empty: no body
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Takes the response to one request, once. If it is destroyed without one, the client gets status 500.
class Responder {
 public:
  using Take = std::function<void(Response)>;
  explicit Responder(Take take) : take_(std::move(take)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) noexcept = default;
  ~Responder();

  void operator()(Response response);

 private:
  Take take_;
};

class Request {
 public:
  virtual ~Request() = default;
  // A piece of the body. A response refuses the request: nothing else of it is handed over.
  virtual std::optional<Response> take(ByteView piece) = 0;
  // The body is complete.
  virtual void finish(Responder respond) = 0;
};

// Begins a request, or refuses it by its head alone.
struct Begun {
  std::unique_ptr<Request> request;  // or
  Response refused = {};
};
using Begin = std::function<Begun(const Head& head)>;

// A request with a body of at most `most_bytes`, which is gathered, and then given to `answer`. 413 for a larger one.
std::unique_ptr<Request> gathered(std::size_t most_bytes, std::function<void(Bytes body, Responder respond)> answer);
// The same for an answer that comes at once.
std::unique_ptr<Request> answered(std::size_t most_bytes, std::function<Response(Bytes body)> answer);

}  // namespace imakeep::http
