// SPDX-License-Identifier: Apache-2.0
// Random schedules of everything that may happen to a list while imakeep keeps it: records of one to three PCRs, runs
// of up to 5,000 equal records, another actor who stages, deletes and counts, a second keeper, agents that hold the
// list open, kexec, reboot, boots that measure the same, machines that are set back, TPMs that fail, errors and crashes
// at any effect, records that come in between any two effects. Of some keepers that trim after their verifiers,
// verifiers come, prove records, claim too many or fewer than before, and go. keeper_world.h checks the result: no
// record is lost, none is archived twice if the PCRs decide, none is called proven that the log does not prove, none is
// trimmed that a registered verifier has not proven, and what a verifier has proven never decreases within a chain.
//
// IMAKEEP_SCHEDULES=N runs N of them, from IMAKEEP_FIRST_SEED on; IMAKEEP_SEED=S runs that one alone and prints what it
// does.
#include <cstdlib>
#include <iostream>
#include <random>

#include <gmock/gmock.h>

#include "scenario/keeper_world.h"

namespace imakeep::keeper::test {
namespace {

using mlist::test::ima_ng;
using mlist::test::must;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

// The events that a schedule may contain. A record that was never extended leaves no trace in the PCRs. If equal
// records were deleted, it cannot be told from them. So a schedule has either broken extends or another actor that
// deletes.
struct Kind {
  bool others = false;
  bool two_keepers = false;
  bool broken_extends = false;
  bool tpm_set_back = false;
  bool altered = false;
  bool faults = false;
  bool kexec = false;
  bool long_runs = false;
  bool snapshots = false;
  bool verifiers = false;
  std::uint32_t pcrs = 1;
};

// What the schedules did together.
struct Reached {
  std::map<Diagnosis, int> diagnoses;
  std::uint64_t verified_by_count = 0;  // records trimmed after their verifiers
  std::uint64_t verified_by_stage = 0;
  std::uint64_t held_back = 0;  // trims that a verifier held back
};

class Schedule {
 public:
  Schedule(std::uint64_t seed, bool trace, Reached& reached)
      : random_(seed), verifier_random_(seed + 1'000'000'007), trace_(trace), reached_(reached) {
    kind_.verifiers = verifier_number(100) < 35;
    kind_.others = chance(60);
    kind_.two_keepers = chance(20);
    kind_.broken_extends = !kind_.others && !kind_.two_keepers && chance(40);
    kind_.tpm_set_back = chance(5);
    kind_.altered = !kind_.broken_extends && chance(10);
    kind_.faults = chance(70);
    kind_.kexec = chance(50);
    kind_.long_runs = chance(4);
    kind_.snapshots = !kind_.two_keepers && chance(8);
    kind_.pcrs = 1 + static_cast<std::uint32_t>(number(3));
    MachineOptions options;
    options.banks = pick<std::string>(
        {"sha1", "sha1,sha256", "sha256,sha384", "sha1,sha256:padded", "sha1,sha256:padded-short,sha384:padded"});
    options.boot_loader = chance(20);
    // A violation in a list that was archived without proof leaves the padding open for good.
    options.other_padding = !kind_.others && !kind_.two_keepers && !kind_.kexec && chance(50);
    options.table =
        pick<mlist::TableMode>({mlist::TableMode::kKept, mlist::TableMode::kFlushed, mlist::TableMode::kNone});
    options.has_staging = !chance(15);
    machine_ = std::make_unique<Machine>(options);
    repeats_ = options.table != mlist::TableMode::kKept;
    machine_->add(ima_ng("boot_aggregate"));
    const int keepers = kind_.two_keepers ? 2 : 1;
    for (int i = 0; i < keepers; ++i) {
      const Method method =
          options.has_staging ? pick<Method>({Method::kAuto, Method::kStage, Method::kAuto}) : Method::kAuto;
      // The keeper does not always know the kernel's table.
      const TableMode table =
          options.table == mlist::TableMode::kKept && chance(70) ? TableMode::kKept : TableMode::kUnknown;
      keepers_.push_back(std::make_unique<KeeperProcess>(
          *machine_,
          KeeperOptions{.method = method,
                        .trim_after = kind_.verifiers ? TrimAfter::kVerified : TrimAfter::kArchived,
                        .table = table,
                        .start = machine_->start()},
          i + 1));
      // Boots that measure the same and are trimmed before they are seen are told apart by the TPM's counts alone.
      keepers_.back()->pcrs.resets = tpm::ResetCounts{.resets = 1, .restarts = 0};
      keepers_.back()->on_effect = [this](const std::string& what) { return effect(what); };
      if (chance(30)) keepers_.back()->source().shorten_reads(100 + number(100));
    }
  }

