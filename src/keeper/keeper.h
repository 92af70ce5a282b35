// SPDX-License-Identifier: Apache-2.0
// keeper/keeper.h - trims an IMA directory's list without losing a record: follow, prove, trim.
//
// follow() reads the list and the PCRs under a read-only hold. By the PCRs it finds the list's place in the
// archive's chains. Then it commits the new records that the PCRs cover. trim() deletes archived and proven records
// from the list, by one of two methods:
//   stage   open _staged read/write; request "A" unless something is staged already; read the staged list; commit its
//           new records together with the pending trim; request "D"; close; clear the pending trim
//   count   open an original file read/write; commit the pending trim; request "N"; close; clear the pending trim.
//           N is the count of the records before the last one that is no violation. While the kernel keeps its table,
//           such a record cannot repeat, so as the list's new head it identifies the list. If only the first record is
//           no violation, or none is, N is the count of all records but one
// Under the hold of a trim the keeper reads the PCRs and the record count once more. The PCRs must match the archive's
// end exactly, and the count must be unchanged. The list is then [end - records, end) of the chain, even if its content
// repeats. The only exception is a record in flight between append and extend. So "N" always leaves at least one record
// in the list. If records are added all the time, the last try of the count method reads the whole list instead, and N
// covers only what that reading proves. With KeeperOptions::unproven the keeper compares contents, not PCRs.
//
// The pending trim says which records are about to be deleted. The last commit before the request sets it. The keeper
// clears it once it knows which of these records are gone, in the transaction that moves the head: right after the
// request, or in a later follow(), which locates the list by the PCRs. follow() is the only recovery path. The keeper's
// memory between calls only saves reading: every call reads the PCRs again.
//
// With TrimAfter::kVerified a trim deletes only records that every registered verifier has proven (trim_limit.h). "N"
// covers no others. "A" is requested only if it would stage no others, and "D" only if none is staged; otherwise the
// keeper trims by count if it can. Until then staged records stay staged.
//
// If the list does not match, the keeper names the cause (diagnosis.h) and stores the cause as an incident. Unless the
// archive is ahead of the PCRs, it archives the list's records. It sets an anchor if that is safe: no record was added
// and no PCR changed while the keeper read the list to its end. Such records are archived but unproven. The keeper
// trims nothing until the PCRs went on from the anchor as the list did.
//
// Source: docs/protocol.md, "Follow" to "Anchors". The model of this is docs/model. Threads: an object belongs to one
// thread.
#pragma once

#include <functional>
#include <memory>

#include "archive/archive.h"
#include "base/clock.h"
#include "imalog/table_mode.h"
#include "keeper/chain_state.h"
#include "keeper/diagnosis.h"
#include "keeper/hold.h"
#include "keeper/ima_source.h"
#include "keeper/list_position.h"
#include "keeper/trim_limit.h"
#include "tpm/pcr_banks.h"

namespace imakeep::keeper {

enum class Method : std::uint8_t {
  kAuto,  // count if the kernel takes numbers and does not flush its table, otherwise stage
  kStage,
  kCount,
};

// How Linux treats the digests of deleted records.
using imalog::TableMode;

struct KeeperOptions {
  Method method = Method::kAuto;
  bool unproven = false;                        // trim although no PCRs prove the records
  TrimAfter trim_after = TrimAfter::kArchived;  // kVerified excludes `unproven`
  TableMode table = TableMode::kUnknown;
  std::uint32_t pcr = 10;  // the PCR to compare while neither the list nor the chain names one
  // The PCR values before a chain's first record, as the caller knows them, in every bank that is compared. PCRs that
  // are not named here were zero. Once the chain exists, the keeper compares a PCR that is named here even while no
  // record names it.
  std::vector<imalog::PcrValue> start = {};
  // Called during a reading, with the count of list records read so far.
  std::function<void(std::uint64_t records)> progress = {};
};

// The result of follow().
struct FollowResult {
  std::optional<archive::ChainId> chain;  // empty: no chain exists, and no record can begin one
  std::uint64_t list_records = 0;         // in the list, including staged ones
  std::uint64_t staged_records = 0;
  std::uint64_t archived = 0;  // count of new records
  std::uint64_t lag = 0;       // count of records that the PCRs do not cover yet
  bool proven = false;         // the PCRs match the archive's end
  std::vector<Finding> found;  // problems, and trims by others
};

struct TrimResult {
  std::uint64_t records = 0;
  Method method = Method::kAuto;
  std::int64_t hold_us = 0;      // how long the list was held for writing
  std::string why_not = {};      // why it is correct that no record was deleted; empty if one was
  bool no_table_memory = false;  // D answered ENOMEM: the records are deleted, the digest table is not
};

class Keeper {
 public:
  // Keeps references to `source`, `archive` and `clock`, and keeps `pcrs`, which is null without a TPM.
  Keeper(ImaSource& source, archive::Archive& archive, tpm::PcrBanks* pcrs, Clock& clock, KeeperOptions options);

  // Errors:
  //   kEnvironment, os_errno EBUSY  another process has the list open for writing: retry
  //   kEnvironment                  a PCR cannot be read, and without it several places are possible for the list. Only
  //                                 the first few times; after that the keeper archives its records twice rather than
  //                                 lose them
  //   kUnsupported                  the list and the PCRs share no bank; or, in the same boot, the chain and the PCRs
  //   kUsage                        KeeperOptions::start lacks a bank
  //   the source's, the PCRs' and the archive's; nothing was deleted, and committed records stay
  Result<FollowResult> follow();

