// SPDX-License-Identifier: Apache-2.0
// verifier/service.h - the verifier's HTTP interface, without sockets: docs/reference/http-api.md has every route.
//
//   POST /v1/challenge     evidence::ChallengeRequest         evidence::Challenge
//   POST /v1/evidence      evidence (CBOR, or in a CMW)       evidence::Verdict, after the commit;
//                                                           of a part evidence::PartReceipt, after it is kept
//   POST /v1/enrol         evidence::EnrolmentRequest         evidence::EnrolmentCredential
//   POST /v1/enrol/proof   evidence::EnrolmentProof           evidence::EnrolmentStatus
//   GET /.well-known/jwks.json   GET /healthz   GET /readyz   GET /metrics
// A refusal is a problem (evidence::Problem). Other paths go to Routes::more.
// Threads: safe from any thread. Requests must end before the object does.
#pragma once

#include <array>
#include <atomic>
#include <functional>

#include "base/clock.h"
#include "http/exchange.h"
#include "verifier/committer.h"
#include "verifier/enrolment.h"

namespace imakeep::verifier {

// Counts for metrics.
struct ServiceCounts {
  std::atomic<std::uint64_t> challenges{0};
  std::atomic<std::uint64_t> accepted{0};  // evidence that moved a host
  std::atomic<std::uint64_t> parts{0};     // of long increments
  std::atomic<std::uint64_t> repeated{0};
  std::atomic<std::uint64_t> enrolled{0};
  std::array<std::atomic<std::uint64_t>, kReasonCount> refused{};
};

// One line of the log for each request that was refused or that changed something.
struct LogLine {
  std::string event;  // "refused", "verdict", "enrolled", "administered"
  std::string peer;
  std::string detail;
};

struct Service {
  const Judge& judge;
  const Trust& trust;
  Committer& committer;
  Clock& clock;
  std::function<void(const LogLine&)> log;
  // Routes that are not the host's. Empty: the path is none of them.
  std::function<std::optional<http::Begun>(const http::Head&)> more = {};
  ServiceCounts counts = {};

  http::Begun begin(const http::Head& head);
};

http::Response response_of(const Refusal& refusal);
// The same, counted and logged.
http::Response refused(Service& service, const std::string& peer, const Refusal& refusal);
http::Response json_response(std::string body, int status = 200);
// Prometheus' text format.
std::string metrics_of(const ServiceCounts& counts);

}  // namespace imakeep::verifier