  // The failure; empty if the schedule passed.
  std::string run() {
    const int steps = 20 + static_cast<int>(number(50));
    for (int i = 0; i < steps && failure_.empty(); ++i) {
      step();
      say(machine_->list_text());
    }
    if (failure_.empty()) settle();
    if (!failure_.empty()) describe_all();
    return failure_;
  }

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::uint64_t number(std::uint64_t below) { return random_() % below; }
  // Apart from the other numbers, so that a schedule without verifiers is the same whatever verifiers do.
  std::uint64_t verifier_number(std::uint64_t below) { return verifier_random_() % below; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[number(from.size())];
  }
  void say(const std::string& what) {
    if (trace_) std::cout << "  " << what << std::endl;
  }

  void describe_all() {
    say(machine_->list_text());
    for (auto& keeper : keepers_) {
      std::string lost;
      std::string owed;
      for (std::uint64_t id = 0; id < machine_->log().size(); ++id) {
        if (keeper->lost(id)) lost += " " + std::to_string(id);
      }
      say("archived " + std::to_string(keeper->archived()) + " of " + std::to_string(machine_->log().size()) + ", " +
          std::to_string(keeper->copies()) + " of them twice, head " + std::to_string(keeper->row().head) +
          ", lost:" + lost);
      say(keeper->archive_text());
    }
  }

  std::uint32_t any_pcr() { return 10 + static_cast<std::uint32_t>(chance(70) ? 0 : number(kind_.pcrs)); }

  void add_some() {
    const std::uint64_t count = 1 + number(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      const unsigned what = static_cast<unsigned>(number(100));
      if (what < 40) {
        Content content = violation("/v" + std::to_string(number(2)));
        content.pcr = any_pcr();
        machine_->add(content);
      } else if (what < 60) {
        machine_->add(ima_ng("/repeated" + std::to_string(number(3)), any_pcr()));
      } else {
        machine_->add(ima_ng("/" + std::to_string(records_++), any_pcr()));
      }
    }
    if (kind_.long_runs && long_records_ < 8000 && chance(30)) add_run();
  }

  // A file that is written while it is read: one violation each time.
  void add_run() {
    const std::uint64_t count = 1 + (chance(20) ? number(5000) : number(400));
    long_records_ += count;
    const Content equal = violation("/run");
    for (std::uint64_t i = 0; i < count; ++i) machine_->add(equal);
  }

  void other_acts() {
    switch (number(3)) {
      case 0:
        if (!machine_->options.has_staging) break;
        say(std::string("other A ") + (machine_->other(ListPart::kStaged, "A\n") ? "ok" : "refused"));
        break;
      case 1:
        if (!machine_->options.has_staging) break;
        say(std::string("other D ") + (machine_->other(ListPart::kStaged, "D\n") ? "ok" : "refused"));
        break;
      default: {
        const std::uint64_t most = kind_.long_runs && chance(50) ? 1 + machine_->in_list() : 5;
        const std::string request = std::to_string(1 + number(most)) + "\n";
        say("other N " + request.substr(0, request.size() - 1) +
            (machine_->other(ListPart::kCurrent, request) ? " ok" : " refused"));
      }
    }
  }

  // A verifier proves records, most often all that are archived; or claims what it has not proven, or is removed.
  void verifier_acts(KeeperProcess& keeper) {
    const auto chains = must(keeper.archive().chains());
    if (chains.empty()) return;
    const std::string name = "verifier-" + std::to_string(verifier_number(3));
    if (verifier_number(100) < 6) {
      say(name + (keeper.remove_verifier(name) ? " is removed" : " cannot be removed"));
      return;
    }
    const archive::Chain& chain = verifier_number(100) < 85 ? chains.back() : chains[verifier_number(chains.size())];
    std::uint64_t records = chain.end;
    if (verifier_number(100) < 50) records = verifier_number(chain.end + 3);
    const auto known = keeper.verifiers().find(name);
    const auto said = known == keeper.verifiers().end()     ? std::uint64_t{0}
                      : known->second.contains(chain.chain) ? known->second.at(chain.chain)
                                                            : std::uint64_t{0};
    const bool accepted = keeper.verified(name, chain.chain, records);
    say(name + ": " + std::to_string(records) + " of chain " + std::to_string(chain.chain.value()) +
        (accepted ? "" : " refused"));
    if (accepted == (records >= said && records <= chain.end) || !failure_.empty()) return;
    failure_ = name + " had proven " + std::to_string(said) + " of " + std::to_string(chain.end) + " records, and " +
               std::to_string(records) + (accepted ? " were accepted" : " were refused");
  }

