// keeper/keeper.h - takes records out of an IMA directory without losing one: follow, prove, trim.
//
// follow() reads the list and the PCRs under a read-only hold, finds by the PCRs where the list lies in the archive's
// chains, and commits what is new and proven. trim() deletes from the list what is archived and proven, by one of two
// methods:
//   stage   open _staged read/write; "A" unless something is staged already; read it; commit what is new with the mark;
//           "D"; close; clear the mark
//   count   open an original file read/write; "N", all but the last that is no violation and what lies behind it; the
//           same mark. A record that cannot repeat then stays at the list's head, and tells it from any other
// Under the hold of a trim the PCRs are compared once more: they have to stand exactly at the archive's end, with the
// counts of records unchanged, so that the list is known to be [end - records, end) of the chain whatever its content
// repeats, but for one record that may just be in flight between append and extend: at least one stays behind "N".
//
// The mark says which records are about to be deleted. It is set with the last commit before the request and cleared
// with the first after it; whoever finds it later compares where the list begins now. Recovery is follow(): there is no
// other way in. What is remembered between calls only saves reading again; the PCRs are asked all the same.
//
// What does not fit is kept, named (diagnosis.h), put down in the archive, and anchored where that is safe: nobody
// added to the list and the PCRs stood still while it was read to its end. Records are then archived but unproven, and
// nothing is trimmed until the PCRs went on from the anchor as the list did.
//
// Source: DESIGN 4. The model of this is docs/model. Threads: an object belongs to one thread.
#pragma once

#include <functional>
#include <memory>

#include "archive/archive.h"
#include "base/clock.h"
#include "keeper/chain_state.h"
#include "keeper/diagnosis.h"
#include "keeper/hold.h"
#include "keeper/ima_source.h"
#include "keeper/placement.h"
#include "tpm/pcr_banks.h"

namespace imakeep::keeper {

enum class Method : std::uint8_t {
  kAuto,  // stage where the table is flushed, count elsewhere
  kStage,
  kCount,
};

// What Linux does with the digests of deleted records.
enum class TableMode : std::uint8_t { kUnknown, kKept, kFlushed };

struct KeeperOptions {
  Method method = Method::kAuto;
  bool unproven = false;  // trim although no PCRs prove the records
  TableMode table = TableMode::kUnknown;
  std::uint32_t pcr = 10;  // IMA's
  // Told in the course of a reading how many records of the list were read.
  std::function<void(std::uint64_t records)> progress = {};
};

// What follow() saw and did.
struct Followed {
  std::optional<std::uint64_t> chain;  // empty: no chain yet, and nothing to begin one with
  std::uint64_t list_records = 0;      // in the list, staged ones among them
  std::uint64_t staged_records = 0;
  std::uint64_t archived = 0;  // records that were new
  std::uint64_t lag = 0;       // records that the PCRs do not cover yet
  bool proven = false;         // the PCRs stand for the archive's end
  std::vector<Found> found;    // what is not as it should be; trims by others among it
};

struct Trimmed {
  std::uint64_t records = 0;
  Method method = Method::kAuto;
  std::int64_t hold_us = 0;      // how long the list was held for writing
  std::string why_not = {};      // if no record was deleted, why that is all right; empty otherwise
  bool no_table_memory = false;  // D answered ENOMEM: the records are gone, the table of digests is not
};

class Keeper {
 public:
  // Keeps references to all. `pcrs` is null where there is no TPM.
  Keeper(ImaSource& source, archive::Archive& archive, tpm::PcrBanks* pcrs, Clock& clock, KeeperOptions options);

  // Errors:
  //   kEnvironment, os_errno EBUSY  somebody has the list open for writing: try again
  //   kUnsupported                  no bank that both the list and the PCRs have
  //   the source's, the PCRs' and the archive's; nothing was deleted, and what was committed stays
  Result<Followed> follow();

  // follow(), and deletes what may go. Errors beside follow()'s:
  //   kRefused, os_errno ESTALE or EACCES  a reboot or kexec is under way: the mark, if one was set, stays
  //   kUnsupported                         the kernel takes no records out, or not by the method asked for
  //   kMismatch                            the list does not fit the archive or the PCRs: nothing was deleted
  Result<Trimmed> trim();

  // What the last call found out.
  const Followed& last() const { return last_; }
  TableMode table() const { return table_; }
  // The method that trim() would use. kUnsupported if there is none.
  Result<Method> method() const;

 private:
  Result<std::vector<digest::Bank>> banks() const;
  Result<Evidence> read_evidence(const std::vector<digest::Bank>& banks);
  std::vector<digest::Bank> compared_banks(const std::optional<ChainState>& state,
                                           const std::vector<digest::Bank>& banks) const;

  // follow.cc
  Result<Followed> look();
  Result<std::optional<KnownChain>> known_chain(const std::optional<ChainState>& state,
                                                const std::vector<digest::Bank>& banks);
  Result<Followed> take_in(ListStream& stream, std::optional<ChainState> state, const Placement& placement,
                           const std::vector<digest::Bank>& banks, const Evidence& evidence);
  Result<Followed> take_in_unfit(ListStream& stream, std::optional<ChainState> state, const Misfit& misfit,
                                 const std::vector<digest::Bank>& banks, const Evidence& evidence);
  Result<ChainState> begin_chain(const std::optional<ChainState>& last, const std::vector<digest::Bank>& banks,
                                 archive::ChainStart start);
  Result<void> commit_records(ListStream& stream, ChainState& state, std::uint64_t until, bool as_shown,
                              archive::Beside last,
                              const std::function<void(std::uint64_t end, digest::PcrState pcrs)>& at_end = {});

  // trim.cc
  Result<std::optional<Trimmed>> try_count(const ChainState& state, bool read_all);
  Result<std::optional<Trimmed>> try_stage(const ChainState& state, bool staged);
  Result<std::uint64_t> proven_by_reading(ListStream& stream, const ChainState& state);
  Result<std::uint64_t> may_go(const ChainState& state);
  Result<bool> stands_exactly_at_end(const ChainState& state, const digest::PcrState& end, std::uint64_t count);
  Result<Trimmed> ended(Hold& hold, ChainState state, std::uint64_t records, Method method);

  ImaSource& source_;
  archive::Archive& archive_;
  tpm::PcrBanks* const pcrs_;
  Clock& clock_;
  const KeeperOptions options_;
  TableMode table_;
  Followed last_;
  int unsettled_ = 0;  // how often in a row follow() found a list that does not fit and was in motion

  // How far the list was read, if nothing was staged and the archive is still as it was then.
  struct Read {
    std::uint64_t chain = 0;
    std::uint64_t end = 0;
    std::uint64_t head = 0;
    ListStream::Place until;
  };
  std::optional<Read> read_;
};

}  // namespace imakeep::keeper
