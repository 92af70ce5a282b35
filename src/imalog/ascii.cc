// SPDX-License-Identifier: Apache-2.0
#include "imalog/ascii.h"

#include <charconv>
namespace imakeep::imalog {
namespace {

std::string_view up_to_nul(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  return text.substr(0, text.find('\0'));
}

template <class T>
void append_decimal(std::string& out, T value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_uint(std::string& out, ByteView bytes, ByteOrder order) {
  switch (bytes.size()) {
    case 1:
      return append_decimal(out, load<std::uint8_t>(bytes.data(), order));
    case 2:
      return append_decimal(out, load<std::uint16_t>(bytes.data(), order));
    case 4:
      return append_decimal(out, load<std::uint32_t>(bytes.data(), order));
    case 8:
      return append_decimal(out, load<std::uint64_t>(bytes.data(), order));
    default:
      return;
  }
}

// "sha256:" NUL digest, or "ima:sha256:" NUL digest: prints the text up to the NUL, then the digest in hex.
bool append_named_digest(std::string& out, ByteView bytes) {
  const std::string_view prefix = up_to_nul(bytes);
  const std::size_t colon = prefix.rfind(':');
  if (colon == std::string_view::npos) return false;
  if (colon != 0) out += prefix;
  if (bytes.size() > colon + 2) append_hex(out, bytes.subspan(colon + 2));
  return true;
}

bool append_uuid(std::string& out, ByteView bytes) {
  constexpr std::size_t kUuidBytes = 16;
  if (bytes.size() != kUuidBytes) return false;
  for (std::size_t i = 0; i < kUuidBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    append_hex(out, bytes.subspan(i, 1));
  }
  return true;
}

}  // namespace

bool append_field(std::string& out, const FieldView& field, ByteOrder order) {
  if (field.bytes.empty()) return true;
  switch (field.id) {
    case FieldId::kDNg:
    case FieldId::kDNgV2:
    case FieldId::kDModsig:
    case FieldId::kOtherDigest:
      return append_named_digest(out, field.bytes);
    case FieldId::kN:
    case FieldId::kNNg:
    case FieldId::kXattrNames:
    case FieldId::kOtherText:
      out += up_to_nul(field.bytes);
      return true;
    case FieldId::kIuid:
    case FieldId::kIgid:
    case FieldId::kImode:
    case FieldId::kOtherNumber:
      append_uint(out, field.bytes, order);
      return true;
    case FieldId::kOtherUuid:
      return append_uuid(out, field.bytes);
    default:
      append_hex(out, field.bytes);
      return true;
  }
}

namespace {

Result<void> append_fields(std::string& out, const RecordContentView& content, const Template& fields,
                           ByteOrder order) {
  FieldReader reader(fields, content.template_name, content.body, order);
  for (;;) {
    IMAKEEP_TRY(const auto& field, reader.next());
    if (!field) return {};
    out += ' ';
    if (!append_field(out, *field, order)) {
      return unexpected(
          Error{.code = ErrorCode::kMalformed,
                .message = "field " + std::string(field_name(field->id)) + " does not name its hash algorithm",
                .offset = static_cast<std::uint64_t>(field->bytes.data() - content.body.data())});
    }
  }
}

}  // namespace

Result<void> append_ascii(std::string& out, const RecordContentView& content, ByteView digest, ByteOrder order,
                          const TemplateSet& templates) {
  const std::size_t start = out.size();
  if (content.pcr < 10) out += ' ';
  append_decimal(out, content.pcr);
  out += ' ';
  append_hex(out, digest);
  out += ' ';
  out += content.template_name;
  const std::size_t fields_at = out.size();
  const auto fields = templates.find(content.template_name);
  auto appended = fields ? append_fields(out, content, *fields, order) : Result<void>();
  if (!appended && !fields->is_described()) {
    out.resize(start);
    return appended;
  }
  if (!fields || !appended) {
    out.resize(fields_at);
    out += ' ';
    append_hex(out, content.body);
  }
  out += '\n';
  return {};
}

}  // namespace imakeep::imalog
