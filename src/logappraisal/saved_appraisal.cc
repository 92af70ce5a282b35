// SPDX-License-Identifier: Apache-2.0
// The part of log_appraisal.h that saves an appraisal and resumes it.
#include <algorithm>

#include "logappraisal/log_appraisal.h"
#include "logappraisal/saved_finding.h"

namespace imakeep::logappraisal {
namespace {

constexpr std::string_view kAppraisalMagic = "imklapp1";
constexpr const char* kSavedAppraisal = "the saved state of an appraisal";
constexpr std::size_t kIdentityBytes = 32;
// Of a finding without its texts: identity, record, reason, PCR, times and three sizes.
constexpr std::size_t kFixedBytes = kIdentityBytes + 8 + 1 + 4 + 8 + 3 * 4;

void append_text(Bytes& out, ByteView bytes) {
  append_int(out, static_cast<std::uint32_t>(bytes.size()), ByteOrder::kLittle);
  append_bytes(out, bytes);
}

template <std::size_t kCount>
void append_counts(Bytes& out, const std::array<std::uint64_t, kCount>& counts) {
  append_int(out, static_cast<std::uint8_t>(kCount), ByteOrder::kLittle);
  for (const std::uint64_t count : counts) append_int(out, count, ByteOrder::kLittle);
}

template <std::size_t kCount>
Result<void> take_counts(ByteReader& reader, std::array<std::uint64_t, kCount>& counts) {
  IMAKEEP_TRY(const auto count, reader.number<std::uint8_t>());
  if (count != kCount) return damaged_appraisal("it has the counts of another version");
  for (std::uint64_t& each : counts) {
    IMAKEEP_TRY(each, reader.number<std::uint64_t>());
  }
  return {};
}

digest::Digest hash_of(const std::string& path) {
  return digest::hash(digest::Algorithm::kSha256, as_bytes(path));
}

}  // namespace

tl::unexpected<Error> damaged_appraisal(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(kSavedAppraisal) + " is damaged: " + what);
}

std::size_t saved_bytes(const appraisal::Finding& finding) {
  return kFixedBytes + finding.path.size() + finding.digest.size() + finding.policy.size();
}

void append_finding(Bytes& out, const KeptFinding& kept) {
  append_bytes(out, kept.identity.view());
  append_int(out, kept.finding.record, ByteOrder::kLittle);
  append_int(out, static_cast<std::uint8_t>(kept.finding.reasons.front()), ByteOrder::kLittle);
  append_int(out, kept.pcr, ByteOrder::kLittle);
  append_int(out, kept.times, ByteOrder::kLittle);
  append_text(out, as_bytes(kept.finding.path));
  append_text(out, as_bytes(kept.finding.digest));
  append_text(out, kept.finding.policy.view());
}

Result<KeptFinding> take_finding(ByteReader& reader) {
  KeptFinding kept;
  IMAKEEP_TRY(const ByteView identity, reader.take(kIdentityBytes));
  kept.identity = digest::Digest(identity);
  IMAKEEP_TRY(kept.finding.record, reader.number<std::uint64_t>());
  IMAKEEP_TRY(const auto reason, reader.number<std::uint8_t>());
  IMAKEEP_TRY(kept.pcr, reader.number<std::uint32_t>());
  IMAKEEP_TRY(kept.times, reader.number<std::uint64_t>());
  IMAKEEP_TRY(const ByteView path, reader.counted());
  IMAKEEP_TRY(const ByteView digest, reader.counted());
  IMAKEEP_TRY(const ByteView policy, reader.counted());
  if (reason >= appraisal::kReasonCount || kept.pcr >= digest::kPcrCount || kept.times == 0 ||
      (!policy.empty() && policy.size() != kIdentityBytes)) {
    return damaged_appraisal("a finding is impossible");
  }
  kept.finding.reasons = {static_cast<appraisal::Reason>(reason)};
  kept.finding.path = as_text(path);
  kept.finding.digest = as_text(digest);
  kept.finding.policy = digest::Digest(policy);
  return kept;
}

Bytes LogAppraisal::save() const {
  const ByteView magic = as_bytes(kAppraisalMagic);
  Bytes saved(magic.begin(), magic.end());
  append_int(saved, result_.records, ByteOrder::kLittle);
  append_counts(saved, result_.accepted);
  append_counts(saved, result_.refused);
  append_int(saved, result_.not_kept, ByteOrder::kLittle);
  append_int(saved, static_cast<std::uint32_t>(result_.findings.size()), ByteOrder::kLittle);
  for (const KeptFinding& kept : result_.findings) append_finding(saved, kept);
  append_int(saved, static_cast<std::uint32_t>(result_.accepted_again.size()), ByteOrder::kLittle);
  for (const std::string& path : result_.accepted_again) append_bytes(saved, hash_of(path).view());
  append_int(saved, static_cast<std::uint32_t>(policies_.size()), ByteOrder::kLittle);
  Bytes before;
  for (const OfPolicy& each : policies_) {
    Bytes learned = each.appraiser.learned().save();
    const bool same = learned == before;
    append_int(saved, static_cast<std::uint8_t>(same ? 1 : 0), ByteOrder::kLittle);
    if (!same) append_text(saved, learned);
    before = std::move(learned);
  }
  return saved;
}

