// SPDX-License-Identifier: Apache-2.0
// How many attestations a verifier process judges for each second of its CPU time, compared with the machine's rate of
// checking ECDSA P-256 signatures. Prints rows of a table. bench/attest runs it.
//
//   attest_bench STORE HOSTS PROVEN SECONDS
//
// STORE is a new file of SQLite, or postgresql://... of an empty database. HOSTS rows are in the store; 64 of the hosts
// attest over TLS connections that are kept, each time with 10 new records of template ima-ng, and PROVEN records are
// proven before. An attestation is a challenge and evidence, and the commit is part of it. Quotes are signed by OpenSSL
// in the place of TPMs. The server is a process of its own, so that the clients' CPU time does not count.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "attest/quote_check.h"
#include "evidence/challenge.h"
#include "http/client.h"
#include "http/self_signed.h"
#include "http/server.h"
#include "support/test_verifier.h"
#include "verifier/host_state.h"
#include "verifier/service.h"
#include "verifierd/serve.h"

namespace imakeep::bench {
namespace {

using verifier::test::TestHost;

constexpr std::size_t kAttesting = 64;
constexpr std::size_t kNewRecords = 10;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "attest_bench: %s\n", describe(result.error()).c_str());
  std::abort();
}
void must(const Result<void>& result) {
  if (result) return;
  std::fprintf(stderr, "attest_bench: %s\n", describe(result.error()).c_str());
  std::abort();
}

// The row of a host of which `proven` records are proven.
vstore::HostRow row_of(const TestHost& host, std::uint64_t proven) {
  vstore::HostRow row{.key = {.tenant = "default", .host = host.name},
                      .name = host.name,
                      .status = vstore::HostStatus::kEnrolled,
                      .ak_public = host.key.public_area(),
                      .ak_name = Bytes(34),
                      .ek_check = "pinned",
                      .proven = proven};
  verifier::HostState state;
  state.chain = {.chain = 1,
                 .proven = proven,
                 .clock_ms = host.clock.clock_ms,
                 .reset_count = host.clock.reset_count,
                 .restart_count = host.clock.restart_count,
                 .pcrs = digest::PcrState(host.pcrs.banks())};
  state.chain.pcrs.set(0, 10, host.pcrs.value(0, 10));
  row.state = verifier::save(state);
  return row;
}

// The server process: fills the store, tells the port, and serves until it is killed.
[[noreturn]] void serve(const std::string& where, const std::vector<TestHost>& hosts, std::size_t rows,
                        std::uint64_t proven, const http::Identity& identity, int port_pipe) {
  const auto store = must(verifierd::open_store(where));
  must(store->add_tenant({.tenant = "default"}));
  for (const TestHost& host : hosts) must(store->add_host(row_of(host, proven)));
  vstore::HostRow idle = row_of(hosts.front(), proven);
  for (std::size_t i = hosts.size(); i < rows; ++i) {
    idle.key.host = "idle-" + std::to_string(i);
    must(store->add_host(idle));
  }
  SystemClock clock;
  verifier::KeyRing keys(*store, verifierd::fill_random);
  must(keys.begin(clock.unix_s()));
  verifier::Settings settings;
  verifier::PolicyCache policies(*store, settings.mode);
  const verifier::Judge judge{
      .settings = settings, .store = *store, .keys = keys, .policies = policies, .random = verifierd::fill_random};
  const verifier::Trust trust;
  verifier::Committer committer(*store);
  verifier::Service service{.judge = judge, .trust = trust, .committer = committer, .clock = clock, .log = {}};
  const auto server =
      must(http::Server::start({.certificates = identity.certificate,
                                .private_key = identity.private_key,
                                .threads = 8,
                                .limits = {.connections = 500, .connections_of_peer = 500, .requests_of_peer = 0}},
                               [&service](const http::Head& head) { return service.begin(head); }));
  const std::uint16_t port = server->port();
  if (::write(port_pipe, &port, sizeof port) != sizeof port) std::abort();
  for (;;) ::pause();
}

