// SPDX-License-Identifier: Apache-2.0
#include "verifierd/serve.h"

#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include <systemd/sd-daemon.h>

#include "base/file.h"
#include "base/signal_descriptor.h"
#include "base/text.h"
#include "enrol/trust_directory.h"
#include "http/self_signed.h"
#include "verifier/administration.h"
#include "verifier/service.h"
#include "verifierd/repeated_task.h"
#include "vstore/postgres/postgres_store.h"
#include "vstore/sqlite/sqlite_store.h"

namespace imakeep::verifierd {
namespace {

constexpr std::uint64_t kMostPemBytes = 1u << 20;
constexpr std::chrono::minutes kTidyInterval{1};

void wait_for(const UniqueFd& signals) {
  pollfd wanted{.fd = signals.get(), .events = POLLIN, .revents = 0};
  while (::poll(&wanted, 1, -1) < 0 && errno == EINTR) {
  }
}

Result<std::string> read_text(const std::string& path) {
  IMAKEEP_TRY(const Bytes bytes, read_file(path, {.most_bytes = kMostPemBytes}));
  return std::string(as_text(bytes));
}

// The certificate that the options name, or the self-signed one, which is made if it is not there.
Result<http::Identity> identity_of(const ServeOptions& options, Clock& clock) {
  if (options.certificate.empty() != options.private_key.empty()) {
    return fail(ErrorCode::kUsage, "a certificate needs its private key and the other way round; give both or none");
  }
  if (!options.certificate.empty()) {
    http::Identity given;
    IMAKEEP_TRY(given.certificate, read_text(options.certificate));
    IMAKEEP_TRY(given.private_key, read_text(options.private_key));
    return given;
  }
  const std::string certificate = options.state_directory + "/server.crt";
  const std::string key = options.state_directory + "/server.key";
  if (!std::filesystem::exists(certificate)) {
    IMAKEEP_TRY(const auto& made, http::make_self_signed(options.names, clock.unix_s()));
    // The key first: a certificate without a key would be taken for whole at the next start.
    IMAKEEP_CHECK(replace_file(key, as_bytes(made.private_key), 0600));
    IMAKEEP_CHECK(replace_file(certificate, as_bytes(made.certificate), 0644));
  }
  http::Identity kept;
  IMAKEEP_TRY(kept.certificate, read_text(certificate));
  IMAKEEP_TRY(kept.private_key, read_text(key));
  return kept;
}

Result<verifier::Trust> trust_of(const ServeOptions& options) {
  verifier::Trust trust{
      .any_tpm = options.any_tpm, .token_required = !options.no_token, .approval_required = options.approval};
  if (!options.ek_roots.empty()) {
    IMAKEEP_TRY(trust.certificates, enrol::read_trust_directory(options.ek_roots));
  }
  if (!options.ek_pins.empty()) {
    IMAKEEP_TRY(const auto& text, read_text(options.ek_pins));
    auto pins = enrol::EkPins::parse(text);
    if (!pins) return unexpected(named(pins.error(), options.ek_pins));
    trust.pins = std::move(*pins);
  }
  return trust;
}

// The tenant of hosts that name none.
Result<void> make_default_tenant(vstore::Store& store, const std::string& tenant, std::int64_t now_unix_s) {
  const auto added = store.add_tenant({.tenant = tenant, .created_unix_s = now_unix_s});
  if (!added && added.error().os_errno != EEXIST) return unexpected(added.error());
  return {};
}

void print_line(const verifier::LogLine& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::fprintf(stderr, "imakeep-verifier: %s%s%s: %s\n", line.event.c_str(), line.peer.empty() ? "" : " ",
               printable(line.peer).c_str(), printable(line.detail).c_str());
}

}  // namespace

void fill_random(std::span<std::byte> room) {
  // Up to 256 bytes come at once or not at all (getrandom(2)).
  while (!room.empty()) {
    const ssize_t got = ::getrandom(room.data(), std::min<std::size_t>(room.size(), 256), 0);
    if (got > 0) room = room.subspan(static_cast<std::size_t>(got));
  }
}

Result<std::unique_ptr<vstore::Store>> open_store(const std::string& store, std::chrono::milliseconds call_timeout) {
  if (store.starts_with("postgresql://") || store.starts_with("postgres://")) {
    return vstore::open_postgres_store(store, {.call_timeout = call_timeout});
  }
  return vstore::open_sqlite_store(store);
}

Result<void> serve(const ServeOptions& options) {
  // Threads that start later do not get these signals.
  IMAKEEP_TRY(const auto& stop, signal_descriptor({SIGTERM, SIGINT}));
  SystemClock clock;
  IMAKEEP_TRY(const auto& trust, trust_of(options));
  IMAKEEP_TRY(const auto& identity, identity_of(options, clock));
  IMAKEEP_TRY(const auto& store, open_store(options.store, options.store_timeout));
  IMAKEEP_CHECK(make_default_tenant(*store, options.settings.default_tenant, clock.unix_s()));
  verifier::KeyRing keys(*store, fill_random);
  IMAKEEP_CHECK(keys.begin(clock.unix_s()));
  verifier::PolicyCache policies(*store, options.settings.mode);
  verifier::AkCache aks;
  const verifier::Judge judge{.settings = options.settings,
                              .store = *store,
                              .keys = keys,
                              .policies = policies,
                              .aks = aks,
                              .random = fill_random};
  verifier::Committer committer(*store);
  verifier::Service service{.judge = judge, .trust = trust, .committer = committer, .clock = clock, .log = print_line};
  service.more = [&](const http::Head& head) { return verifier::administer(service, head); };
  // If the store fails, the next time does it.
  const RepeatedTask tidy(kTidyInterval, [&] {
    const std::int64_t now = clock.unix_s();
    static_cast<void>(store->drop_provisional(now));
    if (options.keep_history) static_cast<void>(store->drop_history(now - options.keep_history->count()));
  });
  const auto begin = [&service](const http::Head& head) { return service.begin(head); };
  IMAKEEP_TRY(const auto& server, http::Server::start({.address = options.address,
                                                       .port = options.port,
                                                       .certificates = identity.certificate,
                                                       .private_key = identity.private_key,
                                                       .threads = options.threads,
                                                       .limits = options.limits},
                                                      begin));
  std::unique_ptr<http::Server> admin;
  if (!options.admin_socket.empty()) {
    constexpr unsigned kAdminMode = 0660;
    constexpr unsigned kAdminConnections = 64;
    IMAKEEP_TRY(admin, http::Server::start({.unix_path = options.admin_socket,
                                            .unix_mode = kAdminMode,
                                            .threads = 2,
                                            .limits = {.connections = kAdminConnections}},
                                           begin));
  }
  IMAKEEP_TRY(const auto& pin, http::pin_of(identity.certificate));
  std::printf("imakeep-verifier listens on https://%s:%u, pin %s\n", options.address.c_str(), server->port(),
              pin.c_str());
  std::fflush(stdout);
  ::sd_notify(0, "READY=1");
  wait_for(stop);
  ::sd_notify(0, "STOPPING=1");
  // Requests that have begun are answered, and their moves committed, before the store is closed.
  server->stop(options.patience);
  if (admin) admin->stop(options.patience);
  committer.stop();
  return {};
}

}  // namespace imakeep::verifierd
