// SPDX-License-Identifier: Apache-2.0
#include "verifier/attestation.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "attest/boot_aggregate.h"
#include "attest/increment.h"
#include "attest/quote_check.h"
#include "ear/claims.h"
#include "imalog/template_digest.h"
#include "logappraisal/log_appraisal.h"
#include "logappraisal/trust_vector.h"
#include "verifier/known_host.h"
#include "verifier/provisional.h"
#include "vstore/checks.h"

namespace imakeep::verifier {
namespace {

using attest::PcrSet;

constexpr std::size_t kMostOpenFindings = 1000;
// A longer path is cut, since the store takes no more.
constexpr std::size_t kMostPathBytes = 4096;
// Of all findings of one increment, so that they fit into a provisional state.
constexpr std::size_t kMostFindingBytes = 512u << 10;

Refusal nonce_refusal(const Error& error) {
  const auto says = [&](std::string_view word) { return error.message.find(word) != std::string::npos; };
  Reason reason = Reason::kNonceForeign;
  if (says("(unknown-key)")) reason = Reason::kNonceUnknown;
  if (says("(expired)") || says("(future)")) reason = Reason::kNonceExpired;
  return {.reason = reason, .detail = error.message};
}

Bytes bytes_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

// By which evidence is known as the one that was answered.
digest::Digest answered_hash(const evidence::EvidenceHeader& header) {
  return digest::hash(digest::Algorithm::kSha256,
                      {ByteView(header.token), ByteView(header.quote), ByteView(header.signature)});
}

// The PCRs of a proven list, by all banks that were compared.
std::vector<ear::ProvenPcr> values_of(const digest::PcrState& state) {
  std::vector<ear::ProvenPcr> pcrs;
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    for (const std::uint32_t pcr : pcr_list(state.touched_pcrs())) {
      const ByteView value = state.value(bank, pcr).view();
      pcrs.push_back({.bank = state.banks()[bank].name(), .pcr = pcr, .value = Bytes(value.begin(), value.end())});
    }
  }
  return pcrs;
}

std::uint64_t with_jitter(std::uint64_t interval_s, double share, const Random& random) {
  std::array<std::byte, sizeof(std::uint32_t)> bytes{};
  random(bytes);
  const double unit = static_cast<double>(load<std::uint32_t>(bytes.data())) / 4294967295.0;
  const double varied = static_cast<double>(interval_s) * (1 + share * (2 * unit - 1));
  return static_cast<std::uint64_t>(std::max(1.0, std::round(varied)));
}

}  // namespace

class Attestation::Judging {
 public:
  Judging(const Judge& judge, std::int64_t now_unix_s)
      : judge_(judge),
        now_unix_s_(now_unix_s),
        reader_(
            {.records = judge.settings.most_records, .records_bytes = judge.settings.most_bytes},
            [this](const evidence::EvidenceHeader& header) { return on_header(header); },
            [this](const imalog::RecordContentView& content) { return on_record(content); }) {}

  std::optional<Refusal> feed(ByteView bytes) {
    if (refusal_ || repeated_) return refusal_;
    if (const auto fed = reader_.feed(bytes); !fed) note(fed.error());
    return refusal_;
  }

  Judged<Outcome> finish() {
    if (!refusal_ && !repeated_) {
      if (const auto ended = reader_.finish(); !ended) note(ended.error());
    }
    if (refusal_) return unexpected(*refusal_);
    if (repeated_) return Outcome(std::move(*repeated_));
    return more_ ? part() : conclude();
  }

 private:
  // The reader's own errors, unless a callback has refused.
  void note(const Error& error) {
    if (refusal_ || repeated_) return;
    const bool limit = error.code == ErrorCode::kUnsupported;
    refusal_ = Refusal{.reason = limit ? Reason::kUnsupported : Reason::kMalformed, .detail = describe(error)};
  }
  // Ends the reading.
  Result<void> stop() { return fail(ErrorCode::kMismatch, "refused"); }

