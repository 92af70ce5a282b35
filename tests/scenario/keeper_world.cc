// SPDX-License-Identifier: Apache-2.0
#include "scenario/keeper_world.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "archive/archive_reader.h"
#include "imalog/extend_rule.h"

namespace imakeep::keeper::test {

using mlist::test::must;

Content violation(const std::string& path, std::uint32_t pcr) {
  Content content = mlist::test::ima_ng(path, pcr);
  content.violation = true;
  return content;
}

// ---- the machine
// ------------------------------------------------------------------------------------------------------

Machine::Machine(MachineOptions machine_options) : options(std::move(machine_options)) {
  ima.has_staging = options.has_staging;
  ima.takes_numbers = options.takes_numbers;
  pcrs = std::make_unique<tpm::SoftPcrBanks>(pcrs_before_ima());
  // No TPM takes a second for an extend.
  clock.on_sleep = [this](std::int64_t ms) {
    if (ms >= 1000) flush_extend();
  };
  start_list();
}

digest::PcrState Machine::pcrs_before_ima() const {
  digest::PcrState state(mlist::test::banks(options.banks));
  for (std::size_t bank = 0; options.boot_loader && bank < state.banks().size(); ++bank) {
    state.extend(bank, 10, digest::hash(state.banks()[bank].algorithm, as_bytes("a boot loader")));
  }
  return state;
}

std::vector<imalog::PcrValue> Machine::start() const {
  const digest::PcrState state = pcrs_before_ima();
  std::vector<imalog::PcrValue> values;
  for (std::size_t bank = 0; state.touched(10) && bank < state.banks().size(); ++bank) {
    values.push_back(
        {.bank = digest::bank_of(state.banks()[bank].algorithm), .pcr = 10, .value = state.value(bank, 10)});
  }
  return values;
}

void Machine::start_list() {
  ima.list = std::make_unique<mlist::MeasurementList>(
      mlist::ListOptions{.banks = mlist::test::banks(options.banks),
                         .table = options.table,
                         .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) -> Result<void> {
                           flush_extend();
                           if (std::exchange(fail_extend_, false)) {
                             breaks_.push_back(log_.size());
                             return fail(ErrorCode::kIo, "planned fault");
                           }
                           if (delay_extends_) {
                             delayed_.emplace(pcr, std::vector<digest::Digest>(digests.begin(), digests.end()));
                             return {};
                           }
                           return pcrs->extend(pcr, digests);
                         }});
  saver_ = std::make_unique<mlist::KexecSaver>(*ima.list, 10, options.critical_data);
  ima.boot_id = "boot-" + std::to_string(++boot_);
}

void Machine::flush_extend() {
  if (delayed_) must(pcrs->extend(delayed_->first, delayed_->second));
  delayed_.reset();
}

void Machine::delay_extends(bool delay) {
  flush_extend();
  delay_extends_ = delay;
}

void Machine::sync_truth() {
  mlist::ListWalk walk(*ima.list, ima.list->snapshot(mlist::ListKind::kCurrent));
  walk.skip(current_.size());
  while (const auto content = walk.next()) {
    current_.push_back(log_.size());
    log_.push_back(mlist::test::content_of(*content));
  }
}

bool Machine::add(const Content& content) {
  const auto appended = ima.list->append(content.view());
  sync_truth();
  return appended.has_value();
}

void Machine::foreign_extend() {
  flush_extend();
  std::vector<digest::Digest> digests;
  for (const digest::Bank& bank : pcrs->banks()) {
    digests.push_back(digest::hash(bank.algorithm, as_bytes("somebody else")));
  }
  must(pcrs->extend(10, digests));
  breaks_.push_back(log_.size());
}

void Machine::take_snapshot() {
  if (!staged_.empty() || delayed_) return;
  digest::PcrState state(pcrs->banks());
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    const auto values = must(pcrs->read(pcr));
    for (std::size_t bank = 0; bank < values.size(); ++bank) state.set(bank, pcr, values[bank]);
  }
  snapshot_ = Snapshot{.log = log_.size(), .current = current_, .pcrs = std::move(state)};
}

