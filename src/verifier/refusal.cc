// SPDX-License-Identifier: Apache-2.0
#include "verifier/refusal.h"

#include <array>

namespace imakeep::verifier {
namespace {

constexpr std::array<ReasonInfo, kReasonCount> kReasons{
    {{"malformed", 400},       {"unsupported", 400},      {"unknown-host", 404},
     {"not-enrolled", 403},    {"disabled", 403},         {"nonce-unknown", 409},
     {"nonce-foreign", 409},   {"nonce-expired", 409},    {"quote-malformed", 422},
     {"quote-signature", 403}, {"quote-pcrs", 422},       {"quote-older", 409},
     {"first", 409},           {"new-boot", 409},         {"log-mismatch", 422},
     {"stale", 409},           {"older-policy", 409},     {"policy-missing", 503},
     {"bad-policy", 422},      {"enrolment-token", 403},  {"enrolment-key", 422},
     {"enrolment-tpm", 403},   {"enrolment-secret", 403}, {"enrolment-known", 409},
     {"unauthorized", 401},    {"forbidden", 403},        {"not-found", 404},
     {"conflict", 409},        {"overloaded", 503},       {"store", 503}}};

}  // namespace

const ReasonInfo& info(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

evidence::Problem problem_of(const Refusal& refusal) {
  const ReasonInfo& of = info(refusal.reason);
  return {.status = of.status, .reason = std::string(of.name), .detail = refusal.detail, .first = refusal.first};
}

Refusal store_refusal(const Error& error) {
  return {.reason = Reason::kStore, .detail = error.message};
}

}  // namespace imakeep::verifier
