// SPDX-License-Identifier: Apache-2.0
// policy/policy.h - reads an appraisal policy: Keylime's runtime policy v1, and imakeep's additions in its member
// "imakeep".
//
// docs/reference/policy.md describes the document, and docs/reference/policy.schema.json is its schema. parse_policy()
// checks everything that makes a policy bad, so that compile() (compiled_policy.h) cannot find a bad one. Each error
// about the content has the form "POINTER: REASON; REMEDY", where POINTER is a JSON pointer (RFC 6901).
//
// Source: what keylime/ima/ima.py and keylime/common/validators.py do at Keylime's commit 9b1f6e6a.
// Threads: plain values; the functions have no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "digest/digest.h"

namespace imakeep::policy {

enum class Mode : std::uint8_t {
  kStrict,   // patterns match a whole name (RE2), algorithms are compared, the member "imakeep" counts
  kKeylime,  // the verdict that Keylime gives (PCRE2); of the member "imakeep" only package names are used
};

struct Limits {
  std::size_t most_bytes = 100'000'000;   // of the policy's text, without its envelope
  std::size_t most_patterns = 10'000;     // in the whole policy
  std::size_t most_pattern_bytes = 4096;  // in one pattern
  std::size_t most_depth = 16;            // of nested objects and arrays
  std::size_t most_values = 4'000'000;    // outside the maps of digests
};

// Which map of the policy a name is looked up in.
enum class DigestMap : std::uint8_t {
  kFiles,     // "digests": path of a file -> digests of its content
  kKeyrings,  // "keyrings": keyring -> digests of keys
  kBuffers,   // "ima-buf": name of a buffer -> digests
  kVerity,    // "imakeep"/"verity_digests": path of a file -> fs-verity digests
};
inline constexpr std::size_t kDigestMapCount = 4;

// When an update may be accepted; docs/reference/policy.md, "updates".
struct Update {
  std::string name;
  std::optional<std::uint64_t> from_record;  // number of the first record for which `new` digests are accepted
  std::optional<std::uint64_t> to_record;  // number of the first record for which `old` digests are no longer accepted
};

struct Package {
  std::string name;
  std::string version;
  std::string architecture;  // may be empty

  friend bool operator==(const Package&, const Package&) = default;
};

// A set of paths: exact paths, patterns, and the sets of other classes, by their position in Policy::path_classes.
struct PathSet {
  std::vector<std::string> paths;
  std::vector<std::string> patterns;
  std::vector<std::uint32_t> classes;
};

struct PathClass {
  std::string name;
  PathSet set;
};

struct RequiredSignature {
  PathSet where;
  std::vector<std::string> keyrings;  // a key of one of them must have signed; empty: of any keyring
};

// A key of the member "verification-keys".
struct FileKey {
  std::uint32_t key_id = 0;
  Bytes public_key;  // DER, SubjectPublicKeyInfo
};

// What both modes need besides digests; small, whatever the size of the policy.
struct Rules {
  std::uint64_t generator = 0;
  std::uint64_t release = 0;
  digest::Algorithm log_hash_algorithm = digest::Algorithm::kSha1;
  std::vector<std::string> excludes;
  std::vector<std::string> ignored_keyrings;
  std::vector<FileKey> file_keys;
  std::vector<Package> packages;

  // Of the member "imakeep".
  std::vector<digest::Algorithm> algorithms;  // at most one for each length of a digest
  std::vector<PathClass> path_classes;
  std::optional<PathSet> violations;  // where violations are accepted; none: nowhere
  std::vector<RequiredSignature> signatures;
  std::vector<Update> updates;
  std::vector<std::uint32_t> pcrs;     // accepted PCRs; empty: all
  std::vector<std::string> templates;  // accepted templates; empty: all
};

// A policy that has been read and checked. Names and digests lie in two pools, since there may be a million of each.
struct Policy {
  struct Name {
    std::uint64_t hash = 0;    // name_hash()
    std::uint32_t offset = 0;  // in `names`
    std::uint32_t bytes = 0;
    DigestMap map = DigestMap::kFiles;
  };
  // A digest that is accepted for a name.
  struct Entry {
    std::uint32_t name = 0;           // index in `name_table`
    std::uint32_t digest_offset = 0;  // in `digests`
    std::uint8_t digest_bytes = 0;
    std::uint8_t rule = 0;  // 0: always; 1 + 2u: old of update u; 2 + 2u: new of update u
  };
  struct DigestRef {
    std::uint32_t digest_offset = 0;
    std::uint32_t digest_bytes = 0;
    std::uint32_t package = 0;  // index in Rules::packages, if it is that of a package
  };

  std::string_view name_of(const Name& name) const { return std::string_view(names).substr(name.offset, name.bytes); }

  Mode mode = Mode::kStrict;
  digest::Digest source;  // SHA-256 of the policy's text, without its envelope: the identity of the policy
  Bytes payload;          // the text, if the policy came in an envelope; else empty
  Rules rules;
  std::string names;
  Bytes digests;
  std::vector<Name> name_table;
  std::vector<Entry> entries;
  std::vector<DigestRef> any_path;
  std::vector<DigestRef> packaged;
};

// The names of a policy sorted by hash, map and text: positions in `name_table`.
std::vector<std::uint32_t> sorted_names(const Policy& policy);
inline bool same_name(const Policy& policy, const Policy::Name& a, const Policy::Name& b) {
  return a.hash == b.hash && a.map == b.map && policy.name_of(a) == policy.name_of(b);
}

// Hash of a name in a map, for tables. It does not resist deliberate collisions; whoever uses it compares names too.
std::uint64_t name_hash(DigestMap map, std::string_view name);

class PolicyKey;

// Reads a policy, plain or in a DSSE envelope. If `keys` is not empty, the policy must be in an envelope, and one of
// the keys must have signed it; otherwise signatures are not looked at. Errors:
// - kMalformed: not JSON, or not as the schema says; also a pattern that is no pattern
// - kUnsupported: a limit is exceeded, a pattern is too costly, or this build does not know a member or version
// - kMismatch: no key of `keys` signed it
Result<Policy> parse_policy(ByteView file, Mode mode, const std::vector<PolicyKey>& keys, const Limits& limits = {});
Result<Policy> parse_policy(ByteView file, Mode mode, const Limits& limits = {});

}  // namespace imakeep::policy
