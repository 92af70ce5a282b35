// SPDX-License-Identifier: Apache-2.0
// keeper_world.h - a machine for the keeper's tests: kernel, TPM and others who use the list, and the truth about every
// record, kept apart from all of them. Threads: one.
//
// The truth of a boot is its log: every record in the order it was measured. The machine notes each deletion and its
// actor, so at any moment it is known what each keeper's archive has to hold: the log without what others deleted, or a
// kexec dropped, before that keeper had archived it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "archive/archive.h"
#include "archive/memory/memory_store.h"
#include "keeper/faulty/faulty_ima_source.h"
#include "keeper/keeper.h"
#include "keeper/memory/memory_ima_source.h"
#include "mlist/kexec.h"
#include "mlist/test_support.h"
#include "support/test_clock.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::keeper::test {

using imakeep::test::TestClock;
using mlist::test::Content;

// Thrown to kill a process: it does nothing afterwards.
struct Crash {};

// An archive's rows as a disk keeps them: what was committed is there after a crash.
class WatchedStore : public archive::MemoryStore {
 public:
  // Before and after each commit; an error is what commit() answers.
  std::function<std::optional<Error>(CallPoint point)> watch;

  Result<void> commit() override {
    if (auto error = tell(CallPoint::kBefore)) {
      rollback();
      return unexpected(std::move(*error));
    }
    IMAKEEP_CHECK(MemoryStore::commit());
    if (auto error = tell(CallPoint::kAfter)) return unexpected(std::move(*error));
    return {};
  }

 private:
  std::optional<Error> tell(CallPoint point) { return watch ? watch(point) : std::nullopt; }
};

class WatchedPcrs : public tpm::PcrBanks {
 public:
  explicit WatchedPcrs(std::unique_ptr<tpm::SoftPcrBanks>& inner) : inner_(inner) {}
  std::function<std::optional<Error>()> watch;
  std::optional<tpm::ResetCounts> resets;   // what the TPM says
  std::optional<std::uint32_t> unreadable;  // a PCR

  Result<std::optional<tpm::ResetCounts>> reset_counts() override { return resets; }
  const std::vector<digest::Bank>& banks() const override { return inner_->banks(); }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) override {
    return inner_->extend(pcr, digests);
  }
  Result<std::vector<digest::Digest>> read(std::uint32_t pcr) override {
    if (watch) {
      if (auto error = watch()) return unexpected(std::move(*error));
    }
    if (pcr == unreadable) return fail(ErrorCode::kEnvironment, "PCR " + std::to_string(pcr) + " is not allocated");
    return inner_->read(pcr);
  }

 private:
  std::unique_ptr<tpm::SoftPcrBanks>& inner_;  // another one after a reboot
};

struct MachineOptions {
  std::string banks = "sha1,sha256";
  mlist::TableMode table = mlist::TableMode::kKept;
  bool has_staging = true;
  bool takes_numbers = true;
  bool critical_data = true;   // the policy measures it, so a load of a kernel and a kexec each add a record
  bool boot_loader = false;    // extends PCR 10 before IMA does
  bool other_padding = false;  // keepers assume the other padding of padded banks
};

class KeeperProcess;

class Machine {
 public:
  explicit Machine(MachineOptions options = {});

  const MachineOptions options;
  MemoryIma ima;
  std::unique_ptr<tpm::SoftPcrBanks> pcrs;
  TestClock clock;
  std::vector<KeeperProcess*> keepers;

  // Events on the machine.
  bool add(const Content& content);  // false if the list refuses it
  void fail_next_extend() { fail_extend_ = true; }
  void delay_extends(bool delay);  // a record stays in flight until the next comes, or until this is called again
  void foreign_extend();
  // A snapshot of the machine with nothing staged, and the return to it; false if the list cannot be restored.
  void take_snapshot();
  bool has_snapshot() const { return snapshot_.has_value(); }
  bool restore_snapshot();
  void suspend() { ima.list->suspend(); }
  // The next kernel measures the same boot_aggregate, and then `alike` of the records that the last one measured first.
  void reboot(std::uint64_t alike = 0);
  void kexec_load();
  // The second half of a kexec: drops records that do not fit into the segment. Returns their count.
  std::uint64_t kexec();
  std::uint64_t kexec_without_list();  // to a kernel to which no record is passed on
  void kexec_as_captured();            // adds no records of its own: the capture has them
  void begin_kexec();                  // the first half: the list is suspended, the image written

  // A second actor, who deletes without archiving. False if the list was busy or refused.
  bool other(ListPart part, const std::string& request);

  // The start values of PCRs that are not zero before the first record, for the keeper's options.
  std::vector<imalog::PcrValue> start() const;

  // The truth.
  const std::vector<Content>& log() const { return log_; }
  std::uint64_t in_list() const { return staged_.size() + current_.size(); }
  int boot() const { return boot_; }
  std::uint64_t others_deleted() const { return others_deleted_; }
  // Records whose extend failed, and extends that no record explains: the count of records of the log before each.
  const std::vector<std::uint64_t>& breaks() const { return breaks_; }
  // The records in the list, staged ones first.
  std::vector<std::uint64_t> listed() const;
  std::uint64_t in_flight() const { return delayed_ ? 1 : 0; }
  // The list's ids and what they are, for a person.
  std::string list_text() const;
  // `request` was carried out by that keeper, or by another actor.
  void carried_out(ListPart part, const std::string& request, KeeperProcess* by);

