#include "control/socket_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <system_error>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/mutex.h"
#include "control/stream_message.h"

namespace imakeep::control {
namespace {

using Protocol = boost::asio::local::stream_protocol;

// Whether `path` is free to be bound, after removing what a dead process left.
Result<void> claim(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kEnvironment, path + " exists and is no socket; choose another name for the control socket");
  }
  boost::asio::io_context context;
  Protocol::socket probe(context);
  boost::system::error_code error;
  probe.connect(Protocol::endpoint(path), error);
  if (!error) {
    return fail(ErrorCode::kEnvironment,
                "control socket " + path + " is in use; stop the program that serves it, or choose another name");
  }
  if (error != boost::asio::error::connection_refused) {
    return fail_errno(error.value(), "cannot use control socket " + path);
  }
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "cannot replace control socket " + path);
  return {};
}

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
  try {
    const Protocol::endpoint endpoint(path);
    IMAKEEP_CHECK(claim(path));
    acceptor_.open(endpoint.protocol());
    // The socket must never be open to others, not even between bind and chmod.
    const mode_t old_mask = ::umask(0177);
    boost::system::error_code error;
    acceptor_.bind(endpoint, error);
    ::umask(old_mask);
    if (error) return fail_errno(error.value(), "cannot make control socket " + path);
    path_ = path;
    acceptor_.listen();
  } catch (const boost::system::system_error& error) {
    return fail_errno(error.code().value(), "cannot listen on control socket " + path);
  }
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
