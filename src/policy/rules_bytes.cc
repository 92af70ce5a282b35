// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/blob.h"

namespace imakeep::policy {
namespace {

class RulesWriter {
 public:
  void number(std::uint64_t value) { append_int(out_, value, ByteOrder::kLittle); }
  void text(std::string_view value) {
    number(value.size());
    append_bytes(out_, as_bytes(value));
  }
  void texts(const std::vector<std::string>& values) {
    list(values, [this](const std::string& value) { text(value); });
  }
  template <class T, class Write>
  void list(const std::vector<T>& values, Write write) {
    number(values.size());
    for (const T& value : values) write(value);
  }
  void optional_number(std::optional<std::uint64_t> value) {
    number(value ? 1 : 0);
    number(value.value_or(0));
  }
  void path_set(const PathSet& set) {
    texts(set.paths);
    texts(set.patterns);
    list(set.classes, [this](std::uint32_t index) { number(index); });
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Reads what RulesWriter wrote. After a fault it reads zeros, and ok() is false.
class RulesReader {
 public:
  explicit RulesReader(ByteView bytes) : left_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }

  std::uint64_t number(std::uint64_t max = ~std::uint64_t{0}) {
    if (left_.size() < sizeof(std::uint64_t)) return broken();
    const auto value = load<std::uint64_t>(left_.data(), ByteOrder::kLittle);
    left_ = left_.subspan(sizeof value);
    return value > max ? broken() : value;
  }
  std::string text() {
    const std::uint64_t bytes = number();
    if (bytes > left_.size()) {
      broken();
      return {};
    }
    std::string value(as_text(left_.first(bytes)));
    left_ = left_.subspan(bytes);
    return value;
  }
  std::vector<std::string> texts() {
    return list<std::string>([this] { return text(); });
  }
  template <class T, class Read>
  std::vector<T> list(Read read) {
    std::vector<T> values;
    // Every value takes eight bytes or more.
    for (std::uint64_t left = number(left_.size() / 8); left > 0 && ok_; --left) values.push_back(read());
    return values;
  }
  std::optional<std::uint64_t> optional_number() {
    const bool is_there = number(1) == 1;
    const std::uint64_t value = number();
    return is_there ? std::optional(value) : std::nullopt;
  }
  PathSet path_set(std::size_t class_count) {
    PathSet set;
    set.paths = texts();
    set.patterns = texts();
    set.classes = list<std::uint32_t>([&] {
      const std::uint64_t index = number();
      return static_cast<std::uint32_t>(index < class_count ? index : broken());
    });
    return set;
  }
  digest::Algorithm algorithm() { return static_cast<digest::Algorithm>(number(digest::kAlgorithmCount - 1)); }

 private:
  std::uint64_t broken() {
    ok_ = false;
    left_ = {};
    return 0;
  }

  ByteView left_;
  bool ok_ = true;
};

}  // namespace

Bytes encode_rules(const Rules& rules) {
  RulesWriter out;
  out.number(rules.generator);
  out.number(rules.release);
  out.number(static_cast<std::uint64_t>(rules.log_hash_algorithm));
  out.texts(rules.excludes);
  out.texts(rules.ignored_keyrings);
  out.list(rules.file_keys, [&](const FileKey& key) {
    out.number(key.key_id);
    out.text(as_text(key.public_key));
  });
  out.list(rules.packages, [&](const Package& package) {
    out.text(package.name);
    out.text(package.version);
    out.text(package.architecture);
  });
  out.list(rules.algorithms, [&](digest::Algorithm a) { out.number(static_cast<std::uint64_t>(a)); });
  out.list(rules.path_classes, [&](const PathClass& one) {
    out.text(one.name);
    out.path_set(one.set);
  });
  out.number(rules.violations ? 1 : 0);
  out.path_set(rules.violations.value_or(PathSet{}));
  out.list(rules.signatures, [&](const RequiredSignature& signature) {
    out.path_set(signature.where);
    out.texts(signature.keyrings);
  });
  out.list(rules.updates, [&](const Update& update) {
    out.text(update.name);
    out.optional_number(update.from_record);
    out.optional_number(update.to_record);
  });
  out.list(rules.pcrs, [&](std::uint32_t pcr) { out.number(pcr); });
  out.texts(rules.templates);
  return out.take();
}

Result<Rules> decode_rules(ByteView bytes) {
  RulesReader in(bytes);
  Rules rules;
  rules.generator = in.number();
  rules.release = in.number();
  rules.log_hash_algorithm = in.algorithm();
  rules.excludes = in.texts();
  rules.ignored_keyrings = in.texts();
  rules.file_keys = in.list<FileKey>([&] {
    FileKey key;
    key.key_id = static_cast<std::uint32_t>(in.number(0xffff'ffff));
    const std::string der = in.text();
    append_bytes(key.public_key, as_bytes(der));
    return key;
  });
  rules.packages = in.list<Package>([&] {
    Package package;
    package.name = in.text();
    package.version = in.text();
    package.architecture = in.text();
    return package;
  });
  rules.algorithms = in.list<digest::Algorithm>([&] { return in.algorithm(); });
  rules.path_classes = in.list<PathClass>([&] {
    PathClass one;
    one.name = in.text();
    one.set = in.path_set(0);
    return one;
  });
  const bool with_violations = in.number(1) == 1;
  PathSet violations = in.path_set(rules.path_classes.size());
  if (with_violations) rules.violations = std::move(violations);
  rules.signatures = in.list<RequiredSignature>([&] {
    RequiredSignature signature;
    signature.where = in.path_set(rules.path_classes.size());
    signature.keyrings = in.texts();
    return signature;
  });
  rules.updates = in.list<Update>([&] {
    Update update;
    update.name = in.text();
    update.from_record = in.optional_number();
    update.to_record = in.optional_number();
    return update;
  });
  rules.pcrs = in.list<std::uint32_t>([&] { return static_cast<std::uint32_t>(in.number(0xffff'ffff)); });
  rules.templates = in.texts();
  if (!in.at_end()) {
    return fail(ErrorCode::kMalformed, "the compiled policy is damaged: its rules; compile the policy again");
  }
  return rules;
}

}  // namespace imakeep::policy