  Result<void> on_header(const evidence::EvidenceHeader& header) {
    if (auto checked = check_header(header); !checked) refusal_ = std::move(checked).error();
    return refusal_ || repeated_ ? stop() : Result<void>();
  }

  Judged<void> check_header(const evidence::EvidenceHeader& header) {
    auto known = known_host(judge_.store, judge_.settings, header.tenant, header.host, now_unix_s_);
    if (!known) return unexpected(known.error());
    host_ = std::move(*known);
    const digest::Digest hash = answered_hash(header);
    answered_hash_ = bytes_of(hash.view());
    if (host_.row.answer && equal(host_.row.answer->nonce_hash, answered_hash_)) {
      repeated_ = Repeated{.verdict = std::string(as_text(host_.row.answer->bytes))};
      return {};
    }
    if (header.more && host_.row.retains) {
      return refuse(
          Reason::kUnsupported,
          "the records of a host that are retained cannot be sent in parts; attest more often, or use an archive");
    }
    more_ = header.more;
    evidence_ = evidence_identity(header);
    find_parts();
    if (auto quote = check_quote(header); !quote) return quote;
    return begin(header);
  }

  // Whether this is a further part of an increment.
  void find_parts() {
    if (!host_.row.provisional) return;
    auto state = load_provisional(host_.row.provisional->bytes);
    if (!state) {
      unusable_ = state.error().message;
    } else if (state->epoch == host_.row.epoch && state->evidence == evidence_) {
      parts_ = std::move(*state);
    }
  }

  // Who made the quote, when, and over what.
  Judged<void> check_quote(const evidence::EvidenceHeader& header) {
    auto quote = tpm::parse_quote(header.quote);
    if (!quote) return refuse(Reason::kQuoteMalformed, "the quote: " + describe(quote.error()));
    quote_ = std::move(*quote);
    quote_digest_ = digest::hash(digest::Algorithm::kSha256, quote_.signed_bytes);
    const auto signature = tpm::parse_signature(header.signature);
    if (!signature) return refuse(Reason::kQuoteMalformed, "the signature: " + describe(signature.error()));
    const auto ak = judge_.aks.get(host_.row.ak_public);
    if (!ak) return refuse(Reason::kStore, "the host's attestation key: " + describe(ak.error()));
    if (const auto good = attest::check_signature(quote_, *signature, *ak); !good) {
      return refuse(Reason::kQuoteSignature, good.error().message);
    }
    quoted_ = attest::quoted_pcrs(quote_, *signature);
    // The quote of a further part was here in time, with the first part.
    const Settings& settings = judge_.settings;
    const std::uint64_t lifetime_s =
        parts_ ? std::max(settings.nonce_lifetime_s, settings.upload_lifetime_s) : settings.nonce_lifetime_s;
    if (auto fresh = check_nonce(header, lifetime_s); !fresh) return fresh;
    return check_selection(settings, host_.state, quote_);
  }

  Judged<void> check_nonce(const evidence::EvidenceHeader& header, std::uint64_t lifetime_s) {
    const auto nonce_keys = judge_.keys.nonce_keys(key_id_of(header.token), now_unix_s_);
    if (!nonce_keys) return unexpected(store_refusal(nonce_keys.error()));
    const evidence::NonceScope scope{
        .tenant = host_.row.key.tenant, .host = host_.row.key.host, .epoch = host_.row.epoch};
    const auto nonce = evidence::check_nonce(header.token, quote_.extra_data, *nonce_keys, scope,
                                             static_cast<std::uint64_t>(now_unix_s_), lifetime_s);
    if (!nonce) return unexpected(nonce_refusal(nonce.error()));
    made_unix_s_ =
        static_cast<std::int64_t>(load<std::uint64_t>(header.token.data() + sizeof(std::uint32_t), ByteOrder::kBig));
    return {};
  }

  static std::uint32_t key_id_of(ByteView token) {
    return token.size() < sizeof(std::uint32_t) ? 0 : load<std::uint32_t>(token.data(), ByteOrder::kBig);
  }

