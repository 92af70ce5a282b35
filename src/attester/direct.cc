// SPDX-License-Identifier: Apache-2.0
#include "attester/direct.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "attest/increment.h"
#include "imalog/pcr_state.h"
#include "keeper/list_stream.h"

namespace imakeep::attester {
namespace {

using attest::VerifiedChain;
using keeper::ListPart;
using keeper::ListStream;

constexpr std::uint32_t kUsualPcr = 10;

// The records that a survey counted, from one of them on.
class HeldLog : public attest::LogSource {
 public:
  HeldLog(keeper::ImaSource& source, std::vector<ListPart> parts, std::uint64_t first, std::uint64_t end,
          std::function<Result<void>()> in_time)
      : source_(source), parts_(std::move(parts)), first_(first), end_(end), in_time_(std::move(in_time)) {
    static_cast<void>(rewind());
  }

  Result<std::optional<attest::LoggedRecord>> next() override {
    IMAKEEP_CHECK(in_time_());
    for (;;) {
      if (stream_->records() == end_) return std::nullopt;
      const bool skipped = stream_->records() < first_;
      IMAKEEP_TRY(const auto& record, stream_->next());
      if (!record) return std::nullopt;
      if (skipped) continue;
      return attest::LoggedRecord{
          .content = record->content(), .bank = source_.bank(), .shown = record->digest, .order = stream_->order()};
    }
  }
  Result<void> rewind() override {
    stream_.emplace(source_, parts_);
    return {};
  }
  attest::Place place() const override { return {.source = source_.name(), .record = stream_->records() - 1}; }

 private:
  keeper::ImaSource& source_;
  const std::vector<ListPart> parts_;
  const std::uint64_t first_;
  const std::uint64_t end_;
  const std::function<Result<void>()> in_time_;
  std::optional<ListStream> stream_;
};

bool refused_with(const Result<void>& result, int os_errno) {
  return !result && result.error().code == ErrorCode::kRefused && result.error().os_errno == os_errno;
}

// The values of `start` in these banks. Both name an algorithm once; a bank may have another fill.
digest::PcrState in_banks(const digest::PcrState& start, const std::vector<digest::Bank>& banks) {
  digest::PcrState state(banks);
  for (std::size_t i = 0; i < banks.size(); ++i) {
    const digest::Bank* const known = digest::find_bank(start.banks(), banks[i].algorithm);
    if (known == nullptr) continue;
    const auto at = static_cast<std::size_t>(known - start.banks().data());
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (start.touched(pcr)) state.set(i, pcr, start.value(at, pcr));
    }
  }
  return state;
}

}  // namespace

Result<Attestation> DirectList::attest(Session& session) {
  deleted_ = 0;
  why_not_.clear();
  session.around_quote(
      {.before = [this](const evidence::Challenge& challenge) { return begin(challenge); },
       .after = [this](const tpm::SignedQuote& quote,
                       const std::vector<imalog::PcrValue>& values) { return quoted(quote, values); }});
  auto outcome = session.attest_once(
      [this](std::uint64_t first) { return open(first); },
      [this](std::optional<std::uint64_t>, std::uint64_t n, const evidence::EvidenceHeader&) { return proven(n); });
  end();
  session.around_quote({});
  return outcome;
}

void DirectList::end() {
  hold_.close();
  client_.limit_total(std::chrono::milliseconds(0));
}

Result<void> DirectList::in_time() const {
  if (!late()) return {};
  return fail(ErrorCode::kEnvironment, source_.name() + " was held for more than " +
                                           std::to_string(options_.hold_limit_ms) +
                                           " ms without a verdict; nothing was deleted: see why the TPM or the "
                                           "verifier is slow, or raise --hold-limit");
}

std::vector<ListPart> DirectList::parts() const {
  switch (holds_) {
    case Holds::kCurrent:
      return {ListPart::kCurrent};
    case Holds::kStaged:
      return {ListPart::kStaged};
    case Holds::kLeftover:
      break;
  }
  return {ListPart::kStaged, ListPart::kCurrent};
}

Result<bool> DirectList::is_empty(ListPart part) {
  std::array<std::byte, 64> room{};
  IMAKEEP_TRY(const auto bytes, source_.read(part, 0, room));
  return bytes == 0;
}

// ---- open, quote ----------------------------------------------------------------------------------------------------

Result<void> DirectList::begin(const evidence::Challenge& challenge) {
  end();
  why_not_.clear();
  if (!challenge.retains) {
    return fail(ErrorCode::kMismatch,
                "the verifier does not retain the records of this host, and nobody would have them after a deletion; "
                "remove the host there and enrol it again with `imakeep attest enrol --retain`. Nothing was sent or "
                "deleted");
  }
  IMAKEEP_TRY(saved_, load_beginnings(options_.state_directory));
  const std::int64_t begun_us = clock_.monotonic_us();
  until_us_ = begun_us + options_.hold_limit_ms * 1000;
  return open_list();
}

