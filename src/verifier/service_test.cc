// SPDX-License-Identifier: Apache-2.0
#include "verifier/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/cmw.h"
#include "support/test_service.h"

namespace imakeep::verifier {
namespace service_test {

using test::evidence_of;
using test::good;
using test::reason_of;
using test::Sent;
using test::TestHost;
using test::TestService;
using ::testing::HasSubstr;

// The evidence of a host for a challenge that it asks for over HTTP.
std::string evidence_text(TestService& verifier, const TestHost& host, std::uint64_t first = 0) {
  const auto asked =
      verifier.send("POST", "/v1/challenge", {.body = R"({"version": 1, "host": ")" + host.name + "\"}"});
  EXPECT_EQ(asked.status, 200) << asked.body;
  const auto challenge = good(evidence::read_challenge(asked.body));
  return std::string(as_text(evidence_of(host.header(challenge, first), std::span(host.list).subspan(first))));
}

Sent evidence(const std::string& body) {
  return {.body = body, .type = std::string(evidence::kEvidenceMediaType)};
}

// ---- what needs no host ---------------------------------------------------------------------------------------------

TEST(Service, SaysThatItRunsAndWhetherItsStoreAnswers) {
  TestService verifier;
  EXPECT_EQ(verifier.send("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(verifier.send("GET", "/readyz").body, "ready\n");
  verifier.store.fail_from(0);
  EXPECT_EQ(verifier.send("GET", "/healthz").status, 200);
  const auto away = verifier.send("GET", "/readyz");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(reason_of(away), "store");
  EXPECT_EQ(away.headers.at(0), (std::pair<std::string, std::string>{"Retry-After", "5"}));
}

TEST(Service, PublishesTheKeysOfItsResults) {
  TestService verifier;
  const auto keys = verifier.send("GET", "/.well-known/jwks.json");
  EXPECT_EQ(keys.content_type, "application/jwk-set+json");
  EXPECT_TRUE(ear::PublicKeys::parse(keys.body));
}

TEST(Service, CountsWhatItDidAndRefused) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const std::string body = evidence_text(verifier, host);
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", evidence(body)).status, 200);
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", evidence(body)).status, 200);
  EXPECT_EQ(verifier.send("GET", "/nothing").status, 404);
  const auto metrics = verifier.send("GET", "/metrics");
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body, HasSubstr("\nimakeep_verifier_challenges_total 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nimakeep_verifier_accepted_total 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nimakeep_verifier_repeated_total 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nimakeep_verifier_refused_total{reason=\"not-found\"} 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("\nimakeep_verifier_refused_total{reason=\"stale\"} 0\n"));
}

TEST(Service, LogsRefusalsAndVerdictsWithTheirPeer) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", evidence(evidence_text(verifier, host))).status, 200);
  verifier.send("POST", "/v1/challenge", {.body = "{"});
  ASSERT_EQ(verifier.lines.size(), 2u);
  EXPECT_EQ(verifier.lines[0].event, "verdict");
  EXPECT_THAT(verifier.lines[0].detail, HasSubstr("default web-1 n=1"));
  EXPECT_EQ(verifier.lines[1].event, "refused");
  EXPECT_THAT(verifier.lines[1].detail, HasSubstr("malformed: "));
  EXPECT_EQ(verifier.lines[1].peer, "192.0.2.7");
}

TEST(Service, HasNoOtherRoutes) {
  TestService verifier;
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{{"GET", "/"},
                                                                                     {"GET", "/v1/challenge"},
                                                                                     {"PUT", "/v1/evidence"},
                                                                                     {"POST", "/healthz"},
                                                                                     {"POST", "/v1/enrol/"}}) {
    EXPECT_EQ(reason_of(verifier.send(method, path)), "not-found") << method << " " << path;
  }
}

// ---- requests that are none -----------------------------------------------------------------------------------------

TEST(Service, RefusesOtherContentTypes) {
  TestService verifier;
  for (const std::string path : {"/v1/challenge", "/v1/enrol", "/v1/enrol/proof", "/v1/evidence"}) {
    for (const std::string type : {"", "text/plain", "application/jsonx"}) {
      EXPECT_EQ(reason_of(verifier.send("POST", path, {.body = "{}", .type = type})), "malformed") << path << type;
    }
  }
  // A parameter of the type does no harm.
  const auto answer = verifier.send(
      "POST", "/v1/challenge", {.body = R"({"version": 1, "host": "a"})", .type = "application/json; charset=utf-8"});
  EXPECT_EQ(reason_of(answer), "unknown-host");
}

