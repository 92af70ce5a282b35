// SPDX-License-Identifier: Apache-2.0
#include "control/socket_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <system_error>
#include <thread>

#include "base/listening_socket.h"
#include "base/mutex.h"
#include "base/unix_socket.h"
#include "control/message.h"
#include "control/stream_message.h"

namespace imakeep::control {
namespace {

class Server : public SocketServer {
 public:
  explicit Server(Answer answer) : answer_(std::move(answer)) {}
  ~Server() override;

  Result<void> start(const std::string& path);

 private:
  struct Connection {
    explicit Connection(UniqueFd socket) : stream(std::move(socket)) {}

    SocketStream stream;
    std::thread thread;
    std::atomic<bool> done = false;
    // The value of said_ when this connection was last active.
    std::atomic<std::uint64_t> silent_since = 0;
    std::atomic<bool> answering = false;
    bool closed = false;  // to make room for a new connection
  };

  void accept();
  void serve(Connection& connection);
  void forget_ended() IMAKEEP_EXCLUDES(mutex_);
  bool has_room() IMAKEEP_REQUIRES(mutex_);
  void refuse_one();

  const Answer answer_;
  std::string path_;
  UniqueFd listening_;
  UniqueFd spare_;  // closed so that accept4() has a descriptor when no other is left
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> said_ = 0;
  Mutex mutex_;
  std::list<std::shared_ptr<Connection>> connections_ IMAKEEP_GUARDED_BY(mutex_);
  std::thread accepting_;
};

Result<void> Server::start(const std::string& path) {
  IMAKEEP_TRY(auto listening, listen_on(path, 0600, "control socket"));
  listening_ = std::move(listening);
  spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  path_ = path;
  accepting_ = std::thread([this] { accept(); });
  return {};
}

Server::~Server() {
  stopping_ = true;
  if (accepting_.joinable()) {
    // shutdown() wakes accept4(); close() alone would not.
    ::shutdown(listening_.get(), SHUT_RDWR);
    accepting_.join();
  }
  std::list<std::shared_ptr<Connection>> connections;
  {
    const MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  // Shut down first: otherwise a client that does not read its answer would delay this destructor.
  for (const auto& connection : connections) connection->stream.shut_down();
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

// True if the server has room for one more connection. If necessary, closes the connection that has been silent the
// longest.
bool Server::has_room() {
  std::size_t open = 0;
  Connection* oldest = nullptr;
  for (const auto& connection : connections_) {
    if (connection->closed || connection->done) continue;
    ++open;
    const bool older = oldest == nullptr || connection->silent_since < oldest->silent_since;
    if (!connection->answering && older) oldest = connection.get();
  }
  if (open < kMostConnections) return true;
  if (oldest == nullptr) return false;
  oldest->closed = true;
  // A request may have arrived in this moment. It is answered still.
  oldest->stream.end_reading();
  return true;
}

// If no descriptor is left, accepts one client and closes its connection at once. That client would otherwise wait
// without an answer.
void Server::refuse_one() {
  pollfd waiting{.fd = listening_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, 0) != 1) return;
  spare_ = UniqueFd();
  const UniqueFd refused(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void Server::accept() {
  constexpr std::chrono::milliseconds kPauseWithoutResources{10};
  while (!stopping_) {
    forget_ended();
    UniqueFd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) {
      if (errno == EMFILE || errno == ENFILE) refuse_one();
      // Connections that end free their descriptors.
      std::this_thread::sleep_for(kPauseWithoutResources);
      continue;
    }
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->silent_since = ++said_;
    const MutexLock lock(mutex_);
    if (!has_room()) continue;
    try {
      connection->thread = std::thread([this, connection = connection.get()] { serve(*connection); });
    } catch (const std::system_error&) {
      continue;  // no thread available: the client finds its connection closed
    }
    connections_.push_back(std::move(connection));
  }
}

void Server::serve(Connection& connection) {
  for (;;) {
    const auto request = receive(connection.stream);
    if (request && !*request) break;
    connection.answering = true;
    connection.stream.clear();  // after a truncated message the stream would refuse to write
    const bool sent =
        send(connection.stream, request ? answer_(**request)
                                        : Message{.head = {{"ok", false}, {"error", error_to_json(request.error())}}});
    // After a message that could not be read, the start of the next message is unknown.
    if (!request || !sent) break;
    connection.silent_since = ++said_;
    connection.answering = false;
  }
  connection.stream.shut_down();
  connection.done = true;
}

}  // namespace

Result<std::unique_ptr<SocketServer>> SocketServer::listen(const std::string& path, Answer answer) {
  auto server = std::make_unique<Server>(std::move(answer));
  IMAKEEP_CHECK(server->start(path));
  return server;
}

}  // namespace imakeep::control