bool Machine::restore_snapshot() {
  flush_extend();
  const std::string boot_id = ima.boot_id;
  start_list();
  --boot_;
  ima.boot_id = boot_id;
  log_.resize(snapshot_->log);
  staged_.clear();
  current_.clear();
  for (const std::uint64_t id : snapshot_->current) {
    if (!ima.list->append(log_[id].view())) return false;
    current_.push_back(id);
  }
  delayed_.reset();  // its extend is in the snapshot's PCRs already
  pcrs = std::make_unique<tpm::SoftPcrBanks>(snapshot_->pcrs);
  return mlist::test::contents_of(*ima.list, mlist::ListKind::kCurrent).size() == current_.size();
}

std::vector<std::uint64_t> Machine::listed() const {
  std::vector<std::uint64_t> ids(staged_.begin(), staged_.end());
  ids.insert(ids.end(), current_.begin(), current_.end());
  return ids;
}

void Machine::reboot(std::uint64_t alike) {
  const std::vector<Content> before(
      log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(alike, log_.size())));
  snapshot_.reset();
  breaks_.clear();
  delayed_.reset();
  fail_extend_ = delay_extends_ = false;
  image_.reset();
  pcrs = std::make_unique<tpm::SoftPcrBanks>(pcrs_before_ima());
  for (KeeperProcess* keeper : keepers) {
    keeper->forget_boot();
    if (keeper->pcrs.resets) ++keeper->pcrs.resets->resets;
  }
  log_.clear();
  staged_.clear();
  current_.clear();
  start_list();
  if (alike == 0) add(mlist::test::ima_ng("boot_aggregate"));
  for (const Content& content : before) add(content);
}

void Machine::kexec_load() {
  (void)saver_->load();
  sync_truth();
}

void Machine::begin_kexec() {
  auto image = saver_->save();
  sync_truth();
  flush_extend();
  if (image) image_ = std::move(*image);
}

std::uint64_t Machine::kexec() {
  if (!image_) begin_kexec();
  if (!image_) {
    reboot();
    return 0;
  }
  const mlist::KexecImage image = std::move(*image_);
  image_.reset();
  fail_extend_ = delay_extends_ = false;
  const std::uint64_t dropped = restore(image.bytes);
  snapshot_.reset();
  add(mlist::test::ima_ng("boot_aggregate"));
  return dropped;
}

std::uint64_t Machine::kexec_without_list() {
  image_.reset();
  fail_extend_ = delay_extends_ = false;
  snapshot_.reset();
  start_list();
  const std::uint64_t dropped = keep_first(0);
  add(mlist::test::ima_ng("boot_aggregate"));
  return dropped;
}

void Machine::kexec_as_captured() {
  mlist::KexecSaver without_critical_data(*ima.list, 10, false);
  restore(must(without_critical_data.save()).bytes);
}

// The next kernel starts with the image. How many records it lacks.
std::uint64_t Machine::restore(ByteView image) {
  start_list();
  return keep_first(must(mlist::restore_kexec_image(*ima.list, image)).records);
}

// The next kernel has the first `restored` records. Returns how many it lacks.
std::uint64_t Machine::keep_first(std::uint64_t restored) {
  std::deque<std::uint64_t> all = staged_;
  all.insert(all.end(), current_.begin(), current_.end());
  staged_.clear();
  current_ = all;
  std::uint64_t dropped = 0;
  while (current_.size() > restored) {
    for (KeeperProcess* keeper : keepers) keeper->lose(current_.back());
    current_.pop_back();
    ++dropped;
  }
  return dropped;
}

bool Machine::other(ListPart part, const std::string& request) {
  MemoryImaSource source(ima, 99, ima.list->shown_banks().front());
  if (!source.open_to_write(part) || !source.request(request)) return false;
  carried_out(part, request, nullptr);
  return true;
}

std::string Machine::list_text() const {
  std::string text = "staged:";
  const auto add_id = [&](std::uint64_t id) {
    text += " " + std::to_string(id) + mlist::test::path_of(log_[id].view());
  };
  for (const std::uint64_t id : staged_) add_id(id);
  text += "; current:";
  for (const std::uint64_t id : current_) add_id(id);
  return text + (delayed_ ? " (in flight)" : "");
}