  // Between any two effects of a keeper others may act, and the effect itself may fail.
  std::optional<Error> effect(const std::string& what) {
    if (settling_) return std::nullopt;
    // Not for ever: a list that grew with each look would never be read to its end.
    if (chance(2) && ++came_in_ <= 20) {
      say("    (" + what + ") records come in");
      add_some();
    }
    if (kind_.others && chance(3)) other_acts();
    if (kind_.faults && chance(1)) {
      say("    (" + what + ") crash");
      throw Crash();
    }
    if (kind_.faults && chance(2)) {
      const int os_errno = pick<int>({EIO, EINTR, ENOSPC, ENOMEM, EBUSY, EAGAIN});
      say("    (" + what + ") errno " + std::to_string(os_errno));
      return Error{.code = ErrorCode::kIo, .message = "planned fault", .os_errno = os_errno};
    }
    return std::nullopt;
  }

  static bool names_violation(const Finding& found) {
    return found.what.find("an equal violation was lost") != std::string::npos;
  }

  // Finding kinds have to have a reason.
  void judge(const FollowResult& followed) {
    for (const Finding& found : followed.found) {
      ++reached_.diagnoses[found.diagnosis];
      say("found " + std::string(word(found.diagnosis)) + " from " + std::to_string(found.first) + ": " + found.what);
      const bool lost = std::ranges::any_of(keepers_, [](const auto& keeper) { return keeper->lost_records() > 0; });
      const bool others = machine_->others_deleted() > 0 || kind_.two_keepers;
      bool reason = true;
      switch (found.diagnosis) {
        case Diagnosis::kTrimmedByOther:
          // A list that could not be restored lacks records that were not deleted, and the PCRs went on with the
          // others.
          reason = others || altered_ || half_made_;
          break;
        case Diagnosis::kKexecDropped:
          // Records that others deleted after staged ones before a kexec look the same.
          reason = dropped_ > 0 || set_back_ || (others && repeats_);
          break;
        case Diagnosis::kHeadless:
        case Diagnosis::kStartNotZero:
          reason = lost || broken_ || set_back_ || went_back_ || altered_;
          break;
        case Diagnosis::kMeasuredWithoutTpm:
          reason = broken_;
          break;
        case Diagnosis::kGap:
          reason = lost || broken_ || set_back_ || went_back_ || altered_;
          break;
        case Diagnosis::kGapOrExtend:
          reason = lost || broken_ || set_back_ || went_back_ || altered_;
          break;
        case Diagnosis::kAlteredRecord:
          reason = altered_;
          break;
        case Diagnosis::kFailedExtend:
          // An archived violation may have the place of an equal one that was lost: then the PCR has one extend less.
          reason = broken_ || set_back_ || went_back_ || altered_ || (lost && names_violation(found));
          break;
        case Diagnosis::kUnexplainedExtend:
          // Where any record may repeat, those at a list's beginning may be taken for others.
          reason = broken_ || set_back_ || went_back_ || altered_ || lost;
          break;
        case Diagnosis::kArchiveAhead:
          // An altered copy that was archived while a PCR could not be read is a record that no log has.
          reason = set_back_ || went_back_ || altered_;
          break;
        case Diagnosis::kUnreadPcr:
          reason = kind_.faults;
          break;
        case Diagnosis::kConcurrentChange:
          break;
      }
      if (!reason && failure_.empty())
        failure_ = "found without a reason: " + std::string(word(found.diagnosis)) + ", " + found.what;
    }
  }

  // Of this boot: an incident names lost records, or an extend by something else.
  static bool says_broken(KeeperProcess& keeper) {
    return std::ranges::any_of(keeper.incidents(), [](const archive::IncidentRow& incident) {
      return incident.kind == word(Diagnosis::kGap) || incident.kind == word(Diagnosis::kGapOrExtend) ||
             incident.kind == word(Diagnosis::kHeadless) || incident.kind == word(Diagnosis::kUnexplainedExtend) ||
             incident.kind == word(Diagnosis::kMeasuredWithoutTpm) || incident.kind == word(Diagnosis::kStartNotZero);
    });
  }