double cpu_seconds_of(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void attest(http::Client& client, TestHost& host, std::uint64_t& proven) {
  for (std::size_t i = 0; i < kNewRecords; ++i)
    host.measure("/usr/share/package/component-" + std::to_string(proven + i));
  const auto asked = must(
      client.post("/v1/challenge", "application/json", must(evidence::make_challenge_request({.host = host.name}))));
  if (!asked.good()) {
    std::fprintf(stderr, "attest_bench: %s\n", asked.body.c_str());
    std::abort();
  }
  const auto challenge = must(evidence::read_challenge(asked.body));
  auto header = host.header(challenge, 0);
  header.tenant.clear();
  header.first = proven;
  const Bytes evidence = verifier::test::evidence_of(header, host.list);
  const auto answer =
      must(client.post("/v1/evidence", std::string(evidence::kEvidenceMediaType), std::string(as_text(evidence))));
  if (!answer.good()) {
    std::fprintf(stderr, "attest_bench: %s\n", answer.body.c_str());
    std::abort();
  }
  proven += kNewRecords;
  if (must(evidence::read_verdict(answer.body)).n != proven) std::abort();
  host.list.clear();
}

double verifications_a_second() {
  const verifier::test::SoftKey key;
  const Bytes statement(100, std::byte{1});
  const auto keys = must(attest::VerificationKey::parse(key.public_area()));
  const auto signature = must(tpm::parse_signature(key.sign(statement)));
  const tpm::Quote quote{.signed_bytes = statement};
  const auto begin = std::chrono::steady_clock::now();
  int count = 0;
  std::chrono::duration<double> passed{};
  while (passed.count() < 1) {
    for (int i = 0; i < 100; ++i, ++count) must(attest::check_signature(quote, signature, keys.front()));
    passed = std::chrono::steady_clock::now() - begin;
  }
  return count / passed.count();
}

int run(const std::string& store, std::size_t rows, std::uint64_t proven, double seconds) {
  std::vector<TestHost> hosts;
  for (std::size_t i = 0; i < std::min(kAttesting, rows); ++i) {
    hosts.emplace_back("host-" + std::to_string(i));
    hosts.back().list.clear();
  }
  const http::Identity identity = must(http::make_self_signed({}, 1'750'000'000));
  int port_pipe[2];
  if (::pipe(port_pipe) != 0) std::abort();
  const pid_t server = ::fork();
  if (server == 0) serve(store, hosts, rows, proven, identity, port_pipe[1]);
  std::uint16_t port = 0;
  if (::read(port_pipe[0], &port, sizeof port) != sizeof port) std::abort();
  const double limit = verifications_a_second();

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> done{0};
  std::vector<std::thread> clients;
  const std::string pin = must(http::pin_of(identity.certificate));
  for (TestHost& host : hosts) {
    clients.emplace_back([&] {
      const auto client =
          must(http::Client::make({.base_url = "https://127.0.0.1:" + std::to_string(port), .pin = pin}));
      std::uint64_t n = proven;
      attest(*client, host, n);  // the handshake does not count
      while (!stop) {
        attest(*client, host, n);
        ++done;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::uint64_t before = done;
  const double cpu_before = cpu_seconds_of(server);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto count = static_cast<double>(done - before);
  const double cpu = cpu_seconds_of(server) - cpu_before;
  stop = true;
  for (std::thread& client : clients) client.join();
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  std::printf(
      "| %s, %zu hosts, %llu records proven before | %.0f a CPU second, %.0f a second | %.0f signatures a CPU second | "
      "%.3f |\n",
      store.starts_with("postgres") ? "PostgreSQL" : "SQLite", rows, static_cast<unsigned long long>(proven),
      count / cpu, count / seconds, limit, count / cpu / limit);
  return 0;
}

}  // namespace
}  // namespace imakeep::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: attest_bench STORE HOSTS PROVEN SECONDS\n");
    return 2;
  }
  return imakeep::bench::run(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
                             std::strtod(argv[4], nullptr));
}
