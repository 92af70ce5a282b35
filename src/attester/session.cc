// SPDX-License-Identifier: Apache-2.0
#include "attester/session.h"

#include <algorithm>

#include "attester/evidence_body.h"
#include "attester/part_sizes.h"
#include "base/base64.h"
#include "base/text.h"
#include "digest/digest.h"
#include "ear/claims.h"

namespace imakeep::attester {
namespace {

constexpr const char* kJson = "application/json";
constexpr std::chrono::seconds kUsualPause{30};
// Quotes until nothing was extended between the quote and the reading of the PCRs.
constexpr int kMostQuotes = 3;
constexpr int kMostNewChallenges = 3;
// Each brings at least one PCR more into the quote.
constexpr int kMostRounds = 4;
// A keeper follows its list once a second.
constexpr std::int64_t kArchiveLagMs = 2000;
constexpr int kMostLags = 3;
// The verifier wants records from another number on: in a row, and in all.
constexpr int kMostMoves = 1;
constexpr int kMostMovesInAll = 20;
// A part that failed is sent again after a pause, so often in a row.
constexpr int kMostPauses = 5;
constexpr std::chrono::milliseconds kReconnectPause{2000};
constexpr std::chrono::seconds kLongestPause{300};

// ---- answers --------------------------------------------------------------------------------------------------------

template <class Outcome>
Outcome not_good(const http::Answer& answer) {
  constexpr int kTooMany = 429;
  constexpr int kUnavailable = 503;
  evidence::Problem problem{
      .status = answer.status, .reason = "none", .detail = "the server gave no reason; is it an imakeep-verifier?"};
  if (auto read = evidence::read_problem(answer.body)) problem = std::move(*read);
  if (answer.status == kTooMany || answer.status == kUnavailable) {
    return Later{.after = answer.retry_after.value_or(kUsualPause), .why = printable(problem.detail)};
  }
  return Refused{.problem = std::move(problem)};
}

// What a token states of the host. Its signature is not checked.
Result<ear::Tier> stated_status(const std::string& token, const std::string& host) {
  const auto bad = [](const std::string& problem) {
    return fail(ErrorCode::kMalformed,
                "the verifier's result " + problem + "; is its version one that this imakeep knows?");
  };
  const std::size_t begin = token.find('.');
  const std::size_t end = begin == std::string::npos ? begin : token.find('.', begin + 1);
  if (end == std::string::npos) return bad("is no token");
  const auto claims = from_base64url(std::string_view(token).substr(begin + 1, end - begin - 1));
  if (!claims) return bad("is no token: " + claims.error().message);
  auto read = ear::read_claims(as_text(*claims), ear::Profile::kVeraison);
  if (!read && read.error().code == ErrorCode::kMismatch) {
    read = ear::read_claims(as_text(*claims), ear::Profile::kIetf);
  }
  if (!read) return bad("cannot be read: " + read.error().message);
  const auto of_host = std::ranges::find(read->appraisals, host, &ear::Appraisal::name);
  if (of_host == read->appraisals.end()) return bad("states nothing of host " + host);
  return of_host->status;
}

// ---- quotes ---------------------------------------------------------------------------------------------------------

// Whether the values are those that the quote covers. The digest of a quote is by the hash of its signature, and an
// AttestationTpm signs with SHA-256.
bool are_quoted(const tpm::Quote& quote, const std::vector<imalog::PcrValue>& values) {
  Bytes joined;
  for (const tpm::PcrSelection& selection : quote.selections) {
    for (const std::uint32_t pcr : selection.pcrs) {
      const auto value = std::ranges::find_if(values, [&](const imalog::PcrValue& one) {
        return one.bank.algorithm == selection.bank.algorithm && one.pcr == pcr;
      });
      if (value == values.end()) return false;
      append_bytes(joined, value->value.view());
    }
  }
  return equal(digest::hash(digest::Algorithm::kSha256, joined).view(), quote.pcr_digest);
}

std::vector<tpm::PcrSelection> selections_of(const evidence::Challenge& challenge) {
  std::vector<tpm::PcrSelection> selections;
  selections.reserve(challenge.pcrs.size());
  for (const evidence::PcrChoice& choice : challenge.pcrs) {
    selections.push_back({.bank = digest::bank_of(choice.bank), .pcrs = choice.pcrs});
  }
  return selections;
}

// The number of the first record that the verifier wants: 0 if the TPM was reset after the last accepted quote.
std::uint64_t first_wanted(const evidence::Challenge& challenge, const tpm::Quote& quote) {
  const bool same_boot = !challenge.reset_count || *challenge.reset_count == quote.clock.reset_count;
  return same_boot ? challenge.first : 0;
}

// The verifier cannot know that an archive may be behind the kernel's list.
void add_hint(Refused& refused, const Records& records) {
  if (!records.chain) return;
  refused.problem.detail +=
      "; or the archive is behind the kernel's list: check with `imakeep status` that a keeper follows it";
}

bool is_overtaken(const Refused& refused) {
  // nonce-foreign: another attestation of this host was accepted after the challenge was given.
  constexpr std::string_view kReasons[] = {"nonce-expired", "nonce-foreign", "stale", "older-policy"};
  return std::ranges::find(kReasons, refused.problem.reason) != std::end(kReasons);
}

}  // namespace

Result<tpm::SavedKey> usable_key(tpm::AttestationTpm& tpm, const std::optional<tpm::SavedKey>& saved) {
  if (!saved) return tpm.make_key();
  const auto tried = tpm.quote(*saved, {}, {{.bank = tpm.pcrs().banks().front(), .pcrs = {0}}});
  if (tried) return *saved;
  if (tried.error().code != ErrorCode::kMismatch) return unexpected(tried.error());
  return tpm.make_key();
}

// ---- enrolment ------------------------------------------------------------------------------------------------------

Result<Enrolment> Session::enrol(const std::string& token, bool retain) {
  IMAKEEP_TRY(auto ek, tpm_.endorsement_key());
  evidence::EnrolmentRequest request{.tenant = identity_.tenant,
                                     .host = identity_.host,
                                     .ek_public = ek.public_area,
                                     .ak_public = identity_.key.public_area,
                                     .token = token,
                                     .retain = retain};
  if (!ek.certificate.empty()) request.ek_certificates.push_back(std::move(ek.certificate));
  IMAKEEP_TRY(const auto& text, evidence::make_enrolment_request(request));
  IMAKEEP_TRY(const auto& offered, client_.post("/v1/enrol", kJson, text));
  if (!offered.good()) return not_good<Enrolment>(offered);
  IMAKEEP_TRY(const auto& credential, evidence::read_enrolment_credential(offered.body));
  IMAKEEP_TRY(const auto& parsed, tpm::parse_credential(credential.credential));
  evidence::EnrolmentProof proof{.enrolment = credential.enrolment};
  IMAKEEP_TRY(proof.secret, tpm_.activate(identity_.key, ek.kind, parsed));
  IMAKEEP_TRY(const auto& proof_text, evidence::make_enrolment_proof(proof));
  IMAKEEP_TRY(const auto& done, client_.post("/v1/enrol/proof", kJson, proof_text));
  if (!done.good()) return not_good<Enrolment>(done);
  IMAKEEP_TRY(const auto status, evidence::read_enrolment_result(done.body));
  return Enrolment(status);
}

// ---- attestation ----------------------------------------------------------------------------------------------------

Result<Attestation> Session::attest_once(const OpenRecords& open, const OnProven& proven) {
  std::optional<Attested> before;
  for (int round = 1;; ++round) {
    IMAKEEP_TRY(auto outcome, attest(open, proven));
    auto* const attested = std::get_if<Attested>(&outcome);
    if (attested == nullptr) return outcome;
    if (before) {
      attested->first = before->first;
      attested->sent += before->sent;
    }
    if (!attested->again || round == kMostRounds) return outcome;
    before = std::move(*attested);
  }
}

Result<Attestation> Session::attest(const OpenRecords& open, const OnProven& proven) {
  for (int renewed = 0;; ++renewed) {
    IMAKEEP_TRY(auto asked, ask());
    if (auto* const refused = std::get_if<Refused>(&asked)) return Attestation(std::move(*refused));
    if (auto* const later = std::get_if<Later>(&asked)) return Attestation(std::move(*later));
    IMAKEEP_TRY(auto outcome, answer(std::get<evidence::Challenge>(asked), open, proven));
    const auto* const refused = std::get_if<Refused>(&outcome);
    if (refused == nullptr || !is_overtaken(*refused) || renewed == kMostNewChallenges) return outcome;
  }
}

Result<Session::Asked> Session::ask() {
  evidence::ChallengeRequest request{.tenant = identity_.tenant, .host = identity_.host};
  for (const digest::Bank& bank : tpm_.pcrs().banks()) request.banks.push_back(bank.algorithm);
  IMAKEEP_TRY(const auto& text, evidence::make_challenge_request(request));
  IMAKEEP_TRY(const auto& given, client_.post("/v1/challenge", kJson, text));
  if (!given.good()) return not_good<Asked>(given);
  IMAKEEP_TRY(auto challenge, evidence::read_challenge(given.body));
  return Asked(std::move(challenge));
}

Result<std::vector<imalog::PcrValue>> Session::read_pcrs(const evidence::Challenge& challenge) {
  const auto& banks = tpm_.pcrs().banks();
  std::uint32_t asked = 0;
  for (const evidence::PcrChoice& choice : challenge.pcrs) {
    if (digest::find_bank(banks, choice.bank) == nullptr) {
      return fail(ErrorCode::kEnvironment, "the verifier asks for PCRs of bank " + digest::bank_of(choice.bank).name() +
                                               ", and the TPM has " + digest::bank_names(banks) +
                                               "; enable the bank in the firmware, or set the verifier's banks");
    }
    for (const std::uint32_t pcr : choice.pcrs) asked |= std::uint32_t{1} << pcr;
  }
  std::vector<imalog::PcrValue> values;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if ((asked >> pcr & 1) == 0) continue;
    IMAKEEP_TRY(const auto& read, tpm_.pcrs().read(pcr));
    for (const evidence::PcrChoice& choice : challenge.pcrs) {
      if (std::ranges::find(choice.pcrs, pcr) == choice.pcrs.end()) continue;
      const auto at = static_cast<std::size_t>(digest::find_bank(banks, choice.bank) - banks.data());
      values.push_back({.bank = digest::bank_of(choice.bank), .pcr = pcr, .value = read[at]});
    }
  }
  return values;
}

