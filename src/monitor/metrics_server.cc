// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_server.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string_view>
#include <thread>

#include "base/file.h"
#include "base/listening_socket.h"
#include "monitor/keeper_metrics.h"

namespace imakeep::monitor {
namespace {

using Steady = std::chrono::steady_clock;

struct DaemonStop {
  void operator()(MHD_Daemon* daemon) const { ::MHD_stop_daemon(daemon); }
};
struct ResponseDestroy {
  void operator()(MHD_Response* response) const { ::MHD_destroy_response(response); }
};

MHD_Result reply(MHD_Connection* connection, unsigned status, std::string_view text,
                 const char* content_type = "text/plain; charset=utf-8") {
  // libmicrohttpd copies the text, although the parameter is not a pointer to const.
  const std::unique_ptr<MHD_Response, ResponseDestroy> response(
      ::MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_MUST_COPY));
  if (!response) return MHD_NO;
  ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
  ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
    ::MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  return ::MHD_queue_response(connection, status, response.get());
}

// An MHD_AccessHandlerCallback. It answers before libmicrohttpd reads the request's body.
MHD_Result answer(void* snapshot, MHD_Connection* connection, const char* path, const char* method, const char*,
                  const char*, std::size_t*, void**) {
  const std::string_view verb = method;
  if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
    return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
  }
  if (std::string_view(path) != "/metrics")
    return reply(connection, MHD_HTTP_NOT_FOUND, "no such path; metrics are at /metrics\n");
  const auto text = static_cast<const MetricsSnapshot*>(snapshot)->get();
  if (text == nullptr) {
    return reply(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the keeper has no metrics yet\n");
  }
  return reply(connection, MHD_HTTP_OK, *text, kMetricsContentType);
}

// libmicrohttpd handles HTTP. This class handles accepting, the deadlines and the thread, because libmicrohttpd
// restarts its own timeout with each byte from a client, and would spin if no descriptor is left for accept().
class Server : public MetricsServer {
 public:
  Server(const MetricsSnapshot& snapshot, const MetricsLimits& limits)
      : snapshot_(snapshot), limits_(limits), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Server() override {
    if (thread_.joinable()) {
      ::eventfd_write(stop_.get(), 1);
      thread_.join();
    }
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Result<void> start(const std::string& path);

 private:
  struct Open {
    int fd = -1;
    Steady::time_point since;
    bool cut_off = false;  // shut down; libmicrohttpd closes it next
  };

  static void notify(void* server, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) noexcept;
  void run();
  bool full() const { return open_.size() >= limits_.connections; }
  // Returns the oldest connection that is not cut off; null if all are cut off.
  Open* oldest();
  bool may_accept(Steady::time_point now);
  int wait_ms(Steady::time_point now);
  void accept(Steady::time_point now);
  static void cut_off(Open& open);

  const MetricsSnapshot& snapshot_;
  const MetricsLimits limits_;
  std::string path_;
  UniqueFd stop_;
  UniqueFd listening_;
  // Only the server's thread uses these while it runs.
  std::deque<Open> open_;  // sorted by `since`
  Steady::time_point pause_until_;
  std::unique_ptr<MHD_Daemon, DaemonStop> daemon_;  // destroyed before the members that its callbacks use
  std::thread thread_;
};

Result<void> Server::start(const std::string& path) {
  if (!stop_.valid()) return fail_errno(errno, "cannot make an eventfd for the metrics socket");
  IMAKEEP_TRY(auto listening, listen_on(path, 0666, "metrics socket"));
  path_ = path;
  listening_ = std::move(listening);
  // A client may disconnect between poll() and accept4(), and accept4() must not block then.
  ::fcntl(listening_.get(), F_SETFL, O_NONBLOCK);
  // Without MHD_USE_ERROR_LOG, libmicrohttpd prints nothing.
  daemon_.reset(::MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, nullptr, nullptr, answer, const_cast<MetricsSnapshot*>(&snapshot_),
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(limits_.connections), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      limits_.connection_bytes, MHD_OPTION_NOTIFY_CONNECTION, notify, this, MHD_OPTION_END));
  if (!daemon_) {
    return fail(ErrorCode::kEnvironment,
                "cannot serve HTTP on metrics socket " + path + ": no descriptor or memory is left");
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

// An MHD_NotifyConnectionCallback.
void Server::notify(void* server, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) noexcept {
  std::deque<Open>& open = static_cast<Server*>(server)->open_;
  const int fd = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    open.push_back({.fd = fd, .since = Steady::now()});
  } else {
    open.erase(std::ranges::find(open, fd, &Open::fd));
  }
}

void Server::run() {
  const int daemon_fd = ::MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  for (;;) {
    const auto before = Steady::now();
    pollfd ready[3] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                       {.fd = daemon_fd, .events = POLLIN, .revents = 0},
                       {.fd = may_accept(before) ? listening_.get() : -1, .events = POLLIN, .revents = 0}};
    if (::poll(ready, 3, wait_ms(before)) < 0) continue;
    if (ready[0].revents != 0) return;
    const auto now = Steady::now();
    Open* const first = oldest();
    if (first != nullptr && now - first->since >= limits_.timeout) cut_off(*first);
    if (ready[2].revents != 0) {
      if (!full()) {
        accept(now);
      } else if (first != nullptr) {
        cut_off(*first);
      }
    }
    ::MHD_run(daemon_.get());
  }
}

Server::Open* Server::oldest() {
  const auto found = std::ranges::find(open_, false, &Open::cut_off);
  return found == open_.end() ? nullptr : &*found;
}

// Whether to accept a waiting client: the server has room for it, or a connection may be cut off in its favour.
bool Server::may_accept(Steady::time_point now) {
  if (now < pause_until_) return false;
  if (!full()) return true;
  const Open* const first = oldest();
  return first != nullptr && now - first->since >= limits_.full_timeout;
}

// Returns the timeout for poll(2): the time until the next deadline; -1 for none.
int Server::wait_ms(Steady::time_point now) {
  MHD_UNSIGNED_LONG_LONG pending_ms = 0;
  if (::MHD_get_timeout(daemon_.get(), &pending_ms) == MHD_YES && pending_ms == 0) return 0;
  auto due = Steady::time_point::max();
  if (now < pause_until_) due = pause_until_;
  if (const Open* const first = oldest(); first != nullptr) {
    due = std::min(due, first->since + limits_.timeout);
    if (full() && now < first->since + limits_.full_timeout) due = std::min(due, first->since + limits_.full_timeout);
  }
  if (due == Steady::time_point::max()) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(due - now, Steady::duration::zero()));
  return static_cast<int>(wait.count());
}

void Server::accept(Steady::time_point now) {
  constexpr std::chrono::milliseconds kPauseWithoutResources{100};
  sockaddr_un client{};
  socklen_t client_bytes = sizeof client;
  UniqueFd fd(
      ::accept4(listening_.get(), reinterpret_cast<sockaddr*>(&client), &client_bytes, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    // For example, no descriptor is left. Wait until connections end and return theirs.
    if (errno != EAGAIN && errno != ECONNABORTED) pause_until_ = now + kPauseWithoutResources;
    return;
  }
  // libmicrohttpd now owns the socket and closes it, even if it does not accept the connection.
  ::MHD_add_connection(daemon_.get(), fd.release(), reinterpret_cast<const sockaddr*>(&client), client_bytes);
}

// After shutdown(), libmicrohttpd's reads and writes on the socket fail, so it closes the connection.
void Server::cut_off(Open& open) {
  ::shutdown(open.fd, SHUT_RDWR);
  open.cut_off = true;
}

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(const std::string& path, const MetricsSnapshot& snapshot,
                                                             const MetricsLimits& limits) {
  auto server = std::make_unique<Server>(snapshot, limits);
  IMAKEEP_CHECK(server->start(path));
  return server;
}

}  // namespace imakeep::monitor
