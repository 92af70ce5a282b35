// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/file.h"
#include "base/listening_socket.h"
#include "http/peer_rates.h"

namespace imakeep::http {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* kTlsPriorities = "SECURE128:-VERS-ALL:+VERS-TLS1.3";
constexpr int kBacklog = 1024;
// Descriptors for everything but connections: the store, log, timers.
constexpr rlim_t kOtherDescriptors = 256;

struct DaemonStopped {
  void operator()(MHD_Daemon* daemon) const { ::MHD_stop_daemon(daemon); }
};
struct ResponseFreed {
  void operator()(MHD_Response* response) const { ::MHD_destroy_response(response); }
};

Response plain(int status, std::string text) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(text) + "\n"};
}

Response too_large(std::uint64_t most_bytes) {
  return plain(413, "the body has more than " + std::to_string(most_bytes) + " bytes");
}

Response slow_down(int status, std::string text) {
  Response response = plain(status, std::move(text));
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

MHD_Result queue(MHD_Connection* connection, const Response& response) {
  // libmicrohttpd copies the body, although the parameter is no pointer to const.
  const std::unique_ptr<MHD_Response, ResponseFreed> made(::MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY));
  if (!made) return MHD_NO;
  if (!response.content_type.empty()) {
    ::MHD_add_response_header(made.get(), MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  }
  for (const auto& [name, value] : response.headers) {
    ::MHD_add_response_header(made.get(), name.c_str(), value.c_str());
  }
  return ::MHD_queue_response(connection, static_cast<unsigned>(response.status), made.get());
}

std::string peer_of(MHD_Connection* connection) {
  const auto* const info = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return "unknown";
  char text[INET6_ADDRSTRLEN] = "";
  if (info->client_addr->sa_family == AF_INET) {
    const auto* const address = reinterpret_cast<const sockaddr_in*>(info->client_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
  } else if (info->client_addr->sa_family == AF_INET6) {
    const auto* const address = reinterpret_cast<const sockaddr_in6*>(info->client_addr);
    ::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
  } else {
    return "unix";
  }
  return text;
}

MHD_Result add_header(void* head, MHD_ValueKind, const char* name, const char* value) {
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static_cast<Head*>(head)->headers[lower] = value == nullptr ? "" : value;
  return MHD_YES;
}

MHD_Result add_argument(void* head, MHD_ValueKind, const char* name, const char* value) {
  static_cast<Head*>(head)->query[name] = value == nullptr ? "" : value;
  return MHD_YES;
}

// What a request and the one who answers it share. The answer may come before the connection was suspended, after it,
// or after the connection was closed.
class Waiting {
 public:
  explicit Waiting(MHD_Connection* connection) : connection_(connection) {}

  // Only the first answer counts.
  void answer(Response response) {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    answered_ = true;
    response_ = std::move(response);
    if (suspended_) ::MHD_resume_connection(connection_);
    suspended_ = false;
  }
  // The response, if it is there. Otherwise suspends the connection until answer().
  std::optional<Response> take_or_suspend() {
    const std::lock_guard lock(mutex_);
    if (response_) return std::move(response_);
    ::MHD_suspend_connection(connection_);
    suspended_ = true;
    return std::nullopt;
  }

 private:
  std::mutex mutex_;
  MHD_Connection* const connection_;
  std::optional<Response> response_;
  bool answered_ = false;
  bool suspended_ = false;
};

struct Exchange {
  std::unique_ptr<Request> request;
  std::optional<Response> refused;
  std::shared_ptr<Waiting> waiting;  // the body is complete
  std::uint64_t body_bytes = 0;
};

class MicroServer : public Server {
 public:
  MicroServer(ServerOptions options, Begin begin)
      : options_(std::move(options)), begin_(std::move(begin)), rates_(options_.limits.requests_of_peer) {}
  ~MicroServer() override { stop(std::chrono::milliseconds(0)); }

  Result<void> start();
  std::uint16_t port() const override { return port_; }
  void stop(std::chrono::milliseconds patience) override;

 private:
  struct Running {
    int fd = -1;
    Steady::time_point since;
    std::shared_ptr<Waiting> waiting = {};  // for its answer
  };

  static MHD_Result on_piece(void* server, MHD_Connection* connection, const char* path, const char* method,
                             const char* version, const char* data, std::size_t* bytes, void** exchange) noexcept;
  static void on_end(void* server, MHD_Connection* connection, void** exchange,
                     MHD_RequestTerminationCode code) noexcept;

  bool is_local() const { return !options_.unix_path.empty(); }
  Result<UniqueFd> listen();
  Result<void> check_descriptors() const;
  MHD_Result handle(MHD_Connection* connection, const char* path, const char* method, ByteView piece,
                    std::size_t* bytes, void** at);
  Exchange begun(MHD_Connection* connection, const char* path, const char* method);
  void watch();

  const ServerOptions options_;
  const Begin begin_;
  PeerRates rates_;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  std::condition_variable stop_asked_;  // for the watcher, which no request wakes
  std::condition_variable all_ended_;   // for stop()
  std::unordered_map<const Exchange*, Running> running_;
  bool stopping_ = false;
  std::thread watcher_;
  std::unique_ptr<MHD_Daemon, DaemonStopped> daemon_;  // its threads use the members above
};

Result<UniqueFd> MicroServer::listen() {
  if (is_local()) return listen_on(options_.unix_path, options_.unix_mode, "administration socket");
  sockaddr_storage storage{};
  socklen_t bytes = 0;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, options_.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(options_.port);
    bytes = sizeof *v4;
  } else if (::inet_pton(AF_INET6, options_.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(options_.port);
    bytes = sizeof *v6;
  } else {
    return fail(ErrorCode::kUsage,
                "\"" + options_.address + "\" is no IP address; give one of this machine, 0.0.0.0 or ::");
  }
  const std::string where = options_.address + " port " + std::to_string(options_.port);
  UniqueFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "cannot make a socket for " + where);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), bytes) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return fail_errno(errno, "cannot listen on " + where);
  }
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &bytes);
  port_ = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  return socket;
}