void Machine::deleted(std::uint64_t id, KeeperProcess* by) {
  if (by != nullptr) by->deletes(id);
  if (by == nullptr) ++others_deleted_;
  for (KeeperProcess* keeper : keepers) {
    if (keeper != by) keeper->lose(id);
  }
}

void Machine::carried_out(ListPart part, const std::string& request, KeeperProcess* by) {
  // "A" waits for an append that is under way, extend and all.
  if (request == "A\n") flush_extend();
  if (request == "A\n") {
    staged_ = std::exchange(current_, {});
    return;
  }
  std::deque<std::uint64_t>& from = part == ListPart::kStaged ? staged_ : current_;
  std::uint64_t records = from.size();
  if (request != "D\n") std::from_chars(request.data(), request.data() + request.size(), records);
  for (; records > 0; --records) {
    deleted(from.front(), by);
    from.pop_front();
  }
}

// ---- a keeper
// ---------------------------------------------------------------------------------------------------------

KeeperProcess::KeeperProcess(Machine& machine, KeeperOptions options, std::int32_t task, bool with_pcrs)
    : pcrs(machine.pcrs), machine_(machine), options_(std::move(options)), task_(task), with_pcrs_(with_pcrs) {
  machine_.keepers.push_back(this);
  store.watch = [this](CallPoint point) -> std::optional<Error> {
    if (point == CallPoint::kAfter) take_stock();
    return on_effect ? on_effect(point == CallPoint::kBefore ? "before commit" : "after commit") : std::nullopt;
  };
  pcrs.watch = [this]() -> std::optional<Error> {
    auto error = on_effect ? on_effect("read PCRs") : std::nullopt;
    if (error) pcr_unread_ = true;
    return error;
  };
  start();
}

KeeperProcess::~KeeperProcess() {
  kill();
  std::erase(machine_.keepers, this);
}

void KeeperProcess::kill() {
  keeper_.reset();
  source_.reset();
  inner_.reset();
  store.rollback();
}

void KeeperProcess::start() {
  const auto& shown = machine_.ima.list->shown_banks();
  inner_ = std::make_unique<MemoryImaSource>(machine_.ima, task_, shown.size() > 1 ? shown[1] : shown[0]);
  if (machine_.options.other_padding) {
    // A keeper that starts takes the fills of its archive's last chain.
    const auto last = must(archive_.host_chain());
    inner_->set_banks(last ? last->banks : imalog::with_other_padding(shown));
  }
  source_ = std::make_unique<FaultyImaSource>(*inner_);
  source_->watch([this, part = ListPart::kCurrent](ImaCall call, CallPoint point,
                                                   const std::string& request) mutable -> std::optional<Error> {
    static const std::map<ImaCall, std::string> kNames = {{ImaCall::kOpenToRead, "open to read"},
                                                          {ImaCall::kOpenToWrite, "open to write"},
                                                          {ImaCall::kRead, "read"},
                                                          {ImaCall::kRequest, "request "},
                                                          {ImaCall::kCount, "count"}};
    if (call == ImaCall::kOpenToRead) pcr_unread_ = false;
    if (call == ImaCall::kRequest && point == CallPoint::kAfter) {
      part = request == "A\n" || request == "D\n" ? ListPart::kStaged : ListPart::kCurrent;
      machine_.carried_out(part, request, this);
    }
    if (!on_effect) return std::nullopt;
    std::string what = (point == CallPoint::kBefore ? "before " : "after ") + kNames.at(call) + request;
    if (what.ends_with('\n')) what.pop_back();
    return on_effect(what);
  });
  keeper_ = std::make_unique<Keeper>(*source_, archive_, with_pcrs_ ? &pcrs : nullptr, machine_.clock, options_);
}

std::vector<archive::Chain> KeeperProcess::chains() {
  auto chains = must(archive_.chains());
  std::erase_if(chains, [this](const archive::Chain& chain) { return forgotten_chains_.contains(chain.chain); });
  return chains;
}