TEST(Service, RefusesTextsThatAreNoRequest) {
  TestService verifier;
  for (const std::string path : {"/v1/challenge", "/v1/enrol", "/v1/enrol/proof"}) {
    for (const std::string body : {"", "{", "[]", "null", R"({"version": 1})", R"({"version": 1, "version": 1})"}) {
      EXPECT_EQ(reason_of(verifier.send("POST", path, {.body = body})), "malformed") << path << " " << body;
    }
    EXPECT_EQ(reason_of(verifier.send("POST", path, {.body = R"({"version": 2})"})), "unsupported") << path;
    EXPECT_EQ(verifier.send("POST", path, {.body = std::string(evidence::kMostEnrolmentBytes + 1, ' ')}).status, 413);
  }
  EXPECT_EQ(reason_of(verifier.send("POST", "/v1/evidence", evidence("nonsense"))), "malformed");
  EXPECT_EQ(reason_of(verifier.send("POST", "/v1/evidence", evidence(""))), "malformed");
  for (const std::string type : {"application/cmw+json", "application/cmw+cbor"}) {
    EXPECT_EQ(reason_of(verifier.send("POST", "/v1/evidence", {.body = "nonsense", .type = type})), "malformed");
  }
}

TEST(Service, TellsAHostWhichRecordsAreWanted) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  host.measure("/a");
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", evidence(evidence_text(verifier, host))).status, 200);
  const auto refused = verifier.send("POST", "/v1/evidence", evidence(evidence_text(verifier, host, 1)));
  EXPECT_EQ(reason_of(refused), "first");
  EXPECT_EQ(good(evidence::read_problem(refused.body)).first, 2u);
}

// ---- evidence -------------------------------------------------------------------------------------------------------

TEST(Service, AnswersEvidenceWithTheVerdict) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const auto answer = verifier.send("POST", "/v1/evidence", evidence(evidence_text(verifier, host)));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(good(evidence::read_verdict(answer.body)).n, 1u);
}

TEST(Service, TakesEvidenceInAWrapper) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const auto wrapped = [&](const std::string& type) {
    const std::string body = evidence_text(verifier, host, verifier.verifier.row(host).proven);
    return evidence::Cmw{.type = type, .value = Bytes(as_bytes(body).begin(), as_bytes(body).end())};
  };
  const evidence::Cmw first = wrapped(std::string(evidence::kEvidenceMediaType));
  EXPECT_EQ(
      verifier
          .send("POST", "/v1/evidence", {.body = good(evidence::make_cmw_json(first)), .type = "application/cmw+json"})
          .status,
      200);
  const evidence::Cmw second = wrapped(std::string(evidence::kEvidenceMediaType));
  const Bytes cbor = good(evidence::make_cmw_cbor(second));
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", {.body = std::string(as_text(cbor)), .type = "application/cmw+cbor"})
                .status,
            200);
  EXPECT_EQ(verifier.verifier.row(host).epoch, 2u);
  const evidence::Cmw other = wrapped("application/other");
  EXPECT_EQ(reason_of(verifier.send("POST", "/v1/evidence",
                                    {.body = good(evidence::make_cmw_json(other)), .type = "application/cmw+json"})),
            "malformed");
}

TEST(Service, AnswersOnlyAfterTheCommit) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const std::string body = evidence_text(verifier, host);
  verifier.store.close();
  auto answer = verifier.begin("POST", "/v1/evidence", evidence(body));
  verifier.store.wait_for_commits(1);
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(verifier.verifier.row(host).proven, 0u);
  verifier.store.open();
  EXPECT_EQ(answer.get().status, 200);
  EXPECT_EQ(verifier.verifier.row(host).proven, 1u);
}

