#include "control/socket_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <list>
#include <system_error>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/mutex.h"
#include "control/listening_socket.h"
#include "control/stream_message.h"

namespace imakeep::control {
namespace {

using Protocol = boost::asio::local::stream_protocol;

class Server : public SocketServer {
 public:
  explicit Server(Answer answer) : answer_(std::move(answer)), acceptor_(context_) {}
  ~Server() override;

  Result<void> start(const std::string& path);

 private:
  struct Connection {
    Protocol::iostream stream;
    std::thread thread;
    std::atomic<bool> done = false;
  };

  void accept();
  void serve(Connection& connection);
  void forget_ended() IMAKEEP_EXCLUDES(mutex_);

  const Answer answer_;
  std::string path_;
  boost::asio::io_context context_;
  Protocol::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::list<std::shared_ptr<Connection>> connections_ IMAKEEP_GUARDED_BY(mutex_);
  std::thread accepting_;
};

Result<void> Server::start(const std::string& path) {
  IMAKEEP_CHECK(listen_on(acceptor_, path, 0600, "control socket"));
  path_ = path;
  accepting_ = std::thread([this] { accept(); });
  return {};
}

Server::~Server() {
  stopping_ = true;
  if (accepting_.joinable()) {
    // shutdown() wakes accept(); closing alone would not.
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    accepting_.join();
  }
  std::list<std::shared_ptr<Connection>> connections;
  {
    const MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  // A client that does not read its answer must not keep us.
  for (const auto& connection : connections) ::shutdown(connection->stream.socket().native_handle(), SHUT_RDWR);
  for (const auto& connection : connections) connection->thread.join();
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Server::forget_ended() {
  const MutexLock lock(mutex_);
  connections_.remove_if([](const std::shared_ptr<Connection>& connection) {
    const bool done = connection->done;  // read once: it may change meanwhile
    if (done) connection->thread.join();
    return done;
  });
}

void Server::accept() {
  constexpr std::chrono::milliseconds kPauseWithoutResources{10};
  while (!stopping_) {
    forget_ended();
    auto connection = std::make_shared<Connection>();
    boost::system::error_code error;
    acceptor_.accept(connection->stream.socket(), error);
    if (error) {
      // No descriptor, say: connections that end give theirs back.
      std::this_thread::sleep_for(kPauseWithoutResources);
      continue;
    }
    const MutexLock lock(mutex_);
    try {
      connection->thread = std::thread([this, connection = connection.get()] { serve(*connection); });
    } catch (const std::system_error&) {
      continue;  // no thread to be had: this client finds its connection closed
    }
    connections_.push_back(std::move(connection));
  }
}

void Server::serve(Connection& connection) {
  for (;;) {
    const auto request = receive(connection.stream);
    if (request && !*request) break;
    connection.stream.clear();  // after a message cut short it would take no answer
    const bool sent =
        send(connection.stream, request ? answer_(**request)
                                        : Message{.head = {{"ok", false}, {"error", error_to_json(request.error())}}});
    // After a message that could not be read there is no telling where the next one begins.
    if (!request || !sent) break;
  }
  boost::system::error_code ignored;
  connection.stream.socket().shutdown(Protocol::socket::shutdown_both, ignored);
  connection.done = true;
}

}  // namespace

Result<std::unique_ptr<SocketServer>> SocketServer::listen(const std::string& path, Answer answer) {
  auto server = std::make_unique<Server>(std::move(answer));
  IMAKEEP_CHECK(server->start(path));
  return server;
}

}  // namespace imakeep::control
