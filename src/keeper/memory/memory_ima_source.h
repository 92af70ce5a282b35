// SPDX-License-Identifier: Apache-2.0
// keeper/memory/memory_ima_source.h - an IMA directory in memory: imakeep's own list as an ImaSource, with Linux's
// rules for opening it.
//
// A MemoryIma is the machine: it holds the list, and knows which tasks have it open. Several sources may use one, as
// several processes use one kernel. Threads: one at a time; each source is a task of its own.
#pragma once

#include <memory>

#include "keeper/ima_source.h"
#include "mlist/list_cursor.h"
#include "mlist/open_mediation.h"

namespace imakeep::keeper {

struct MemoryIma {
  std::unique_ptr<mlist::MeasurementList> list;  // a reboot or kexec replaces it; nothing is open then
  mlist::OpenMediation mediation;
  std::string boot_id = "boot-1";
  bool has_staging = true;
  bool takes_numbers = true;
};

class MemoryImaSource : public ImaSource {
 public:
  // Keeps a reference to `ima`. `task` identifies this source among others. `bank` is one of the list's shown banks.
  MemoryImaSource(MemoryIma& ima, std::int32_t task, const digest::Bank& bank);
  ~MemoryImaSource() override { close(); }

  const std::string& name() const override { return name_; }
  const std::vector<digest::Bank>& banks() const override { return banks_.empty() ? ima_.list->shown_banks() : banks_; }
  // As KernelImaSource::set_banks().
  void set_banks(std::vector<digest::Bank> banks) { banks_ = std::move(banks); }
  const digest::Bank& bank() const override { return bank_; }
  ByteOrder order() const override { return ima_.list->options().order; }
  bool has_staging() const override { return ima_.has_staging; }
  bool takes_numbers() const override { return ima_.takes_numbers; }
  std::string boot_id() override { return ima_.boot_id; }
  Result<void> open_to_read() override;
  Result<void> open_to_write(ListPart part) override;
  void close() noexcept override;
  Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> request(const std::string& text) override;
  Result<std::uint64_t> count() override { return ima_.list->current_records(); }
  Result<std::uint64_t> violations() override { return ima_.list->violations(); }
  std::uint64_t bytes_seen() const override { return seen_[0] + seen_[1]; }

 private:
  mlist::ListCursor cursor(ListPart part) const;

  MemoryIma& ima_;
  const mlist::TaskId task_;
  const digest::Bank bank_;
  const std::string name_ = "memory";
  std::vector<digest::Bank> banks_;  // empty: the list's
  int readers_ = 0;
  std::uint64_t seen_[2] = {};  // by part
  std::optional<ListPart> writes_;
  std::optional<mlist::ListCursor> staged_;
  std::optional<mlist::ListCursor> current_;
};

}  // namespace imakeep::keeper
