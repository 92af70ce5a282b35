// SPDX-License-Identifier: Apache-2.0
// attester/direct.h - attests a host's own list and deletes from it what the verifier has proven: for hosts without an
// archive and a keeper. The verifier retains the records of such hosts, because nobody else has them afterwards.
//
// One attestation holds the list from before the quote until after the deletion:
//   by count   open the current list for writing, quote, read, send, receive N, write the count, close
//   by stage   open the staged list for writing, quote, write A, read, send, receive N, write D, close
// While the list is open for writing, no other process has it open, so nobody deletes or stages what was read. The
// quote comes before A: a record that is added between the two is staged too, and records after a quote are normal.
//
// If something is staged already, an earlier attestation ended after its A. Then both lists are opened for reading,
// which keeps others from writing; both are sent, the staged one first. To delete, the staged list is opened for
// writing and read again: D follows only if it holds the very records that were sent.
//
// What is deleted:
// - only after a verdict, and within the time limit of the hold
// - only records before N that this host's own replay proves too, from the list's beginning on, against the same quote.
//   So a wrong idea of where the list begins deletes nothing.
// - the staged list only as a whole: if N ends within it, it stays and is sent again.
// Where the list begins is kept durably: attester/direct_state.h. If no beginning that is known leads to the quote, the
// list is taken to begin with the record that the verifier wants next; then the verdict alone decides, and every record
// that is deleted was among those sent.
//
// Source: docs/protocol.md. Threads: one, the ImaSource's.
#pragma once

#include <optional>

#include "attest/expected.h"
#include "attester/direct_state.h"
#include "attester/session.h"
#include "keeper/hold.h"
#include "keeper/keeper.h"

namespace imakeep::attester {

struct DirectOptions {
  keeper::Method method = keeper::Method::kAuto;
  std::int64_t hold_limit_ms = 30'000;  // the list is open for at most so long, but for the TPM's own time
  std::string state_directory = {};
};

class DirectList {
 public:
  // Borrows all but the options. `client` is the session's.
  DirectList(keeper::ImaSource& source, http::Client& client, Clock& clock, DirectOptions options)
      : source_(source), client_(client), clock_(clock), options_(std::move(options)), hold_(source, clock) {}

  // As Session::attest_once(), with the host's list as its records. The list is closed on return, and after an error
  // or a refusal nothing was deleted by the verdict it belongs to. Errors: those of attest_once(), of the source and of
  // direct_state.h; kMismatch if the verifier does not retain the host's records, before anything is opened;
  // kEnvironment if the list was held for too long.
  Result<Attestation> attest(Session& session);

  // Of the last attestation: the count of records that were deleted, and why no more were; empty if nothing is left.
  std::uint64_t deleted() const { return deleted_; }
  const std::string& why_not() const { return why_not_; }

 private:
  enum class Holds : std::uint8_t { kCurrent, kStaged, kLeftover };
  // What the open lists hold. The counts bound what later readings take from them.
  struct Survey {
    std::uint64_t records = 0;
    std::uint64_t staged = 0;
    digest::Digest staged_digest = {};  // of the staged records: SHA-256 of the digest before and the record
    std::uint32_t named_pcrs = 0;
  };
  // A beginning of the list from which the replay leads to the quote.
  struct Beginning {
    attest::VerifiedChain at;
    std::uint64_t proven = 0;  // so many records from there on
    std::vector<digest::Bank> banks = {};
  };

  Result<void> begin(const evidence::Challenge& challenge);
  Result<void> open_list();
  Result<void> quoted(const tpm::SignedQuote& quote, const std::vector<imalog::PcrValue>& values);
  Result<Records> open(std::uint64_t first);
  Result<void> proven(std::uint64_t n);
  void end();

  bool late() const { return clock_.monotonic_us() >= until_us_; }
  Result<void> in_time() const;
  std::vector<keeper::ListPart> parts() const;
  Result<bool> is_empty(keeper::ListPart part);
  Result<Survey> survey(const std::vector<keeper::ListPart>& parts);
  Result<void> find_beginning();
  Result<std::optional<Beginning>> beginning_at(const attest::VerifiedChain& at);
  Result<std::uint64_t> deletable(std::uint64_t n);
  Result<void> check_staged_again();
  Result<attest::VerifiedChain> beginning_after(std::uint64_t records);
  Result<void> remove(std::uint64_t records);
  Result<void> request(std::uint64_t records, bool& done);

  keeper::ImaSource& source_;
  http::Client& client_;
  Clock& clock_;
  const DirectOptions options_;
  keeper::Hold hold_;
  bool flushes_table_ = false;  // the kernel refused a number

  // Of the hold.
  Holds holds_ = Holds::kCurrent;
  std::int64_t until_us_ = 0;
  attest::QuotedPcrs quoted_;
  std::vector<imalog::PcrValue> values_;
  std::vector<attest::VerifiedChain> saved_;
  Survey survey_;
  std::optional<Beginning> beginning_;
  bool several_ = false;       // more than one beginning leads to the quote
  std::uint64_t trimmed_ = 0;  // number of the list's first record

  std::uint64_t deleted_ = 0;
  std::string why_not_;
};

}  // namespace imakeep::attester
