// SPDX-License-Identifier: Apache-2.0
#include "appraisal/appraiser.h"

#include <algorithm>

#include "appraisal/buffer_rules.h"
#include "appraisal/file_rules.h"
#include "appraisal/judgement.h"
#include "appraisal/keylime_rules.h"
#include "base/text.h"
#include "imalog/ascii.h"
#include "imalog/template_digest.h"

namespace imakeep::appraisal {

struct Appraiser::State {
  Grounds grounds() {
    return {.policy = policy,
            .keys = keys,
            .learned = options.learned,
            .boot = boot,
            .dates = options.dates,
            .violations_fail = options.violations_fail};
  }

  const policy::CompiledPolicy* policy = nullptr;
  policy::Mode mode = policy::Mode::kStrict;
  Options options;
  KeySet keys;
  BootDigests boot;
};

namespace {

bool names_boot_aggregate_record(std::string_view name) {
  return name == "boot_aggregate" || name == "boot_aggregate_late";
}

// What a finding names, besides the judgement.
struct Subject {
  std::string_view path;
  std::string digest;
  ByteView digest_bytes;
};

Finding finding_of(const policy::CompiledPolicy* policy, std::uint64_t record, const Subject& subject,
                   Judgement judgement) {
  Finding finding{.record = record,
                  .reasons = std::move(judgement.reasons),
                  .path = std::string(subject.path),
                  .digest = subject.digest,
                  .detail = std::move(judgement.detail)};
  if (policy == nullptr) return finding;
  finding.policy = policy->source();
  if (const policy::Package* const package = policy->package_of(subject.digest_bytes)) {
    finding.package = package_text(*package);
  }
  for (const policy::KnownDigestView& known : judgement.nearest) {
    finding.nearest.push_back({.digest = to_hex(known.digest),
                               .package = known.package == nullptr ? "" : package_text(*known.package),
                               .update = known.update == nullptr ? "" : known.update->name});
  }
  return finding;
}

// Why the policy's "records" refuse the record.
std::optional<Judgement> refused_kind(const policy::CompiledPolicy& policy, const imalog::RecordContentView& content) {
  if (policy.record_accepted(content.pcr, content.template_name)) return std::nullopt;
  const auto& pcrs = policy.rules().pcrs;
  const bool other_pcr = !pcrs.empty() && std::ranges::find(pcrs, content.pcr) == pcrs.end();
  return other_pcr
             ? Judgement::refuse(Reason::kPcr, "the record is of PCR " + std::to_string(content.pcr))
             : Judgement::refuse(Reason::kTemplate, "the record has template " + printable(content.template_name));
}

Judgement judge_strict(const Grounds& by, const Record& record, const RecordFields& fields,
                       const signature::FileDigestView& digest) {
  const FileRecord file{.number = record.number, .fields = fields, .digest = digest, .order = record.order};
  if (!fields.buffer.empty()) return judge_buffer(by, file);
  return names_boot_aggregate_record(fields.name) ? judge_boot_aggregate(by, file) : judge_file(by, file);
}

Verdict strict_verdict(const Grounds& by, const Record& record) {
  Subject subject;
  const auto concluded = [&](Judgement judgement) -> Verdict {
    if (judgement.accepted) return {.accepted = judgement.accepted};
    return {.finding = finding_of(by.policy, record.number, subject, std::move(judgement))};
  };
  const auto fields = fields_of(record.content, record.order);
  if (fields) subject.path = fields->name;
  if (by.policy == nullptr) return concluded(Judgement::refuse(Reason::kNoPolicy));
  if (!record.digest_matches) return concluded(Judgement::refuse(Reason::kTemplateDigest));
  if (auto refused = refused_kind(*by.policy, record.content)) return concluded(std::move(*refused));
  if (!fields) {
    const bool unknown = fields.error().code == ErrorCode::kUnsupported;
    return concluded(
        Judgement::refuse(unknown ? Reason::kUnknownTemplate : Reason::kUnreadableRecord, fields.error().message));
  }
  if (record.content.violation) return concluded(judge_violation(by, fields->name));
  const auto digest = file_digest(*fields);
  if (!digest) return concluded(Judgement::refuse(Reason::kUnreadableRecord, digest.error().message));
  Judgement judgement = judge_strict(by, record, *fields, *digest);
  if (judgement.accepted) return {.accepted = judgement.accepted};
  subject.digest = digest_text(*digest);
  subject.digest_bytes = digest->digest;
  return concluded(std::move(judgement));
}

Verdict line_verdict(const Grounds& by, std::uint64_t number, std::string_view line) {
  if (line.empty()) return {.accepted = Rule::kNothing};
  const auto parsed = parse_keylime_line(line);
  if (!parsed) {
    const bool unknown = parsed.error().code == ErrorCode::kUnsupported;
    return {.finding = finding_of(by.policy, number, {},
                                  Judgement::refuse(unknown ? Reason::kUnknownTemplate : Reason::kUnreadableRecord,
                                                    parsed.error().message))};
  }
  Judgement judgement = judge_keylime_line(by, number, *parsed);
  if (judgement.accepted) return {.accepted = judgement.accepted};
  return {.finding = finding_of(by.policy, number,
                                {.path = parsed->name, .digest = parsed->digest_text(), .digest_bytes = parsed->digest},
                                std::move(judgement))};
}

// The digest that the ASCII list of that hash would show. One that does not match the content stays one that does not.
digest::Digest digest_in_list(const Record& record, digest::Algorithm log_hash) {
  const digest::Bank bank{.algorithm = log_hash};
  if (record.content.violation) return digest::Digest(bank.digest_bytes());
  if (record.bank == bank) return digest::Digest(record.shown);
  const digest::Digest right = imalog::template_digest(bank, record.content.template_name, record.content.body);
  if (record.digest_matches) return right;
  Bytes wrong(right.view().begin(), right.view().end());
  wrong.front() ^= std::byte{1};
  return digest::Digest(wrong);
}

// A name may hold newlines, which break a record into several lines.
Verdict record_as_lines(const Grounds& by, const Record& record) {
  std::string text;
  const digest::Digest shown = digest_in_list(record, log_hash_of(by.policy));
  if (const auto appended = imalog::append_ascii(text, record.content, shown.view(), record.order); !appended) {
    return {.finding = finding_of(by.policy, record.number, {},
                                  Judgement::refuse(Reason::kUnreadableRecord, appended.error().message))};
  }
  text.pop_back();  // the newline
  Verdict whole;
  for (const std::string_view line : split(text, "\n")) {
    Verdict verdict = line_verdict(by, record.number, line);
    if (!whole.finding) whole = std::move(verdict);
  }
  return whole;
}

}  // namespace

Result<Appraiser> Appraiser::make(const policy::CompiledPolicy* policy, policy::Mode mode, Options options) {
  if (policy != nullptr && policy->mode() != mode) {
    return fail(ErrorCode::kUsage, "the policy was read in the other mode; read it in the mode of the appraisal");
  }
  auto state = std::make_unique<State>();
  state->policy = policy;
  state->mode = mode;
  state->options = std::move(options);
  state->boot = BootDigests(state->options.boot_pcrs);
  IMAKEEP_TRY(state->keys, KeySet::make(policy == nullptr ? nullptr : &policy->rules(), state->options.keys));
  for (const LearnedKey& learned : state->options.learned.keys()) {
    IMAKEEP_CHECK(state->keys.add(learned.keyring, learned.key));
  }
  return Appraiser(std::move(state));
}

Appraiser::Appraiser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Appraiser::Appraiser(Appraiser&&) noexcept = default;
Appraiser& Appraiser::operator=(Appraiser&&) noexcept = default;
Appraiser::~Appraiser() = default;

Verdict Appraiser::appraise(const Record& record) {
  const Grounds by = state_->grounds();
  return state_->mode == policy::Mode::kStrict ? strict_verdict(by, record) : record_as_lines(by, record);
}

Verdict Appraiser::appraise_line(std::uint64_t number, std::string_view line) {
  return line_verdict(state_->grounds(), number, line);
}

const LearnedKeys& Appraiser::learned() const {
  return state_->options.learned;
}

const policy::CompiledPolicy* Appraiser::policy() const {
  return state_->policy;
}

}  // namespace imakeep::appraisal
