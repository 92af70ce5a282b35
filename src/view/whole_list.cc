// SPDX-License-Identifier: Apache-2.0
#include "view/whole_list.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "imalog/ascii.h"

namespace imakeep::view {
namespace {

// The sum over all records up to this one, from the sum over those before it. It tells one archive from another. Damage
// is found by the checksum of each row. So 64 bits are enough, and no secret is needed.
std::uint64_t sum_with(std::uint64_t before, const imalog::RecordContentView& record) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  const std::hash<std::string_view> hash;
  std::uint64_t sum = (before ^ hash(as_text(record.body))) * kOdd;
  sum = (sum ^ sum >> 32 ^ hash(record.template_name)) * kOdd;
  return (sum ^ sum >> 32 ^ (std::uint64_t{record.pcr} << 1) ^ (record.violation ? 1u : 0u)) * kOdd;
}

}  // namespace

WholeList::WholeList(const archive::Chain& chain, imalog::TemplateSet templates)
    : templates_(std::move(templates)), chain_(chain) {
  if (chain_.first_kept == 0) return;
  damage_ = "the first " + std::to_string(chain_.first_kept) + " records of chain " +
            std::to_string(chain_.chain.value()) +
            " were retired from the archive, so the whole list cannot be shown any more";
}

// In ASCII a digest takes two characters per byte.
std::uint64_t WholeList::offset_of(const ListFile& file, const Mark& mark) {
  const std::uint64_t digest_bytes = file.bank.digest_bytes();
  return file.form == imalog::Form::kBinary ? mark.binary_bytes + mark.first * digest_bytes
                                            : mark.ascii_bytes + mark.first * 2 * digest_bytes;
}

// Records that were read and are not shown yet.
class WholeList::Growth {
 public:
  Growth(const Mark& end, const std::optional<Mark>& block, ByteOrder order, const imalog::TemplateSet& templates)
      : end_(end), block_(block), order_(order), templates_(templates) {}

  // Adds records that were read together, from one segment. A block should begin with them; otherwise reading the block
  // takes two segments.
  void add(std::span<const archive::RecordView> records) {
    begin_block(kBlockBytes / 2);
    for (const archive::RecordView& record : records) {
      begin_block(2 * kBlockBytes);
      line_.clear();
      // A record that cannot be printed has no line. bytes_of() reports it to a reader of the ASCII file.
      static_cast<void>(imalog::append_ascii(line_, record.content, {}, order_, templates_));
      end_.binary_bytes += imalog::encoded_bytes(record.content, 0);
      end_.ascii_bytes += line_.size();
      end_.content = sum_with(end_.content, record.content);
      ++end_.first;
      violations_ += record.content.violation ? 1u : 0u;
    }
  }

  const Mark& end() const { return end_; }
  std::vector<Mark> take_blocks() { return std::exchange(blocks_, {}); }
  std::uint64_t take_violations() { return std::exchange(violations_, 0); }

 private:
  // Begins a block if the last one has `bytes` bytes or more.
  void begin_block(std::uint64_t bytes) {
    if (block_ && end_.binary_bytes - block_->binary_bytes < bytes) return;
    block_ = end_;
    blocks_.push_back(end_);
  }

  Mark end_;
  std::optional<Mark> block_;  // where the last block begins
  const ByteOrder order_;
  const imalog::TemplateSet& templates_;
  std::vector<Mark> blocks_;
  std::uint64_t violations_ = 0;
  std::string line_;
};

Result<void> WholeList::extend(archive::Store& store, std::uint64_t end) {
  std::optional<Growth> growth;
  {
    const MutexLock lock(mutex_);
    if (!damage_.empty()) return {};
    growth.emplace(end_, blocks_.empty() ? std::nullopt : std::optional(blocks_.back()), chain_.order, templates_);
  }
  archive::ArchiveReader reader(store, chain_, growth->end().first, end);
  for (;;) {
    IMAKEEP_TRY(const auto& run, reader.next_run());
    if (run.done()) return {};
    growth->add(run.records);
    const MutexLock lock(mutex_);
    if (run.damage) {
      damage_ = "the archive is damaged at record " + std::to_string(run.first) + " of chain " +
                std::to_string(chain_.chain.value()) + ": " + run.damage->what;
      return {};
    }
    for (const Mark& block : growth->take_blocks()) blocks_.push_back(block);
    end_ = growth->end();
    violations_ += growth->take_violations();
  }
}

std::uint64_t WholeList::records() const {
  const MutexLock lock(mutex_);
  return end_.first;
}

std::uint64_t WholeList::violations() const {
  const MutexLock lock(mutex_);
  return violations_;
}

std::string WholeList::damage() const {
  const MutexLock lock(mutex_);
  return damage_;
}

std::uint64_t WholeList::bytes(const ListFile& file) const {
  const MutexLock lock(mutex_);
  return offset_of(file, end_) + (damage_.empty() ? 0 : 1);
}

Result<std::optional<WholeList::Block>> WholeList::block_at(const ListFile& file, std::uint64_t offset) const {
  const MutexLock lock(mutex_);
  if (offset >= offset_of(file, end_)) {
    if (!damage_.empty()) return fail(ErrorCode::kMalformed, damage_);
    return std::nullopt;
  }
  const auto after =
      std::ranges::upper_bound(blocks_, offset, {}, [&](const Mark& mark) { return offset_of(file, mark); });
  const Mark& mark = *(after - 1);
  const Mark& next = after == blocks_.end() ? end_ : *after;
  return Block{.first = mark.first,
               .end = next.first,
               .offset = offset_of(file, mark),
               .bytes = offset_of(file, next) - offset_of(file, mark),
               .content_before = mark.content,
               .content_after = next.content};
}

Result<Bytes> WholeList::bytes_of(archive::Store& store, const ListFile& file, const Block& block) const {
  const bool in_binary = file.form == imalog::Form::kBinary;
  archive::ArchiveReader reader(store, chain_, block.first, block.end);
  imalog::DigestBatch digests(file.bank);
  std::uint64_t sum = block.content_before;
  Bytes binary;
  std::string ascii;
  if (in_binary) {
    binary.reserve(block.bytes);
  } else {
    ascii.reserve(block.bytes);
  }
  for (;;) {
    IMAKEEP_TRY(const auto& run, reader.next_run());
    if (run.damage) {
      return fail(ErrorCode::kMalformed, "record " + std::to_string(run.damage->first) +
                                             " cannot be read from the archive: " + run.damage->what);
    }
    if (run.done()) break;
    digests.clear();
    for (const archive::RecordView& record : run.records) archive::add_shown(digests, record);
    const auto shown = digests.compute();
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const imalog::RecordContentView& content = run.records[i].content;
      sum = sum_with(sum, content);
      if (in_binary) {
        imalog::encode_record(binary, content, shown[i].view(), chain_.order);
      } else {
        IMAKEEP_CHECK(imalog::append_ascii(ascii, content, shown[i].view(), chain_.order, templates_));
      }
    }
  }
  if (!in_binary) append_bytes(binary, as_bytes(ascii));
  if (binary.size() != block.bytes || sum != block.content_after) {
    return fail(ErrorCode::kMalformed,
                "records " + std::to_string(block.first) + " to " + std::to_string(block.end) +
                    " of the archive have changed since the view read them; was another archive copied over it?");
  }
  return binary;
}

}  // namespace imakeep::view
