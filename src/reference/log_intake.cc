// SPDX-License-Identifier: Apache-2.0
#include "reference/log_intake.h"

#include "reference/file_hash.h"
#include "signature/key_file.h"

namespace imakeep::reference {

struct LogIntake::Values {
  std::string name;
  ByteView digest;
  std::string algorithm;
  bool verity = false;
  bool has_digest = false;
  std::optional<ByteView> buffer;
};

namespace {

constexpr std::size_t kMd5Bytes = 16;

std::string text_of(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

// Splits "ALG:" NUL digest and "TYPE:ALG:" NUL digest.
struct DigestField {
  std::string type;
  std::string algorithm;
  ByteView digest;
};

std::optional<DigestField> digest_field(ByteView bytes, bool with_type) {
  const std::size_t nul = as_text(bytes).find('\0');
  if (nul == std::string_view::npos || nul == 0) return std::nullopt;
  std::string head(as_text(bytes.first(nul)));
  if (head.back() != ':') return std::nullopt;
  head.pop_back();
  DigestField field{.type = {}, .algorithm = std::move(head), .digest = bytes.subspan(nul + 1)};
  if (!with_type) return field;
  const std::size_t colon = field.algorithm.find(':');
  if (colon == std::string::npos) return std::nullopt;
  field.type = field.algorithm.substr(0, colon);
  field.algorithm.erase(0, colon + 1);
  return field;
}

}  // namespace

void LogIntake::leave_out(const std::string& reason) {
  ++counts_.without_value;
  ++reasons_[reason];
}

bool LogIntake::accept_algorithm(digest::Algorithm algorithm) {
  return algorithms_.emplace(digest::digest_bytes(algorithm), algorithm).first->second == algorithm;
}

void LogIntake::take(const Values& values) {
  if (values.digest.size() == kMd5Bytes || values.algorithm == "md5") {
    return leave_out("an md5 digest, which a policy cannot hold");
  }
  const auto algorithm = digest::algorithm_from_name(values.algorithm);
  if (!algorithm || digest::digest_bytes(*algorithm) != values.digest.size()) {
    return leave_out("a digest by an algorithm that imakeep does not know");
  }
  if (!fits_json(values.name)) return leave_out("a name that is not UTF-8, which JSON cannot hold");
  if (!accept_algorithm(*algorithm)) return leave_out("a digest as long as those by another algorithm in this list");
  policy::DigestMap map = values.verity ? policy::DigestMap::kVerity : policy::DigestMap::kFiles;
  if (values.buffer) {
    map = signature::keys_in_file(*values.buffer) ? policy::DigestMap::kKeyrings : policy::DigestMap::kBuffers;
  }
  document_.map(map)[values.name].insert(to_hex(values.digest));
}

void LogIntake::add(const imalog::RecordContentView& record, ByteOrder order) {
  ++counts_.records;
  const auto fields = templates_.find(record.template_name);
  if (!fields) return leave_out("a template that imakeep does not know; describe it with --templates");
  imalog::FieldReader reader(*fields, record.template_name, record.body, order);
  Values values;
  for (;;) {
    const auto field = reader.next();
    if (!field) return leave_out("data that are not those of its template");
    if (!*field) break;
    const ByteView bytes = (*field)->bytes;
    switch ((*field)->id) {
      case imalog::FieldId::kD:
        values.digest = bytes;
        values.algorithm = "sha1";
        values.has_digest = true;
        break;
      case imalog::FieldId::kDNg:
      case imalog::FieldId::kDNgV2:
        if (const auto split = digest_field(bytes, (*field)->id == imalog::FieldId::kDNgV2)) {
          values.digest = split->digest;
          values.algorithm = split->algorithm;
          values.verity = split->type == "verity";
          values.has_digest = true;
        }
        break;
      case imalog::FieldId::kN:
      case imalog::FieldId::kNNg:
        values.name = text_of(bytes);
        break;
      case imalog::FieldId::kBuf:
        values.buffer = bytes;
        break;
      default:
        break;
    }
  }
  if (record.violation) {
    ++counts_.violations;
    violation_paths_.insert(values.name);
    return;
  }
  if (!values.has_digest || values.name.empty()) return leave_out("no digest or no name among its fields");
  take(values);
}

void LogIntake::finish() {
  std::vector<digest::Algorithm> algorithms;
  algorithms.reserve(algorithms_.size());
  for (const auto& [bytes, algorithm] : algorithms_) algorithms.push_back(algorithm);
  state_algorithms(algorithms, document_);
}

}  // namespace imakeep::reference
