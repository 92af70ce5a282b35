// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.h"

#include <utility>

namespace imakeep::http {
namespace {

class Gathered : public Request {
 public:
  Gathered(std::size_t most_bytes, std::function<void(Bytes, Responder)> answer)
      : most_bytes_(most_bytes), answer_(std::move(answer)) {}

  std::optional<Response> take(ByteView piece) override {
    if (piece.size() > most_bytes_ - body_.size()) {
      return Response{.status = 413,
                      .content_type = "text/plain; charset=utf-8",
                      .body = "the body has more than " + std::to_string(most_bytes_) + " bytes\n"};
    }
    append_bytes(body_, piece);
    return std::nullopt;
  }

  void finish(Responder respond) override { answer_(std::move(body_), std::move(respond)); }

 private:
  const std::size_t most_bytes_;
  const std::function<void(Bytes, Responder)> answer_;
  Bytes body_;
};

}  // namespace

std::string_view Head::header(std::string_view name) const {
  const auto found = headers.find(std::string(name));
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Responder::~Responder() {
  if (!take_) return;
  (*this)({.status = 500,
           .content_type = "text/plain; charset=utf-8",
           .body = "the request was given up; its log line says why\n"});
}

void Responder::operator()(Response response) {
  if (const Take take = std::exchange(take_, nullptr)) take(std::move(response));
}

std::unique_ptr<Request> gathered(std::size_t most_bytes, std::function<void(Bytes, Responder)> answer) {
  return std::make_unique<Gathered>(most_bytes, std::move(answer));
}

std::unique_ptr<Request> answered(std::size_t most_bytes, std::function<Response(Bytes)> answer) {
  return gathered(most_bytes,
                  [answer = std::move(answer)](Bytes body, Responder respond) { respond(answer(std::move(body))); });
}

}  // namespace imakeep::http
