// SPDX-License-Identifier: Apache-2.0
#include "query/record_facts.h"

#include "imalog/record.h"

namespace imakeep::query {
namespace {

using imalog::FieldId;
using imalog::FieldView;

std::string_view up_to_nul(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  return text.substr(0, text.find('\0'));
}

std::optional<std::uint32_t> number_of(ByteView bytes, ByteOrder order) {
  if (bytes.size() == 2) return load<std::uint16_t>(bytes.data(), order);
  if (bytes.size() == 4) return load<std::uint32_t>(bytes.data(), order);
  return std::nullopt;
}

// "ALG:" or "TYPE:ALG:", NUL, and the digest.
void take_named_digest(RecordFactsView& facts, ByteView bytes) {
  const std::string_view head = up_to_nul(bytes);
  if (!head.ends_with(':') || head.size() + 1 > bytes.size()) return;
  const std::string_view names = head.substr(0, head.size() - 1);
  const std::size_t colon = names.find(':');
  // "ima" means the digest that the older templates have too.
  const std::string_view type = colon == std::string_view::npos ? std::string_view() : names.substr(0, colon);
  facts.digest_type = type == "ima" ? std::string_view() : type;
  facts.algorithm = colon == std::string_view::npos ? names : names.substr(colon + 1);
  facts.digest = bytes.subspan(head.size() + 1);
}

void take(RecordFactsView& facts, const FieldView& field, ByteOrder order) {
  switch (field.id) {
    case FieldId::kD:
      facts.algorithm = field.bytes.size() == imalog::kImaMd5FileDigestBytes ? "md5" : "sha1";
      facts.digest = field.bytes;
      break;
    case FieldId::kDNg:
    case FieldId::kDNgV2:
      take_named_digest(facts, field.bytes);
      break;
    case FieldId::kOtherDigest:
      if (facts.digest.empty()) take_named_digest(facts, field.bytes);
      break;
    case FieldId::kN:
    case FieldId::kNNg:
      facts.name = up_to_nul(field.bytes);
      break;
    case FieldId::kOtherText:
      if (facts.name.empty()) facts.name = up_to_nul(field.bytes);
      break;
    case FieldId::kSig:
    case FieldId::kModsig:
    case FieldId::kEvmsig:
      facts.is_signed = facts.is_signed.value_or(false) || !field.bytes.empty();
      break;
    case FieldId::kBuf:
      facts.is_file = false;
      break;
    case FieldId::kIuid:
      facts.uid = number_of(field.bytes, order);
      break;
    case FieldId::kIgid:
      facts.gid = number_of(field.bytes, order);
      break;
    case FieldId::kImode:
      facts.mode = number_of(field.bytes, order);
      break;
    default:
      break;
  }
}

}  // namespace

std::string_view RecordFactsView::directory() const {
  if (!has_path()) return {};
  const std::size_t slash = name.rfind('/');
  return slash == 0 ? name.substr(0, 1) : name.substr(0, slash);
}

std::string RecordFactsView::digest_text() const {
  if (digest.empty()) return {};
  std::string text(digest_type);
  if (!text.empty()) text += ':';
  text += algorithm;
  text += ':';
  append_hex(text, digest);
  return text;
}

RecordFactsView facts_of(const imalog::RecordContentView& content, ByteOrder order,
                         const imalog::TemplateSet& templates) {
  const auto known = templates.find(content.template_name);
  if (!known) return {};
  RecordFactsView facts{.is_file = true};
  imalog::FieldReader reader(*known, content.template_name, content.body, order);
  for (;;) {
    const auto field = reader.next();
    if (!field) return {};
    if (!*field) break;
    take(facts, **field, order);
  }
  if (imalog::is_boot_aggregate(content, order) || facts.name.empty()) facts.is_file = false;
  // The digest of a violation is zeros.
  if (content.violation || all_zero(facts.digest)) {
    facts.digest = {};
    facts.algorithm = {};
  }
  return facts;
}

}  // namespace imakeep::query