  // Where the records have to begin, and by what they are judged.
  Judged<void> begin(const evidence::EvidenceHeader& header) {
    const auto new_chain = attest::begins_chain(host_.state.chain, quote_.clock);
    if (!new_chain) return refuse(Reason::kQuoteOlder, new_chain.error().message);
    if (*new_chain) {
      HostState next{.open_findings = host_.state.open_findings};
      next.chain.chain = host_.state.chain.chain + 1;
      host_.state = std::move(next);
    }
    given_ = header.pcrs;
    order_ = header.byte_order;
    if (auto found = find_policies(); !found) return found;
    if (parts_) {
      if (auto resumed = go_on(header); !resumed) return resumed;
    }
    if (auto follows = check_first(header, *new_chain); !follows) return follows;
    next_ = header.first;
    return parts_ ? Judged<void>() : begin_records();
  }

  // Where the records have to begin, and how many there may be.
  Judged<void> check_first(const evidence::EvidenceHeader& header, bool new_chain) const {
    const std::uint64_t start = host_.state.chain.proven;
    const std::uint64_t wanted = parts_ ? parts_->next : start;
    if (header.first != wanted) {
      std::string text = "the records begin with number " + std::to_string(header.first) + ", and number " +
                         std::to_string(wanted) + " is wanted";
      if (!unusable_.empty()) text += "; what was known of earlier parts cannot be used: " + unusable_;
      return unexpected(
          Refusal{.reason = new_chain && !parts_ ? Reason::kNewBoot : Reason::kFirst, .detail = text, .first = wanted});
    }
    const std::uint64_t most = judge_.settings.most_upload_records;
    const std::uint64_t before = wanted - start;
    if ((more_ || parts_) && (before > most || header.count > most - before)) {
      return refuse(Reason::kUnsupported, "all parts together have more than " + std::to_string(most) +
                                              " records; raise the verifier's limit of records in parts");
    }
    return {};
  }

  Judged<void> begin_records() {
    auto increment = attest::Increment::begin(host_.state.chain.pcrs, quoted_, given_);
    if (!increment) return refuse(Reason::kQuotePcrs, increment.error().message);
    increment_.emplace(std::move(*increment));
    if (policies_.empty()) return {};
    auto options = appraisal_options();
    if (!options) return unexpected(options.error());
    auto appraisal = logappraisal::LogAppraisal::make(policies_, std::move(*options));
    if (!appraisal) return refuse(Reason::kPolicyMissing, appraisal.error().message);
    appraisal_.emplace(std::move(*appraisal));
    return {};
  }

  // Resumes the state after the parts so far. If that cannot be used, the host has to begin anew.
  Judged<void> go_on(const evidence::EvidenceHeader& header) {
    if (parts_->judged_by != judged_by(judge_.settings, host_.row.policy_list, policy_list_version_)) {
      return refuse(Reason::kOlderPolicy, "the host's policies changed since its first part; ask again");
    }
    logappraisal::AppraisalOptions options;
    if (!policies_.empty()) {
      auto made = appraisal_options();
      if (!made) return unexpected(made.error());
      options = std::move(*made);
    }
    if (const auto resumed = resume(std::move(options)); !resumed) {
      unusable_ = resumed.error().message;
      parts_.reset();
      increment_.reset();
      appraisal_.reset();
      return check_nonce(header, judge_.settings.nonce_lifetime_s);
    }
    stated_ = parts_->stated;
    if (stated_) boot_ = attest::check_boot_aggregate(*stated_, given_, digest::PcrState(quoted_banks()), 0);
    return {};
  }

  Result<void> resume(logappraisal::AppraisalOptions options) {
    const auto other = [](const char* what) {
      return fail(ErrorCode::kMalformed, std::string("the saved state after a part is damaged: ") + what);
    };
    if (parts_->start != host_.state.chain.proven) return other("it began at another record");
    auto increment = attest::Increment::resume(parts_->increment, host_.state.chain.pcrs, quoted_, given_);
    if (!increment) return unexpected(increment.error());
    increment_.emplace(std::move(*increment));
    if (increment_->finish().records != parts_->next - parts_->start) return other("it is after another record");
    if (policies_.empty() != parts_->appraisal.empty()) return other("it has no appraisal, or one by no policy");
    if (policies_.empty()) return {};
    auto appraisal = logappraisal::LogAppraisal::resume(parts_->appraisal, policies_, std::move(options));
    if (!appraisal) return unexpected(appraisal.error());
    appraisal_.emplace(std::move(*appraisal));
    if (appraisal_->records() > parts_->next - parts_->start) return other("it judged more records than came");
    return {};
  }