// The values of PCRs that no record names have to be those of the quote. If IMA extends its PCR all the time, the
// values are sent as they are: a change of its PCR alone does no harm, and the verifier finds any other.
Result<Session::Quoted> Session::quote(const evidence::Challenge& challenge) {
  for (int made = 1;; ++made) {
    Quoted quoted;
    IMAKEEP_TRY(quoted.signed_quote, tpm_.quote(identity_.key, challenge.nonce, selections_of(challenge)));
    IMAKEEP_TRY(quoted.quote, tpm::parse_quote(quoted.signed_quote.quote));
    IMAKEEP_TRY(quoted.pcrs, read_pcrs(challenge));
    if (are_quoted(quoted.quote, quoted.pcrs) || made == kMostQuotes) return quoted;
  }
}

Result<Attestation> Session::answer(const evidence::Challenge& challenge, const OpenRecords& open,
                                    const OnProven& proven) {
  if (around_.before) IMAKEEP_CHECK(around_.before(challenge));
  IMAKEEP_TRY(const auto& quoted, quote(challenge));
  if (around_.after) IMAKEEP_CHECK(around_.after(quoted.signed_quote, quoted.pcrs));
  Increment increment{.challenge = challenge, .quoted = quoted, .open = open, .proven = proven};
  increment.start = increment.next = first_wanted(challenge, quoted.quote);
  for (;;) {
    IMAKEEP_TRY(auto records, open_next(increment));
    IMAKEEP_TRY(const auto& sizes, sizes_of(increment, records));
    auto answered = send_parts(increment, records, sizes);
    IMAKEEP_TRY(const bool again, begins_again(increment, records, answered));
    if (again) continue;
    if (!answered) return unexpected(std::move(answered).error());
    if (auto* const refused = std::get_if<Refused>(&*answered)) return Attestation(std::move(*refused));
    if (auto* const later = std::get_if<Later>(&*answered)) return Attestation(std::move(*later));
    auto& attested = std::get<Attested>(*answered);
    attested.first = increment.start;
    attested.sent = records.end - increment.start;
    return Attestation(std::move(attested));
  }
}

