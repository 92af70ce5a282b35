#include "keeper/whole_list.h"

#include <algorithm>

#include "imalog/ascii.h"

namespace imakeep::keeper {
namespace {

// So many records are taken in under the lock at once.
constexpr std::uint64_t kRecordsAtOnce = 1024;

}  // namespace

WholeList::WholeList(const archive::Chain& chain) : chain_(chain) {
  if (chain_.first_kept == 0) return;
  damage_ = "the first " + std::to_string(chain_.first_kept) + " records of chain " + std::to_string(chain_.chain) +
            " were retired from the archive, so the whole list cannot be shown any more";
}

// In ASCII a digest takes two characters a byte.
std::uint64_t WholeList::offset_of(const ListFile& file, const Mark& mark) {
  const std::uint64_t digest_bytes = file.bank.digest_bytes();
  return file.form == imalog::Form::kBinary ? mark.binary_bytes + mark.first * digest_bytes
                                            : mark.ascii_bytes + mark.first * 2 * digest_bytes;
}

void WholeList::add(const archive::RecordView& record, std::string& line) {
  if (blocks_.empty() || end_.binary_bytes - blocks_.back().binary_bytes >= kBlockBytes) blocks_.push_back(end_);
  line.clear();
  // A record that cannot be printed has no line; whoever reads its block in ASCII is told so.
  static_cast<void>(imalog::append_ascii(line, record.content, {}, chain_.order));
  end_.binary_bytes += imalog::encoded_bytes(record.content, 0);
  end_.ascii_bytes += line.size();
  ++end_.first;
  violations_ += record.content.violation ? 1u : 0u;
}

Result<void> WholeList::extend(archive::Store& store, std::uint64_t end) {
  std::uint64_t from = 0;
  {
    const MutexLock lock(mutex_);
    if (!damage_.empty()) return {};
    from = end_.first;
  }
  archive::ArchiveReader reader(store, chain_, from, end);
  std::string line;
  while (from < end) {
    const MutexLock lock(mutex_);
    for (std::uint64_t i = 0; i < kRecordsAtOnce && from < end; ++i, ++from) {
      const auto step = reader.next();
      if (!step) return unexpected(step.error());
      if (!step->record) {
        damage_ = "the archive is damaged at record " + std::to_string(from) + " of chain " +
                  std::to_string(chain_.chain) + (step->damage ? ": " + step->damage->what : "");
        return {};
      }
      add(step->record->record, line);
    }
  }
  return {};
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
  const auto behind =
      std::ranges::upper_bound(blocks_, offset, {}, [&](const Mark& mark) { return offset_of(file, mark); });
  const Mark& mark = *(behind - 1);
  const Mark& next = behind == blocks_.end() ? end_ : *behind;
  return Block{.first = mark.first,
               .end = next.first,
               .offset = offset_of(file, mark),
               .bytes = offset_of(file, next) - offset_of(file, mark)};
}

Result<Bytes> WholeList::bytes_of(archive::Store& store, const ListFile& file, const Block& block) const {
  archive::ArchiveReader reader(store, chain_, block.first, block.end);
  Bytes binary;
  std::string ascii;
  for (std::uint64_t number = block.first; number < block.end; ++number) {
    const auto step = reader.next();
    if (!step) return unexpected(step.error());
    if (!step->record) {
      return fail(ErrorCode::kMalformed, "record " + std::to_string(number) + " cannot be read from the archive" +
                                             (step->damage ? ": " + step->damage->what : ""));
    }
    const archive::RecordView& record = step->record->record;
    const digest::Digest shown = archive::shown_digest(file.bank, record);
    if (file.form == imalog::Form::kBinary) {
      imalog::encode_record(binary, record.content, shown.view(), chain_.order);
    } else {
      IMAKEEP_CHECK(imalog::append_ascii(ascii, record.content, shown.view(), chain_.order));
    }
  }
  if (file.form == imalog::Form::kAscii) append_bytes(binary, as_bytes(ascii));
  if (binary.size() != block.bytes) {
    return fail(ErrorCode::kMalformed, "records " + std::to_string(block.first) + " to " + std::to_string(block.end) +
                                           " of the archive have changed their size");
  }
  return binary;
}

}  // namespace imakeep::keeper
