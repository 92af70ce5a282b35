#include "metrics_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "control/listening_socket.h"
#include "keeper_metrics.h"

namespace imakeep::app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Protocol = asio::local::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response plain(http::status status, std::string text) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = std::move(text);
  return response;
}

Response answer(const Request& request, const MetricsSnapshot& snapshot) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = plain(http::status::method_not_allowed, "only GET and HEAD\n");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  const beast::string_view target = request.target();
  if (target.substr(0, target.find('?')) != "/metrics") return plain(http::status::not_found, "there is /metrics\n");
  const auto text = snapshot.get();
  if (text == nullptr) return plain(http::status::service_unavailable, "the keeper has nothing to tell yet\n");
  Response response = plain(http::status::ok, *text);
  response.set(http::field::content_type, kMetricsContentType);
  return response;
}

// One connection; keeps itself alive until it is done.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Protocol::socket socket, const MetricsSnapshot& snapshot, const MetricsLimits& limits,
             std::shared_ptr<void> slot)
      : stream_(std::move(socket)), snapshot_(snapshot), slot_(std::move(slot)) {
    parser_.header_limit(limits.header_bytes);
    stream_.expires_after(limits.timeout);
  }

  void start() {
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) { self->read(error); });
  }

 private:
  void read(beast::error_code error) {
    if (error == http::error::header_limit) {
      send(plain(http::status::request_header_fields_too_large, "too long\n"), false);
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      send(plain(http::status::bad_request, "no HTTP/1.1 request\n"), false);
    } else if (!error) {
      send(answer(parser_.get(), snapshot_), parser_.get().method() == http::verb::head);
    }
  }

  void send(Response response, bool head_only) {
    response.keep_alive(false);
    response.prepare_payload();
    response_ = std::move(response);
    serializer_.emplace(response_);
    const auto sent = [self = shared_from_this()](beast::error_code, std::size_t) { self->close(); };
    if (head_only) {
      http::async_write_header(stream_, *serializer_, sent);
    } else {
      http::async_write(stream_, *serializer_, sent);
    }
  }

  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(Protocol::socket::shutdown_both, ignored);
  }

  Stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Response response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  const MetricsSnapshot& snapshot_;
  const std::shared_ptr<void> slot_;  // given back at the end
};

class Server : public MetricsServer {
 public:
  Server(const MetricsSnapshot& snapshot, const MetricsLimits& limits)
      : snapshot_(snapshot), limits_(limits), acceptor_(context_), pause_(context_) {}
  ~Server() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
    ending_ = true;
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Result<void> start(const std::string& path) {
    IMAKEEP_CHECK(control::listen_on(acceptor_, path, 0666, "metrics socket"));
    path_ = path;
    accept();
    thread_ = std::thread([this] { context_.run(); });
    return {};
  }

 private:
  void accept() {
    acceptor_.async_accept([this](beast::error_code error, Protocol::socket socket) {
      if (error) {
        try_later();
        return;
      }
      serve(std::move(socket));
      if (open_ < limits_.connections) accept();
    });
  }

  // No descriptor, say: connections that end give theirs back.
  void try_later() {
    constexpr std::chrono::milliseconds kPauseWithoutResources{100};
    pause_.expires_after(kPauseWithoutResources);
    pause_.async_wait([this](beast::error_code error) {
      if (!error) accept();
    });
  }

  void serve(Protocol::socket socket) {
    ++open_;
    const std::shared_ptr<void> slot(nullptr, [this](void*) { ended(); });
    std::make_shared<Connection>(std::move(socket), snapshot_, limits_, slot)->start();
  }

  // Whoever waited while all were taken comes now.
  void ended() {
    if (open_-- == limits_.connections && !ending_) asio::post(context_, [this] { accept(); });
  }

  const MetricsSnapshot& snapshot_;
  const MetricsLimits limits_;
  std::size_t open_ = 0;  // connections; of the server's thread
  bool ending_ = false;   // that thread is gone
  std::string path_;
  asio::io_context context_{1};  // ends connections that are left, which then tell ended()
  Protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(const std::string& path, const MetricsSnapshot& snapshot,
                                                             const MetricsLimits& limits) {
  auto server = std::make_unique<Server>(snapshot, limits);
  IMAKEEP_CHECK(server->start(path));
  return server;
}

}  // namespace imakeep::app