  // The policies by which the host is judged; none if its list is empty.
  Judged<void> find_policies() {
    if (host_.row.policy_list.empty()) return {};
    const auto list = judge_.store.policy_list(host_.row.key.tenant, host_.row.policy_list);
    if (!list) return unexpected(store_refusal(list.error()));
    if (!*list) return refuse(Reason::kPolicyMissing, "the host's list of policies is not in the database");
    policy_list_version_ = (*list)->version;
    // An empty list says as much as none.
    if ((*list)->policies.empty()) return {};
    auto policies = judge_.policies.get((*list)->policies);
    if (!policies) {
      const ErrorCode code = policies.error().code;
      if (code == ErrorCode::kEnvironment || code == ErrorCode::kIo) return unexpected(store_refusal(policies.error()));
      return refuse(Reason::kPolicyMissing, policies.error().message);
    }
    policies_ = std::move(*policies);
    return {};
  }

  Judged<logappraisal::AppraisalOptions> appraisal_options() {
    logappraisal::AppraisalOptions options{.mode = judge_.settings.mode,
                                           .host = host_.row.key.host,
                                           .boot_pcrs = given_,
                                           .first = host_.state.chain.proven,
                                           .most_findings = kMostOpenFindings,
                                           .most_finding_bytes = kMostFindingBytes,
                                           .most_text_bytes = kMostPathBytes,
                                           .learned = host_.state.learned};
    if (auto open = open_findings(options); !open) return unexpected(open.error());
    return options;
  }

  // Findings close when their file is accepted again, so their paths are watched.
  Judged<void> open_findings(logappraisal::AppraisalOptions& options) {
    if (host_.state.open_findings == 0) return {};
    const auto open = judge_.store.findings({.tenant = host_.row.key.tenant,
                                             .host = host_.row.key.host,
                                             .state = vstore::FindingState::kOpen,
                                             .limit = kMostOpenFindings});
    if (!open) return unexpected(store_refusal(open.error()));
    for (const vstore::FindingRow& row : *open) {
      std::string path(as_text(row.sighting.path));
      options.watched.insert(path);
      open_.emplace(std::move(path), row.sighting.identity);
    }
    return {};
  }

  Result<void> on_record(const imalog::RecordContentView& content) {
    if (next_ == 0 && !boot_seen_) {
      boot_seen_ = true;
      if (const auto stated = attest::boot_aggregate_of(content, order_)) {
        stated_ = stated;
        boot_ = attest::check_boot_aggregate(*stated, given_, digest::PcrState(quoted_banks()), 0);
      }
    }
    if (host_.row.retains && increment_->is_candidate(content.pcr)) retain(content);
    if (appraisal_ && increment_->is_candidate(content.pcr)) {
      appraise(content);
      if (judge_.settings.findings_hold_back && !appraisal_->last_accepted()) increment_->end_candidates();
    }
    increment_->add(content);
    ++next_;
    return {};
  }

  // N never goes beyond the records that are retained, because the host deletes what N covers.
  void retain(const imalog::RecordContentView& content) {
    const std::size_t bytes = imalog::encoded_bytes(content, kShownBank.digest_bytes());
    const bool fits = retained_.empty() || retained_bytes_ + bytes <= judge_.settings.most_retained_bytes;
    if (!fits || bytes > vstore::kMostRecordBytes) {
      increment_->end_candidates();
      more_to_retain_ = !fits;
      return;
    }
    vstore::RetainedRecord record{.chain = host_.state.chain.chain, .number = next_};
    imalog::encode_record(record.bytes, content, imalog::shown_digest(kShownBank, content).view(), order_);
    retained_bytes_ += bytes;
    retained_.push_back(std::move(record));
  }

