// SPDX-License-Identifier: Apache-2.0
#include "policy/compiled_policy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/file.h"
#include "policy/blob.h"
#include "policy/patterns.h"

namespace imakeep::policy {

// Types of members of CompiledPolicy::Parts, which may not be of an anonymous namespace when sources are compiled
// together.
namespace detail {

// A file in memory, read-only.
class Mapping {
 public:
  Mapping() = default;
  explicit Mapping(ByteView bytes) : bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping() {
    // munmap() takes no pointer to const.
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }

  static Result<Mapping> of_file(const std::string& path) {
    IMAKEEP_TRY(const auto& file, open_file(path, O_RDONLY));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "stat " + path);
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
      return fail(ErrorCode::kMalformed, path +
                                             ": no compiled policy, but no regular file or an empty one; name a "
                                             "compiled policy");
    }
    const auto bytes = static_cast<std::size_t>(status.st_size);
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) return fail_errno(errno, "map " + path);
    return Mapping(ByteView(static_cast<const std::byte*>(mapped), bytes));
  }

  ByteView bytes() const { return bytes_; }

 private:
  ByteView bytes_;
};

// A set of paths that paths are looked up in.
struct CompiledPathSet {
  static Result<CompiledPathSet> compile(const PathSet& set) {
    CompiledPathSet compiled;
    compiled.paths.insert(set.paths.begin(), set.paths.end());
    // The member "imakeep" has one kind of pattern, whatever the mode is.
    IMAKEEP_TRY(compiled.patterns, Patterns::compile(set.patterns, Mode::kStrict));
    compiled.classes = set.classes;
    return compiled;
  }

  bool has(std::string_view path, const std::vector<CompiledPathSet>& all_classes) const {
    if (paths.contains(std::string(path)) || patterns.match(path)) return true;
    return std::any_of(classes.begin(), classes.end(),
                       [&](std::uint32_t index) { return all_classes[index].has(path, all_classes); });
  }

  std::unordered_set<std::string> paths;
  Patterns patterns;
  std::vector<std::uint32_t> classes;
};

}  // namespace detail

namespace {

using detail::CompiledPathSet;
using detail::Mapping;

constexpr std::uint8_t kAlways = 0;

std::size_t update_of(std::uint8_t rule) {
  return (rule - 1u) / 2;
}

bool in_range(const Update& update, std::uint8_t rule, std::uint64_t record) {
  const bool is_new = rule % 2 == 0;
  return is_new ? record >= update.from_record.value_or(0) : !update.to_record || record < *update.to_record;
}

}  // namespace

struct CompiledPolicy::Parts {
  static Result<CompiledPolicy> open(Bytes bytes, Mapping mapping) {
    auto parts = std::make_unique<Parts>();
    parts->bytes = std::move(bytes);
    parts->mapping = std::move(mapping);
    IMAKEEP_TRY(parts->view, BlobView::open(parts->blob()));
    IMAKEEP_TRY(parts->rules, decode_rules(parts->view.rules()));
    const Rules& rules = parts->rules;
    if (parts->view.greatest_rule() > 2 * rules.updates.size() ||
        parts->view.greatest_package() > rules.packages.size()) {
      return fail(ErrorCode::kMalformed,
                  "the compiled policy is damaged: it has digests of updates or packages that it "
                  "does not name; compile the policy again");
    }
    parts->source = digest::Digest(parts->view.source());
    IMAKEEP_TRY(parts->excludes, Patterns::compile(rules.excludes, parts->view.mode()));
    for (const PathClass& one : rules.path_classes) {
      IMAKEEP_TRY(auto compiled, CompiledPathSet::compile(one.set));
      parts->classes.push_back(std::move(compiled));
    }
    if (rules.violations) {
      IMAKEEP_TRY(parts->violations, CompiledPathSet::compile(*rules.violations));
    }
    for (const RequiredSignature& signature : rules.signatures) {
      IMAKEEP_TRY(auto compiled, CompiledPathSet::compile(signature.where));
      parts->signatures.push_back(std::move(compiled));
    }
    return CompiledPolicy(std::move(parts));
  }

