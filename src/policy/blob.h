// SPDX-License-Identifier: Apache-2.0
// policy/blob.h - the bytes of a compiled policy: written from a policy, checked, and read in place.
//
// docs/formats/compiled-policy.md has the layout. Integers are little-endian. Internal to src/policy.
// Threads: no shared state; several threads may use one BlobView at once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "policy/policy.h"

namespace imakeep::policy {

// Writes the blob of a policy. The order of its members does not change the bytes, but for its rules.
Bytes make_blob(const Policy& policy);

// The rules as bytes, and back. Errors: kMalformed for any other bytes.
Bytes encode_rules(const Rules& rules);
Result<Rules> decode_rules(ByteView bytes);

// A table of little-endian numbers of 32 bits, in place.
class TableView {
 public:
  TableView() = default;
  explicit TableView(ByteView bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size() / sizeof(std::uint32_t); }
  // REQUIRES: index < size()
  std::uint32_t operator[](std::size_t index) const {
    return load<std::uint32_t>(bytes_.data() + index * sizeof(std::uint32_t), ByteOrder::kLittle);
  }
  // Harmless for any index.
  void prefetch(std::size_t index) const { __builtin_prefetch(bytes_.data() + index * sizeof(std::uint32_t)); }

 private:
  ByteView bytes_;
};

// The digests of one length, sorted. Their ids follow one another.
struct DigestGroup {
  std::uint32_t digest_bytes = 0;
  std::uint32_t first_id = 0;
  std::uint32_t count = 0;
  std::uint32_t bucket_bits = 0;  // digests of equal first bits are in one bucket
  std::uint32_t first_bucket = 0;
  std::uint64_t offset = 0;  // of the first digest in the section of digests
};

// A checked blob. Ids of names and digests are positions in its tables.
class BlobView {
 public:
  // Checks the checksum and every offset and id, so that no look-up reads outside. The blob must outlive the view.
  // Errors: kMalformed, kUnsupported.
  static Result<BlobView> open(ByteView blob);

  Mode mode() const { return mode_; }
  ByteView source() const { return source_; }
  ByteView rules() const { return rules_; }
  std::uint32_t name_count() const { return name_count_; }
  std::uint32_t digest_count() const { return digest_count_; }

  // Asks the processor for the memory in which find_name() begins, so that it arrives while other work is done.
  // Returns the hash of the name.
  std::uint64_t prefetch_name(DigestMap map, std::string_view name) const;
  // `hash`: name_hash(map, name).
  std::optional<std::uint32_t> find_name(DigestMap map, std::string_view name, std::uint64_t hash) const;
  std::optional<std::uint32_t> find_digest(ByteView digest) const;

  DigestMap map_of(std::uint32_t name) const;
  // Directory and last part of the name, in this order.
  std::array<std::string_view, 2> text_of(std::uint32_t name) const;
  ByteView digest_of(std::uint32_t digest) const;

  // The links of a name: [first, second). They are sorted by digest id.
  std::array<std::uint32_t, 2> links_of(std::uint32_t name) const;
  std::uint32_t linked_digest(std::uint32_t link) const { return links_[link]; }
  std::uint8_t rule_of(std::uint32_t link) const {
    return link_rules_.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(link_rules_[link]);
  }
  std::uint8_t greatest_rule() const { return greatest_rule_; }

  // The positions of a digest's names: [first, second).
  std::array<std::uint32_t, 2> backlinks_of(std::uint32_t digest) const;
  std::uint32_t linked_name(std::uint32_t backlink) const { return backlinks_[backlink]; }

  std::size_t any_path_count() const { return any_path_.size(); }
  bool at_any_path(std::uint32_t digest) const;
  // Index of the package plus 1; 0: none.
  std::uint32_t package_of(std::uint32_t digest) const { return packages_.size() == 0 ? 0 : packages_[digest]; }
  std::uint32_t greatest_package() const { return greatest_package_; }

 private:
  struct Header;
  Result<void> check_digests(const Header& header);
  Result<void> check_names(const Header& header);
  Result<void> check_links(const Header& header);

  std::uint32_t name_field(std::uint32_t name, std::size_t field) const {
    return names_[name * std::size_t{4} + field];
  }

  Mode mode_ = Mode::kStrict;
  std::uint32_t name_count_ = 0;
  std::uint32_t digest_count_ = 0;
  std::uint32_t name_bucket_bits_ = 0;
  std::uint32_t greatest_package_ = 0;
  std::uint8_t greatest_rule_ = 0;
  ByteView source_;
  std::vector<DigestGroup> groups_;
  TableView digest_buckets_;
  ByteView digests_;
  TableView directories_;
  ByteView directory_text_;
  TableView name_buckets_;
  TableView names_;
  ByteView name_text_;
  TableView links_;
  ByteView link_rules_;
  TableView backlink_firsts_;
  TableView backlinks_;
  TableView any_path_;
  TableView packages_;
  ByteView rules_;
};

}  // namespace imakeep::policy
