// SPDX-License-Identifier: Apache-2.0
#include "policy/blob.h"

#include <algorithm>
#include <cstring>

#include "digest/digest.h"
#include "policy/blob_layout.h"

namespace imakeep::policy {

using layout::Section;

namespace {

constexpr std::size_t kWord = sizeof(std::uint32_t);

tl::unexpected<Error> damaged_blob(const std::string& what) {
  return fail(ErrorCode::kMalformed, "the compiled policy is damaged: " + what + "; compile the policy again");
}

// Whether the numbers ascend from 0 to `last`.
bool ascends(const TableView& table, std::size_t first, std::size_t count, std::uint32_t last) {
  if (count == 0 || table[first] != 0 || table[first + count - 1] != last) return false;
  for (std::size_t i = first + 1; i < first + count; ++i) {
    if (table[i] < table[i - 1]) return false;
  }
  return true;
}

bool all_below(const TableView& table, std::uint32_t end) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i] >= end) return false;
  }
  return true;
}

}  // namespace

struct BlobView::Header {
  std::array<std::uint32_t, layout::kCountCount> counts{};
  std::array<ByteView, layout::kSectionCount> sections{};

  std::uint32_t directories() const { return counts[0]; }
  std::uint32_t names() const { return counts[1]; }
  std::uint32_t links() const { return counts[2]; }
  std::uint32_t digests() const { return counts[3]; }
  std::uint32_t groups() const { return counts[4]; }
  ByteView operator[](Section section) const { return sections[static_cast<std::size_t>(section)]; }
  bool has_words(Section section, std::uint64_t words) const { return (*this)[section].size() == words * kWord; }
};

Result<BlobView> BlobView::open(ByteView blob) {
  if (blob.size() < layout::kHeaderBytes || as_text(blob.first(layout::kMagic.size())) != layout::kMagic) {
    return fail(ErrorCode::kMalformed, "no compiled policy: it does not begin as one; name a compiled policy");
  }
  const auto word = [&](std::size_t at) { return load<std::uint32_t>(blob.data() + at, ByteOrder::kLittle); };
  const auto number = [&](std::size_t at) { return load<std::uint64_t>(blob.data() + at, ByteOrder::kLittle); };
  if (word(layout::kVersionAt) != layout::kVersion) {
    return fail(ErrorCode::kUnsupported, "the compiled policy has version " + std::to_string(word(layout::kVersionAt)) +
                                             ", and this build reads version " + std::to_string(layout::kVersion) +
                                             "; compile the policy again");
  }
  if (number(layout::kTotalAt) != blob.size()) return damaged_blob("its size is not the one that it states");
  const auto sum =
      digest::hash(digest::Algorithm::kSha256, {blob.first(layout::kChecksumAt), blob.subspan(layout::kCountsAt)});
  if (!equal(sum.view(), blob.subspan(layout::kChecksumAt, layout::kHashBytes))) {
    return damaged_blob("its checksum differs");
  }
  BlobView view;
  if (word(layout::kModeAt) > static_cast<std::uint32_t>(Mode::kKeylime)) return damaged_blob("its mode is unknown");
  view.mode_ = static_cast<Mode>(word(layout::kModeAt));
  view.source_ = blob.subspan(layout::kSourceAt, layout::kHashBytes);
  Header header;
  for (std::size_t i = 0; i < layout::kCountCount; ++i) header.counts[i] = word(layout::kCountsAt + i * kWord);
  std::uint64_t offset = layout::kHeaderBytes;
  for (std::size_t i = 0; i < layout::kSectionCount; ++i) {
    const std::uint64_t bytes = number(layout::kSectionsAt + i * 16 + 8);
    if (number(layout::kSectionsAt + i * 16) != offset || offset > blob.size() || bytes > blob.size() - offset) {
      return damaged_blob("section " + std::to_string(i) + " lies elsewhere");
    }
    header.sections[i] = blob.subspan(offset, bytes);
    offset += layout::padded(bytes);
  }
  if (offset != blob.size()) return damaged_blob("bytes follow its last section");
  view.rules_ = header[Section::kRules];
  IMAKEEP_CHECK(view.check_digests(header));
  IMAKEEP_CHECK(view.check_names(header));
  IMAKEEP_CHECK(view.check_links(header));
  return view;
}