  void appraise(const imalog::RecordContentView& content) {
    attest::LoggedRecord record{.content = content, .bank = kShownBank, .shown = {}, .order = order_};
    digest::Digest shown;
    if (judge_.settings.mode == policy::Mode::kKeylime) {
      shown = imalog::shown_digest(kShownBank, content);
      record.shown = shown.view();
    }
    appraisal_->see(appraisal_->records(), record, true);
  }

  std::vector<digest::Bank> quoted_banks() const {
    std::vector<digest::Bank> banks;
    banks.reserve(quote_.selections.size());
    for (const tpm::PcrSelection& selection : quote_.selections) banks.push_back(selection.bank);
    return banks;
  }

  // ---- a part

  Judged<Outcome> part() {
    ProvisionalState state{.epoch = host_.row.epoch,
                           .evidence = evidence_,
                           .judged_by = judged_by(judge_.settings, host_.row.policy_list, policy_list_version_),
                           .start = host_.state.chain.proven,
                           .next = next_,
                           .stated = stated_,
                           .increment = increment_->save()};
    if (appraisal_) state.appraisal = appraisal_->save();
    Part part{.key = host_.row.key, .epoch = host_.row.epoch};
    part.provisional.bytes = save(state);
    if (part.provisional.bytes.size() > vstore::kMostProvisionalBytes) {
      return refuse(Reason::kUnsupported, "the state after the part has " +
                                              std::to_string(part.provisional.bytes.size()) +
                                              " bytes; raise the verifier's limit of records of one request");
    }
    part.provisional.until_unix_s = made_unix_s_ + static_cast<std::int64_t>(judge_.settings.upload_lifetime_s);
    part.receipt = evidence::make_part_receipt({.chain = host_.state.chain.chain, .first = next_});
    return Outcome(std::move(part));
  }

  // ---- the verdict

  Judged<Outcome> conclude() {
    const attest::Increment::Outcome outcome = increment_->finish();
    if (!outcome.matched_at) {
      return refuse(Reason::kLogMismatch,
                    "the quoted PCRs match the records at no point: a record was altered, left out, added or moved, or "
                    "the quote was made before the records that are proven already");
    }
    HostState& state = host_.state;
    const std::uint64_t first = state.chain.proven;
    state.chain.proven += outcome.proven;
    state.chain.pcrs = outcome.pcrs;
    state.chain.clock_ms = quote_.clock.clock_ms;
    state.chain.reset_count = quote_.clock.reset_count;
    state.chain.restart_count = quote_.clock.restart_count;
    state.open_pcrs &= ~outcome.pcrs.touched_pcrs();
    if (outcome.open_pcr) state.open_pcrs |= PcrSet{1} << *outcome.open_pcr;
    logappraisal::AppraisalResult appraisal;
    if (appraisal_) appraisal = appraisal_->result_of_proven();
    take_in(appraisal);
    const auto result = sign(result_of(appraisal, first, outcome));
    if (!result) return unexpected(store_refusal(result.error()));
    const evidence::Verdict verdict{
        .chain = state.chain.chain,
        .n = state.chain.proven,
        .again = outcome.open_pcr.has_value() || more_to_retain_,
        .interval_s = with_jitter(judge_.settings.interval_s, judge_.settings.jitter, judge_.random),
        .result = *result};
    Accepted accepted{.move = move_of(appraisal, first), .verdict = evidence::make_verdict(verdict)};
    accepted.move.records = std::move(retained_);  // exactly the candidates are proven
    const ByteView text = as_bytes(accepted.verdict);
    accepted.move.answer = {.nonce_hash = answered_hash_, .bytes = Bytes(text.begin(), text.end())};
    return Outcome(std::move(accepted));
  }