Result<Records> Session::open_next(Increment& increment) {
  IMAKEEP_TRY(auto records, increment.open(increment.next));
  if (!increment.named_pcrs) return records;
  if (records.chain != increment.chain) {
    return fail(ErrorCode::kMismatch,
                records.source + " has another chain than when the first part was sent; " + "attest again");
  }
  records.named_pcrs = *increment.named_pcrs;
  return records;
}

// The counts of the parts. `records` is opened again if it was read for them.
Result<std::vector<std::uint64_t>> Session::sizes_of(Increment& increment, Records& records) {
  const PartLimits limits{.records = increment.challenge.most_records, .bytes = increment.challenge.most_bytes};
  if (!increment.counts_bytes && !may_need_parts(records.count(), limits)) return std::vector{records.count()};
  increment.counts_bytes = true;
  IMAKEEP_TRY(auto sizes, part_sizes(records, limits));
  const std::uint64_t end = records.end;
  IMAKEEP_TRY(records, open_next(increment));
  // Later records have no part.
  records.end = std::min(records.end, end);
  increment.in_parts = increment.in_parts || sizes.size() > 1;
  return sizes;
}

// Sends one part after the other, until an answer is no receipt.
Result<Session::Answered> Session::send_parts(Increment& increment, Records& records,
                                              const std::vector<std::uint64_t>& sizes) {
  for (std::size_t part = 0;; ++part) {
    const bool more = part + 1 < sizes.size();
    IMAKEEP_TRY(auto answered, send(increment, records, sizes[part], more));
    const auto* const receipt = std::get_if<evidence::PartReceipt>(&answered);
    if (receipt == nullptr) return answered;
    const std::uint64_t wanted = increment.next + sizes[part];
    if (!more || receipt->first != wanted) {
      return fail(ErrorCode::kMalformed, "the verifier took records up to number " + std::to_string(wanted) +
                                             " and answers that it wants number " + std::to_string(receipt->first) +
                                             (more ? "" : ", instead of a verdict"));
    }
    increment.next = wanted;
    increment.took_part(records);
  }
}