Result<void> DirectList::open_list() {
  const bool counts = options_.method == keeper::Method::kCount ||
                      (options_.method == keeper::Method::kAuto && source_.takes_numbers() && !flushes_table_);
  if (source_.has_staging()) {
    IMAKEEP_CHECK(hold_.open_to_write(ListPart::kStaged));
    IMAKEEP_TRY(const auto empty, is_empty(ListPart::kStaged));
    holds_ = empty ? Holds::kStaged : Holds::kLeftover;
    if (!empty) return hold_.open_to_read();
    if (!counts) return {};
  } else if (!counts) {
    return fail(ErrorCode::kUnsupported, source_.name() +
                                             " cannot stage records: the kernel lacks CONFIG_IMA_STAGING; use "
                                             "--method count");
  }
  holds_ = Holds::kCurrent;
  return hold_.open_to_write(ListPart::kCurrent);
}

Result<void> DirectList::quoted(const tpm::SignedQuote& quote, const std::vector<imalog::PcrValue>& values) {
  IMAKEEP_CHECK(in_time());
  IMAKEEP_TRY(const auto& parsed, tpm::parse_quote(quote.quote));
  IMAKEEP_TRY(const auto& signature, tpm::parse_signature(quote.signature));
  quoted_ = attest::quoted_pcrs(parsed, signature);
  values_ = values;
  if (holds_ == Holds::kStaged) {
    auto moved = source_.request("A\n");
    if (!moved && !refused_with(moved, ENOENT)) return moved;  // ENOENT: no record is there
  }
  return {};
}

// ---- read -----------------------------------------------------------------------------------------------------------

Result<DirectList::Survey> DirectList::survey(const std::vector<ListPart>& parts) {
  Survey found;
  ListStream stream(source_, parts);
  for (;;) {
    IMAKEEP_TRY(const auto& record, stream.next());
    if (!record) break;
    if (parts[stream.place().part] != ListPart::kStaged) continue;
    ++found.staged;
    Bytes bytes;
    imalog::encode_record(bytes, record->content(), record->digest, stream.order());
    found.staged_digest = digest::hash(digest::Algorithm::kSha256, {found.staged_digest.view(), ByteView(bytes)});
  }
  found.records = stream.records();
  found.named_pcrs = stream.named_pcrs();
  return found;
}

// Replays the list from a beginning. Empty if it does not lead to the quote.
Result<std::optional<DirectList::Beginning>> DirectList::beginning_at(const VerifiedChain& at) {
  const std::uint32_t named = survey_.named_pcrs | at.pcrs.touched_pcrs();
  std::vector<imalog::PcrValue> given;
  std::ranges::copy_if(values_, std::back_inserter(given),
                       [&](const imalog::PcrValue& value) { return (named >> value.pcr & 1) == 0; });
  auto increment = attest::Increment::begin(at.pcrs, quoted_, given);
  if (!increment) return std::nullopt;  // the quote covers other banks, or no PCR of the list
  HeldLog log(source_, parts(), 0, survey_.records, [this] { return in_time(); });
  for (;;) {
    IMAKEEP_TRY(const auto& record, log.next());
    if (!record) break;
    increment->add(record->content);
  }
  const auto outcome = increment->finish();
  if (!outcome.matched_at) return std::nullopt;
  return Beginning{.at = at, .proven = outcome.proven, .banks = outcome.pcrs.banks()};
}

Result<void> DirectList::find_beginning() {
  beginning_.reset();
  several_ = false;
  std::vector<VerifiedChain> tried = saved_;
  // Nothing was deleted in this boot of the TPM.
  if (std::ranges::find(tried, std::uint64_t{0}, &VerifiedChain::proven) == tried.end()) tried.emplace_back();
  for (const VerifiedChain& at : tried) {
    IMAKEEP_TRY(auto found, beginning_at(at));
    if (!found) continue;
    several_ = beginning_.has_value();
    if (!several_) beginning_ = std::move(found);
    if (several_) break;
  }
  return {};
}

Result<Records> DirectList::open(std::uint64_t first) {
  IMAKEEP_CHECK(in_time());
  IMAKEEP_TRY(survey_, survey(parts()));
  IMAKEEP_CHECK(find_beginning());
  trimmed_ = beginning_ ? beginning_->at.proven : first;
  const std::uint64_t end = trimmed_ + survey_.records;
  if (first < trimmed_ || first > end) {
    return fail(ErrorCode::kMismatch, source_.name() + " has the records [" + std::to_string(trimmed_) + ", " +
                                          std::to_string(end) + ") of this boot, and the verifier wants those from " +
                                          std::to_string(first) + " on; did it lose its database? Nothing was deleted");
  }
  Records records{.first = first, .end = end, .named_pcrs = survey_.named_pcrs, .source = source_.name()};
  if (beginning_) records.named_pcrs |= beginning_->at.pcrs.touched_pcrs();
  if (!beginning_ && first > 0) records.named_pcrs |= std::uint32_t{1} << kUsualPcr;
  records.order = source_.order();
  records.log =
      std::make_unique<HeldLog>(source_, parts(), first - trimmed_, survey_.records, [this] { return in_time(); });
  const std::int64_t left_ms = (until_us_ - clock_.monotonic_us()) / 1000;
  client_.limit_total(std::chrono::milliseconds(std::max<std::int64_t>(1, left_ms)));
  return records;
}

