// SPDX-License-Identifier: Apache-2.0
// support/small_verifier.h - for tests only: the judge of src/verifier behind a real HTTPS server, with a store in
// memory and one host.
//
// Threads: one, besides those of the server.
#pragma once

#include <atomic>
#include <mutex>
#include <random>

#include <gtest/gtest.h>

#include "http/test_support.h"
#include "imalog/test_support.h"
#include "tpm/attestation_tpm.h"
#include "verifier/attestation.h"
#include "vstore/memory/memory_store.h"

namespace imakeep::test {

inline constexpr std::int64_t kNow = 1'790'000'000;
inline const vstore::HostKey kHost{.tenant = "default", .host = "web-1"};

inline http::Response refused_response(const verifier::Refusal& refusal) {
  const evidence::Problem problem = verifier::problem_of(refusal);
  return {.status = problem.status,
          .content_type = std::string(evidence::kProblemMediaType),
          .body = evidence::make_problem(problem)};
}

inline http::Response not_now() {
  http::Response response = refused_response({.reason = verifier::Reason::kOverloaded, .detail = "not now"});
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

class EvidenceRequest : public http::Request {
 public:
  // `judged` is called once the verdict is committed, and may answer instead.
  using OnJudged = std::function<std::optional<http::Response>()>;
  EvidenceRequest(const verifier::Judge& judge, vstore::Store& store, const OnJudged& judged)
      : judging_(judge, kNow), judge_(judge), store_(store), judged_(judged) {}

  std::optional<http::Response> take(ByteView piece) override {
    if (const auto refusal = judging_.feed(piece)) return refused_response(*refusal);
    return std::nullopt;
  }
  void finish(http::Responder respond) override {
    auto judged = judging_.finish();
    if (!judged) return respond(refused_response(judged.error()));
    if (const auto* const part = std::get_if<verifier::Part>(&*judged)) {
      auto receipt = verifier::take_part(judge_, *part);
      if (!receipt) return respond(refused_response(receipt.error()));
      return respond({.status = evidence::kPartTakenStatus, .content_type = "application/json", .body = *receipt});
    }
    auto* const accepted = std::get_if<verifier::Accepted>(&*judged);
    if (accepted == nullptr) return respond({.body = std::get<verifier::Repeated>(*judged).verdict});
    const auto moved = imalog::test::must(store_.commit(std::span(&accepted->move, 1)));
    EXPECT_EQ(moved.front(), vstore::MoveResult::kMoved);
    if (judged_) {
      if (auto instead = judged_()) return respond(std::move(*instead));
    }
    respond({.content_type = "application/json", .body = accepted->verdict});
  }

 private:
  verifier::Attestation judging_;
  const verifier::Judge& judge_;
  vstore::Store& store_;
  const OnJudged& judged_;
};

// The verifier takes the evidence, and its answer is lost.
class AnswerLost : public http::Request {
 public:
  explicit AnswerLost(std::unique_ptr<http::Request> request) : request_(std::move(request)) {}
  std::optional<http::Response> take(ByteView piece) override { return request_->take(piece); }
  void finish(http::Responder respond) override {
    request_->finish(http::Responder([](const http::Response&) {}));
    respond(not_now());
  }

 private:
  const std::unique_ptr<http::Request> request_;
};

class SmallVerifier {
 public:
  SmallVerifier() {
    imalog::test::must(store.add_tenant({.tenant = kHost.tenant}));
    imalog::test::must(keys_.begin(kNow));
  }
  void enrol(const tpm::SavedKey& key, bool retains = false) {
    imalog::test::must(store.add_host({.key = kHost,
                                       .name = kHost.host,
                                       .status = vstore::HostStatus::kEnrolled,
                                       .ak_public = key.public_area,
                                       .ak_name = Bytes(34),
                                       .ek_hash = Bytes(32),
                                       .retains = retains}));
  }
  vstore::HostRow row() { return *imalog::test::must(store.host(kHost, kNow)); }

  vstore::MemoryStore store;
  verifier::Settings settings;
  EvidenceRequest::OnJudged on_judged;
  std::atomic<int> requests = 0;  // with evidence
  // What happens to each of them: 'b' the verifier cannot take it, 'a' it takes it, and the answer is lost.
  std::function<char()> fate = [] { return '-'; };

 private:
  http::Begun begin(const http::Head& head) {
    if (head.path == "/v1/evidence") {
      ++requests;
      const char now = fate();
      if (now == 'b') return {.refused = not_now()};
      auto request = std::make_unique<EvidenceRequest>(judge_, store, on_judged);
      if (now == 'a') return {.request = std::make_unique<AnswerLost>(std::move(request))};
      return {.request = std::move(request)};
    }
    return {.request = http::answered(1u << 16, [this](const Bytes& body) {
              const auto request = imalog::test::must(evidence::read_challenge_request(as_text(body)));
              const auto made = verifier::challenge(judge_, request, kNow);
              if (!made) return refused_response(made.error());
              return http::Response{.content_type = "application/json",
                                    .body = imalog::test::must(evidence::make_challenge(*made))};
            })};
  }

  static void fill(std::span<std::byte> room) {
    static std::mutex mutex;
    static std::random_device device;
    const std::lock_guard lock(mutex);
    for (std::byte& byte : room) byte = static_cast<std::byte>(device());
  }

  verifier::KeyRing keys_{store, fill};
  verifier::PolicyCache policies_{store, policy::Mode::kStrict};
  verifier::AkCache aks_;
  const verifier::Judge judge_{
      .settings = settings, .store = store, .keys = keys_, .policies = policies_, .aks = aks_, .random = fill};

 public:
  const std::unique_ptr<http::Server> server =
      http::test::start([this](const http::Head& head) { return begin(head); }, {.requests_of_peer = 0});
};

}  // namespace imakeep::test