  // follow(), then deletes the records that may be deleted. Errors in addition to follow()'s:
  //   kRefused, os_errno ESTALE or EACCES  a reboot or kexec is under way; if a pending trim was set, it stays
  //   kUnsupported                         the kernel cannot trim, or not by the requested method
  //   kMismatch                            the list does not match the archive or the PCRs, or no PCRs prove its
  //                                        records; nothing was deleted
  //   kUsage                               KeeperOptions has both kVerified and `unproven`
  Result<TrimResult> trim();

  // The result of the last successful follow(). trim() collects what all its tries found, and subtracts deleted
  // records.
  const FollowResult& last() const { return last_; }
  TableMode table() const { return table_; }
  // The method that trim() would use. kUnsupported if no method is possible.
  Result<Method> method() const;

 private:
  // The kernel takes N, as far as the keeper knows.
  bool may_count() const { return source_.takes_numbers() && table_ != TableMode::kFlushed; }
  Result<std::vector<digest::Bank>> banks(const std::optional<ChainState>& state) const;
  // The PCR values before a chain's first record, in these banks.
  Result<digest::PcrState> start_of_chain(const std::vector<digest::Bank>& banks) const;
  // Reads each PCR of `pcrs` in each bank. Bit P of `pcrs` is PCR P.
  Result<Evidence> read_evidence(const std::vector<digest::Bank>& banks, std::uint32_t pcrs);
  // Finds the list's place, by every PCR that the chain's or the list's records name. The evidence is settled if it
  // equals `before`, which may be null.
  struct Look {
    Evidence evidence;
    Placed placed;
  };
  Result<Look> compare_list(ListStream& stream, const std::optional<KnownChain>& known, const digest::PcrState& start,
                            const std::vector<digest::Bank>& compared, const Evidence* before);
  std::vector<digest::Bank> compared_banks(const std::optional<ChainState>& state,
                                           const std::vector<digest::Bank>& banks) const;

  // follow.cc
  // `may_repad`: if the list does not match, the other padding of padded banks is tried.
  Result<FollowResult> look(bool may_repad = true);
  // Whether the list matches the PCRs if padded banks have their other padding. Then the chain and all later looks have
  // it.
  Result<bool> matches_with_other_padding(ListStream& stream, const std::optional<KnownChain>& known,
                                          const std::vector<digest::Bank>& all_banks,
                                          const std::vector<digest::Bank>& compared);
  Result<std::optional<KnownChain>> known_chain(const std::optional<ChainState>& state,
                                                const std::vector<digest::Bank>& banks);
  Result<FollowResult> archive_matched(ListStream& stream, std::optional<ChainState> state,
                                       const ListPosition& position, const digest::PcrState& start,
                                       const Evidence& evidence);
  Result<FollowResult> archive_unmatched(ListStream& stream, std::optional<ChainState> state, const Mismatch& mismatch,
                                         const digest::PcrState& start, const Evidence& evidence);
  Result<ChainState> begin_chain(const std::optional<ChainState>& last, const digest::PcrState& start_pcrs,
                                 archive::ChainStart start, const Evidence& evidence);
  Result<void> commit_records(ListStream& stream, ChainState& state, std::uint64_t until, bool as_shown,
                              archive::AppendOptions last,
                              const std::function<void(RecordNumber end, digest::PcrState pcrs)>& at_end = {});

  // trim.cc
  Result<std::optional<TrimResult>> try_count(const ChainState& state, const TrimLimit& limit, bool read_all);
  Result<std::optional<TrimResult>> try_stage(const ChainState& state, const TrimLimit& limit, bool staged);
  Result<std::uint64_t> proven_by_reading(ListStream& stream, const ChainState& state);
  Result<std::uint64_t> may_go(const ChainState& state);
  Result<Evidence> evidence_of(const ChainState& state, std::uint32_t pcrs);
  static bool proves_exactly(const digest::PcrState& end, std::uint64_t count, const Evidence& evidence);
  Result<TrimResult> ended(Hold& hold, ChainState state, std::uint64_t records, Method method);

  ImaSource& source_;
  archive::Archive& archive_;
  tpm::PcrBanks* const pcrs_;
  Clock& clock_;
  const KeeperOptions options_;
  TableMode table_;
  FollowResult last_;
  bool other_padding_ = false;  // the source's padded banks are extended by their other padding
  // The chain of an earlier boot whose padding was changed, or may have been if the change failed.
  std::optional<archive::ChainId> repadded_ = std::nullopt;
  int ambiguous_ = 0;  // how often in a row an unreadable PCR left several possible places for the list
  // How often in a row follow() found a list that did not match and that changed meanwhile.
  int concurrent_changes_ = 0;

  // How far the keeper read the list; empty if something was staged. Holds only while the archive is unchanged.
  struct Read {
    archive::ChainId chain = {};
    RecordNumber end;
    RecordNumber head;
    ListStream::Place until;
  };
  std::optional<Read> read_;
};

}  // namespace imakeep::keeper