// Without a free descriptor for the next connection libmicrohttpd would use up a CPU.
Result<void> MicroServer::check_descriptors() const {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = options_.limits.connections + kOtherDescriptors;
  if (limit.rlim_cur < needed && limit.rlim_max >= needed) {
    limit.rlim_cur = needed;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= needed) return {};
  return fail(ErrorCode::kEnvironment, std::to_string(options_.limits.connections) + " connections need " +
                                           std::to_string(needed) + " descriptors, and the limit is " +
                                           std::to_string(limit.rlim_cur) +
                                           "; raise it (LimitNOFILE=) or allow fewer connections");
}

Result<void> MicroServer::start() {
  IMAKEEP_CHECK(check_descriptors());
  if (!is_local() && (options_.certificates.empty() || options_.private_key.empty())) {
    return fail(ErrorCode::kUsage, "a server on TCP needs a certificate and its private key; give both");
  }
  IMAKEEP_TRY(auto listening, listen());
  const auto idle = std::chrono::ceil<std::chrono::seconds>(options_.limits.idle).count();
  std::vector<MHD_OptionItem> items{
      {MHD_OPTION_LISTEN_SOCKET, listening.get(), nullptr},
      {MHD_OPTION_THREAD_POOL_SIZE, static_cast<std::intptr_t>(std::max(options_.threads, 2u)), nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(options_.limits.connections), nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, static_cast<std::intptr_t>(idle), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(options_.limits.head_bytes), nullptr}};
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
  if (!is_local()) {
    flags |= MHD_USE_TLS;
    items.push_back(
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, static_cast<std::intptr_t>(options_.limits.connections_of_peer), nullptr});
    items.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(options_.certificates.c_str())});
    items.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(options_.private_key.c_str())});
    items.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kTlsPriorities)});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  daemon_.reset(::MHD_start_daemon(flags, 0, nullptr, nullptr, &MicroServer::on_piece, this,
                                   MHD_OPTION_NOTIFY_COMPLETED, &MicroServer::on_end, this, MHD_OPTION_ARRAY,
                                   items.data(), MHD_OPTION_END));
  if (!daemon_) {
    return fail(is_local() ? ErrorCode::kEnvironment : ErrorCode::kUsage,
                "cannot serve " + std::string(is_local() ? "HTTP" : "HTTPS") +
                    ": certificate and private key do not fit together, or no descriptor or memory is left");
  }
  static_cast<void>(listening.release());  // libmicrohttpd closes it
  watcher_ = std::thread([this] { watch(); });
  return {};
}

// Closes connections whose request takes too long.
void MicroServer::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto now = Steady::now();
    auto due = now + std::chrono::seconds(1);
    for (auto& [exchange, running] : running_) {
      const auto end = running.since + options_.limits.request;
      if (running.fd >= 0 && end <= now) {
        ::shutdown(running.fd, SHUT_RDWR);
        running.fd = -1;
      } else if (running.fd >= 0) {
        due = std::min(due, end);
      }
    }
    stop_asked_.wait_until(lock, due);
  }
}

