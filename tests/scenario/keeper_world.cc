#include "scenario/keeper_world.h"

#include <charconv>

#include "archive/archive_reader.h"

namespace imakeep::keeper::test {

using mlist::test::must;

Content violation(const std::string& path) {
  Content content = mlist::test::ima_ng(path);
  content.violation = true;
  return content;
}

// ---- the machine
// ------------------------------------------------------------------------------------------------------

Machine::Machine(MachineOptions machine_options) : options(std::move(machine_options)) {
  ima.has_staging = options.has_staging;
  ima.takes_numbers = options.takes_numbers;
  pcrs = std::make_unique<tpm::SoftPcrBanks>(digest::PcrState(mlist::test::banks(options.banks)));
  // No TPM takes a second for an extend.
  clock.on_sleep = [this](std::int64_t ms) {
    if (ms >= 1000) flush_extend();
  };
  start_list();
}

void Machine::start_list() {
  ima.list = std::make_unique<mlist::MeasurementList>(
      mlist::ListOptions{.banks = mlist::test::banks(options.banks),
                         .table = options.table,
                         .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) -> Result<void> {
                           flush_extend();
                           if (std::exchange(fail_extend_, false)) return fail(ErrorCode::kIo, "planned fault");
                           if (delay_extends_) {
                             delayed_.emplace(pcr, std::vector<digest::Digest>(digests.begin(), digests.end()));
                             return {};
                           }
                           return pcrs->extend(pcr, digests);
                         }});
  saver_ = std::make_unique<mlist::KexecSaver>(*ima.list, 10, true);
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
  const auto current = mlist::test::contents_of(*ima.list, mlist::ListKind::kCurrent);
  while (current_.size() < current.size()) {
    current_.push_back(log_.size());
    log_.push_back(current[current_.size() - 1]);
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
}

void Machine::reboot() {
  delayed_.reset();
  fail_extend_ = delay_extends_ = false;
  image_.reset();
  pcrs = std::make_unique<tpm::SoftPcrBanks>(digest::PcrState(mlist::test::banks(options.banks)));
  for (KeeperProcess* keeper : keepers) keeper->forget_boot();
  log_.clear();
  staged_.clear();
  current_.clear();
  start_list();
  add(mlist::test::ima_ng("boot_aggregate of boot " + std::to_string(boot_)));
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
  add(mlist::test::ima_ng("boot_aggregate after kexec " + std::to_string(boot_)));
  return dropped;
}

void Machine::kexec_as_captured() {
  mlist::KexecSaver without_critical_data(*ima.list, 10, false);
  restore(must(without_critical_data.save()).bytes);
}

// The next kernel starts with the image. How many records it lacks.
std::uint64_t Machine::restore(ByteView image) {
  start_list();
  const auto restored = must(mlist::restore_kexec_image(*ima.list, image));
  std::deque<std::uint64_t> all = staged_;
  all.insert(all.end(), current_.begin(), current_.end());
  staged_.clear();
  current_ = all;
  std::uint64_t dropped = 0;
  while (current_.size() > restored.records) {
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
    return on_effect ? on_effect(point == CallPoint::kBefore ? "before commit" : "after commit") : std::nullopt;
  };
  pcrs.watch = [this]() -> std::optional<Error> { return on_effect ? on_effect("read PCRs") : std::nullopt; };
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
  source_ = std::make_unique<FaultyImaSource>(*inner_);
  source_->watch([this, part = ListPart::kCurrent](ImaCall call, CallPoint point,
                                                   const std::string& request) mutable -> std::optional<Error> {
    static const std::map<ImaCall, std::string> kNames = {{ImaCall::kOpenToRead, "open to read"},
                                                          {ImaCall::kOpenToWrite, "open to write"},
                                                          {ImaCall::kRead, "read"},
                                                          {ImaCall::kRequest, "request "},
                                                          {ImaCall::kCount, "count"}};
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
  bad_deletion.clear();
  for (const archive::Chain& chain : must(archive_.chains())) {
    if (chain.end > 0) forgotten_chains_.insert(chain.chain);
  }
  forgotten_incidents_ = must(archive_.incidents()).size();
}

std::vector<std::uint64_t> KeeperProcess::owed() const {
  std::vector<std::uint64_t> owed;
  for (std::uint64_t id = 0; id < machine_.log().size(); ++id) {
    if (!lost_.contains(id)) owed.push_back(id);
  }
  return owed;
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
  const auto all = owed();
  const std::uint64_t end = archived();
  const bool safe =
      std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(end, all.size())), id) !=
      all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(end, all.size()));
  if (!safe) lost_.insert(id);
}

