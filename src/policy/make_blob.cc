// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <map>

#include "digest/digest.h"
#include "policy/blob.h"
#include "policy/blob_layout.h"

namespace imakeep::policy {
namespace {

using layout::Section;

// A digest in the pool, with the bytes that it is sorted by first.
struct PooledDigest {
  std::uint64_t prefix = 0;
  std::uint32_t offset = 0;
  std::uint32_t digest_bytes = 0;
  std::uint32_t* id = nullptr;  // where to put its id
};

struct Link {
  std::uint64_t name_and_digest = 0;
  std::uint8_t rule = 0;

  friend bool operator==(const Link&, const Link&) = default;
  friend auto operator<=>(const Link&, const Link&) = default;
};

void append_u32(Bytes& out, std::size_t value) {
  append_int(out, static_cast<std::uint32_t>(value), ByteOrder::kLittle);
}

// Makes the sections of a blob, in the order in which they depend on each other.
class BlobMaker {
 public:
  explicit BlobMaker(const Policy& policy) : policy_(policy) {}

  Bytes make() && {
    number_digests();
    number_names();
    write_links();
    write_backlinks();
    write_flags();
    section(Section::kRules) = encode_rules(policy_.rules);
    return assembled();
  }

 private:
  Bytes& section(Section which) { return sections_[static_cast<std::size_t>(which)]; }

  ByteView pooled(std::uint32_t offset, std::uint32_t bytes) const {
    return ByteView(policy_.digests).subspan(offset, bytes);
  }

  bool less(const PooledDigest& a, const PooledDigest& b) const {
    if (a.digest_bytes != b.digest_bytes) return a.digest_bytes < b.digest_bytes;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return std::memcmp(policy_.digests.data() + a.offset, policy_.digests.data() + b.offset, a.digest_bytes) < 0;
  }

  void number_digests() {
    entry_ids_.resize(policy_.entries.size());
    any_ids_.resize(policy_.any_path.size());
    packaged_ids_.resize(policy_.packaged.size());
    std::vector<PooledDigest> all;
    all.reserve(entry_ids_.size() + any_ids_.size() + packaged_ids_.size());
    const auto add = [&](std::uint32_t offset, std::uint32_t bytes, std::uint32_t* id) {
      const auto prefix = load<std::uint64_t>(policy_.digests.data() + offset, ByteOrder::kBig);
      all.push_back({.prefix = prefix, .offset = offset, .digest_bytes = bytes, .id = id});
    };
    for (std::size_t i = 0; i < entry_ids_.size(); ++i) {
      add(policy_.entries[i].digest_offset, policy_.entries[i].digest_bytes, &entry_ids_[i]);
    }
    for (std::size_t i = 0; i < any_ids_.size(); ++i) {
      add(policy_.any_path[i].digest_offset, policy_.any_path[i].digest_bytes, &any_ids_[i]);
    }
    for (std::size_t i = 0; i < packaged_ids_.size(); ++i) {
      add(policy_.packaged[i].digest_offset, policy_.packaged[i].digest_bytes, &packaged_ids_[i]);
    }
    std::sort(all.begin(), all.end(), [this](const PooledDigest& a, const PooledDigest& b) { return less(a, b); });
    std::vector<PooledDigest> unique;
    for (const PooledDigest& digest : all) {
      if (unique.empty() || less(unique.back(), digest)) unique.push_back(digest);
      *digest.id = static_cast<std::uint32_t>(unique.size() - 1);
    }
    digest_count_ = unique.size();
    write_groups(unique);
  }

  void write_groups(const std::vector<PooledDigest>& digests) {
    for (std::size_t first = 0; first < digests.size();) {
      std::size_t end = first;
      while (end < digests.size() && digests[end].digest_bytes == digests[first].digest_bytes) ++end;
      const std::uint32_t bits = layout::bucket_bits_for(end - first);
      Bytes& groups = section(Section::kGroups);
      Bytes& buckets = section(Section::kDigestBuckets);
      append_u32(groups, digests[first].digest_bytes);
      append_u32(groups, first);
      append_u32(groups, end - first);
      append_u32(groups, bits);
      append_u32(groups, buckets.size() / sizeof(std::uint32_t));
      append_u32(groups, 0);
      append_int(groups, std::uint64_t{section(Section::kDigests).size()}, ByteOrder::kLittle);
      std::size_t at = first;
      for (std::uint64_t bucket = 0; bucket < std::uint64_t{1} << bits; ++bucket) {
        append_u32(buckets, at - first);
        while (at < end && layout::bucket_of(digests[at].prefix, bits) == bucket) ++at;
      }
      append_u32(buckets, end - first);
      for (std::size_t i = first; i < end; ++i) {
        append_bytes(section(Section::kDigests), pooled(digests[i].offset, digests[i].digest_bytes));
      }
      ++group_count_;
      first = end;
    }
  }