Result<LogAppraisal> LogAppraisal::resume(ByteView saved, const std::vector<LoadedPolicy>& policies,
                                          AppraisalOptions options) {
  LogAppraisal appraisal(std::move(options));
  ByteReader reader(saved, kSavedAppraisal);
  IMAKEEP_TRY(const ByteView magic, reader.take(kAppraisalMagic.size()));
  if (as_text(magic) != kAppraisalMagic) return damaged_appraisal("it does not begin as one");
  IMAKEEP_CHECK(appraisal.load_counts(reader));
  IMAKEEP_CHECK(appraisal.load_findings(reader));
  IMAKEEP_CHECK(appraisal.load_accepted_again(reader));
  IMAKEEP_CHECK(appraisal.load_policies(reader, policies));
  if (!reader.at_end()) return damaged_appraisal("bytes follow its end");
  return appraisal;
}

Result<void> LogAppraisal::load_counts(ByteReader& reader) {
  IMAKEEP_TRY(result_.records, reader.number<std::uint64_t>());
  IMAKEEP_CHECK(take_counts(reader, result_.accepted));
  IMAKEEP_CHECK(take_counts(reader, result_.refused));
  IMAKEEP_TRY(result_.not_kept, reader.number<std::uint64_t>());
  // Each count is compared with what is left, so that no sum is too large for its type.
  std::uint64_t left = result_.records;
  const auto fits = [&left](std::uint64_t count) { return count <= left && ((left -= count), true); };
  if (!std::ranges::all_of(result_.accepted, fits) || !std::ranges::all_of(result_.refused, fits) ||
      result_.not_kept > result_.records) {
    return damaged_appraisal("its counts are more than its records");
  }
  return {};
}

Result<void> LogAppraisal::load_findings(ByteReader& reader) {
  IMAKEEP_TRY(const auto count, reader.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < count; ++i) {
    IMAKEEP_TRY(auto kept, take_finding(reader));
    const bool in_range =
        kept.finding.record >= options_.first && kept.finding.record - options_.first < result_.records;
    const bool is_new = index_of_.emplace(as_text(kept.identity.view()), result_.findings.size()).second;
    if (!in_range || !is_new) return damaged_appraisal("a finding is of no appraised record, or there twice");
    finding_bytes_ += saved_bytes(kept.finding);
    result_.findings.push_back(std::move(kept));
  }
  if (count > options_.most_findings || finding_bytes_ > options_.most_finding_bytes) {
    return damaged_appraisal("it has more findings than are kept");
  }
  return {};
}

Result<void> LogAppraisal::load_accepted_again(ByteReader& reader) {
  IMAKEEP_TRY(const auto count, reader.number<std::uint32_t>());
  std::unordered_set<std::string> hashes;
  for (std::uint32_t i = 0; i < count; ++i) {
    IMAKEEP_TRY(const ByteView hash, reader.take(kIdentityBytes));
    hashes.emplace(as_text(hash));
  }
  for (const std::string& path : options_.watched) {
    if (hashes.contains(std::string(as_text(hash_of(path).view())))) result_.accepted_again.insert(path);
  }
  return {};
}

Result<void> LogAppraisal::load_policies(ByteReader& reader, const std::vector<LoadedPolicy>& policies) {
  IMAKEEP_TRY(const auto count, reader.number<std::uint32_t>());
  if (count != policies.size()) return damaged_appraisal("it is by another number of policies");
  appraisal::LearnedKeys learned;
  for (std::uint32_t i = 0; i < count; ++i) {
    IMAKEEP_TRY(const auto same, reader.number<std::uint8_t>());
    if (same > 1 || (same == 1 && i == 0)) return damaged_appraisal("its learned keys are those of no policy");
    if (same == 0) {
      IMAKEEP_TRY(const ByteView saved, reader.counted());
      IMAKEEP_TRY(learned, appraisal::LearnedKeys::load(saved));
    }
    IMAKEEP_CHECK(add_policy(policies[i], learned));
  }
  return {};
}

}  // namespace imakeep::logappraisal