void KeeperProcess::deletes(std::uint64_t id) {
  const auto all = owed();
  const std::uint64_t end = archived();
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(end, all.size()); ++i) {
    if (all[i] == id) return;
  }
  if (bad_deletion.empty()) {
    bad_deletion = "deleted record " + std::to_string(id) + " of the log, of which " + std::to_string(end) +
                   " records are archived";
  }
}

std::vector<archive::IncidentRow> KeeperProcess::incidents() {
  auto incidents = must(archive_.incidents());
  // One that was put down since may be of a chain before this boot's, where the keeper took the list for that one's.
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
  const auto reached = matches();
  return reached ? std::string() : wrong_record_;
}

std::string KeeperProcess::archive_text() {
  std::string text;
  for (const archive::Chain& chain : chains()) {
    text += "chain " + std::to_string(chain.chain) + ":";
    archive::ArchiveReader reader(store, chain, 0, chain.end);
    for (auto step = must(reader.next()); step.record; step = must(reader.next())) {
      text += " " + mlist::test::path_of(step.record->record.content).substr(0, 20);
    }
    text += "; ";
  }
  return text;
}

bool KeeperProcess::complete() {
  const auto reached = matches();
  return reached && std::ranges::any_of(*reached, [this](std::uint64_t at) {
           while (at < machine_.log().size() && lost_.contains(at)) ++at;
           return at == machine_.log().size();
         });
}

// The places in the log that the archived records may end at. A lost record may be archived all the same: if one that
// was like it was taken for it.
std::optional<std::set<std::uint64_t>> KeeperProcess::matches() {
  const auto& log = machine_.log();
  // In doubt violations are kept twice rather than lost.
  const auto said = incidents();
  const bool in_doubt = std::ranges::any_of(said, [](const archive::IncidentRow& incident) {
    return incident.kind == word(Diagnosis::kGapOrExtend) || incident.kind == word(Diagnosis::kFailedExtend);
  });
  std::set<std::uint64_t> places = {0};
  for (const archive::Chain& chain : chains()) {
    archive::ArchiveReader reader(store, chain, 0, chain.end);
    for (std::uint64_t i = 0; i < chain.end; ++i) {
      wrong_record_ = "record " + std::to_string(i) + " of chain " + std::to_string(chain.chain);
      const auto step = must(reader.next());
      if (!step.record) return std::nullopt;
      std::set<std::uint64_t> next;
      const bool twice = in_doubt && step.record->record.content.violation;
      for (std::uint64_t at : places) {
        if (twice) next.insert(at);
        for (;; ++at) {
          if (at == log.size()) break;
          // To the PCRs all violations are alike: one may have been taken for another that was lost.
          const bool like = step.record->record.content == log[at].view() ||
                            (step.record->record.content.violation && log[at].violation && lost_.contains(at));
          if (like) next.insert(at + 1);
          if (!lost_.contains(at)) break;
        }
      }
      wrong_record_ += " is not what was measured behind record " + std::to_string(*places.begin());
      if (next.empty()) return std::nullopt;
      places = std::move(next);
    }
  }
  return places;
}

}  // namespace imakeep::keeper::test
