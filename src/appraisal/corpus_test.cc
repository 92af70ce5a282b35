// SPDX-License-Identifier: Apache-2.0
// Records, policies and the verdicts that the rules demand: testdata/appraisal/corpus.json, which make_corpus.py in the
// same directory describes.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "appraisal/appraiser.h"
#include "appraisal/keylime_replay.h"
#include "base/file.h"
#include "imalog/template_digest.h"

namespace imakeep::appraisal {
namespace corpus_test {

using nlohmann::json;

const json& corpus() {
  static const json parsed = [] {
    const auto bytes = read_file(std::string(IMAKEEP_TESTDATA) + "/appraisal/corpus.json");
    return bytes ? json::parse(as_text(*bytes)) : json();
  }();
  return parsed;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(describe(result.error()));
  return std::move(result).value();
}

Bytes hex_bytes(const json& text) {
  return must(from_hex(text.get<std::string>()));
}

signature::Keyrings keyrings_of(const json& given) {
  signature::Keyrings keyrings;
  for (const auto& [keyring, names] : given.items()) {
    for (const json& name : names) {
      const Bytes certificate = must(from_base64(corpus()["keys"][name.get<std::string>()].get<std::string>()));
      must(keyrings.add(keyring, must(signature::Key::parse(certificate)).front()));
    }
  }
  return keyrings;
}

std::vector<imalog::PcrValue> pcrs_of(const json& banks) {
  std::vector<imalog::PcrValue> values;
  for (const auto& [bank, pcrs] : banks.items()) {
    for (const auto& [pcr, value] : pcrs.items()) {
      values.push_back({.bank = must(digest::parse_bank(bank)),
                        .pcr = static_cast<std::uint32_t>(std::stoul(pcr)),
                        .value = digest::Digest(hex_bytes(value))});
    }
  }
  return values;
}

// One case, with everything that its appraiser borrows.
struct Case {
  explicit Case(const json& from) : described(from), keys(keyrings_of(from.value("given", json::object()))) {
    mode = from["mode"] == "strict" ? policy::Mode::kStrict : policy::Mode::kKeylime;
    if (!from["policy"].is_null()) {
      json text = corpus()["base"];
      text.merge_patch(from["policy"]);
      const std::string dumped = text.dump();
      compiled = must(policy::CompiledPolicy::compile(must(policy::parse_policy(as_bytes(dumped), mode))));
    }
  }

  Appraiser appraiser() const {
    Options options{.keys = &keys,
                    .boot_pcrs = pcrs_of(described.value("boot_pcrs", json::object())),
                    .violations_fail = described.value("violations_fail", false)};
    if (described.contains("now")) options.dates.now_unix_s = described["now"].get<std::int64_t>();
    options.dates.require_validity = described.value("require_validity", false);
    return must(Appraiser::make(compiled ? &*compiled : nullptr, mode, std::move(options)));
  }

