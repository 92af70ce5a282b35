// SPDX-License-Identifier: Apache-2.0
// Input: a letter, then r: a binary list with digests of sha1; l: lines of an ASCII list; n: lines that are judged
// without a policy. Records are judged in both modes, as the list shows them and with the digests of their data. Twice
// the same records give the same verdicts, also with keys that were saved and loaded between.
#include <array>

#include "appraisal/appraiser.h"
#include "base/text.h"
#include "fuzz/require.h"
#include "imalog/list_reader.h"
#include "imalog/template_digest.h"

namespace imakeep {
namespace {

using appraisal::Appraiser;
using appraisal::Reason;
using appraisal::Rule;
using appraisal::Verdict;
using policy::CompiledPolicy;
using policy::Mode;

// Names and digests of testdata/appraisal/corpus.json. The keys are its "rsa" and "ec".
constexpr std::string_view kPolicy = R"({
  "meta": {"version": 1, "generator": 3}, "release": 0,
  "digests": {
    "/bin/a": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    "boot_aggregate": ["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]},
  "excludes": ["/tmp", "/var/(log|cache)/.*"],
  "keyrings": {".ima": ["e748c4e167c444d2c3db7a61be3e923d86ad1785c3b8e1d66766fb6004d27584",
                         "ea2ad8648e5974f5b1f21c9562574c5892299350370a9d0307705485f8185fde"]},
  "ima": {"ignored_keyrings": [".ignored"], "log_hash_alg": "sha1", "dm_policy": null},
  "ima-buf": {"kexec-cmdline": ["ace2599b3a2417133544620474ff9d3ba8354bbf7487afde17de9949a5311c67"]},
  "verification-keys": "",
  "imakeep": {
    "version": 1, "algorithms": ["sha1", "sha256"],
    "any_path": ["cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"],
    "verity_digests": {"/bin/v": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]},
    "path_classes": {"logs": {"paths": ["/bin/b"], "patterns": ["/var/.*"]}},
    "violations": {"classes": ["logs"]},
    "signatures": [{"where": {"patterns": ["/lib/.*"]}, "keyrings": [".ima"]}],
    "records": {"pcrs": [10, 11]},
    "updates": [{"name": "u", "from_record": 1, "to_record": 3,
                 "old": {"/bin/u": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]},
                 "new": {"/bin/u": ["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]}}],
    "packages": [{"name": "p", "version": "1", "architecture": "amd64",
                  "digests": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}]}})";

const CompiledPolicy& policy_in(Mode mode) {
  const auto compiled = [](Mode in) {
    const auto parsed = policy::parse_policy(as_bytes(kPolicy), in);
    fuzz::require(parsed.has_value(), parsed ? "" : parsed.error().message.c_str());
    return *CompiledPolicy::compile(*parsed);
  };
  static const CompiledPolicy strict = compiled(Mode::kStrict);
  static const CompiledPolicy keylime = compiled(Mode::kKeylime);
  return mode == Mode::kStrict ? strict : keylime;
}

Appraiser appraiser_of(const CompiledPolicy* policy, Mode mode, appraisal::LearnedKeys learned = {}) {
  auto made = Appraiser::make(policy, mode, {.learned = std::move(learned)});
  fuzz::require(made.has_value(), "an appraiser takes the policy and the keys that another one learned");
  return std::move(*made);
}

appraisal::LearnedKeys saved_and_loaded(const appraisal::LearnedKeys& learned) {
  const Bytes saved = learned.save();
  auto loaded = appraisal::LearnedKeys::load(saved);
  fuzz::require(loaded.has_value(), "what was saved is loaded");
  fuzz::require(loaded->save() == saved, "and is saved to the same bytes");
  return std::move(*loaded);
}

void require_sound(const Verdict& verdict, std::uint64_t number, const CompiledPolicy* policy) {
  fuzz::require(verdict.accepted.has_value() != verdict.finding.has_value(), "a record is accepted or a finding");
  if (!verdict.finding) return;
  fuzz::require(!verdict.finding->reasons.empty(), "a finding has a reason");
  fuzz::require(verdict.finding->record == number, "a finding names its record");
  fuzz::require(verdict.finding->policy == (policy == nullptr ? digest::Digest() : policy->source()), "and its policy");
}

void require_same(const Verdict& one, const Verdict& other) {
  fuzz::require(one.accepted == other.accepted, "the same record is accepted by the same rule");
  if (!one.finding || !other.finding) return;
  fuzz::require(one.finding->reasons == other.finding->reasons, "or is refused for the same reasons");
  fuzz::require(appraisal::identity("h", *one.finding) == appraisal::identity("h", *other.finding),
                "and is the same finding");
}

// ---- records --------------------------------------------------------------------------------------------------------

const digest::Bank kSha1 = {.algorithm = digest::Algorithm::kSha1};

struct ShownRecord {
  appraisal::Record record;
  digest::Digest right;  // the digest of its data
};

std::vector<ShownRecord> records_of(ByteView list) {
  constexpr std::size_t kMostRecords = 100;
  std::vector<ShownRecord> records;
  imalog::ListReader reader(list, {.digest_bytes = 20, .order = ByteOrder::kLittle});
  while (records.size() < kMostRecords) {
    const auto read = reader.next();
    if (!read || !*read) break;
    const imalog::RecordContentView content = (*read)->content();
    const ByteView shown = (*read)->digest;
    records.push_back({.record = {.number = records.size(),
                                  .content = content,
                                  .bank = kSha1,
                                  .shown = shown,
                                  .order = ByteOrder::kLittle,
                                  .digest_matches = imalog::digest_matches(kSha1, content, shown)},
                       .right = imalog::shown_digest(kSha1, content)});
  }
  return records;
}

void require_strict_rule(const Verdict& verdict) {
  const bool of_keylime = verdict.accepted == Rule::kNoRule || verdict.accepted == Rule::kNothing ||
                          verdict.accepted == Rule::kViolationIgnored;
  fuzz::require(!of_keylime, "mode strict accepts nothing without a rule");
}

Verdict judged(Appraiser& appraiser, Mode mode, const ShownRecord& shown) {
  appraisal::Record record = shown.record;
  const CompiledPolicy* const policy = &policy_in(mode);
  if (!record.digest_matches) {
    const Verdict altered = appraiser.appraise(record);
    require_sound(altered, record.number, policy);
    if (mode == Mode::kStrict) {
      fuzz::require(altered.finding && altered.finding->reasons.front() == Reason::kTemplateDigest,
                    "mode strict refuses a record whose digest is not that of its data");
    }
    record.shown = shown.right.view();
    record.digest_matches = true;
  }
  Verdict verdict = appraiser.appraise(record);
  require_sound(verdict, record.number, policy);
  if (mode == Mode::kStrict) require_strict_rule(verdict);
  return verdict;
}

void judge_records(ByteView list, Mode mode) {
  const auto records = records_of(list);
  Appraiser one = appraiser_of(&policy_in(mode), mode);
  Appraiser other = appraiser_of(&policy_in(mode), mode);
  for (const ShownRecord& record : records) require_same(judged(one, mode, record), judged(other, mode, record));
  Appraiser restored = appraiser_of(&policy_in(mode), mode, saved_and_loaded(one.learned()));
  for (const ShownRecord& record : records) require_same(judged(one, mode, record), judged(restored, mode, record));
}

// ---- lines ----------------------------------------------------------------------------------------------------------

void judge_lines(std::string_view text, const CompiledPolicy* policy) {
  constexpr std::size_t kMostLines = 100;
  std::vector<std::string_view> lines = split(text, "\n");
  lines.resize(std::min(lines.size(), kMostLines));
  Appraiser one = appraiser_of(policy, Mode::kKeylime);
  Appraiser other = appraiser_of(policy, Mode::kKeylime);
  const auto judge_all = [&](Appraiser& twin) {
    std::uint64_t number = 0;
    for (const std::string_view line : lines) {
      const Verdict verdict = one.appraise_line(number, line);
      require_sound(verdict, number, policy);
      fuzz::require((verdict.accepted == Rule::kNothing) == line.empty(), "only an empty line is skipped");
      require_same(verdict, twin.appraise_line(number, line));
      ++number;
    }
  };
  judge_all(other);
  Appraiser restored = appraiser_of(policy, Mode::kKeylime, saved_and_loaded(one.learned()));
  judge_all(restored);
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0]) {
    case 'r':
      judge_records(rest, Mode::kStrict);
      judge_records(rest, Mode::kKeylime);
      break;
    case 'l':
      judge_lines(as_text(rest), &policy_in(Mode::kKeylime));
      break;
    case 'n':
      judge_lines(as_text(rest), nullptr);
      break;
    default:
      break;
  }
  return 0;
}