void KeeperProcess::forget_boot() {
  lost_.clear();
  have_.clear();
  ids_.clear();
  anchored_.clear();
  anchors_.clear();
  lost_at_anchor_ = 0;
  wrong_record_.clear();
  bad_deletion.clear();
  unverified_deletion_.clear();
  for (const archive::Chain& chain : must(archive_.chains())) {
    if (chain.end > 0) forgotten_chains_.insert(chain.chain);
  }
  forgotten_incidents_ = must(archive_.incidents()).size();
}

std::uint64_t KeeperProcess::lost_records(std::uint32_t pcr) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      lost_, [&](std::uint64_t id) { return machine_.log()[id].pcr == pcr && !machine_.log()[id].violation; }));
}

std::uint64_t KeeperProcess::archived() {
  std::uint64_t records = 0;
  for (const archive::Chain& chain : chains()) records += chain.end;
  return records;
}

void KeeperProcess::lose(std::uint64_t id) {
  if (!have_.contains(id)) lost_.insert(id);
}

void KeeperProcess::deletes(std::uint64_t id) {
  if (options_.trim_after == TrimAfter::kVerified && unverified_deletion_.empty()) {
    if (verifiers_.empty()) unverified_deletion_ = "deleted record " + std::to_string(id) + " without any verifier";
    for (const auto& [name, proven] : verifiers_) {
      if (proven_by(proven, id)) continue;
      unverified_deletion_ = "deleted record " + std::to_string(id) + " of the log, which " + name + " has not proven";
    }
  }
  if (have_.contains(id) || !bad_deletion.empty()) return;
  bad_deletion = "deleted record " + std::to_string(id) + " of the log, which is not archived";
}

bool KeeperProcess::proven_by(const std::map<archive::ChainId, std::uint64_t>& verifier, std::uint64_t id) const {
  return std::ranges::any_of(verifier, [&](const auto& of) {
    const auto ids = ids_.find(of.first);
    if (ids == ids_.end()) return false;
    const auto count = std::min<std::uint64_t>(of.second, ids->second.size());
    return std::ranges::find(ids->second.begin(), ids->second.begin() + static_cast<std::ptrdiff_t>(count), id) !=
           ids->second.begin() + static_cast<std::ptrdiff_t>(count);
  });
}

bool KeeperProcess::verified(const std::string& verifier, archive::ChainId chain, std::uint64_t records) {
  const auto effect = std::exchange(on_effect, nullptr);  // the commit is no effect of the keeper's
  const auto accepted = archive_.acknowledge(verifier, chain, records, machine_.clock.unix_s());
  on_effect = effect;
  if (!accepted) return false;
  verifiers_[verifier][chain] = records;
  return true;
}

bool KeeperProcess::remove_verifier(const std::string& verifier) {
  const auto effect = std::exchange(on_effect, nullptr);
  const auto removed = archive_.remove_verifier(verifier);
  on_effect = effect;
  if (!removed) return false;
  verifiers_.erase(verifier);
  return true;
}

std::string KeeperProcess::wrong_verifiers() {
  if (!unverified_deletion_.empty()) return unverified_deletion_;
  for (const archive::Chain& chain : must(archive_.chains())) {
    const auto stored = must(archive_.verifiers(chain.chain));
    if (stored.size() != verifiers_.size()) return "the archive has other verifiers than were registered";
    for (const archive::Verifier& verifier : stored) {
      const auto known = verifiers_.find(verifier.name);
      if (known == verifiers_.end()) return "the archive has the verifier " + verifier.name + ", which was removed";
      const auto said = known->second.find(chain.chain);
      const std::uint64_t proven = said == known->second.end() ? 0 : said->second;
      if (verifier.acknowledged == proven) continue;
      return "verifier " + verifier.name + " has proven " + std::to_string(proven) + " records of chain " +
             std::to_string(chain.chain.value()) + ", and the archive says " + std::to_string(verifier.acknowledged);
    }
  }
  return {};
}

std::vector<archive::IncidentRow> KeeperProcess::incidents() {
  auto incidents = must(archive_.incidents());
  // An incident that was stored since may be of a chain before this boot's, where the keeper took the list for that
  // one's.
  std::erase_if(incidents, [this](const archive::IncidentRow& row) { return row.incident <= forgotten_incidents_; });
  return incidents;
}