Result<void> BlobView::check_digests(const Header& header) {
  digest_count_ = header.digests();
  digest_buckets_ = TableView(header[Section::kDigestBuckets]);
  digests_ = header[Section::kDigests];
  const ByteView groups = header[Section::kGroups];
  if (groups.size() != header.groups() * std::uint64_t{layout::kGroupBytes}) return damaged_blob("groups of digests");
  std::uint64_t next_id = 0;
  std::uint64_t next_bucket = 0;
  std::uint64_t next_offset = 0;
  std::uint32_t last_bytes = 0;
  for (std::uint32_t i = 0; i < header.groups(); ++i) {
    const std::byte* const at = groups.data() + i * layout::kGroupBytes;
    const TableView fields(ByteView(at, layout::kGroupBytes));
    const DigestGroup group = {.digest_bytes = fields[0],
                               .first_id = fields[1],
                               .count = fields[2],
                               .bucket_bits = fields[3],
                               .first_bucket = fields[4],
                               .offset = load<std::uint64_t>(at + 24, ByteOrder::kLittle)};
    const bool fits = group.digest_bytes > last_bytes && group.digest_bytes >= sizeof(std::uint64_t) &&
                      group.digest_bytes <= digest::kMaxDigestBytes && group.count > 0 && group.first_id == next_id &&
                      group.bucket_bits <= 28 && group.first_bucket == next_bucket && group.offset == next_offset;
    const std::uint64_t bucket_count = (std::uint64_t{1} << (fits ? group.bucket_bits : 0)) + 1;
    next_id += group.count;
    next_bucket += bucket_count;
    next_offset += std::uint64_t{group.count} * group.digest_bytes;
    last_bytes = group.digest_bytes;
    if (!fits || next_bucket > digest_buckets_.size() || next_offset > digests_.size() ||
        !ascends(digest_buckets_, group.first_bucket, bucket_count, group.count)) {
      return damaged_blob("group " + std::to_string(i) + " of digests");
    }
    groups_.push_back(group);
  }
  if (next_id != digest_count_ || !header.has_words(Section::kDigestBuckets, next_bucket) ||
      next_offset != digests_.size()) {
    return damaged_blob("number of digests");
  }
  return {};
}

Result<void> BlobView::check_names(const Header& header) {
  name_count_ = header.names();
  directories_ = TableView(header[Section::kDirectories]);
  directory_text_ = header[Section::kDirectoryText];
  name_buckets_ = TableView(header[Section::kNameBuckets]);
  names_ = TableView(header[Section::kNames]);
  name_text_ = header[Section::kNameText];
  if (!header.has_words(Section::kDirectories, std::uint64_t{header.directories()} + 1) ||
      !ascends(directories_, 0, directories_.size(), static_cast<std::uint32_t>(directory_text_.size()))) {
    return damaged_blob("directories");
  }
  name_bucket_bits_ = layout::bucket_bits_for(name_count_);
  if (!header.has_words(Section::kNameBuckets, (std::uint64_t{1} << name_bucket_bits_) + 1) ||
      !ascends(name_buckets_, 0, name_buckets_.size(), name_count_)) {
    return damaged_blob("index of names");
  }
  if (!header.has_words(Section::kNames, (std::uint64_t{name_count_} + 1) * layout::kNameFields)) {
    return damaged_blob("number of names");
  }
  for (std::uint32_t i = 0; i < name_count_; ++i) {
    if ((name_field(i, 1) & layout::kDirectoryMask) >= header.directories() ||
        name_field(i, 2) > name_field(i + 1, 2) || name_field(i, 3) > name_field(i + 1, 3)) {
      return damaged_blob("name " + std::to_string(i));
    }
  }
  if (name_field(name_count_, 2) != name_text_.size() || name_field(name_count_, 3) != header.links() ||
      name_field(0, 2) != 0 || name_field(0, 3) != 0) {
    return damaged_blob("last name");
  }
  return {};
}

