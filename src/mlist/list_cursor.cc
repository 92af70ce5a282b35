// SPDX-License-Identifier: Apache-2.0
#include "mlist/list_cursor.h"

#include <algorithm>

#include "imalog/ascii.h"

namespace imakeep::mlist {

ListWalk ListCursor::walk_from_index() const {
  ListSnapshot begin = list_.snapshot(kind_);
  const std::uint64_t record = begin.first_record + index_;
  if (auto chunk = place_chunk_.lock(); chunk && begin.chunk && place_record_ == record) {
    return {list_, {.chunk = std::move(chunk), .offset = place_offset_, .first_record = record}};
  }
  ListWalk walk(list_, std::move(begin));
  walk.skip(index_);
  return walk;
}

// In both forms the digest follows the PCR: a number of four bytes, or two characters and a space.
Result<void> ListCursor::show(Bytes& out, const imalog::RecordContentView& content) {
  const digest::Digest unknown(bank_.digest_bytes());
  digests_.add_shown(content);
  if (form_ == Form::kBinary) {
    digest_places_.push_back(out.size() + 4);
    imalog::encode_record(out, content, unknown.view(), list_.options().order);
    return {};
  }
  digest_places_.push_back(out.size() + 3);
  line_.clear();
  IMAKEEP_CHECK(imalog::append_ascii(line_, content, unknown.view(), list_.options().order, list_.options().templates));
  append_bytes(out, as_bytes(line_));
  return {};
}

void ListCursor::fill_in_digests(Bytes& out) {
  const auto digests = digests_.compute();
  for (std::size_t i = 0; i < digests.size(); ++i) {
    std::byte* const at = out.data() + digest_places_[i];
    if (form_ == Form::kBinary) {
      std::memcpy(at, digests[i].view().data(), digests[i].size());
    } else {
      line_.clear();
      append_hex(line_, digests[i].view());
      std::memcpy(at, line_.data(), line_.size());
    }
  }
  forget_digests();
}

void ListCursor::forget_digests() {
  digests_.clear();
  digest_places_.clear();
}

// The size of a sealed chunk in the file; `walk` must be at its start. The ASCII size is known only after its lines
// were formatted once.
Result<std::uint64_t> ListCursor::chunk_bytes(const Chunk& chunk, const ListWalk& walk) {
  const std::uint64_t digests = chunk.extent().records * bank_.digest_bytes();
  if (form_ == Form::kBinary) return chunk.extent().undigested_bytes + digests;
  if (chunk.remembered_ascii_bytes() == 0) {
    std::uint64_t bytes = 0;
    ListWalk lines(list_, walk.position());
    for (std::uint64_t i = 0; i < chunk.extent().records; ++i) {
      line_.clear();
      IMAKEEP_CHECK(imalog::append_ascii(line_, *lines.next(), {}, list_.options().order, list_.options().templates));
      bytes += line_.size();
    }
    chunk.remember_ascii_bytes(bytes);
  }
  return chunk.remembered_ascii_bytes() + 2 * digests;
}

void ListCursor::drop_leftover() {
  leftover_.clear();
  leftover_at_ = 0;
}

Result<void> ListCursor::seek(ListWalk& walk, std::uint64_t offset) {
  index_ = 0;
  drop_leftover();
  std::uint64_t left = offset;
  while (left > 0) {
    if (const Chunk* const chunk = walk.whole_chunk(); chunk != nullptr) {
      IMAKEEP_TRY(const auto& bytes, chunk_bytes(*chunk, walk));
      if (bytes <= left) {
        left -= bytes;
        index_ += chunk->extent().records;
        walk.pass_chunk();
        continue;
      }
    }
    // Within this chunk, advance record by record.
    const auto content = walk.next();
    if (!content) break;
    ++index_;
    Bytes shown;
    IMAKEEP_CHECK(show(shown, *content));
    const std::size_t passed = std::min<std::uint64_t>(left, shown.size());
    left -= passed;
    if (passed < shown.size()) {
      fill_in_digests(shown);
    } else {
      forget_digests();
    }
    leftover_.assign(shown.begin() + static_cast<std::ptrdiff_t>(passed), shown.end());
    leftover_at_ = 0;
  }
  return {};
}

Result<void> ListCursor::read(std::uint64_t offset, std::size_t count, Bytes& out) {
  forget_digests();  // left over from an error
  if (offset == 0) {
    index_ = 0;
    drop_leftover();
    // Forget the place: the list may now begin at the record number at which the old list ended.
    place_chunk_.reset();
  }
  ListWalk walk = walk_from_index();
  if (offset != 0 && offset != read_pos_) {
    walk = ListWalk(list_, list_.snapshot(kind_));
    IMAKEEP_CHECK(seek(walk, offset));
  }

  const std::size_t start = out.size();
  const ByteView left = ByteView(leftover_).subspan(leftover_at_);
  append_bytes(out, left.first(std::min(count, left.size())));
  if (count < left.size()) {
    // Copy only the requested part of a long record.
    leftover_at_ += count;
    read_pos_ = offset + count;
    keep_place(walk);
    return {};
  }
  drop_leftover();
  // Keep the records in memory until fill_in_digests() has computed their digests.
  std::vector<std::shared_ptr<const Chunk>> held;
  while (out.size() - start < count) {
    if (held.empty() || held.back() != walk.position().chunk) held.push_back(walk.position().chunk);
    const auto content = walk.next();
    if (!content) break;
    IMAKEEP_CHECK(show(out, *content));
    ++index_;
  }
  fill_in_digests(out);
  if (out.size() - start > count) {
    leftover_.assign(out.begin() + static_cast<std::ptrdiff_t>(start + count), out.end());
    leftover_at_ = 0;
    out.resize(start + count);
  }
  read_pos_ = offset + (out.size() - start);
  keep_place(walk);
  return {};
}

void ListCursor::keep_place(const ListWalk& walk) {
  place_chunk_ = walk.position().chunk;
  place_offset_ = walk.position().offset;
  place_record_ = walk.position().first_record;
}

}  // namespace imakeep::mlist