archive::ListRow KeeperProcess::row() {
  const auto all = chains();
  if (all.empty()) return {};
  return must(archive_.list(all.back().chain)).value_or(archive::ListRow{});
}

std::string KeeperProcess::wrong() {
  if (!bad_deletion.empty()) return bad_deletion;
  for (const archive::Finding& finding : must(archive_.check())) return "archive: " + finding.what;
  return wrong_record_;
}

// The records of one commit, while the list still holds them.
void KeeperProcess::take_stock() {
  for (const archive::Chain& chain : chains()) {
    const std::uint64_t known = ids_[chain.chain].size();
    if (known < chain.end) {
      const std::string wrong = identify(chain, known);
      if (wrong_record_.empty()) wrong_record_ = wrong;
    }
    const auto anchors = must(store.anchors(chain.chain));
    if (!anchors.empty()) {
      // The PCRs did not change while the list was read, so an anchor covers all breaks before it. It does not cover
      // losses and breaks after its commit, even while its number is still the chain's end.
      const archive::AnchorRow& last = anchors.back();
      const AnchorSeen seen{.number = last.number, .since_unix_s = last.since_unix_s, .pcrs = last.pcrs};
      const auto known_anchor = anchors_.find(chain.chain);
      const bool is_new = known_anchor == anchors_.end() || !(known_anchor->second == seen);
      anchors_[chain.chain] = seen;
      if (is_new) {
        anchored_[chain.chain] = machine_.breaks().size();
        lost_at_anchor_ = lost_.size();
        pcrs_at_anchor_ = chain.end_pcrs.touched_pcrs();
      }
    }
  }
  if (wrong_record_.empty()) wrong_record_ = not_proven();
}

// Which of the log the chain's records are, from number `from` on: those of the list that are not archived yet or,
// if the PCRs do not decide, all of the list.
std::string KeeperProcess::identify(const archive::Chain& chain, std::uint64_t from) {
  const auto& log = machine_.log();
  std::vector<std::uint64_t>& ids = ids_[chain.chain];
  const std::vector<std::uint64_t> list = machine_.listed();
  std::vector<std::uint64_t> fresh;
  std::ranges::copy_if(list, std::back_inserter(fresh),
                       [&](std::uint64_t id) { return have_.empty() || id > *have_.rbegin(); });
  const auto is_start_of = [&](const std::vector<std::uint64_t>& of) {
    if (of.size() < chain.end - from) return false;
    archive::ArchiveReader reader(store, chain, from, chain.end);
    for (const std::uint64_t id : of) {
      const auto step = must(reader.next());
      if (step.done()) return true;
      if (!step.record || !(step.record->record.content == log[id].view())) return false;
    }
    return true;
  };
  const std::string text =
      "records from " + std::to_string(from) + " on of chain " + std::to_string(chain.chain.value()) + " are ";
  const std::vector<std::uint64_t>* of = nullptr;
  if (is_start_of(fresh)) {
    of = &fresh;
  } else if (is_start_of(list)) {
    if (decided()) return text + "kept twice, though the PCRs decide";
    of = &list;
    copies_ += list.size() - fresh.size();
  } else {
    ids.resize(chain.end);
    return text + "not what was measured after what is archived";
  }
  for (std::uint64_t number = from; number < chain.end; ++number) {
    ids.push_back((*of)[number - from]);
    have_.insert(ids.back());
  }
  return {};
}

// Whether the PCRs tell which of the list's records are archived: all were read, nothing was lost, and nothing broke
// since the anchor.
bool KeeperProcess::decided() const {
  if (!with_pcrs_ || pcr_unread_) return false;
  std::uint64_t anchored = 0;
  for (const auto& [chain, breaks] : anchored_) anchored = breaks;
  // An anchor knows nothing of a PCR that no archived record named by then, so it stays without a match.
  const bool unknown_pcr = std::ranges::any_of(
      lost_, [&](std::uint64_t id) { return (pcrs_at_anchor_ >> machine_.log()[id].pcr & 1) == 0; });
  return !unknown_pcr && lost_.size() == lost_at_anchor_ && machine_.breaks().size() == anchored;
}