  json described;
  signature::Keyrings keys;
  policy::Mode mode = policy::Mode::kStrict;
  std::optional<policy::CompiledPolicy> compiled;
};

Verdict appraise_step(Appraiser& appraiser, const json& step) {
  const std::uint64_t number = step.value("number", std::uint64_t{0});
  if (step.contains("line")) return appraiser.appraise_line(number, step["line"].get<std::string>());
  const json& of = step["record"];
  const Bytes body = hex_bytes(of["body"]);
  const std::string template_name = of["template"];
  const digest::Bank bank = must(digest::parse_bank(of.value("bank", "sha1")));
  Record record{.number = number,
                .content = {.pcr = of.value("pcr", 10u),
                            .template_name = template_name,
                            .body = body,
                            .violation = of.value("violation", false)},
                .bank = bank,
                .order = of.value("order", "little") == "big" ? ByteOrder::kBig : ByteOrder::kLittle,
                .digest_matches = of.value("digest_matches", true)};
  digest::Digest shown = imalog::shown_digest(bank, record.content);
  if (!record.digest_matches) *shown.data() ^= std::byte{1};
  record.shown = shown.view();
  return appraiser.appraise(record);
}

// The verdict in the form in which a step states it.
json stated(const Verdict& verdict) {
  if (verdict.accepted && verdict.finding) return "both accepted and refused";
  if (verdict.accepted) return {{"accepted", name(*verdict.accepted)}};
  if (!verdict.finding || verdict.finding->reasons.empty()) return "neither accepted nor refused with a reason";
  json reasons = json::array();
  json events = json::array();
  for (const Reason reason : verdict.finding->reasons) {
    reasons.push_back(info(reason).name);
    events.push_back(info(reason).event_id);
  }
  return {{"reasons", reasons}, {"events", events}};
}

json expected_of(json step) {
  for (const char* const input : {"line", "record", "number"}) step.erase(input);
  return step;
}

TEST(Corpus, EveryRecordGetsTheVerdictThatTheRulesDemand) {
  std::size_t steps = 0;
  for (const json& described : corpus()["cases"]) {
    const std::string title = described["about"].get<std::string>() + ": " + described["name"].get<std::string>();
    const Case one(described);
    Appraiser appraiser = one.appraiser();
    for (const json& step : described["steps"]) {
      const Verdict verdict = appraise_step(appraiser, step);
      EXPECT_EQ(stated(verdict), expected_of(step))
          << title << (verdict.finding ? ": " + verdict.finding->detail : std::string());
      if (verdict.finding && one.compiled) {
        EXPECT_EQ(verdict.finding->policy, one.compiled->source()) << title;
      }
      ++steps;
    }
  }
  EXPECT_GE(steps, 380u) << "a corpus that became shorter leaves rules without a case";
}

TEST(Corpus, HasEveryReasonAndEveryRule) {
  std::set<std::string> seen;
  for (const json& described : corpus()["cases"]) {
    for (const json& step : described["steps"]) {
      if (step.contains("accepted")) seen.insert("accepted " + step["accepted"].get<std::string>());
      for (const json& reason : step.value("reasons", json::array())) seen.insert(reason.get<std::string>());
    }
  }
  for (const json& replay : corpus()["replays"]) {
    for (const json& reason : replay["reasons"]) seen.insert(reason.get<std::string>());
  }
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (reason == Reason::kTooManyKeys) continue;  // takes a thousand keys: learned_keys_test.cc
    EXPECT_TRUE(seen.contains(std::string(info(reason).name))) << info(reason).name;
  }
  for (std::size_t i = 0; i < kRuleCount; ++i) {
    const std::string rule = "accepted " + std::string(name(static_cast<Rule>(i)));
    EXPECT_TRUE(seen.contains(rule)) << rule;
  }
}

TEST(Corpus, EveryQuoteIsComparedAsKeylimeDoes) {
  std::size_t replays = 0;
  for (const json& described : corpus()["replays"]) {
    const auto bank = must(digest::parse_bank(described["bank"].get<std::string>())).algorithm;
    const auto state_of = [](const json& from) {
      return KeylimeState{
          .pcr = digest::Digest(hex_bytes(from["pcr"])), .next_entry = from["next_entry"], .lag = from["lag"]};
    };
    const KeylimeState from = state_of(described["state"]);
    KeylimeReplay replay(bank, from, digest::Digest(hex_bytes(described["quoted"])));
    for (const json& text : described["lines"]) {
      const auto line = parse_keylime_line(text.get<std::string>());
      if (line) {
        replay.add(*line, digest::Algorithm::kSha1);
      } else {
        replay.add_unreadable();
      }
    }
    const KeylimeReplay::Result result = replay.end();
    json reasons = json::array();
    json events = json::array();
    for (const Reason reason : result.reasons) {
      reasons.push_back(info(reason).name);
      events.push_back(info(reason).event_id);
    }
    EXPECT_EQ(reasons, described["reasons"]) << described["name"];
    EXPECT_EQ(events, described["events"]) << described["name"];
    const bool unchanged = described["reasons"] == json::array({"pcr-mismatch"});
    const KeylimeState next = unchanged ? from : state_of(described["next"]);
    EXPECT_EQ(result.next.pcr, next.pcr) << described["name"];
    EXPECT_EQ(result.next.next_entry, next.next_entry) << described["name"];
    EXPECT_EQ(result.next.lag, next.lag) << described["name"];
    ++replays;
  }
  EXPECT_GE(replays, 16u);
}

}  // namespace corpus_test
}  // namespace imakeep::appraisal