Result<Session::Answered> Session::send(const Increment& increment, Records& records, std::uint64_t count, bool more) {
  evidence::EvidenceHeader header{.tenant = identity_.tenant,
                                  .host = identity_.host,
                                  .token = increment.challenge.token,
                                  .quote = increment.quoted.signed_quote.quote,
                                  .signature = increment.quoted.signed_quote.signature,
                                  .first = increment.next,
                                  .count = count,
                                  .encoding = evidence::Encoding::kZstd,
                                  .more = more,
                                  .byte_order = records.order};
  for (const imalog::PcrValue& value : increment.quoted.pcrs) {
    if ((records.named_pcrs >> value.pcr & 1) == 0) header.pcrs.push_back(value);
  }
  IMAKEEP_TRY(auto body, evidence_body(header, records));
  IMAKEEP_TRY(const auto& given, client_.send("POST", "/v1/evidence", std::string(evidence::kEvidenceMediaType), body));
  if (!given.good()) return not_good<Answered>(given);
  if (given.status == evidence::kPartTakenStatus) {
    IMAKEEP_TRY(const auto receipt, evidence::read_part_receipt(given.body));
    return Answered(receipt);
  }
  IMAKEEP_TRY(auto attested, accept(given.body, records, header, increment.proven));
  return Answered(std::move(attested));
}

// Whether the records have to be sent once more, perhaps from another number on. If so, after the pause that it takes.
Result<bool> Session::begins_again(Increment& increment, const Records& records, Result<Answered>& answered) {
  if (!answered) {
    return increment.in_parts && answered.error().code == ErrorCode::kEnvironment && pauses(increment, kReconnectPause);
  }
  if (const auto* const later = std::get_if<Later>(&*answered)) {
    return increment.in_parts && pauses(increment, later->after);
  }
  auto* const refused = std::get_if<Refused>(&*answered);
  return refused == nullptr ? Result<bool>(false) : begins_again(increment, records, *refused);
}

bool Session::pauses(Increment& increment, std::chrono::milliseconds pause) {
  if (pause > kLongestPause || ++increment.pauses > kMostPauses) return false;
  clock_.sleep_ms(pause.count());
  return true;
}

Result<bool> Session::begins_again(Increment& increment, const Records& records, Refused& refused) {
  const evidence::Problem& problem = refused.problem;
  const bool elsewhere = problem.reason == "first" || problem.reason == "new-boot";
  if (elsewhere && problem.first) {
    if (increment.in_parts && *problem.first > increment.next) {
      // A part was taken, and its receipt was lost.
      increment.took_part(records);
    } else if (++increment.moves > kMostMoves || ++increment.all_moves > kMostMovesInAll) {
      return false;
    }
    increment.next = *problem.first;
    if (!increment.in_parts) increment.start = increment.next;
    return true;
  }
  // The records may be longer than estimated.
  if (problem.reason == "unsupported" && !increment.counts_bytes && records.count() > 1) {
    increment.counts_bytes = true;
    return true;
  }
  if (problem.reason != "log-mismatch" || ++increment.lags > kMostLags) return false;
  clock_.sleep_ms(kArchiveLagMs);
  IMAKEEP_TRY(const auto& now, increment.open(increment.next));
  if (now.end != records.end || now.chain != records.chain) return true;
  add_hint(refused, records);
  return false;
}

Result<Attested> Session::accept(const std::string& text, const Records& records, const evidence::EvidenceHeader& sent,
                                 const OnProven& proven) {
  IMAKEEP_TRY(const auto& verdict, evidence::read_verdict(text));
  if (verdict.n > records.end) {
    return fail(ErrorCode::kMalformed, "the verifier states that " + std::to_string(verdict.n) +
                                           " records are proven, and " + records.source + " has " +
                                           std::to_string(records.end) + "; do not trim by this verifier's word");
  }
  Attested attested{.n = verdict.n,
                    .chain = verdict.chain,
                    .first = records.first,
                    .sent = records.count(),
                    .interval_s = verdict.interval_s,
                    .again = verdict.again,
                    .result = verdict.result};
  IMAKEEP_TRY(attested.status, stated_status(verdict.result, identity_.host));
  if (proven) IMAKEEP_CHECK(proven(records.chain, verdict.n, sent));
  return attested;
}

}  // namespace imakeep::attester