  static std::size_t chains_of(KeeperProcess& keeper) { return must(keeper.archive().chains()).size(); }

  void check(KeeperProcess& keeper) {
    if (trace_) say("    " + keeper.archive_text());
    // If the list could not be restored, the PCRs were not set back, so the archive does not go beyond them. Once a
    // kexec dropped records since, an extend failed, or others deleted records, no replay matches the
    // PCRs any more. And another kernel's list that is proven from a reset on is another chain.
    const bool ahead = went_back_ && !half_made_ && ahead_ > log_then_ && dropped_ == dropped_then_ &&
                       machine_->breaks().size() == breaks_then_ && machine_->others_deleted() == deleted_then_ &&
                       chains_of(keeper) == chains_then_;
    if (failure_.empty() && ahead && keeper.archived() > ahead_) failure_ = "archived though the archive is ahead";
    if (!failure_.empty() || altered_ || set_back_ || went_back_) return;
    const std::string wrong = keeper.wrong();
    if (!wrong.empty()) failure_ = wrong;
    if (failure_.empty() && kind_.verifiers) failure_ = keeper.wrong_verifiers();
  }

  void keeper_acts(KeeperProcess& keeper, bool trims) {
    came_in_ = 0;
    if (kind_.verifiers && verifier_number(100) < 60) verifier_acts(keeper);
    try {
      if (trims) {
        const auto trimmed = keeper.keeper().trim();
        if (trimmed && kind_.verifiers) count_verified(*trimmed);
        say(trimmed ? "trim: " + std::to_string(trimmed->records) + " " + trimmed->why_not
                    : "trim: " + describe(trimmed.error()));
        judge(keeper.keeper().last());
      } else {
        const auto followed = keeper.keeper().follow();
        say(followed ? "follow: archived " + std::to_string(followed->archived) + (followed->proven ? " proven" : "")
                     : "follow: " + describe(followed.error()));
        if (followed) judge(*followed);
      }
    } catch (const Crash&) {
      say("killed");
      keeper.kill();
      check(keeper);
      keeper.start();
    }
    check(keeper);
  }

  void count_verified(const TrimResult& trimmed) {
    (trimmed.method == Method::kCount ? reached_.verified_by_count : reached_.verified_by_stage) += trimmed.records;
    if (trimmed.records == 0 && trimmed.why_not.find("verifier") != std::string::npos) ++reached_.held_back;
  }

  void restart_all(const std::string& why, const std::function<void()>& change) {
    say(why);
    for (auto& keeper : keepers_) keeper->kill();
    agent_.reset();
    change();
    for (auto& keeper : keepers_) keeper->start();
  }

  void new_boot() {
    broken_ = altered_ = set_back_ = went_back_ = half_made_ = false;
    dropped_ = 0;
  }

