// SPDX-License-Identifier: Apache-2.0
// verifier/attestation.h - gives a host a challenge, and judges the evidence with which the host answers.
//
// Evidence is judged while it arrives, in constant memory. What decides, in this order: the host's row; the signature
// by the host's enrolled key; the nonce, which is bound to tenant, host and epoch; the TPM's clock and counters; the
// PCRs that the quote covers; where the records begin; the replay of the records, which has to lead to the quoted PCRs;
// and what the policies say of the proven records. A refusal at any point changes nothing. Otherwise the result is a
// move of the host's row: a compare-and-swap on the epoch, which also uses up the nonce.
//
// A long increment comes in parts (verifier/provisional.h). Each part has the quote and is checked as above, but for
// the replay, which goes on in the next part; only the last part can move the host.
//
// Proven is not accepted: a record that a policy refuses is a finding. N and the state move on all the same, unless
// Settings::findings_hold_back.
// Threads: one thread at a time uses an Attestation; several may use one Judge at once.
#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "evidence/challenge.h"
#include "evidence/evidence_reader.h"
#include "verifier/ak_cache.h"
#include "verifier/key_ring.h"
#include "verifier/policy_cache.h"
#include "verifier/refusal.h"
#include "verifier/settings.h"

namespace imakeep::verifier {

// What all requests share. Everything is borrowed.
struct Judge {
  const Settings& settings;
  vstore::Store& store;
  KeyRing& keys;
  PolicyCache& policies;
  AkCache& aks;
  Random random;
};

Judged<evidence::Challenge> challenge(const Judge& judge, const evidence::ChallengeRequest& request,
                                      std::int64_t now_unix_s);

// Evidence that was accepted. The move is not committed yet: before that nobody may see the verdict.
struct Accepted {
  vstore::Move move;
  std::string verdict;  // evidence::make_verdict()
};

// Evidence that was answered before, and whose answer was perhaps lost.
struct Repeated {
  std::string verdict;
};

// A part that was judged, and that more records follow. Nothing of the host has moved. take_part() keeps the state.
struct Part {
  vstore::HostKey key;
  std::uint64_t epoch = 0;
  vstore::Provisional provisional;
  std::string receipt;  // evidence::make_part_receipt()
};

using Outcome = std::variant<Accepted, Repeated, Part>;

// Keeps the state after the part, instead of the one before. Returns the receipt.
Judged<std::string> take_part(const Judge& judge, const Part& part);

class Attestation {
 public:
  // Borrows the judge and what it refers to.
  Attestation(const Judge& judge, std::int64_t now_unix_s);
  ~Attestation();

  // The next bytes of the evidence (evidence/evidence.h). After a refusal each call returns that refusal.
  std::optional<Refusal> feed(ByteView bytes);
  // The evidence is complete.
  Judged<Outcome> finish();

 private:
  class Judging;
  std::unique_ptr<Judging> judging_;
};

}  // namespace imakeep::verifier