  // By hash, so that names of a bucket follow one another.
  void number_names() {
    const std::vector<std::uint32_t> order = sorted_names(policy_);
    name_ids_.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const bool again = i > 0 && same_name(policy_, policy_.name_table[order[i - 1]], policy_.name_table[order[i]]);
      if (!again) names_.push_back(order[i]);
      name_ids_[order[i]] = static_cast<std::uint32_t>(names_.size() - 1);
    }
    number_directories();
    const std::uint32_t bits = layout::bucket_bits_for(names_.size());
    std::size_t at = 0;
    for (std::uint64_t bucket = 0; bucket < std::uint64_t{1} << bits; ++bucket) {
      append_u32(section(Section::kNameBuckets), at);
      while (at < names_.size() && layout::bucket_of(policy_.name_table[names_[at]].hash, bits) == bucket) ++at;
    }
    append_u32(section(Section::kNameBuckets), names_.size());
  }

  std::string_view text_of(std::size_t id) const { return policy_.name_of(policy_.name_table[names_[id]]); }

  static std::string_view directory_in(std::string_view name) { return name.substr(0, name.rfind('/') + 1); }

  void number_directories() {
    // In the order of the policy, where names of one directory mostly follow one another.
    std::map<std::string_view, std::uint32_t> directories;
    std::vector<std::map<std::string_view, std::uint32_t>::iterator> by_name;
    by_name.reserve(policy_.name_table.size());
    for (const Policy::Name& name : policy_.name_table) {
      const std::string_view directory = directory_in(policy_.name_of(name));
      const bool again = !by_name.empty() && by_name.back()->first == directory;
      by_name.push_back(again ? by_name.back() : directories.emplace(directory, 0).first);
    }
    for (auto& [directory, id] : directories) {
      id = static_cast<std::uint32_t>(section(Section::kDirectories).size() / sizeof id);
      append_u32(section(Section::kDirectories), section(Section::kDirectoryText).size());
      append_bytes(section(Section::kDirectoryText), as_bytes(directory));
    }
    append_u32(section(Section::kDirectories), section(Section::kDirectoryText).size());
    directory_count_ = directories.size();
    directory_ids_.reserve(names_.size());
    for (const std::uint32_t name : names_) directory_ids_.push_back(by_name[name]->second);
  }