  ByteView blob() const { return bytes.empty() ? mapping.bytes() : ByteView(bytes); }

  // Whether the digest of the query can be one of the policy's.
  bool comparable(const Query& query) const {
    if (view.mode() == Mode::kKeylime) return true;
    return query.algorithm && digest::digest_bytes(*query.algorithm) == query.digest.size() &&
           std::find(rules.algorithms.begin(), rules.algorithms.end(), *query.algorithm) != rules.algorithms.end();
  }

  // The first link of the name with this digest, or the end of its links.
  std::uint32_t link_with(std::uint32_t name, ByteView digest) const {
    constexpr std::uint32_t kFew = 8;
    const auto [begin, end] = view.links_of(name);
    std::uint32_t first = begin;
    // Almost every name has few digests. They are compared at once, without the index of digests.
    if (end - begin <= kFew) {
      while (first < end && !equal(view.digest_of(view.linked_digest(first)), digest)) ++first;
      return first;
    }
    const auto id = view.find_digest(digest);
    if (!id) return end;
    std::uint32_t last = end;
    while (first < last) {
      const std::uint32_t middle = first + (last - first) / 2;
      if (view.linked_digest(middle) < *id) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first < end && view.linked_digest(first) == *id ? first : end;
  }

  bool accepted(std::uint32_t name, const Query& query) const {
    const std::uint32_t end = view.links_of(name)[1];
    std::uint32_t link = link_with(name, query.digest);
    if (link == end) return false;
    // The same digest follows once for each rule.
    for (const std::uint32_t id = view.linked_digest(link); link < end && view.linked_digest(link) == id; ++link) {
      const std::uint8_t rule = view.rule_of(link);
      if (rule == kAlways || !query.record || in_range(rules.updates[update_of(rule)], rule, *query.record))
        return true;
    }
    return false;
  }

  bool at_any_path(ByteView digest) const {
    const auto id = view.any_path_count() == 0 ? std::nullopt : view.find_digest(digest);
    return id && view.at_any_path(*id);
  }

  std::vector<KnownDigestView> nearest(std::uint32_t name, std::size_t digest_bytes) const {
    std::vector<KnownDigestView> found;
    const auto [begin, end] = view.links_of(name);
    for (const bool as_long : {true, false}) {
      for (std::uint32_t link = begin; link < end && found.size() < kMostNearest; ++link) {
        const std::uint32_t id = view.linked_digest(link);
        const ByteView digest = view.digest_of(id);
        if ((digest.size() == digest_bytes) != as_long) continue;
        const std::uint8_t rule = view.rule_of(link);
        found.push_back({.digest = digest,
                         .package = package(id),
                         .update = rule == kAlways ? nullptr : &rules.updates[update_of(rule)]});
      }
    }
    return found;
  }

  const Package* package(std::uint32_t digest) const {
    const std::uint32_t index = view.package_of(digest);
    return index == 0 ? nullptr : &rules.packages[index - 1];
  }

  Bytes bytes;              // the blob, or
  detail::Mapping mapping;  // the file with it
  BlobView view;
  Rules rules;
  digest::Digest source;
  Patterns excludes;
  std::vector<detail::CompiledPathSet> classes;
  detail::CompiledPathSet violations;
  std::vector<detail::CompiledPathSet> signatures;
};

CompiledPolicy::CompiledPolicy(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
CompiledPolicy::CompiledPolicy(CompiledPolicy&&) noexcept = default;
CompiledPolicy& CompiledPolicy::operator=(CompiledPolicy&&) noexcept = default;
CompiledPolicy::~CompiledPolicy() = default;

Result<CompiledPolicy> CompiledPolicy::compile(const Policy& policy) {
  return Parts::open(make_blob(policy), Mapping());
}

Result<CompiledPolicy> CompiledPolicy::from_blob(Bytes blob) {
  return Parts::open(std::move(blob), Mapping());
}

Result<CompiledPolicy> CompiledPolicy::map_file(const std::string& path) {
  IMAKEEP_TRY(auto mapping, Mapping::of_file(path));
  auto policy = Parts::open({}, std::move(mapping));
  if (!policy) return unexpected(named(std::move(policy).error(), path));
  return policy;
}

ByteView CompiledPolicy::blob() const {
  return parts_->blob();
}

Mode CompiledPolicy::mode() const {
  return parts_->view.mode();
}

const digest::Digest& CompiledPolicy::source() const {
  return parts_->source;
}

const Rules& CompiledPolicy::rules() const {
  return parts_->rules;
}

std::uint64_t CompiledPolicy::digest_count() const {
  return parts_->view.digest_count();
}

std::uint64_t CompiledPolicy::name_count() const {
  return parts_->view.name_count();
}

Answer CompiledPolicy::look_up(const Query& query) const {
  Answer answer;
  const std::uint64_t hash = parts_->view.prefetch_name(query.map, query.name);
  const Exclusion exclusion = excluded(query.name);
  if (exclusion.index) {
    answer.verdict = Verdict::kExcluded;
    return answer;
  }
  answer.exclude_given_up = exclusion.given_up;
  const auto name = parts_->view.find_name(query.map, query.name, hash);
  const bool comparable = parts_->comparable(query);
  if (name && comparable && parts_->accepted(*name, query)) {
    answer.verdict = Verdict::kAccepted;
  } else if (comparable && query.map == DigestMap::kFiles && parts_->at_any_path(query.digest)) {
    answer.verdict = Verdict::kAnyPath;
  } else if (name) {
    answer.verdict = Verdict::kOtherDigest;
    answer.nearest = parts_->nearest(*name, query.digest.size());
  }
  return answer;
}

CompiledPolicy::Exclusion CompiledPolicy::excluded(std::string_view name) const {
  const Patterns::Match match = parts_->excludes.match(name);
  return {.index = match.index, .given_up = match.given_up};
}

bool CompiledPolicy::accepted_at_any_path(ByteView digest) const {
  return parts_->at_any_path(digest);
}

const Package* CompiledPolicy::package_of(ByteView digest) const {
  const auto id = parts_->view.find_digest(digest);
  return id ? parts_->package(*id) : nullptr;
}

std::vector<KnownName> CompiledPolicy::names_of(ByteView digest, std::size_t most) const {
  std::vector<KnownName> names;
  const auto id = parts_->view.find_digest(digest);
  if (!id) return names;
  const auto [begin, end] = parts_->view.backlinks_of(*id);
  std::optional<std::uint32_t> last;
  for (std::uint32_t link = begin; link < end && names.size() < most; ++link) {
    const std::uint32_t name = parts_->view.linked_name(link);
    if (name == last) continue;  // once by another rule
    last = name;
    const auto [directory, rest] = parts_->view.text_of(name);
    names.push_back({.map = parts_->view.map_of(name), .name = std::string(directory) + std::string(rest)});
  }
  return names;
}

bool CompiledPolicy::violation_accepted(std::string_view path) const {
  if (mode() == Mode::kKeylime) return true;
  return parts_->violations.has(path, parts_->classes);
}

std::vector<const RequiredSignature*> CompiledPolicy::required_signatures(std::string_view path) const {
  std::vector<const RequiredSignature*> required;
  for (std::size_t i = 0; i < parts_->signatures.size(); ++i) {
    if (parts_->signatures[i].has(path, parts_->classes)) required.push_back(&parts_->rules.signatures[i]);
  }
  return required;
}

std::vector<const PathClass*> CompiledPolicy::classes_of(std::string_view path) const {
  std::vector<const PathClass*> classes;
  for (std::size_t i = 0; i < parts_->classes.size(); ++i) {
    if (parts_->classes[i].has(path, parts_->classes)) classes.push_back(&parts_->rules.path_classes[i]);
  }
  return classes;
}

bool CompiledPolicy::record_accepted(std::uint32_t pcr, std::string_view template_name) const {
  const Rules& of = parts_->rules;
  const bool pcr_fits = of.pcrs.empty() || std::find(of.pcrs.begin(), of.pcrs.end(), pcr) != of.pcrs.end();
  return pcr_fits && (of.templates.empty() ||
                      std::find(of.templates.begin(), of.templates.end(), template_name) != of.templates.end());
}

}  // namespace imakeep::policy