TEST(Service, GivesNoVerdictIfTheCommitFailsAndTheSameOneWhenAskedAgain) {
  for (const auto point : {vstore::FaultPoint::kBeforeEffect, vstore::FaultPoint::kAfterEffect}) {
    TestService verifier;
    TestHost host("web-1");
    verifier.verifier.enrol(host);
    const std::string body = evidence_text(verifier, host);
    // The host's row is read first.
    const auto calls = verifier.store.calls();
    verifier.store.close();
    auto answer = verifier.begin("POST", "/v1/evidence", evidence(body));
    verifier.store.wait_for_commits(1);
    EXPECT_GT(verifier.store.calls(), calls);
    verifier.store.fail_commit(point);
    verifier.store.open();
    const auto refused = answer.get();
    EXPECT_EQ(reason_of(refused), "store");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(verifier.verifier.row(host).proven, point == vstore::FaultPoint::kAfterEffect ? 1u : 0u);
    const auto again = verifier.send("POST", "/v1/evidence", evidence(body));
    EXPECT_EQ(good(evidence::read_verdict(again.body)).n, 1u);
    EXPECT_EQ(verifier.verifier.row(host).epoch, 1u);
    EXPECT_EQ(verifier.service.counts.repeated, point == vstore::FaultPoint::kAfterEffect ? 1u : 0u);
  }
}

TEST(Service, RefusesTheSecondOfTwoQuotesForOneEpoch) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const std::string one = evidence_text(verifier, host);
  const std::string other = evidence_text(verifier, host);
  verifier.store.close();
  auto first = verifier.begin("POST", "/v1/evidence", evidence(one));
  verifier.store.wait_for_commits(1);
  auto second = verifier.begin("POST", "/v1/evidence", evidence(other));
  verifier.store.open();
  EXPECT_EQ(first.get().status, 200);
  EXPECT_EQ(reason_of(second.get()), "stale");
}

TEST(Service, RefusesEvidenceUnderAListThatChangedBeforeTheCommit) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const std::string body = evidence_text(verifier, host);
  verifier.store.close();
  auto answer = verifier.begin("POST", "/v1/evidence", evidence(body));
  verifier.store.wait_for_commits(1);
  EXPECT_TRUE(verifier.verifier.store.set_policy_list("default", "servers", {}));
  EXPECT_TRUE(verifier.verifier.store.assign_policies(test::TestVerifier::key_of(host), "servers"));
  verifier.store.open();
  EXPECT_EQ(reason_of(answer.get()), "older-policy");
  EXPECT_EQ(verifier.verifier.row(host).proven, 0u);
}

TEST(Service, RefusesEvidenceIfTooMuchWaits) {
  TestService verifier({.moves_waiting = 1});
  TestHost hosts[] = {TestHost("a"), TestHost("b"), TestHost("c")};
  std::vector<std::string> bodies;
  for (const TestHost& host : hosts) {
    verifier.verifier.enrol(host);
    bodies.push_back(evidence_text(verifier, host));
  }
  verifier.store.close();
  auto running = verifier.begin("POST", "/v1/evidence", evidence(bodies[0]));
  verifier.store.wait_for_commits(1);
  auto waiting = verifier.begin("POST", "/v1/evidence", evidence(bodies[1]));
  const auto refused = verifier.send("POST", "/v1/evidence", evidence(bodies[2]));
  EXPECT_EQ(reason_of(refused), "overloaded");
  EXPECT_EQ(refused.headers.at(0).first, "Retry-After");
  verifier.store.open();
  EXPECT_EQ(running.get().status, 200);
  EXPECT_EQ(waiting.get().status, 200);
  // Nothing is lost: the same evidence is good later.
  EXPECT_EQ(verifier.send("POST", "/v1/evidence", evidence(bodies[2])).status, 200);
}

TEST(Service, SaysIfTheStoreIsAway) {
  TestService verifier;
  TestHost host("web-1");
  verifier.verifier.enrol(host);
  const std::string body = evidence_text(verifier, host);
  verifier.store.fail_from(0);
  EXPECT_EQ(reason_of(verifier.send("POST", "/v1/evidence", evidence(body))), "store");
  EXPECT_EQ(reason_of(verifier.send("POST", "/v1/challenge", {.body = R"({"version": 1, "host": "web-1"})"})), "store");
}

}  // namespace service_test
}  // namespace imakeep::verifier
