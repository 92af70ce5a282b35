// SPDX-License-Identifier: Apache-2.0
// attest/log_check.h - compares a measurement log with PCRs or a quote. Finds which records are proven, and if the log
// does not match, the cause as far as possible.
//
// Each record is extended as its data says (docs/formats/ima-record.md), and the digest shown for it is compared with
// its data. Proven records are counted for each PCR on its own: attest/proof.h. No PCR covers a template's name or a
// violation's data.
// Threads: no shared state.
#pragma once

#include <vector>

#include "attest/boot_aggregate.h"
#include "attest/expected.h"
#include "attest/log_source.h"
#include "attest/proof.h"
#include "imalog/replay.h"

namespace imakeep::attest {

enum class Side : std::uint8_t {
  kUnknown,
  kData,    // the PCRs match the record's data: the digest shown was altered
  kDigest,  // the PCRs match the digest shown: the data was altered
};

// A record whose digest does not match its data.
struct BadRecord {
  Place place;
  std::uint64_t number = 0;  // its index in the log
  digest::Bank bank;         // of the digest
  Side side = Side::kUnknown;
  std::uint32_t pcr = 10;
  std::uint64_t number_of_pcr = 0;  // its index among the records that name the same PCR
};

enum class ValueUse : std::uint8_t {
  kCompared,        // it has to match
  kQuoteDecides,    // the quote covers the same PCR and bank: the match of the value is only reported
  kCompletesQuote,  // the quote covers it, and no record names its PCR: the quote's digest vouches for it
  kNotInLog,        // no record names its PCR: it says nothing about the log
  kInvalidated,     // the kernel invalidated its bank: it says nothing about the contents of the records
};

struct ValueMatch {
  imalog::PcrValue value;
  ValueUse use = ValueUse::kCompared;
  std::optional<std::uint64_t> found_at = std::nullopt;  // count of records before the match; first two uses only
  // The bank as the kernel extended it, according to the replay that matched; value.bank if none matched.
  digest::Bank matched_as = value.bank;
  bool either_padding = false;  // both ways of padding match, since no violation comes before the match
};

// Causes that explain a whole log at once.
enum class Diagnosis : std::uint8_t {
  kNone,
  kMeasuredWithoutTpm,  // every PCR that records name is zero, and the log is not empty
  kStartMayNotBeZero,   // no value matches, although the log begins at the boot and no wrong record was found
};

struct LogCheck {
  std::uint64_t records = 0;
  std::uint64_t violations = 0;
  imalog::PcrState state;          // after the last record that was replayed
  std::vector<ValueMatch> values;  // in the order of Expected::values
  std::optional<std::uint64_t> quote_found_at = std::nullopt;
  std::vector<digest::Bank> quote_matched_as = {};     // the quote's replayed banks, as in ValueMatch; empty: no match
  std::vector<PcrProof> pcrs = {};                     // of each PCR that a record names
  std::optional<std::uint64_t> proven = std::nullopt;  // records; empty: nothing expected, or no PCR of the log matches
  std::uint64_t after_match = 0;                       // records after the match of their PCR
  std::uint64_t unproven = 0;                          // records of PCRs without a match, or after the ReplayLimit
  std::optional<BootAggregate> stated_aggregate = std::nullopt;     // by the first record of a log that starts at reset
  std::optional<BootAggregateCheck> boot_aggregate = std::nullopt;  // empty: not compared
  std::optional<BadRecord> bad_record = std::nullopt;               // the first
  Diagnosis diagnosis = Diagnosis::kNone;
  // The problem in one line, with the record if it concerns one. Empty if the whole log was read and replayed and all
  // digests match. If anything was expected, it then also matches, some record is proven, every record's PCR was
  // compared, no unproven record lies between proven ones, and the boot_aggregate matches if it was compared.
  std::optional<Error> problem = std::nullopt;
};

// Sees each record of a log while check_log() replays the log for the first time, so that a log need not be read once
// more for what has to be done with its records.
class RecordObserver {
 public:
  virtual ~RecordObserver() = default;
  // `number` is the record's index in the log. `digest_matches`: the digest shown is that of the record's data.
  virtual void see(std::uint64_t number, const LoggedRecord& record, bool digest_matches) = 0;
};

// The point where replay has to end before the end of the log. No record after it is proven.
struct ReplayLimit {
  std::uint64_t records = 0;  // count of records before that point
  std::string why;            // the message of LogCheck::problem
};

// First replays each bank as Linux usually extends it. If a value or the quote then matches no prefix, reads the log
// again, and also replays each bank in every other way in which a kernel may have extended it (imalog/extend_rule.h). A
// value that was given with its fill ("sha256:padded") is only compared with that fill.
//
// `observer`, if there is one, sees every record once, in order; if the log cannot be read to its end, those before.
//
// Reads `log` from its first record to its last, up to five times. `start` is the state before the first record, with
// the banks of `expected`; if it is left out, the state after a TPM reset. LogCheck::problem says what is wrong with
// the log. Errors:
//   kUsage        values of quoted PCRs are missing: the message names them; or `start` lacks a bank
//   kMismatch     the quote covers no PCR that is replayed, or its digest does not have the size of its hash
//   kUnsupported  OpenSSL lacks the hash of a bank
//   the source's own kUsage, kEnvironment and kIo
Result<LogCheck> check_log(LogSource& log, const Expected& expected,
                           const std::optional<imalog::PcrState>& start = std::nullopt,
                           const std::optional<ReplayLimit>& limit = std::nullopt, RecordObserver* observer = nullptr);

// Finds how the kernel that made the log extends the banks of these values. The result has each bank once, with the
// fill by which the first of its values matches a prefix that is not empty. If the prefix has no violation, both
// paddings match: then a bank that Linux can name gets kPaddedSha1 if another bank than sha1 has its own hash, since
// only Linux before 5.8 pads all of them. A bank without such a value is left out. Does not search for the cause of a
// mismatch. Reads the log once or twice. Errors: check_log()'s.
Result<std::vector<digest::Bank>> find_fills(LogSource& log, const std::vector<imalog::PcrValue>& values);

}  // namespace imakeep::attest
