// mlist/measurement_list.h - IMA's measurement list with staging: the current list, the staged list, the table of
// digests already measured, and the requests that take records out.
//
// Locks. Appenders share one lock, held for the duplicate check, the append and the PCR extend, so list order is PCR
// order. Requests (stage, delete) exclude each other by a second lock, and take the appenders' one only to swap a
// pointer. Where the lists begin is guarded by a third, held for copying a few words. Readers take only that one, once
// a read, and walk memory that nobody changes: they neither block appenders nor wait for them. What is deleted is freed
// after every lock has been given back.
//
// Source: security/integrity/ima/ima_queue.c and ima_kexec.c of Linux 7.3. Threads: safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "imalog/template_digest.h"
#include "mlist/chunk.h"
#include "mlist/digest_table.h"
#include "mlist/template_names.h"

namespace imakeep::mlist {

// What becomes of the digests of deleted records, which Linux keeps to recognise repeats.
enum class TableMode : std::uint8_t {
  kKept,     // the default: they stay
  kFlushed,  // boot option ima_flush_htable: delete_staged() empties the table; deleting by number is refused
  kNone,     // CONFIG_IMA_DISABLE_HTABLE: repeats are never recognised
};

enum class ListKind : std::uint8_t { kCurrent, kStaged };

enum class Repeats : std::uint8_t {
  kRefuse,  // as Linux does
  kAdd,     // adds what is already there, for lists that were recorded elsewhere
};

// Extends one PCR in every bank, digests in the order of ListOptions::banks. Called under the appenders' lock.
using PcrExtend = std::function<Result<void>(std::uint32_t pcr, std::span<const digest::Digest> digests)>;

struct ListOptions {
  std::vector<digest::Bank> banks = {{.algorithm = digest::Algorithm::kSha1}};
  digest::Algorithm hash = digest::Algorithm::kSha256;  // ima_hash: names records in the table
  TableMode table = TableMode::kKept;
  PcrExtend extend = {};  // empty: no TPM
};

struct Appended {
  // The record is in the list, but its PCR was not extended. Linux only audits this; replay fails from here on.
  std::optional<Error> extend_failure = {};
};

struct ListCounters {
  Extent current;
  Extent staged;
  Extent full;  // all since the start, never reduced
  std::uint64_t violations = 0;
  std::uint64_t table_entries = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t record_bytes = 0;  // memory that current and staged take
  bool suspended = false;
};

// Where a list begins and ends. Holding one keeps its records in memory.
struct ListSnapshot {
  std::shared_ptr<const Chunk> chunk;  // null for an empty staged list
  std::size_t offset = 0;              // of the first record in the chunk
  std::uint64_t first_record = 0;      // its number since the start of the list
};

class MeasurementList {
 public:
  // options.banks is not empty and its algorithms are available().
  explicit MeasurementList(ListOptions options);
  ~MeasurementList();

  const ListOptions& options() const { return options_; }
  // The banks that files exist for: options().banks, and sha1 behind them if it is not among them.
  const std::vector<digest::Bank>& shown_banks() const { return shown_banks_; }

  // Adds a record whose body is as decode_record() accepts it, in host order, and extends its PCR. Errors, all
  // kRefused with Linux's errno: ENODEV measurement is suspended; EEXIST already measured; ENOMEM.
  Result<Appended> append(const imalog::RecordContentView& content, Repeats repeats = Repeats::kRefuse);

  // Requests. Errors are kRefused, in Linux's order.
  Result<void> stage();          // 'A': EEXIST something is staged; ENOENT the list is empty; EACCES suspended
  Result<void> delete_staged();  // 'D': ENOENT nothing is staged; ESTALE suspended; ENOMEM no memory for a new table,
                                 // the records being gone all the same
  Result<void> delete_first(std::uint64_t records);  // N: EINVAL 0, or the table is to be flushed; ENOENT fewer than
                                                     // that many; ESTALE suspended

  // Adding, staging and deleting are refused from here on, as Linux does at every reboot.
  void suspend();

  // Puts a record of a kexec image into the list: no extend, no entry in the table. Done before anything is appended.
  Result<void> restore(const imalog::RecordContentView& content);

  // Counts one event that invalidates measurements; the record is appended by itself.
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
    Extent before;  // everything since the start that lies before this head
  };

  Result<void> make_room(std::size_t body_bytes) IMAKEEP_REQUIRES(append_mutex_);
  Result<void> put(const imalog::RecordContentView& content) IMAKEEP_REQUIRES(append_mutex_);  // after make_room()
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
  // Everything since the start. Written under append_mutex_, read by anybody.
  std::atomic<std::uint64_t> appended_records_ = 0;
  std::atomic<std::uint64_t> appended_counted_bytes_ = 0;
  std::atomic<std::uint64_t> appended_undigested_bytes_ = 0;

  mutable Mutex heads_mutex_;
  Head current_ IMAKEEP_GUARDED_BY(heads_mutex_);
  Head staged_ IMAKEEP_GUARDED_BY(heads_mutex_);
  Extent staged_extent_ IMAKEEP_GUARDED_BY(heads_mutex_);
};

}  // namespace imakeep::mlist