  // Adds what the new records say to what is known of the chain.
  void take_in(const logappraisal::AppraisalResult& appraisal) {
    HostState& state = host_.state;
    for (const appraisal::LearnedKey& key : appraisal.learned) {
      // Every policy has learned the keys that it accepts, some of them the same.
      static_cast<void>(state.learned.learn(key.record, key.keyring, key.buffer, key.key));
    }
    if (stated_ && state.chain.proven > 0) {
      const bool matches = boot_ && boot_->matches;
      const bool differs = (boot_ && !boot_->matches) || logappraisal::boot_refused(appraisal);
      state.boot = differs
                       ? ear::BootOutcome::kDiffers
                       : (matches && logappraisal::is_reference(policies_, *stated_) ? ear::BootOutcome::kMatches
                                                                                     : ear::BootOutcome::kNoReference);
    }
    state.vector.set(ear::Claim::kInstanceIdentity, ear::instance_identity(ear::KeyOutcome::kEnrolled));
    state.vector.set(ear::Claim::kConfiguration, ear::configuration(state.boot));
    state.vector.set(ear::Claim::kHardware,
                     ear::hardware(host_.row.ek_check == "certificate" ? ear::MakerOutcome::kTrusted
                                                                       : ear::MakerOutcome::kNotClaimed));
    logappraisal::add_records(state.vector, appraisal);
    state.refused += appraisal.refused_records();
  }

  ear::Ear result_of(const logappraisal::AppraisalResult& appraisal, std::uint64_t first,
                     const attest::Increment::Outcome& outcome) const {
    const HostState& state = host_.state;
    ear::Proof proof{.chain = state.chain.chain,
                     .first = first,
                     .reset_count = quote_.clock.reset_count,
                     .restart_count = quote_.clock.restart_count,
                     .clock_ms = quote_.clock.clock_ms,
                     .quote_digest = logappraisal::digest_text_of(quote_digest_.view()),
                     .failed = state.refused,
                     .findings = logappraisal::reported_findings(appraisal)};
    // Without a single proven record nothing is proven of the list.
    if (state.chain.proven > 0) {
      proof.n = state.chain.proven;
      if (outcome.proven == *outcome.matched_at) proof.pcrs = values_of(state.chain.pcrs);
    }
    ear::Appraisal of_host{.name = host_.row.key.host, .vector = state.vector, .evidence_nonce = quote_.extra_data};
    for (const logappraisal::LoadedPolicy& policy : policies_) {
      of_host.policy_ids.push_back(policy.file);
      proof.policies.push_back(
          {.id = host_.row.policy_list, .digest = policy.file, .from = first, .to = state.chain.proven});
    }
    of_host.proof = std::move(proof);
    const auto lifetime = static_cast<std::int64_t>(2 * judge_.settings.interval_s + judge_.settings.result_lifetime_s);
    return {.issued_at_s = now_unix_s_,
            .expires_at_s = now_unix_s_ + lifetime,
            .verifier = {.developer = "imakeep", .build = judge_.settings.build},
            .appraisals = {std::move(of_host)}};
  }

  Result<std::string> sign(const ear::Ear& result) {
    status_ = result.appraisals.front().vector.status();
    IMAKEEP_TRY(const auto& claims, ear::make_claims(result, judge_.settings.profile));
    IMAKEEP_TRY(const auto& key, judge_.keys.result_key(now_unix_s_));
    return key.sign(claims);
  }

  vstore::Move move_of(const logappraisal::AppraisalResult& appraisal, std::uint64_t first) {
    HostState& state = host_.state;
    vstore::Move move{.key = host_.row.key,
                      .epoch = host_.row.epoch,
                      .proven = state.chain.proven,
                      .seen_unix_s = now_unix_s_,
                      .policy_list = host_.row.policy_list,
                      .policy_list_version = policy_list_version_,
                      .history = {.at_unix_s = now_unix_s_,
                                  .outcome = std::string(ear::name_of(status_)),
                                  .chain = state.chain.chain,
                                  .first = first,
                                  .proven = state.chain.proven,
                                  .findings = appraisal.refused_records(),
                                  .quote_digest = bytes_of(quote_digest_.view())}};
    for (const logappraisal::KeptFinding& kept : appraisal.findings) {
      const appraisal::Finding& finding = kept.finding;
      const auto& reason = appraisal::info(finding.reasons.front());
      move.sightings.push_back({.identity = bytes_of(kept.identity.view()),
                                .record = finding.record,
                                .path = bytes_of(as_bytes(finding.path)),
                                .digest = bytes_of(as_bytes(finding.digest)),
                                .reason = std::string(reason.name),
                                .rule = bytes_of(as_bytes(reason.event_id)),
                                .policy = bytes_of(finding.policy.view())});
    }
    for (const std::string& path : appraisal.accepted_again) {
      const auto [begin, end] = open_.equal_range(path);
      for (auto at = begin; at != end; ++at) {
        const bool seen_now = std::ranges::any_of(
            move.sightings, [&](const vstore::Sighting& sighting) { return sighting.identity == at->second; });
        if (!seen_now) move.fixed.push_back(at->second);
      }
    }
    state.open_findings = open_after(move);
    move.state = save(state);
    return move;
  }