void MicroServer::stop(std::chrono::milliseconds patience) {
  if (!daemon_) return;
  // libmicrohttpd's threads may still name the descriptor, so that it is closed only after they have ended.
  const UniqueFd listening(::MHD_quiesce_daemon(daemon_.get()));
  if (listening.valid()) ::shutdown(listening.get(), SHUT_RDWR);
  {
    std::unique_lock lock(mutex_);
    all_ended_.wait_for(lock, patience, [this] { return running_.empty(); });
    stopping_ = true;
    // libmicrohttpd cannot be stopped while a connection is suspended.
    for (const auto& [exchange, running] : running_) {
      if (running.waiting) running.waiting->answer(slow_down(503, "the server stops"));
    }
    stop_asked_.notify_all();
  }
  watcher_.join();
  daemon_.reset();
  if (is_local()) ::unlink(options_.unix_path.c_str());
}

Exchange MicroServer::begun(MHD_Connection* connection, const char* path, const char* method) {
  Head head{.method = method, .path = path, .peer = peer_of(connection), .local = is_local()};
  ::MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &head);
  ::MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument, &head);
  Exchange exchange;
  if (!head.local && !rates_.take(head.peer, Steady::now())) {
    exchange.refused = slow_down(429, "too many requests from this address");
    return exchange;
  }
  const std::string_view length = head.header("content-length");
  std::uint64_t bytes = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && (parsed.ec != std::errc() || bytes > options_.limits.body_bytes)) {
    exchange.refused = too_large(options_.limits.body_bytes);
    return exchange;
  }
  Begun begun = begin_(head);
  exchange.request = std::move(begun.request);
  if (!exchange.request) exchange.refused = std::move(begun.refused);
  return exchange;
}

MHD_Result MicroServer::handle(MHD_Connection* connection, const char* path, const char* method, ByteView piece,
                               std::size_t* bytes, void** at) {
  auto* exchange = static_cast<Exchange*>(*at);
  if (exchange == nullptr) {
    auto made = std::make_unique<Exchange>(begun(connection, path, method));
    exchange = made.get();
    const auto* const info = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    {
      const std::lock_guard lock(mutex_);
      running_[exchange] = {.fd = info->connect_fd, .since = Steady::now()};
    }
    *at = made.release();  // on_end() frees it
    // An answer before the body was read closes the connection, which is cheaper than reading a body in vain.
    return exchange->refused ? queue(connection, *exchange->refused) : MHD_YES;
  }
  if (!piece.empty()) {
    *bytes = 0;
    exchange->body_bytes += piece.size();
    if (exchange->refused) {
      // libmicrohttpd gives no way to answer in the middle of a body. A little of the rest is read for the sake of the
      // answer.
      constexpr std::uint64_t kMostInVain = 4u << 20;
      return exchange->body_bytes > kMostInVain ? MHD_NO : MHD_YES;
    }
    if (exchange->body_bytes > options_.limits.body_bytes) {
      exchange->refused = too_large(options_.limits.body_bytes);
    } else {
      exchange->refused = exchange->request->take(piece);
    }
    if (exchange->refused) exchange->body_bytes = 0;
    return MHD_YES;
  }
  if (exchange->refused) return queue(connection, *exchange->refused);
  if (!exchange->waiting) {
    exchange->waiting = std::make_shared<Waiting>(connection);
    {
      const std::lock_guard lock(mutex_);
      running_[exchange].waiting = exchange->waiting;
    }
    exchange->request->finish(
        Responder([waiting = exchange->waiting](Response response) { waiting->answer(std::move(response)); }));
  }
  const auto response = exchange->waiting->take_or_suspend();
  return response ? queue(connection, *response) : MHD_YES;
}

MHD_Result MicroServer::on_piece(void* server, MHD_Connection* connection, const char* path, const char* method,
                                 const char*, const char* data, std::size_t* bytes, void** exchange) noexcept {
  return static_cast<MicroServer*>(server)->handle(connection, path, method, as_bytes({data, *bytes}), bytes, exchange);
}

void MicroServer::on_end(void* server, MHD_Connection*, void** at, MHD_RequestTerminationCode) noexcept {
  const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*at));
  if (!exchange) return;
  auto& self = *static_cast<MicroServer*>(server);
  const std::lock_guard lock(self.mutex_);
  self.running_.erase(exchange.get());
  if (self.running_.empty()) self.all_ended_.notify_all();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Begin begin) {
  auto server = std::make_unique<MicroServer>(std::move(options), std::move(begin));
  IMAKEEP_CHECK(server->start());
  return server;
}

}  // namespace imakeep::http
