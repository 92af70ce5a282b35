// SPDX-License-Identifier: Apache-2.0
// mlist/measurement_list.h - IMA's measurement list with staging: the current list, the staged list, the table of
// digests already measured, and the requests that trim records.
//
// Locks. Appenders hold one lock during the duplicate check, the append and the PCR extend, so list order is PCR order.
// A second lock makes requests (stage, delete) exclude each other. A request takes the appenders' lock only to swap a
// pointer. A third lock guards where the lists begin; its holders only copy a few words. Readers take only the third
// lock, once for each read, and then walk memory that does not change. So they neither block appenders nor wait for
// them. Deleted records are freed after every lock was released.
//
// Source: security/integrity/ima/ima_queue.c and ima_kexec.c of Linux 7.3. Threads: safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "imalog/table_mode.h"
#include "imalog/template_digest.h"
#include "imalog/template_set.h"
#include "mlist/chunk.h"
#include "mlist/digest_table.h"
#include "mlist/template_names.h"

namespace imakeep::mlist {

// Treatment of the digests of deleted records. Linux keeps digests to recognize repeated records.
using imalog::TableMode;

enum class ListKind : std::uint8_t { kCurrent, kStaged };

enum class Repeats : std::uint8_t {
  kRefuse,  // refuses a repeated record, like Linux
  kAdd,     // adds a repeated record, for lists that were recorded elsewhere
};

// Extends one PCR in every bank, with digests in the order of ListOptions::banks. Called under the appenders' lock.
using PcrExtend = std::function<Result<void>(std::uint32_t pcr, std::span<const digest::Digest> digests)>;

struct ListOptions {
  std::vector<digest::Bank> banks = {{.algorithm = digest::Algorithm::kSha1}};
  digest::Algorithm hash = digest::Algorithm::kSha256;  // ima_hash: the table's keys are digests by this hash
  TableMode table = TableMode::kKept;
  ByteOrder order = kHostOrder;        // byte order of the list's numbers, like that of a kernel
  PcrExtend extend = {};               // empty: no TPM
  imalog::TemplateSet templates = {};  // used to print ASCII lines
};

struct Appended {
  // Set if the record is in the list but its PCR was not extended. Linux only audits this. Replay fails from here on.
  std::optional<Error> extend_failure = {};
};

struct ListCounters {
  Extent current;
  Extent staged;
  Extent full;  // all records since the start, never reduced
  std::uint64_t violations = 0;
  std::uint64_t table_entries = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t record_bytes = 0;  // memory of current and staged records
  bool suspended = false;
};

// A list's begin. A snapshot keeps the list's records in memory.
struct ListSnapshot {
  std::shared_ptr<const Chunk> chunk;  // null for an empty staged list
  std::size_t offset = 0;              // of the first record within the chunk
  std::uint64_t first_record = 0;      // its number since the start of the list
};

class MeasurementList {
 public:
  // REQUIRES: options.banks is not empty and its algorithms are available().
  explicit MeasurementList(ListOptions options);
  ~MeasurementList();

  const ListOptions& options() const { return options_; }
  // The banks that have files: options().banks, then sha1 if it is not among them.
  const std::vector<digest::Bank>& shown_banks() const { return shown_banks_; }

  // Adds a record, and extends its PCR. decode_record() must accept the body in the list's byte order. Errors, all
  // kRefused with Linux's errno: ENODEV measurement is suspended; EEXIST already measured; ENOMEM.
  Result<Appended> append(const imalog::RecordContentView& content, Repeats repeats = Repeats::kRefuse);

  // Requests. Errors are kRefused, checked in Linux's order.
  Result<void> stage();          // 'A': EEXIST records are staged; ENOENT the list is empty; EACCES suspended
  Result<void> delete_staged();  // 'D': ENOENT nothing is staged; ESTALE suspended; ENOMEM no memory for a new table,
                                 // but the records are deleted
  Result<void> delete_first(std::uint64_t records);  // N: EINVAL 0, or the table is to be flushed; ENOENT fewer
                                                     // records than that; ESTALE suspended

  // From here on refuses to add, stage and delete, as Linux does at every reboot.
  void suspend();

  // Puts a record of a kexec image into the list, without an extend and without an entry in the table. REQUIRES:
  // nothing was appended yet.
  Result<void> restore(const imalog::RecordContentView& content);

  // Counts one event that invalidates measurements. The caller appends the record separately.
  void count_violation() { violations_.fetch_add(1, std::memory_order_relaxed); }

  ListCounters counters() const;
  std::uint64_t violations() const { return violations_.load(std::memory_order_relaxed); }
  std::uint64_t current_records() const;
  ListSnapshot snapshot(ListKind kind) const;
  std::string_view template_name(std::uint16_t id) const { return names_.name(id); }

 private:
  struct Head {
    std::shared_ptr<Chunk> chunk;
    std::size_t offset = 0;
    Extent before;  // all records since the start that precede this head
  };

  Result<void> make_room(std::size_t body_bytes) IMAKEEP_REQUIRES(append_mutex_);
  Result<void> put(const imalog::RecordContentView& content) IMAKEEP_REQUIRES(append_mutex_);  // REQUIRES: make_room()
  Result<Head> head_after(const Head& head, std::uint64_t records) const;
  Extent appended() const;

  const ListOptions options_;
  std::vector<digest::Bank> shown_banks_;
  TemplateNames names_;
  std::atomic<bool> suspended_ = false;
  std::atomic<std::uint64_t> violations_ = 0;

  Mutex request_mutex_;

  mutable Mutex append_mutex_;
  Chunk* tail_ IMAKEEP_GUARDED_BY(append_mutex_) = nullptr;
  std::unique_ptr<DigestTable> table_ IMAKEEP_GUARDED_BY(append_mutex_);
  // All records since the start. Written under append_mutex_, read by any thread.
  std::atomic<std::uint64_t> appended_records_ = 0;
  std::atomic<std::uint64_t> appended_counted_bytes_ = 0;
  std::atomic<std::uint64_t> appended_undigested_bytes_ = 0;

  mutable Mutex heads_mutex_;
  Head current_ IMAKEEP_GUARDED_BY(heads_mutex_);
  Head staged_ IMAKEEP_GUARDED_BY(heads_mutex_);
  Extent staged_extent_ IMAKEEP_GUARDED_BY(heads_mutex_);
};

}  // namespace imakeep::mlist
