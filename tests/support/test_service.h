// SPDX-License-Identifier: Apache-2.0
// support/test_service.h - for tests only: the verifier's HTTP interface without sockets, on a store in memory that
// fails or waits on demand. Threads: one thread at a time sends requests.
#pragma once

#include <condition_variable>
#include <future>

#include "support/test_clock.h"
#include "support/test_verifier.h"
#include "verifier/administration.h"
#include "vstore/faulty/faulty_store.h"

namespace imakeep::verifier::test {

// A store whose commits wait while the gate is closed, and one of which may fail.
class GatedStore : public vstore::FaultyStore {
 public:
  explicit GatedStore(vstore::Store& inner) : FaultyStore(inner) {}
  ~GatedStore() override { open(); }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
  }
  // Returns once so many commits have begun.
  void wait_for_commits(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sizes_.size() >= count; });
  }
  // The moves of each commit that has begun.
  std::vector<std::size_t> sizes() {
    const std::lock_guard lock(mutex_);
    return sizes_;
  }
  // REQUIRES: no other call of the store comes before the commit.
  void fail_commit(vstore::FaultPoint point, Error error = {.code = ErrorCode::kIo, .message = "planned fault"}) {
    fail_at(calls(), point, std::move(error));
  }

  Result<std::vector<vstore::MoveResult>> commit(std::span<const vstore::Move> moves) override {
    {
      std::unique_lock lock(mutex_);
      sizes_.push_back(moves.size());
      changed_.notify_all();
      changed_.wait(lock, [this] { return !closed_; });
    }
    return FaultyStore::commit(moves);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::vector<std::size_t> sizes_;
};

struct Sent {
  std::string body = {};
  std::string type = "application/json";
  std::string token = {};  // over HTTPS; empty: none
  bool local = false;      // through the Unix socket
  std::map<std::string, std::string> query = {};
};

struct TestService {
  explicit TestService(CommitterOptions options = {}) : committer(store, options) {
    service.more = [this](const http::Head& head) { return administer(service, head); };
  }
  // Requests that wait are answered before what they use is gone.
  ~TestService() {
    store.open();
    committer.stop();
  }

  std::future<http::Response> begin(const std::string& method, const std::string& path, const Sent& sent = {}) {
    http::Head head{.method = method, .path = path, .query = sent.query, .peer = "192.0.2.7", .local = sent.local};
    if (!sent.type.empty()) head.headers["content-type"] = sent.type;
    if (!sent.token.empty()) head.headers["authorization"] = "Bearer " + sent.token;
    const auto answer = std::make_shared<std::promise<http::Response>>();
    auto future = answer->get_future();
    http::Begun begun = service.begin(head);
    if (!begun.request) {
      answer->set_value(std::move(begun.refused));
      return future;
    }
    constexpr std::size_t kPiece = 1000;
    const ByteView body = as_bytes(sent.body);
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      if (auto response = begun.request->take(body.subspan(at, std::min(kPiece, body.size() - at)))) {
        answer->set_value(std::move(*response));
        return future;
      }
    }
    begun.request->finish(
        http::Responder([answer](http::Response response) { answer->set_value(std::move(response)); }));
    return future;
  }
  http::Response send(const std::string& method, const std::string& path, const Sent& sent = {}) {
    return begin(method, path, sent).get();
  }
  // Makes a token of the store, and returns its text.
  std::string add_token(const std::string& name, vstore::Role role, const std::string& tenant = "default",
                        std::optional<std::uint64_t> uses = std::nullopt) {
    const std::string token = "token-of-" + name;
    EXPECT_TRUE(verifier.store.add_token(
        {.hash = token_hash(token), .tenant = tenant, .role = role, .name = name, .uses_left = uses}));
    return token;
  }

  TestVerifier verifier;
  GatedStore store{verifier.store};
  Judge judge{.settings = verifier.settings,
              .store = store,
              .keys = verifier.keys,
              .policies = verifier.policies,
              .aks = verifier.aks,
              .random = verifier.random};
  Trust trust{.any_tpm = true};
  imakeep::test::TestClock clock;
  std::vector<LogLine> lines;
  Committer committer;
  Service service{
      .judge = judge, .trust = trust, .committer = committer, .clock = clock, .log = [this](const LogLine& line) {
        lines.push_back(line);
      }};
};

// The reason of a problem; "" for an answer that is none.
inline std::string reason_of(const http::Response& response) {
  if (response.content_type != evidence::kProblemMediaType) return "";
  const auto problem = good(evidence::read_problem(response.body));
  EXPECT_EQ(problem.status, response.status);
  EXPECT_FALSE(problem.detail.empty());
  return problem.reason;
}

}  // namespace imakeep::verifier::test
