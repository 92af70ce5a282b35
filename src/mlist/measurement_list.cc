// SPDX-License-Identifier: Apache-2.0
#include "mlist/measurement_list.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <boost/container/static_vector.hpp>

#include "mlist/counting.h"

namespace imakeep::mlist {
namespace {

std::vector<digest::Bank> with_sha1(std::vector<digest::Bank> banks) {
  const auto is_sha1 = [](const digest::Bank& bank) { return bank.algorithm == digest::Algorithm::kSha1; };
  if (std::none_of(banks.begin(), banks.end(), is_sha1)) banks.push_back({.algorithm = digest::Algorithm::kSha1});
  return banks;
}

using Digests = boost::container::static_vector<digest::Digest, digest::kAlgorithmCount>;

Digests extended_digests(const std::vector<digest::Bank>& banks, const imalog::RecordContentView& content) {
  Digests digests;
  for (const digest::Bank& bank : banks) digests.push_back(imalog::extended_digest(bank, content));
  return digests;
}

// The key of a record in the table: its template digest by IMA's own hash.
digest::Digest table_key(const ListOptions& options, const Digests& digests, const imalog::RecordContentView& content) {
  for (std::size_t i = 0; i < options.banks.size(); ++i) {
    if (options.banks[i] == digest::Bank{.algorithm = options.hash}) return digests[i];
  }
  return imalog::template_digest({.algorithm = options.hash}, content.template_name, content.body);
}

}  // namespace

MeasurementList::MeasurementList(ListOptions options)
    : options_(std::move(options)), shown_banks_(with_sha1(options_.banks)) {
  const MutexLock append_lock(append_mutex_);
  const MutexLock heads_lock(heads_mutex_);
  current_.chunk = Chunk::create(0);
  tail_ = current_.chunk.get();
  if (options_.table != TableMode::kNone) table_ = std::make_unique<DigestTable>();
}

MeasurementList::~MeasurementList() = default;

Result<Appended> MeasurementList::append(const imalog::RecordContentView& content, Repeats repeats) {
  const Digests digests = extended_digests(options_.banks, content);
  const bool in_table = options_.table != TableMode::kNone && !content.violation;
  const digest::Digest key = in_table ? table_key(options_, digests, content) : digest::Digest();

  const MutexLock lock(append_mutex_);
  if (suspended_) return refuse(ENODEV, "measurement is suspended");
  const bool known = in_table && table_->contains(key, content.pcr);
  if (known && repeats == Repeats::kRefuse) return refuse(EEXIST, "already measured");
  IMAKEEP_CHECK(make_room(content.body.size()));
  if (in_table && !known && !table_->insert(key, content.pcr)) return refuse(ENOMEM, "no memory for the digest table");
  IMAKEEP_CHECK(put(content));
  Appended appended;
  if (options_.extend) {
    // If the extend fails, the record stays in the list: Linux, too, only audits this.
    if (auto extended = options_.extend(content.pcr, {digests.data(), digests.size()}); !extended) {
      appended.extend_failure = std::move(extended).error();
    }
  }
  return appended;
}

Result<void> MeasurementList::make_room(std::size_t body_bytes) {
  if (tail_ != nullptr && tail_->has_room(body_bytes)) return {};
  std::shared_ptr<Chunk> next = Chunk::create(body_bytes);
  if (tail_ == nullptr || !next) return refuse(ENOMEM, "no memory for the record");
  Chunk* const old_tail = std::exchange(tail_, next.get());
  old_tail->seal(std::move(next));
  return {};
}

Result<void> MeasurementList::put(const imalog::RecordContentView& content) {
  const auto id = names_.intern(content.template_name);
  if (!id) return refuse(ENOMEM, "too many templates");
  const Extent extent = extent_of(content);
  tail_->put({.pcr = content.pcr, .violation = content.violation, .template_id = *id, .body = content.body}, extent);
  appended_counted_bytes_.fetch_add(extent.counted_bytes, std::memory_order_relaxed);
  appended_undigested_bytes_.fetch_add(extent.undigested_bytes, std::memory_order_relaxed);
  appended_records_.fetch_add(1, std::memory_order_release);
  return {};
}

Extent MeasurementList::appended() const {
  Extent extent;
  extent.records = appended_records_.load(std::memory_order_acquire);
  extent.counted_bytes = appended_counted_bytes_.load(std::memory_order_relaxed);
  extent.undigested_bytes = appended_undigested_bytes_.load(std::memory_order_relaxed);
  return extent;
}

Result<void> MeasurementList::stage() {
  std::shared_ptr<Chunk> fresh = Chunk::create(0);
  const MutexLock request_lock(request_mutex_);
  const MutexLock append_lock(append_mutex_);
  const MutexLock heads_lock(heads_mutex_);
  if (staged_.chunk) return refuse(EEXIST, "records are staged already");
  const Extent end = appended();
  if (end.records == current_.before.records) return refuse(ENOENT, "the list is empty");
  if (suspended_) return refuse(EACCES, "measurement is suspended");
  if (!fresh) return refuse(ENOMEM, "no memory for the new list");
  tail_ = fresh.get();
  staged_ = std::exchange(current_, Head{.chunk = std::move(fresh), .offset = 0, .before = end});
  staged_extent_ = end - staged_.before;
  return {};
}

Result<void> MeasurementList::delete_staged() {
  Head deleted;
  std::unique_ptr<DigestTable> flushed;
  const bool flush = options_.table == TableMode::kFlushed;
  std::unique_ptr<DigestTable> empty(flush ? new (std::nothrow) DigestTable : nullptr);

  const MutexLock request_lock(request_mutex_);
  {
    const MutexLock heads_lock(heads_mutex_);
    if (!staged_.chunk) return refuse(ENOENT, "nothing is staged");
    if (suspended_) return refuse(ESTALE, "measurement is suspended");
    deleted = std::exchange(staged_, {});
    staged_extent_ = {};
  }
  if (flush) {
    if (!empty) return refuse(ENOMEM, "no memory for a new digest table; the records are deleted anyway");
    const MutexLock append_lock(append_mutex_);
    flushed = std::exchange(table_, std::move(empty));
  }
  return {};
}

Result<void> MeasurementList::delete_first(std::uint64_t records) {
  if (records == 0 || options_.table == TableMode::kFlushed) {
    return refuse(EINVAL, records == 0 ? "no records to delete" : "the digest table is to be flushed: stage instead");
  }
  Head deleted;
  const MutexLock request_lock(request_mutex_);
  Head head;
  {
    const MutexLock heads_lock(heads_mutex_);
    head = current_;
  }
  // Only requests move the head, and this one holds request_mutex_. So the head found here stays valid without
  // heads_mutex_.
  IMAKEEP_TRY(auto cut, head_after(head, records));
  if (suspended_) return refuse(ESTALE, "measurement is suspended");
  head = {};
  const MutexLock heads_lock(heads_mutex_);
  deleted = std::exchange(current_, std::move(cut));
  return {};
}

// Skips whole sealed chunks, so that a deletion of millions of records visits only thousands of places.
Result<MeasurementList::Head> MeasurementList::head_after(const Head& head, std::uint64_t records) const {
  const auto too_few = [&] {
    return appended_records_.load(std::memory_order_acquire) - head.before.records < records;
  };
  if (too_few()) {
    // A record becomes visible before it is counted. A caller that has seen it must be able to delete it, so count
    // again under the append lock.
    const MutexLock append_lock(append_mutex_);
    if (too_few()) return refuse(ENOENT, "the list has fewer records than that");
  }
  Head at = head;
  std::uint64_t left = records;
  std::optional<std::uint16_t> named;  // the template whose name is in `name`; avoids repeated look-ups
  std::string_view name;
  while (left > 0) {
    const bool whole = at.offset == 0 && at.chunk->sealed() && at.chunk->extent().records <= left;
    if (whole) {
      left -= at.chunk->extent().records;
      at.before += at.chunk->extent();
      at.offset = at.chunk->end();
    }
    if (at.offset == at.chunk->end()) {
      at.chunk = at.chunk->next();
      at.offset = 0;
      continue;
    }
    const StoredRecordView record = at.chunk->record_at(at.offset);
    if (record.template_id != named) name = names_.name(*(named = record.template_id));
    at.before +=
        extent_of({.pcr = record.pcr, .template_name = name, .body = record.body, .violation = record.violation});
    --left;
  }
  return at;
}

void MeasurementList::suspend() {
  // Let a running request end first: records that it deletes must not be in an image that is written after suspend().
  const MutexLock request_lock(request_mutex_);
  const MutexLock lock(append_mutex_);
  suspended_ = true;
}

Result<void> MeasurementList::restore(const imalog::RecordContentView& content) {
  const MutexLock lock(append_mutex_);
  IMAKEEP_CHECK(make_room(content.body.size()));
  return put(content);
}

ListCounters MeasurementList::counters() const {
  ListCounters counters;
  {
    const MutexLock append_lock(append_mutex_);
    const MutexLock heads_lock(heads_mutex_);
    counters.full = appended();
    counters.current = counters.full - current_.before;
    counters.staged = staged_extent_;
    counters.table_entries = table_ ? table_->entries() : 0;
    counters.table_bytes = table_ ? table_->memory_bytes() : 0;
  }
  counters.violations = violations_.load(std::memory_order_relaxed);
  counters.suspended = suspended_;
  for (const ListKind kind : {ListKind::kCurrent, ListKind::kStaged}) {
    const ListSnapshot list = snapshot(kind);
    for (const Chunk* chunk = list.chunk.get(); chunk != nullptr; chunk = chunk->next().get()) {
      counters.record_bytes += chunk->memory_bytes();
    }
  }
  return counters;
}

std::uint64_t MeasurementList::current_records() const {
  const MutexLock lock(heads_mutex_);
  return appended_records_.load(std::memory_order_acquire) - current_.before.records;
}

ListSnapshot MeasurementList::snapshot(ListKind kind) const {
  const MutexLock lock(heads_mutex_);
  const Head& head = kind == ListKind::kCurrent ? current_ : staged_;
  return {.chunk = head.chunk, .offset = head.offset, .first_record = head.before.records};
}

}  // namespace imakeep::mlist