static bool extend_alike(const Content& a, const Content& b) {
  return a.violation == b.violation && (a.violation || a.view() == b.view());
}

// The first lost record of the log between these, if the replay of these cannot match any value that its PCR had. A
// lost record is missed by its own PCR only: of a PCR that none of these names nothing is called proven. And each PCR
// is extended alike by every violation: if one was lost and another follows, the replay matches a value that the PCR
// had one violation before.
std::optional<std::uint64_t> KeeperProcess::lost_between(std::span<const std::uint64_t> ids) const {
  const auto& log = machine_.log();
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    std::vector<std::uint64_t> kept;
    std::ranges::copy_if(ids, std::back_inserter(kept), [&](std::uint64_t id) { return log[id].pcr == pcr; });
    std::size_t next = 0;
    for (std::uint64_t id = ids.front(); next < kept.size() && id <= ids.back(); ++id) {
      if (log[id].pcr != pcr || !(lost_.contains(id) || std::ranges::binary_search(kept, id))) continue;
      if (!extend_alike(log[id], log[kept[next]])) return id;
      ++next;
    }
  }
  return {};
}

// Whether these records extend the PCRs as the log does from the first of them on. All violations extend alike.
bool KeeperProcess::extend_like_log(std::span<const std::uint64_t> ids) const {
  const auto& log = machine_.log();
  for (std::uint64_t i = 0; i < ids.size(); ++i) {
    const std::uint64_t id = ids.front() + i;
    if (id >= log.size() || log[id].pcr != log[ids[i]].pcr || !extend_alike(log[id], log[ids[i]])) return false;
  }
  return true;
}

// That a record is called proven says that a replay from a reset, or from an anchor, matches the PCRs at or after it.
std::string KeeperProcess::not_proven() {
  for (const auto& [chain, ids] : ids_) {
    const auto row = must(archive_.list(chain));
    const std::uint64_t anchor = anchors_.contains(chain) ? anchors_.at(chain).number : 0;
    if (!row || row->proven <= anchor || row->proven > ids.size()) continue;
    // The log of a machine that was set back is another one than what is archived.
    if (std::ranges::any_of(ids, [&](std::uint64_t id) { return id >= machine_.log().size(); })) continue;
    const auto between = std::span(ids).subspan(anchor, row->proven - anchor);
    // The PCRs do not tell violations apart, so one that was lost may be taken for another that came later.
    if (extend_like_log(between)) continue;
    const std::string text = "records before " + std::to_string(row->proven) + " of chain " +
                             std::to_string(chain.value()) + " are called proven, though ";
    for (std::uint64_t number = anchor + 1; number < row->proven; ++number) {
      if (ids[number] <= ids[number - 1]) return text + "some are there twice without an anchor";
    }
    if (const auto lost = lost_between(between)) {
      return text + "record " + std::to_string(*lost) + " of the log was lost before";
    }
    const auto& breaks = machine_.breaks();
    const std::uint64_t known = anchored_.contains(chain) ? anchored_.at(chain) : 0;
    for (std::uint64_t i = known; i < breaks.size(); ++i) {
      if (breaks[i] <= ids[row->proven - 1]) return text + "the PCRs parted from the log before";
    }
  }
  return {};
}

std::string KeeperProcess::archive_text() {
  std::string text;
  for (const archive::Chain& chain : chains()) {
    text += "chain " + std::to_string(chain.chain.value()) + ":";
    archive::ArchiveReader reader(store, chain, 0, chain.end);
    for (auto step = must(reader.next()); step.record; step = must(reader.next())) {
      text += " " + mlist::test::path_of(step.record->record.content).substr(0, 20);
    }
    text += "; ";
  }
  return text;
}

bool KeeperProcess::complete() {
  for (std::uint64_t id = 0; id < machine_.log().size(); ++id) {
    if (!have_.contains(id) && !lost_.contains(id)) return false;
  }
  return true;
}

}  // namespace imakeep::keeper::test