  void write_links() {
    links_.reserve(policy_.entries.size());
    for (std::size_t i = 0; i < policy_.entries.size(); ++i) {
      const std::uint64_t name = name_ids_[policy_.entries[i].name];
      links_.push_back({.name_and_digest = name << 32 | entry_ids_[i], .rule = policy_.entries[i].rule});
    }
    std::sort(links_.begin(), links_.end());
    links_.erase(std::unique(links_.begin(), links_.end()), links_.end());
    const bool with_rules = std::any_of(links_.begin(), links_.end(), [](const Link& link) { return link.rule != 0; });
    std::size_t link = 0;
    for (std::size_t id = 0; id < names_.size(); ++id) {
      const Policy::Name& name = policy_.name_table[names_[id]];
      while (link < links_.size() && links_[link].name_and_digest >> 32 < id) ++link;
      append_name(static_cast<std::uint32_t>(name.hash),
                  directory_ids_[id] | static_cast<std::uint32_t>(name.map) << layout::kMapShift, link);
      append_bytes(section(Section::kNameText), as_bytes(text_of(id).substr(directory_in(text_of(id)).size())));
    }
    append_name(0, 0, links_.size());
    for (const Link& one : links_) {
      append_u32(section(Section::kLinks), one.name_and_digest & 0xffff'ffff);
      if (with_rules) section(Section::kLinkRules).push_back(std::byte{one.rule});
    }
  }

  void append_name(std::uint32_t hash, std::uint32_t directory_and_map, std::size_t first_link) {
    Bytes& out = section(Section::kNames);
    append_u32(out, hash);
    append_u32(out, directory_and_map);
    append_u32(out, section(Section::kNameText).size());
    append_u32(out, first_link);
  }

  void write_backlinks() {
    std::vector<std::uint32_t> firsts(digest_count_ + 1);
    for (const Link& link : links_) ++firsts[(link.name_and_digest & 0xffff'ffff) + 1];
    for (std::size_t i = 1; i < firsts.size(); ++i) firsts[i] += firsts[i - 1];
    for (const std::uint32_t first : firsts) append_u32(section(Section::kBacklinkFirsts), first);
    std::vector<std::uint32_t> names(links_.size());
    for (const Link& link : links_) {
      names[firsts[link.name_and_digest & 0xffff'ffff]++] = static_cast<std::uint32_t>(link.name_and_digest >> 32);
    }
    for (const std::uint32_t name : names) append_u32(section(Section::kBacklinks), name);
  }

  void write_flags() {
    std::sort(any_ids_.begin(), any_ids_.end());
    any_ids_.erase(std::unique(any_ids_.begin(), any_ids_.end()), any_ids_.end());
    for (const std::uint32_t id : any_ids_) append_u32(section(Section::kAnyPath), id);
    if (policy_.packaged.empty()) return;
    std::vector<std::uint32_t> packages(digest_count_);
    for (std::size_t i = 0; i < packaged_ids_.size(); ++i) {
      std::uint32_t& package = packages[packaged_ids_[i]];
      if (package == 0) package = policy_.packaged[i].package + 1;
    }
    for (const std::uint32_t package : packages) append_u32(section(Section::kPackages), package);
  }

  Bytes assembled() {
    std::size_t total = layout::kHeaderBytes;
    for (const Bytes& one : sections_) total += layout::padded(one.size());
    Bytes blob;
    blob.reserve(total);
    append_bytes(blob, as_bytes(layout::kMagic));
    append_u32(blob, layout::kVersion);
    append_u32(blob, static_cast<std::size_t>(policy_.mode));
    append_int(blob, std::uint64_t{total}, ByteOrder::kLittle);
    append_bytes(blob, policy_.source.view());
    blob.resize(layout::kCountsAt);
    for (const std::size_t count : {directory_count_, names_.size(), links_.size(), digest_count_, group_count_}) {
      append_u32(blob, count);
    }
    blob.resize(layout::kSectionsAt);
    std::size_t offset = layout::kHeaderBytes;
    for (const Bytes& one : sections_) {
      append_int(blob, std::uint64_t{offset}, ByteOrder::kLittle);
      append_int(blob, std::uint64_t{one.size()}, ByteOrder::kLittle);
      offset += layout::padded(one.size());
    }
    for (Bytes& one : sections_) {
      append_bytes(blob, one);
      blob.resize(layout::padded(blob.size()));
      one = Bytes();
    }
    const auto sum = digest::hash(digest::Algorithm::kSha256, {ByteView(blob).first(layout::kChecksumAt),
                                                               ByteView(blob).subspan(layout::kCountsAt)});
    std::copy_n(sum.view().begin(), layout::kHashBytes, blob.begin() + layout::kChecksumAt);
    return blob;
  }

  const Policy& policy_;
  std::array<Bytes, layout::kSectionCount> sections_;
  std::vector<std::uint32_t> entry_ids_, any_ids_, packaged_ids_;  // ids of digests
  std::vector<std::uint32_t> name_ids_;                            // by position in the policy's table
  std::vector<std::uint32_t> names_;                               // position in the policy's table, by id
  std::vector<std::uint32_t> directory_ids_;                       // by id of the name
  std::vector<Link> links_;
  std::size_t digest_count_ = 0;
  std::size_t group_count_ = 0;
  std::size_t directory_count_ = 0;
};

}  // namespace

Bytes make_blob(const Policy& policy) {
  return BlobMaker(policy).make();
}

}  // namespace imakeep::policy
