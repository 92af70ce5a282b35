// attest/log_check.h - compares a measurement log with PCRs or a quote: how many records are proven, and where it does
// not fit, what is wrong as far as that can be told.
//
// Each record is extended as its data says (docs/formats/ima-record.md), and the digest beside it is compared with its
// data. PCRs then stand for a prefix of the log; what lies behind is normal, for IMA appends before it extends.
// No PCR covers a template's name or a violation's data, and a quote says nothing of records in PCRs it did not select.
// Threads: no shared state.
#pragma once

#include <vector>

#include "attest/log_source.h"
#include "imalog/replay.h"
#include "tpm/quote.h"

namespace imakeep::attest {

// What a quote states of PCRs. Whether to believe it is check_quote()'s to say.
struct QuotedPcrs {
  std::vector<tpm::PcrSelection> selections;
  digest::Algorithm hash = digest::Algorithm::kSha256;  // the signature's
  Bytes digest;
};

QuotedPcrs quoted_pcrs(const tpm::Quote& quote, const tpm::Signature& signature);

// What a log is compared with. Nothing: its records are only compared with their own digests. Values alone: each has to
// be found. With a quote that one decides; values then serve for selected PCRs that no record is in, such as those of
// the firmware, and those of other PCRs say more where the quote does not fit.
struct Expected {
  std::vector<imalog::PcrValue> values = {};
  std::optional<QuotedPcrs> quote = std::nullopt;
};

// The banks that have to be replayed: those of what is expected, or sha1, sha256, sha384 and sha512 for nothing.
std::vector<digest::Bank> replayed_banks(const Expected& expected);

enum class Side : std::uint8_t {
  kUnknown,
  kData,    // the PCRs fit the record's data: the digest beside it was altered
  kDigest,  // the PCRs fit the digest shown: the data was altered
};

// A record whose digest does not fit its data.
struct BadRecord {
  Place place;
  std::uint64_t number = 0;  // records before it in the log
  digest::Bank bank;         // of the digest
  Side side = Side::kUnknown;
};

struct ValueFit {
  imalog::PcrValue value;
  bool looked_for = true;                                // false: of a PCR that no record is in, so part of the quote
  std::optional<std::uint64_t> found_at = std::nullopt;  // after how many records
};

struct LogCheck {
  std::uint64_t records = 0;
  std::uint64_t violations = 0;
  imalog::PcrState state;        // what the log leads to
  std::vector<ValueFit> values;  // in the order of Expected::values
  std::optional<std::uint64_t> quote_found_at = std::nullopt;
  std::optional<std::uint64_t> proven = std::nullopt;  // records, from the first on; empty: nothing expected, or no fit
  std::optional<BadRecord> bad_record = std::nullopt;  // the first
  // What is not as it should be, in one line, with the record where there is one. Empty: all digests fit, and what was
  // expected stands for a prefix that is not empty, or the log is.
  std::optional<Error> problem = std::nullopt;
};

// Reads `log` from its first record to its last, up to four times. `start` is the state before the first record, with
// at least replayed_banks(); left out, a TPM reset. What is wrong with the log is LogCheck::problem. Errors:
//   kUsage        values of quoted PCRs are missing: the message names them
//   kMismatch     the quote covers no PCR that the log leads to, or its digest has not the size of its hash
//   kUnsupported  a bank's hash that OpenSSL lacks
//   the source's own kUsage, kEnvironment and kIo
Result<LogCheck> check_log(LogSource& log, const Expected& expected,
                           const std::optional<imalog::PcrState>& start = std::nullopt);

}  // namespace imakeep::attest
