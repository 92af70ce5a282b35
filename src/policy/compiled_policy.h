// SPDX-License-Identifier: Apache-2.0
// policy/compiled_policy.h - a policy in the read-only form in which names and digests are looked up.
//
// One object serves all hosts. It lies in one blob, in memory or in a mapped file: docs/formats/compiled-policy.md has
// the layout. The blob holds everything; beside it only patterns and a few small lists are in memory. A look-up of a
// digest computes one hash and reads about six cache lines, whatever the size of the policy.
//
// The blob is a cache of a policy, not evidence: a SHA-256 over it finds damage, not deliberate changes. It must lie
// where only its owner can write, and be replaced as a whole (replace_file()), never written in place.
//
// Threads: const functions may be called by several threads at once.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/digest.h"
#include "policy/policy.h"

namespace imakeep::policy {

// What is looked up: the digest that a record has for a name.
struct Query {
  DigestMap map = DigestMap::kFiles;
  std::string_view name;
  std::optional<digest::Algorithm> algorithm;  // none: one that imakeep does not know. Only mode strict compares it.
  ByteView digest;
  std::optional<std::uint64_t> record;  // number of the record; none: updates accept both old and new
};

// A digest that the policy has for a name. It borrows from the policy.
struct KnownDigestView {
  ByteView digest;
  const Package* package = nullptr;  // nullptr: no package has it
  const Update* update = nullptr;    // the update that the digest belongs to; nullptr: accepted always
};

enum class Verdict : std::uint8_t {
  kExcluded,     // an exclude matches the name; the digest was not looked at
  kAccepted,     // the digest is accepted for this name
  kAnyPath,      // the digest is accepted at any path
  kOtherDigest,  // the name is known, with other digests, or with this one for other records only
  kUnknownName,
};

struct Answer {
  Verdict verdict = Verdict::kUnknownName;
  // For kOtherDigest at most kMostNearest digests of the name, those as long as the digest that was asked for first.
  std::vector<KnownDigestView> nearest;
  // Whether a pattern of the excludes was given up, so that the name counts as not excluded.
  bool exclude_given_up = false;
};
inline constexpr std::size_t kMostNearest = 4;

// A name for which a digest is accepted. It borrows from nothing.
struct KnownName {
  DigestMap map = DigestMap::kFiles;
  std::string name;
};

class CompiledPolicy {
 public:
  // REQUIRES: `policy` comes from parse_policy(). kUnsupported if memory for its patterns runs out.
  static Result<CompiledPolicy> compile(const Policy& policy);
  // Errors: kMalformed if the bytes are no such blob or are damaged; kUnsupported if another version of the format.
  static Result<CompiledPolicy> from_blob(Bytes blob);
  // Maps the file. Also the errors of open_file().
  static Result<CompiledPolicy> map_file(const std::string& path);

  CompiledPolicy(CompiledPolicy&&) noexcept;
  CompiledPolicy& operator=(CompiledPolicy&&) noexcept;
  ~CompiledPolicy();

  // What a file must hold for map_file(). The same policy always gives the same bytes.
  ByteView blob() const;

  Mode mode() const;
  // SHA-256 of the policy's text: its identity.
  const digest::Digest& source() const;
  const Rules& rules() const;
  std::uint64_t digest_count() const;
  std::uint64_t name_count() const;

  // The order of Keylime: excludes, name, digest. In mode strict, digests at any path come after the name's.
  Answer look_up(const Query& query) const;

  struct Exclusion {
    std::optional<std::size_t> index;  // in Rules::excludes
    bool given_up = false;             // a pattern needed too many steps for this name, and no other matched
  };
  Exclusion excluded(std::string_view name) const;

  bool accepted_at_any_path(ByteView digest) const;
  // nullptr if no package has the digest. If several have it, the first in the policy.
  const Package* package_of(ByteView digest) const;
  // At most `most` names for which the digest is accepted, by any rule.
  std::vector<KnownName> names_of(ByteView digest, std::size_t most) const;

  // ---- rules of the member "imakeep"; in mode keylime all of them accept

  // Whether a violation of this path is accepted.
  bool violation_accepted(std::string_view path) const;
  // The signatures that a file of this path must have; all of them.
  std::vector<const RequiredSignature*> required_signatures(std::string_view path) const;
  // The classes of this path.
  std::vector<const PathClass*> classes_of(std::string_view path) const;
  bool record_accepted(std::uint32_t pcr, std::string_view template_name) const;

 private:
  struct Parts;
  explicit CompiledPolicy(std::unique_ptr<const Parts> parts);

  std::unique_ptr<const Parts> parts_;
};

}  // namespace imakeep::policy
