// SPDX-License-Identifier: Apache-2.0
// attester/session.h - the host's side of enrolment and attestation with one verifier.
//
// An attestation: ask for a challenge, quote, open the records, send both, read the verdict. The records are opened
// after the quote was made. So every record that the quote covers is among them, unless the archive is behind the
// kernel's list: then the verifier finds no match, and the same quote is sent again once the archive has grown. Records
// after the match are normal.
//
// Records that are more than one request takes are sent in parts, each with the same quote. A part that failed is sent
// again after a pause; the verifier knows with which number to go on.
//
// The verdict is the verifier's word. Its token's signature is not checked here: the host relies on the TLS connection,
// and relying parties check the token. What is checked: N is not beyond the records that the host has.
// Source: docs/formats/evidence.md. Threads: one thread at a time uses an object.
#pragma once

#include <chrono>
#include <variant>

#include "attester/records.h"
#include "base/clock.h"
#include "ear/ar4si.h"
#include "evidence/challenge.h"
#include "evidence/enrolment.h"
#include "evidence/evidence.h"
#include "evidence/verdict.h"
#include "http/client.h"
#include "tpm/attestation_tpm.h"

namespace imakeep::attester {

// The verifier answered, and refuses.
struct Refused {
  evidence::Problem problem;
};

// The verifier cannot answer now (status 429 or 503).
struct Later {
  std::chrono::seconds after{0};
  std::string why = {};
};

struct Attested {
  std::uint64_t n = 0;           // so many records of the chain are proven
  std::uint64_t chain = 0;       // the verifier's number of the chain
  std::uint64_t first = 0;       // number of the first record that was sent
  std::uint64_t sent = 0;        // count of the records that were sent
  std::uint64_t interval_s = 0;  // until the next attestation
  bool again = false;            // records are left whose PCR the next quote has to cover
  ear::Tier status = ear::Tier::kNone;
  std::string result = {};  // the token
};

using Enrolment = std::variant<evidence::EnrolmentStatus, Refused, Later>;
using Attestation = std::variant<Attested, Refused, Later>;

struct HostIdentity {
  std::string tenant = {};  // empty: the verifier's default tenant
  std::string host = {};
  tpm::SavedKey key = {};
};

// Called for each verdict: records before number `n` of the archive's chain are proven to this verifier. No chain: the
// records came from lists. `sent` has the quote that proved them, and the values of quoted PCRs that no record names.
using OnProven = std::function<Result<void>(std::optional<std::uint64_t> chain, std::uint64_t n,
                                            const evidence::EvidenceHeader& sent)>;

// Called around each quote, by a host that opens its list for an attestation and trims it by the verdict
// (attester/direct.h). An error ends the attestation; before the quote nothing has been sent.
struct AroundQuote {
  std::function<Result<void>(const evidence::Challenge&)> before = {};
  std::function<Result<void>(const tpm::SignedQuote&, const std::vector<imalog::PcrValue>&)> after = {};
};

// `saved` if the TPM accepts it, otherwise a new key. Errors: those of AttestationTpm.
Result<tpm::SavedKey> usable_key(tpm::AttestationTpm& tpm, const std::optional<tpm::SavedKey>& saved);

class Session {
 public:
  // Borrows client, TPM and clock.
  Session(http::Client& client, tpm::AttestationTpm& tpm, Clock& clock, HostIdentity identity)
      : client_(client), tpm_(tpm), clock_(clock), identity_(std::move(identity)) {}

  // Makes the host known by its EK and AK, and proves that both are in one TPM. `token`: of the operator, or empty.
  // Errors: of the client and of the TPM; kMalformed for an answer that is none.
  // `retain`: asks the verifier to keep the records that it proves.
  Result<Enrolment> enrol(const std::string& token, bool retain = false);

  void around_quote(AroundQuote around) { around_ = std::move(around); }

  // Attests, and attests again at once while the verdict asks for that. Begins again where the verifier wants the
  // records, once for each challenge; asks for a new challenge if the challenge was overtaken, at most three times.
  // Errors: as enrol(), and those of `open` and of `proven`, which may be empty; kUnsupported if a single record is
  // more than the verifier takes at once; kMismatch if the host's chain ends while it is sent in parts.
  Result<Attestation> attest_once(const OpenRecords& open, const OnProven& proven);

 private:
  struct Quoted {
    tpm::SignedQuote signed_quote;
    tpm::Quote quote;
    std::vector<imalog::PcrValue> pcrs;  // all that were asked for
  };
  using Asked = std::variant<evidence::Challenge, Refused, Later>;
  // The answer to a request with records.
  using Answered = std::variant<evidence::PartReceipt, Attested, Refused, Later>;

  // An increment on its way, in one request or in parts.
  struct Increment {
    const evidence::Challenge& challenge;
    const Quoted& quoted;
    const OpenRecords& open;
    const OnProven& proven;
    std::uint64_t start = 0;  // number of its first record
    std::uint64_t next = 0;   // number of the record that is sent next
    bool in_parts = false;
    bool counts_bytes = false;  // the sizes of the parts are known, not estimated
    // Of the records when the first part was taken: the same PCR values have to go with all parts.
    std::optional<std::uint32_t> named_pcrs = std::nullopt;
    std::optional<std::uint64_t> chain = std::nullopt;
    // How often it was begun again: for records that the archive lacked; elsewhere, since the last part that was taken
    // and in all; after a pause, since the last part that was taken.
    int lags = 0;
    int moves = 0;
    int all_moves = 0;
    int pauses = 0;

    void took_part(const Records& records) {
      named_pcrs = records.named_pcrs;
      chain = records.chain;
      moves = pauses = 0;
    }
  };

  Result<Attestation> attest(const OpenRecords& open, const OnProven& proven);
  Result<Asked> ask();
  Result<Quoted> quote(const evidence::Challenge& challenge);
  Result<std::vector<imalog::PcrValue>> read_pcrs(const evidence::Challenge& challenge);
  Result<Attestation> answer(const evidence::Challenge& challenge, const OpenRecords& open, const OnProven& proven);
  static Result<Records> open_next(Increment& increment);
  static Result<std::vector<std::uint64_t>> sizes_of(Increment& increment, Records& records);
  Result<Answered> send_parts(Increment& increment, Records& records, const std::vector<std::uint64_t>& sizes);
  Result<Answered> send(const Increment& increment, Records& records, std::uint64_t count, bool more);
  Result<bool> begins_again(Increment& increment, const Records& records, Result<Answered>& answered);
  Result<bool> begins_again(Increment& increment, const Records& records, Refused& refused);
  bool pauses(Increment& increment, std::chrono::milliseconds pause);
  Result<Attested> accept(const std::string& text, const Records& records, const evidence::EvidenceHeader& sent,
                          const OnProven& proven);

  http::Client& client_;
  tpm::AttestationTpm& tpm_;
  Clock& clock_;
  const HostIdentity identity_;
  AroundQuote around_;
};

}  // namespace imakeep::attester