 private:
  digest::PcrState pcrs_before_ima() const;
  void start_list();
  std::uint64_t restore(ByteView image);
  std::uint64_t keep_first(std::uint64_t restored);
  void sync_truth();
  void flush_extend();
  void deleted(std::uint64_t id, KeeperProcess* by);

  std::vector<Content> log_;
  std::deque<std::uint64_t> staged_, current_;  // ids: indexes into log_
  int boot_ = 0;
  std::uint64_t others_deleted_ = 0;
  std::vector<std::uint64_t> breaks_;
  struct Snapshot {
    std::uint64_t log = 0;
    std::deque<std::uint64_t> current;
    digest::PcrState pcrs;
  };
  std::optional<Snapshot> snapshot_;
  bool fail_extend_ = false;
  bool delay_extends_ = false;
  std::optional<std::pair<std::uint32_t, std::vector<digest::Digest>>> delayed_;
  std::unique_ptr<mlist::KexecSaver> saver_;
  std::optional<mlist::KexecImage> image_;
};

// One imakeep, which may be killed and started again. Its archive stays.
class KeeperProcess {
 public:
  KeeperProcess(Machine& machine, KeeperOptions options, std::int32_t task = 1, bool with_pcrs = true);
  ~KeeperProcess();

  void kill();  // its open files are closed; uncommitted rows are lost
  void start();
  Keeper& keeper() { return *keeper_; }
  FaultyImaSource& source() { return *source_; }
  archive::Archive& archive() { return archive_; }

  WatchedStore store;
  WatchedPcrs pcrs;

  // Records of this boot's chains.
  std::uint64_t archived();
  bool lost(std::uint64_t id) const { return lost_.contains(id); }
  std::uint64_t lost_records() const { return lost_.size(); }
  // Those that the PCRs tell of: of that PCR, and no violations.
  std::uint64_t lost_records(std::uint32_t pcr) const;
  void lose(std::uint64_t id);
  void forget_boot();
  // Compares every archived record with the truth when it comes in, and the archive with itself. Returns the fault, or
  // empty: a record that was not measured, one kept twice though the PCRs decide, one called proven that is not.
  std::string wrong();
  // Count of records that were archived twice because the PCRs do not decide.
  std::uint64_t copies() const { return copies_; }
  std::string archive_text();
  // Everything is archived that was not lost.
  bool complete();
  // Called before and after every effect, in order; set before start().
  std::function<std::optional<Error>(const std::string& what)> on_effect;
  // Asserted when this keeper deletes.
  void deletes(std::uint64_t id);
  std::string bad_deletion;  // the first, or empty

  // A verifier says that it has proven the chain's first `records`. False if the archive refuses it.
  bool verified(const std::string& verifier, archive::ChainId chain, std::uint64_t records);
  bool remove_verifier(const std::string& verifier);
  // By name and chain: what the keeper accepted, kept apart from its archive.
  const std::map<std::string, std::map<archive::ChainId, std::uint64_t>>& verifiers() const { return verifiers_; }
  // What is wrong with the verifiers, or empty: a record was deleted that some verifier had not proven, or the archive
  // says other numbers than were accepted. Only asked of a keeper that trims after its verifiers.
  std::string wrong_verifiers();

  archive::ListRow row();
  // Of this boot.
  std::vector<archive::IncidentRow> incidents();

 private:
  // Of this boot: more than one if a chain could not be told from a new one after a kexec.
  std::vector<archive::Chain> chains();
  void take_stock();
  std::string identify(const archive::Chain& chain, std::uint64_t from);
  bool decided() const;
  std::string not_proven();
  bool proven_by(const std::map<archive::ChainId, std::uint64_t>& verifier, std::uint64_t id) const;
  bool extend_like_log(std::span<const std::uint64_t> ids) const;
  std::optional<std::uint64_t> lost_between(std::span<const std::uint64_t> ids) const;

  Machine& machine_;
  const KeeperOptions options_;
  const std::int32_t task_;
  const bool with_pcrs_;
  archive::Archive archive_{store};
  std::unique_ptr<MemoryImaSource> inner_;
  std::unique_ptr<FaultyImaSource> source_;
  std::unique_ptr<Keeper> keeper_;
  std::set<std::uint64_t> lost_;
  std::set<std::uint64_t> have_;                                // the log's records that are archived
  std::map<archive::ChainId, std::vector<std::uint64_t>> ids_;  // by chain: which of the log each record is
  std::map<archive::ChainId, std::uint64_t> anchored_;          // by chain: the count of breaks at the last anchor
  struct AnchorSeen {
    std::uint64_t number = 0;
    std::int64_t since_unix_s = 0;
    Bytes pcrs;

    friend bool operator==(const AnchorSeen&, const AnchorSeen&) = default;
  };
  std::map<archive::ChainId, AnchorSeen> anchors_;  // by chain: the last anchor
  std::uint64_t lost_at_anchor_ = 0;                // of lost_, when the last anchor was put
  std::uint32_t pcrs_at_anchor_ = 0;                // that archived records named then: bit P is PCR P
  std::uint64_t copies_ = 0;
  std::string wrong_record_;
  bool pcr_unread_ = false;                      // since the list was last opened
  std::set<archive::ChainId> forgotten_chains_;  // of boots before this
  std::uint64_t forgotten_incidents_ = 0;        // likewise
  std::map<std::string, std::map<archive::ChainId, std::uint64_t>> verifiers_;
  std::string unverified_deletion_;  // the first, or empty
};

// A record that may repeat, as violations do.
Content violation(const std::string& path, std::uint32_t pcr = 10);

}  // namespace imakeep::keeper::test