Result<void> BlobView::check_links(const Header& header) {
  links_ = TableView(header[Section::kLinks]);
  link_rules_ = header[Section::kLinkRules];
  backlink_firsts_ = TableView(header[Section::kBacklinkFirsts]);
  backlinks_ = TableView(header[Section::kBacklinks]);
  any_path_ = TableView(header[Section::kAnyPath]);
  packages_ = TableView(header[Section::kPackages]);
  const std::uint64_t links = header.links();
  if (!header.has_words(Section::kLinks, links) || !all_below(links_, digest_count_) ||
      (!link_rules_.empty() && link_rules_.size() != links)) {
    return damaged_blob("links of names");
  }
  if (!header.has_words(Section::kBacklinkFirsts, std::uint64_t{digest_count_} + 1) ||
      !ascends(backlink_firsts_, 0, backlink_firsts_.size(), header.links()) ||
      !header.has_words(Section::kBacklinks, links) || !all_below(backlinks_, name_count_)) {
    return damaged_blob("names of digests");
  }
  if (!header.has_words(Section::kAnyPath, any_path_.size()) || !all_below(any_path_, digest_count_) ||
      (packages_.size() != 0 && !header.has_words(Section::kPackages, digest_count_))) {
    return damaged_blob("attributes of digests");
  }
  for (const std::byte rule : link_rules_)
    greatest_rule_ = std::max(greatest_rule_, std::to_integer<std::uint8_t>(rule));
  for (std::size_t i = 0; i < packages_.size(); ++i) greatest_package_ = std::max(greatest_package_, packages_[i]);
  return {};
}

std::uint64_t BlobView::prefetch_name(DigestMap map, std::string_view name) const {
  const std::uint64_t hash = name_hash(map, name);
  name_buckets_.prefetch(layout::bucket_of(hash, name_bucket_bits_));
  return hash;
}

std::optional<std::uint32_t> BlobView::find_name(DigestMap map, std::string_view name, std::uint64_t hash) const {
  const std::uint64_t bucket = layout::bucket_of(hash, name_bucket_bits_);
  const std::uint32_t end = name_buckets_[bucket + 1];
  for (std::uint32_t id = name_buckets_[bucket]; id < end; ++id) {
    if (name_field(id, 0) != static_cast<std::uint32_t>(hash) || map_of(id) != map) continue;
    links_.prefetch(name_field(id, 3));
    const auto [directory, last] = text_of(id);
    if (name.size() == directory.size() + last.size() && name.starts_with(directory) && name.ends_with(last)) return id;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> BlobView::find_digest(ByteView digest) const {
  for (const DigestGroup& group : groups_) {
    if (group.digest_bytes != digest.size()) continue;
    const std::uint64_t bucket =
        group.first_bucket + layout::bucket_of(load<std::uint64_t>(digest.data(), ByteOrder::kBig), group.bucket_bits);
    const std::byte* const digests = digests_.data() + group.offset;
    std::uint32_t first = digest_buckets_[bucket];
    std::uint32_t end = digest_buckets_[bucket + 1];
    while (first < end) {
      const std::uint32_t middle = first + (end - first) / 2;
      const int order = std::memcmp(digests + std::size_t{middle} * group.digest_bytes, digest.data(), digest.size());
      if (order == 0) return group.first_id + middle;
      if (order < 0) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    return std::nullopt;
  }
  return std::nullopt;
}

DigestMap BlobView::map_of(std::uint32_t name) const {
  return static_cast<DigestMap>(name_field(name, 1) >> layout::kMapShift);
}

std::array<std::string_view, 2> BlobView::text_of(std::uint32_t name) const {
  const std::uint32_t directory = name_field(name, 1) & layout::kDirectoryMask;
  const auto between = [](ByteView text, std::uint32_t first, std::uint32_t end) {
    return as_text(text).substr(first, end - first);
  };
  return {between(directory_text_, directories_[directory], directories_[directory + 1]),
          between(name_text_, name_field(name, 2), name_field(name + 1, 2))};
}

ByteView BlobView::digest_of(std::uint32_t digest) const {
  const auto after = std::upper_bound(groups_.begin(), groups_.end(), digest,
                                      [](std::uint32_t id, const DigestGroup& group) { return id < group.first_id; });
  const DigestGroup& group = *std::prev(after);
  return digests_.subspan(group.offset + std::size_t{digest - group.first_id} * group.digest_bytes, group.digest_bytes);
}

std::array<std::uint32_t, 2> BlobView::links_of(std::uint32_t name) const {
  return {name_field(name, 3), name_field(name + 1, 3)};
}

std::array<std::uint32_t, 2> BlobView::backlinks_of(std::uint32_t digest) const {
  return {backlink_firsts_[digest], backlink_firsts_[digest + 1]};
}

bool BlobView::at_any_path(std::uint32_t digest) const {
  std::size_t first = 0;
  std::size_t end = any_path_.size();
  while (first < end) {
    const std::size_t middle = first + (end - first) / 2;
    if (any_path_[middle] == digest) return true;
    if (any_path_[middle] < digest) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return false;
}

}  // namespace imakeep::policy
