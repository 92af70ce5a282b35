// SPDX-License-Identifier: Apache-2.0
#include "verifier/service.h"

#include <cerrno>

#include "base/text.h"
#include "evidence/cmw.h"

namespace imakeep::verifier {
namespace {

using http::Begun;
using http::Head;
using http::Responder;
using http::Response;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kCmwCbor = "application/cmw+cbor";
constexpr std::string_view kCmwJson = "application/cmw+json";
constexpr std::size_t kMostCmwBytes = 16u << 20;

// The media type without its parameters.
std::string_view type_of(const Head& head) {
  const std::string_view value = head.header("content-type");
  return value.substr(0, value.find(';'));
}

// A request in JSON: `read` parses it, `act` does it, `write` makes the answer.
template <class Read, class Act, class Write>
Begun json_route(Service& service, const Head& head, std::size_t most_bytes, Read read, Act act, Write write) {
  if (type_of(head) != kJson) {
    return {.refused =
                refused(service, head.peer,
                        {.reason = Reason::kMalformed, .detail = "the content type has to be application/json"})};
  }
  return {.request = http::answered(most_bytes, [&service, peer = head.peer, read, act, write](const Bytes& body) {
            const auto request = read(as_text(body));
            if (!request) {
              const bool version = request.error().code == ErrorCode::kUnsupported;
              return refused(
                  service, peer,
                  {.reason = version ? Reason::kUnsupported : Reason::kMalformed, .detail = request.error().message});
            }
            const auto done = act(*request);
            if (!done) return refused(service, peer, done.error());
            const auto text = write(*done);
            if (!text) return refused(service, peer, store_refusal(text.error()));
            return json_response(*text);
          })};
}

// Evidence while it arrives.
class EvidenceRequest : public http::Request {
 public:
  EvidenceRequest(Service& service, std::string peer)
      : service_(service), peer_(std::move(peer)), attestation_(service.judge, service.clock.unix_s()) {}

  std::optional<Response> take(ByteView piece) override {
    const auto refusal = attestation_.feed(piece);
    return refusal ? std::optional(refused(service_, peer_, *refusal)) : std::nullopt;
  }

  void finish(Responder respond) override { answer(attestation_.finish(), std::move(respond)); }

 private:
  void answer(Judged<Outcome> judged, Responder respond) {
    if (!judged) return respond(refused(service_, peer_, judged.error()));
    if (auto* const repeated = std::get_if<Repeated>(&*judged)) {
      ++service_.counts.repeated;
      return respond(json_response(std::move(repeated->verdict)));
    }
    if (const auto* const part = std::get_if<Part>(&*judged)) return respond(taken(*part));
    auto& accepted = std::get<Accepted>(*judged);
    const std::string what = accepted.move.key.tenant + " " + accepted.move.key.host +
                             " n=" + std::to_string(accepted.move.proven) + " " + accepted.move.history.outcome;
    // std::function has to be copyable, and a responder is not.
    const auto shared = std::make_shared<Responder>(std::move(respond));
    service_.committer.submit(std::move(accepted.move),
                              [&service = service_, peer = peer_, verdict = std::move(accepted.verdict), what,
                               shared](const Result<vstore::MoveResult>& moved) mutable {
                                (*shared)(committed(service, peer, moved, std::move(verdict), what));
                              });
  }

  Response taken(const Part& part) {
    auto receipt = take_part(service_.judge, part);
    if (!receipt) return refused(service_, peer_, receipt.error());
    ++service_.counts.parts;
    return json_response(std::move(*receipt), evidence::kPartTakenStatus);
  }

  static Response committed(Service& service, const std::string& peer, const Result<vstore::MoveResult>& moved,
                            std::string verdict, const std::string& what) {
    if (!moved) {
      const bool not_tried = moved.error().os_errno == EAGAIN;
      return refused(service, peer,
                     {.reason = not_tried ? Reason::kOverloaded : Reason::kStore, .detail = moved.error().message});
    }
    switch (*moved) {
      case vstore::MoveResult::kStale:
        return refused(
            service, peer,
            {.reason = Reason::kStale,
             .detail = "another quote of the host was accepted meanwhile, or the host was changed; ask again"});
      case vstore::MoveResult::kOlderPolicy:
        return refused(service, peer,
                       {.reason = Reason::kOlderPolicy, .detail = "the host's policies changed meanwhile; ask again"});
      case vstore::MoveResult::kMoved:
        break;
    }
    ++service.counts.accepted;
    if (service.log) service.log({.event = "verdict", .peer = peer, .detail = what});
    return json_response(std::move(verdict));
  }