  // How many findings of the host are open after the move.
  std::uint64_t open_after(const vstore::Move& move) const {
    const auto is_open = [this](const vstore::Sighting& sighting) {
      return std::ranges::any_of(open_, [&](const auto& known) { return known.second == sighting.identity; });
    };
    const auto again = static_cast<std::uint64_t>(std::ranges::count_if(move.sightings, is_open));
    // Beyond the bound the findings were not all read.
    const std::uint64_t before = open_.size() < kMostOpenFindings ? open_.size() : host_.state.open_findings;
    return before + move.sightings.size() - again - std::min<std::uint64_t>(before, move.fixed.size());
  }

  static inline const digest::Bank kShownBank = digest::bank_of(digest::Algorithm::kSha256);

  const Judge& judge_;
  const std::int64_t now_unix_s_;
  evidence::EvidenceReader reader_;
  std::optional<Refusal> refusal_;
  std::optional<Repeated> repeated_;

  KnownHost host_;  // its state moves on while the evidence is judged
  Bytes answered_hash_;
  digest::Digest evidence_;                // evidence_identity()
  bool more_ = false;                      // another part follows
  std::optional<ProvisionalState> parts_;  // after the parts before this one
  std::string unusable_;                   // why the host's provisional state is not used, if it is damaged
  std::int64_t made_unix_s_ = 0;           // the token
  tpm::Quote quote_;
  digest::Digest quote_digest_;
  attest::QuotedPcrs quoted_;
  std::vector<imalog::PcrValue> given_;
  ByteOrder order_ = ByteOrder::kLittle;
  std::uint64_t next_ = 0;  // number of the next record
  std::optional<attest::Increment> increment_;
  std::vector<vstore::RetainedRecord> retained_;  // the candidates, of a host whose records are retained
  std::size_t retained_bytes_ = 0;
  bool more_to_retain_ = false;  // a candidate did not fit
  std::vector<logappraisal::LoadedPolicy> policies_;
  std::uint64_t policy_list_version_ = 0;
  std::optional<logappraisal::LogAppraisal> appraisal_;
  std::multimap<std::string, Bytes> open_;  // identities of open findings, by path
  bool boot_seen_ = false;
  std::optional<attest::BootAggregate> stated_;
  std::optional<attest::BootAggregateCheck> boot_;
  ear::Tier status_ = ear::Tier::kNone;
};

Judged<std::string> take_part(const Judge& judge, const Part& part) {
  const auto put = judge.store.put_provisional(part.key, part.epoch, part.provisional);
  if (!put) return unexpected(store_refusal(put.error()));
  if (!*put) {
    return refuse(Reason::kStale,
                  "another quote of the host was accepted meanwhile, or the host was changed; ask again");
  }
  return part.receipt;
}

Attestation::Attestation(const Judge& judge, std::int64_t now_unix_s)
    : judging_(std::make_unique<Judging>(judge, now_unix_s)) {}
Attestation::~Attestation() = default;

std::optional<Refusal> Attestation::feed(ByteView bytes) {
  return judging_->feed(bytes);
}

Judged<Outcome> Attestation::finish() {
  return judging_->finish();
}

}  // namespace imakeep::verifier
