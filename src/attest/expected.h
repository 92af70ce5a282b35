// SPDX-License-Identifier: Apache-2.0
// attest/expected.h - the PCR values and the quote that a log is compared with.
//
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imalog/replay.h"
#include "tpm/quote.h"

namespace imakeep::attest {

// The statement of a quote about PCRs. check_quote() says whether the quote is genuine.
struct QuotedPcrs {
  std::vector<tpm::PcrSelection> selections;
  digest::Algorithm hash = digest::Algorithm::kSha256;  // the signature's
  Bytes digest;
};

QuotedPcrs quoted_pcrs(const tpm::Quote& quote, const tpm::Signature& signature);

// If neither values nor a quote are given, each record is only compared with the digest shown for it. Each value of a
// PCR that records name has to match, unless the quote covers that PCR in that bank. Then the quote decides, and the
// value only helps to explain a mismatch of the quote. Values of quoted PCRs that no record names, such as the
// firmware's, complete the quote.
struct Expected {
  std::vector<imalog::PcrValue> values = {};
  std::optional<QuotedPcrs> quote = std::nullopt;

  bool anything() const { return quote || !values.empty(); }
};

// The banks to replay: those of `expected`, or sha1, sha256, sha384 and sha512 if nothing is expected.
std::vector<digest::Bank> replayed_banks(const Expected& expected);

// `state` with the further banks `banks`. Each of these has the values that the bank of the same algorithm has in
// `state`, or zeros if `state` has no such bank.
imalog::PcrState with_banks(const imalog::PcrState& state, const std::vector<digest::Bank>& banks);

// The state before a log's first record, from values that the caller holds. Its banks are replayed_banks(), or the
// banks of `values` if nothing is expected. A PCR without a value is as a TPM reset leaves it. kUsage if a replayed
// bank has no value at all.
Result<imalog::PcrState> start_state(const std::vector<imalog::PcrValue>& values, const Expected& expected);

bool selects(const QuotedPcrs& quote, const digest::Bank& bank, std::uint32_t pcr);

// A set of PCRs, one bit for each PCR.
using PcrSet = std::uint32_t;
inline bool holds(PcrSet set, std::uint32_t pcr) {
  return (set >> pcr & 1) != 0;
}

// The values that the caller may take for those of the TPM: all of them, or with a quote those that it covers. If the
// quote matches a log, it vouches for them.
std::vector<imalog::PcrValue> vouched_values(const Expected& expected);

std::optional<digest::Digest> value_given(const std::vector<imalog::PcrValue>& values, const digest::Bank& bank,
                                          std::uint32_t pcr);

// The composite with each replayed part in the bank of `banks` that has the same algorithm.
imalog::PcrComposite in_banks(const imalog::PcrComposite& composite, const std::vector<digest::Bank>& banks);

// The composite of all PCRs that the quote covers. PCRs in `replayed` have no value in it, because the replay computes
// them. The others have the value that `values` gives, or none.
imalog::PcrComposite composite_of(const QuotedPcrs& quote, const std::vector<imalog::PcrValue>& values,
                                  PcrSet replayed);

// Errors:
//   kUsage        values of quoted PCRs are missing: the message names them
//   kMismatch     the quote covers no PCR that is replayed, or its digest does not have the size of its hash
//   kUnsupported  OpenSSL lacks the hash of a bank
Result<void> check_composite(const imalog::PcrComposite& composite, PcrSet replayed);

}  // namespace imakeep::attest