  void step() {
    const unsigned what = static_cast<unsigned>(number(100));
    KeeperProcess& keeper = *keepers_[number(keepers_.size())];
    if (what < 30) {
      say("add");
      add_some();
    } else if (what < 50) {
      keeper_acts(keeper, false);
    } else if (what < 70) {
      keeper_acts(keeper, true);
    } else if (what < 78) {
      if (kind_.others) other_acts();
    } else if (what < 82) {
      say("restart");
      keeper.kill();
      keeper.start();
    } else if (what < 85) {
      say("extends delayed");
      machine_->delay_extends(chance(60));
    } else if (what < 87) {
      if (kind_.broken_extends) break_extends();
    } else if (what < 89) {
      agent_holds();
    } else if (what < 91) {
      say("clock set");
      machine_->clock.set_unix_s(static_cast<std::int64_t>(number(4'000'000'000)));
    } else if (what < 93) {
      const std::uint64_t alike = chance(50) ? machine_->log().size() : number(machine_->log().size() + 1);
      restart_all("reboot", [&] { machine_->reboot(chance(40) ? alike : 0); });
      new_boot();
    } else if (what < 96) {
      if (kind_.kexec) do_kexec(keeper);
    } else if (what < 97) {
      if (kind_.tpm_set_back) set_back();
      if (kind_.snapshots) go_back();
    } else if (what < 98) {
      if (kind_.altered) alter(keeper);
    } else {
      say("suspend");
      machine_->suspend();
      keeper_acts(keeper, chance(50));
      restart_all("reboot after suspension", [this] { machine_->reboot(); });
      new_boot();
    }
  }

  void break_extends() {
    broken_ = true;
    if (chance(50)) {
      say("foreign extend");
      machine_->foreign_extend();
    } else {
      say("failing extend");
      machine_->fail_next_extend();
      machine_->add(ima_ng("/unextended" + std::to_string(records_++)));
    }
  }

  void agent_holds() {
    if (agent_) {
      say("agent closes");
      agent_.reset();
      return;
    }
    agent_ = std::make_unique<MemoryImaSource>(machine_->ima, 77, machine_->ima.list->shown_banks().front());
    say(std::string("agent opens: ") + (agent_->open_to_read() ? "ok" : "busy"));
  }

  void do_kexec(KeeperProcess& keeper) {
    if (chance(50)) {
      say("kexec load");
      machine_->kexec_load();
      if (chance(50)) {
        for (int i = 0; i < 60; ++i) machine_->add(ima_ng("/added after the load/" + std::to_string(records_++)));
      }
      if (chance(50)) keeper_acts(keeper, false);
    }
    say("kexec begins");
    machine_->begin_kexec();
    if (chance(50)) keeper_acts(keeper, chance(50));
    repeats_ = true;  // what was restored is not in the table
    const bool whole = chance(15);
    restart_all("kexec", [&] { dropped_ += whole ? machine_->kexec_without_list() : machine_->kexec(); });
    say("dropped " + std::to_string(dropped_));
  }

  void set_back() {
    say("TPM set back");
    set_back_ = true;
    if (old_pcrs_.empty()) {
      old_pcrs_ = must(machine_->pcrs->read(10));
      add_some();
      for (auto& keeper : keepers_) keeper_acts(*keeper, false);
    }
    digest::PcrState state(machine_->pcrs->banks());
    for (std::size_t i = 0; i < old_pcrs_.size(); ++i) state.set(i, 10, old_pcrs_[i]);
    machine_->pcrs = std::make_unique<tpm::SoftPcrBanks>(state);
  }

  // Back to a snapshot. From there the machine continues otherwise than before.
  void go_back() {
    if (!machine_->has_snapshot() || chance(30)) {
      say("snapshot");
      keeper_acts(*keepers_[0], false);
      archived_then_ = keepers_[0]->archived();
      machine_->take_snapshot();
      return;
    }
    if (broken_ || went_back_ || keepers_[0]->archived() <= archived_then_) return;
    say("machine set back");
    ahead_ = keepers_[0]->archived();
    dropped_then_ = dropped_;
    breaks_then_ = machine_->breaks().size();
    deleted_then_ = machine_->others_deleted();
    chains_then_ = chains_of(*keepers_[0]);
    went_back_ = true;
    bool restored = false;
    restart_all("set back", [&] { restored = machine_->restore_snapshot(); });
    log_then_ = machine_->log().size();
    // Where the list cannot be made again, nothing can be said of it.
    if (!restored) set_back_ = half_made_ = true;
  }

  void alter(KeeperProcess& keeper) {
    say("a record is altered");
    altered_ = true;
    keeper.source().alter([](ListPart part, std::uint64_t offset, std::span<std::byte> bytes) {
      if (part == ListPart::kCurrent && offset <= 80 && offset + bytes.size() > 80) bytes[80 - offset] ^= std::byte{1};
    });
    keeper_acts(keeper, chance(50));
    keeper.source().alter({});
  }

  // Nothing disturbs any more: every keeper has to have everything that was not taken from it, and prove it.
  void settle() {
    say("settle");
    settling_ = true;
    agent_.reset();
    machine_->delay_extends(false);
    for (auto& keeper : keepers_) {
      keeper->kill();
      keeper->start();
    }
    for (int round = 0; round < 3 && failure_.empty(); ++round) {
      machine_->add(ima_ng("/last" + std::to_string(records_++)));
      // A PCR that parted from the records proves nothing until it has another value.
      for (const std::uint32_t pcr : {11u, 12u}) {
        machine_->add(ima_ng("/last-other-pcr" + std::to_string(records_++), pcr));
      }
      for (auto& keeper : keepers_) keeper_acts(*keeper, false);
    }
    if (set_back_ || altered_ || went_back_) return;
    for (auto& keeper : keepers_) {
      if (!failure_.empty()) return;
      const auto followed = keeper->keeper().follow();
      if (!followed)
        failure_ = "the last follow: " + describe(followed.error());
      else if (!followed->proven)
        failure_ = "nothing is proven in the end";
      else if (!keeper->complete())
        failure_ = "not everything is archived in the end";
    }
    for (auto& keeper : keepers_) {
      // Where records repeat, one that was deleted unseen is archived by another that is like it.
      const bool all_there = repeats_ && keeper->archived() == machine_->log().size();
      if (failure_.empty() && keeper->lost_records(10) > 0 && !all_there && !says_broken(*keeper)) {
        failure_ = "records were lost, and no keeper named a gap";
      }
    }
    const bool trimmed =
        std::ranges::any_of(keepers_, [](const auto& keeper) { return keeper->row().trimmed_by_others > 0; });
    if (failure_.empty() && trimmed && !kind_.others && !kind_.two_keepers)
      failure_ = "others are blamed, and no other actor exists";
    for (auto& keeper : keepers_) {
      if (failure_.empty()) keeper_acts(*keeper, true);
      if (failure_.empty() && kind_.verifiers) trim_all(*keeper);
    }
  }

  // Once every verifier has proven all that is archived, nothing holds a trim back.
  void trim_all(KeeperProcess& keeper) {
    const auto chain = must(keeper.archive().host_chain());
    const auto known = keeper.verifiers();
    for (const auto& [name, proven] : known) keeper.verified(name, chain->chain, chain->end);
    if (known.empty()) keeper.verified("last", chain->chain, chain->end);
    const auto trimmed = keeper.keeper().trim();
    if (trimmed && trimmed->records == 0 && trimmed->why_not.find("verifier") != std::string::npos) {
      failure_ = "held back though all is verified: " + trimmed->why_not;
    }
    if (trimmed) count_verified(*trimmed);
    check(keeper);
  }

  std::mt19937_64 random_;
  std::mt19937_64 verifier_random_;
  const bool trace_;
  Reached& reached_;
  Kind kind_;
  std::unique_ptr<Machine> machine_;
  std::vector<std::unique_ptr<KeeperProcess>> keepers_;
  std::unique_ptr<MemoryImaSource> agent_;
  std::vector<digest::Digest> old_pcrs_;
  std::uint64_t archived_then_ = 0;  // when the snapshot was taken
  std::uint64_t records_ = 0;
  int came_in_ = 0;  // while a keeper acts
  std::uint64_t dropped_ = 0;
  bool broken_ = false;
  bool altered_ = false;
  bool set_back_ = false;
  bool went_back_ = false;   // the whole machine, to before what is archived
  bool half_made_ = false;   // likewise, but its list could not be made again
  std::uint64_t ahead_ = 0;  // what was archived then
  std::uint64_t dropped_then_ = 0;
  std::size_t breaks_then_ = 0;
  std::uint64_t log_then_ = 0;  // records of the snapshot's log
  std::uint64_t deleted_then_ = 0;
  std::size_t chains_then_ = 0;
  std::uint64_t long_records_ = 0;
  bool repeats_ = false;
  bool settling_ = false;
  std::string failure_;
};

TEST(KeeperSchedule, NothingIsLostOrDoubleAndEverythingHasItsName) {
  Reached reached;
  const std::uint64_t one = from_environment("IMAKEEP_SEED", 0);
  const std::uint64_t first = one != 0 ? one : from_environment("IMAKEEP_FIRST_SEED", 1);
  const std::uint64_t schedules = one != 0 ? 1 : from_environment("IMAKEEP_SCHEDULES", 2000);
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    const std::string failure = Schedule(seed, one != 0, reached).run();
    EXPECT_EQ(failure, "") << "run it again by IMAKEEP_SEED=" << seed << " keeper_schedule_test";
    failures += failure.empty() ? 0 : 1;
    ASSERT_LT(failures, 20);
  }
  if (one != 0) return;
  for (const auto& [diagnosis, times] : reached.diagnoses)
    RecordProperty(std::string(word(diagnosis)), std::to_string(times));
  for (const Diagnosis diagnosis : {Diagnosis::kTrimmedByOther, Diagnosis::kKexecDropped, Diagnosis::kHeadless,
                                    Diagnosis::kGap, Diagnosis::kAlteredRecord, Diagnosis::kFailedExtend,
                                    Diagnosis::kUnexplainedExtend, Diagnosis::kGapOrExtend, Diagnosis::kArchiveAhead}) {
    EXPECT_GT(reached.diagnoses[diagnosis], 0) << word(diagnosis) << " was never reached";
  }
  EXPECT_GT(reached.verified_by_count, 0u);
  EXPECT_GT(reached.verified_by_stage, 0u);
  EXPECT_GT(reached.held_back, 0u);
}

}  // namespace
}  // namespace imakeep::keeper::test