  Service& service_;
  const std::string peer_;
  Attestation attestation_;
};

// Evidence in a conceptual message wrapper, which has to be there as a whole.
Begun wrapped_evidence(Service& service, const Head& head, bool json) {
  return {.request =
              http::gathered(kMostCmwBytes, [&service, peer = head.peer, json](const Bytes& body, Responder respond) {
                const auto cmw = json ? evidence::read_cmw_json(as_text(body), kMostCmwBytes)
                                      : evidence::read_cmw_cbor(body, kMostCmwBytes);
                const auto* const type = cmw ? std::get_if<evidence::MediaType>(&cmw->type) : nullptr;
                if (!cmw || type == nullptr || *type != evidence::kEvidenceMediaType) {
                  return respond(
                      refused(service, peer,
                              {.reason = Reason::kMalformed,
                               .detail = cmw ? "the wrapper holds no evidence of imakeep" : cmw.error().message}));
                }
                EvidenceRequest request(service, peer);
                if (auto response = request.take(cmw->value)) return respond(std::move(*response));
                request.finish(std::move(respond));
              })};
}

Begun evidence_route(Service& service, const Head& head) {
  const std::string_view type = type_of(head);
  if (type == evidence::kEvidenceMediaType) return {.request = std::make_unique<EvidenceRequest>(service, head.peer)};
  if (type == kCmwCbor || type == kCmwJson) return wrapped_evidence(service, head, type == kCmwJson);
  return {.refused = refused(service, head.peer,
                             {.reason = Reason::kMalformed,
                              .detail = "the content type has to be " + std::string(evidence::kEvidenceMediaType) +
                                        ", application/cmw+cbor or application/cmw+json"})};
}

std::optional<Begun> post_route(Service& service, const Head& head) {
  Service* const of = &service;
  const auto now = [of] { return of->clock.unix_s(); };
  if (head.path == "/v1/challenge") {
    return json_route(
        service, head, evidence::kMostControlBytes, evidence::read_challenge_request,
        [of, now](const evidence::ChallengeRequest& request) {
          ++of->counts.challenges;
          return challenge(of->judge, request, now());
        },
        evidence::make_challenge);
  }
  if (head.path == "/v1/evidence") return evidence_route(service, head);
  if (head.path == "/v1/enrol") {
    return json_route(
        service, head, evidence::kMostEnrolmentBytes, evidence::read_enrolment_request,
        [of, now](const evidence::EnrolmentRequest& request) {
          return begin_enrolment(of->judge, of->trust, request, now());
        },
        evidence::make_enrolment_credential);
  }
  if (head.path == "/v1/enrol/proof") {
    return json_route(
        service, head, evidence::kMostEnrolmentBytes, evidence::read_enrolment_proof,
        [of, now](const evidence::EnrolmentProof& proof) {
          auto status = complete_enrolment(of->judge, of->trust, proof, now());
          if (status) ++of->counts.enrolled;
          if (status && of->log) of->log({.event = "enrolled", .peer = "", .detail = proof.enrolment});
          return status;
        },
        evidence::make_enrolment_result);
  }
  return std::nullopt;
}

Begun at_once(Response response) {
  return {.refused = std::move(response)};
}

std::optional<Begun> get_route(Service& service, const Head& head) {
  if (head.path == "/healthz") return at_once({.content_type = "text/plain; charset=utf-8", .body = "ok\n"});
  if (head.path == "/readyz") {
    const auto tenants = service.judge.store.tenants();
    if (tenants) return at_once({.content_type = "text/plain; charset=utf-8", .body = "ready\n"});
    return at_once(response_of(store_refusal(tenants.error())));
  }
  if (head.path == "/metrics") {
    return at_once({.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_of(service.counts)});
  }
  if (head.path == "/.well-known/jwks.json") {
    auto keys = service.judge.keys.published(service.clock.unix_s());
    if (!keys) return at_once(response_of(store_refusal(keys.error())));
    return at_once({.content_type = "application/jwk-set+json", .body = std::move(*keys)});
  }
  return std::nullopt;
}

}  // namespace

http::Response json_response(std::string body, int status) {
  return {.status = status, .content_type = std::string(kJson), .body = std::move(body)};
}

http::Response response_of(const Refusal& refusal) {
  const evidence::Problem problem = problem_of(refusal);
  Response response{.status = problem.status,
                    .content_type = std::string(evidence::kProblemMediaType),
                    .body = evidence::make_problem(problem)};
  constexpr int kUnavailable = 503;
  if (problem.status == kUnavailable) response.headers.emplace_back("Retry-After", "5");
  if (refusal.reason == Reason::kUnauthorized) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

http::Response refused(Service& service, const std::string& peer, const Refusal& refusal) {
  ++service.counts.refused[static_cast<std::size_t>(refusal.reason)];
  if (service.log) {
    service.log({.event = "refused",
                 .peer = peer,
                 .detail = std::string(info(refusal.reason).name) + ": " + printable(refusal.detail)});
  }
  return response_of(refusal);
}

std::string metrics_of(const ServiceCounts& counts) {
  std::string text;
  const auto counter = [&](const std::string& name, const std::string& help, std::uint64_t value) {
    text +=
        "# HELP " + name + " " + help + "\n# TYPE " + name + " counter\n" + name + " " + std::to_string(value) + "\n";
  };
  counter("imakeep_verifier_challenges_total", "Challenges given.", counts.challenges);
  counter("imakeep_verifier_accepted_total", "Quotes accepted and committed.", counts.accepted);
  counter("imakeep_verifier_parts_total", "Parts of long increments taken.", counts.parts);
  counter("imakeep_verifier_repeated_total", "Verdicts given once more.", counts.repeated);
  counter("imakeep_verifier_enrolled_total", "Enrolments completed.", counts.enrolled);
  text +=
      "# HELP imakeep_verifier_refused_total Requests refused, by reason.\n# TYPE imakeep_verifier_refused_total "
      "counter\n";
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    text += "imakeep_verifier_refused_total{reason=\"" + std::string(info(static_cast<Reason>(i)).name) + "\"} " +
            std::to_string(counts.refused[i]) + "\n";
  }
  return text;
}

http::Begun Service::begin(const http::Head& head) {
  std::optional<Begun> begun;
  if (head.method == "POST") begun = post_route(*this, head);
  if (head.method == "GET") begun = get_route(*this, head);
  if (!begun && more) begun = more(head);
  if (begun) return std::move(*begun);
  return {.refused =
              refused(*this, head.peer, {.reason = Reason::kNotFound, .detail = "the verifier has no such route"})};
}

}  // namespace imakeep::verifier