// ---- delete ---------------------------------------------------------------------------------------------------------

// How many records of the list may be deleted, and why not more.
Result<std::uint64_t> DirectList::deletable(std::uint64_t n) {
  const std::uint64_t end = beginning_ ? std::min(n, trimmed_ + beginning_->proven) : n;
  std::uint64_t count = end > trimmed_ ? end - trimmed_ : 0;
  if (count > 0 && several_) {
    why_not_ = "the list may begin with record " + std::to_string(saved_.front().proven) + " or " +
               std::to_string(saved_.back().proven) + ", which the next new record will tell";
    return 0;
  }
  if (holds_ == Holds::kCurrent || count == 0) return count;
  if (survey_.staged == 0) return 0;
  if (count < survey_.staged) {
    why_not_ = "not all staged records are proven yet";
    return 0;
  }
  return survey_.staged;
}

Result<void> DirectList::proven(std::uint64_t n) {
  IMAKEEP_TRY(const auto count, deletable(n));
  if (count > 0) {
    IMAKEEP_CHECK(in_time());
    if (holds_ == Holds::kLeftover) IMAKEEP_CHECK(check_staged_again());
    IMAKEEP_CHECK(remove(count));
  }
  end();
  return {};
}

// Others may have written between the reading and now.
Result<void> DirectList::check_staged_again() {
  IMAKEEP_CHECK(hold_.open_to_write(ListPart::kStaged));
  holds_ = Holds::kStaged;
  IMAKEEP_TRY(const auto& now, survey(parts()));
  if (now.staged == survey_.staged && now.staged_digest == survey_.staged_digest) return {};
  return fail(ErrorCode::kMismatch, source_.name() +
                                        ": another process has changed the staged list during the attestation; "
                                        "nothing was deleted: let one process alone trim");
}

// Where the list begins once so many of its records are deleted.
Result<VerifiedChain> DirectList::beginning_after(std::uint64_t records) {
  VerifiedChain after{.proven = trimmed_ + records, .pcrs = in_banks(beginning_->at.pcrs, beginning_->banks)};
  HeldLog log(source_, parts(), 0, records, [] { return Result<void>(); });
  for (std::uint64_t i = 0; i < records; ++i) {
    IMAKEEP_TRY(const auto& record, log.next());
    if (!record) return fail(ErrorCode::kMalformed, source_.name() + " has become shorter; nothing was deleted");
    imalog::extend(after.pcrs, record->content);
  }
  return after;
}

// Saves first what the list may begin with afterwards, so that no end of this process leaves it unknown.
Result<void> DirectList::remove(std::uint64_t records) {
  std::vector<VerifiedChain> before;
  std::vector<VerifiedChain> after;
  if (beginning_) {
    before.push_back(beginning_->at);
    IMAKEEP_TRY(auto then, beginning_after(records));
    after.push_back(std::move(then));
  }
  std::vector<VerifiedChain> both = before;
  both.insert(both.end(), after.begin(), after.end());
  IMAKEEP_CHECK(save_beginnings(options_.state_directory, both));
  if (late()) {
    IMAKEEP_CHECK(save_beginnings(options_.state_directory, before));
    return in_time();
  }
  bool done = false;
  auto requested = request(records, done);
  if (done) {
    deleted_ += records;
    return save_beginnings(options_.state_directory, after);
  }
  if (!requested && requested.error().os_errno == EINTR) return requested;  // the next attestation will tell
  if (!requested) {
    IMAKEEP_CHECK(save_beginnings(options_.state_directory, before));
    return requested;
  }
  why_not_ = "the list's count does not show that " + std::to_string(records) +
             " records were deleted, which the next attestation will tell";
  return {};
}

// `done`: what the list shows afterwards, whatever the answer to the request was.
Result<void> DirectList::request(std::uint64_t records, bool& done) {
  if (holds_ == Holds::kStaged) {
    auto deleted = source_.request("D\n");  // ENOMEM: the records are deleted nevertheless
    IMAKEEP_TRY(done, is_empty(ListPart::kStaged));
    return deleted;
  }
  IMAKEEP_TRY(const auto before, source_.count());
  auto deleted = source_.request(std::to_string(records) + "\n");
  IMAKEEP_TRY(const auto after, source_.count());
  // Records that were added meanwhile may hide the deletion; then the next attestation will tell.
  done = after < before;
  if (refused_with(deleted, EINVAL)) flushes_table_ = true;
  return deleted;
}

}  // namespace imakeep::attester
