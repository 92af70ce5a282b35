// SPDX-License-Identifier: Apache-2.0
#include "appraisal/record_fields.h"

namespace imakeep::appraisal {
namespace {

using imalog::FieldId;

tl::unexpected<Error> malformed_field(std::string message) {
  return fail(ErrorCode::kMalformed, std::move(message));
}

// The name up to its NUL. Linux writes one NUL at the end, and none in template "ima".
Result<std::string_view> name_in(ByteView field) {
  std::string_view text = as_text(field);
  if (text.ends_with('\0')) text.remove_suffix(1);
  if (text.find('\0') != std::string_view::npos) return malformed_field("the name has bytes after its NUL");
  return text;
}

template <class T>
Result<void> take_number(ByteView field, ByteOrder order, std::optional<T>& into) {
  if (field.size() != sizeof(T)) return malformed_field("a number has " + std::to_string(field.size()) + " bytes");
  into = load<T>(field.data(), order);
  return {};
}

Result<void> take_field(const imalog::FieldView& field, ByteOrder order, RecordFields& into) {
  switch (field.id) {
    case FieldId::kD:
      into.plain_digest = field.bytes;
      return {};
    case FieldId::kDNg:
    case FieldId::kDNgV2:
      into.named_digest = field.bytes;
      return {};
    case FieldId::kN:
    case FieldId::kNNg: {
      IMAKEEP_TRY(into.name, name_in(field.bytes));
      return {};
    }
    case FieldId::kSig:
      into.signature = field.bytes;
      return {};
    case FieldId::kDModsig:
      into.modsig_digest = field.bytes;
      return {};
    case FieldId::kModsig:
      into.modsig = field.bytes;
      return {};
    case FieldId::kBuf:
      into.buffer = field.bytes;
      return {};
    case FieldId::kEvmsig:
      into.evm_signature = field.bytes;
      return {};
    case FieldId::kIuid:
      return take_number(field.bytes, order, into.uid);
    case FieldId::kIgid:
      return take_number(field.bytes, order, into.gid);
    case FieldId::kImode:
      return take_number(field.bytes, order, into.mode);
    case FieldId::kXattrNames:
      into.xattr_names = field.bytes;
      return {};
    case FieldId::kXattrLengths:
      into.xattr_lengths = field.bytes;
      return {};
    case FieldId::kXattrValues:
      into.xattr_values = field.bytes;
      return {};
    default:
      return malformed_field("the record has a field that imakeep does not know");
  }
}

// What the field is for: d-ng and d-ngv2 are both the file digest, n and n-ng both the name.
FieldId purpose_of(FieldId id) {
  if (id == FieldId::kDNgV2) return FieldId::kDNg;
  return id == FieldId::kN ? FieldId::kNNg : id;
}

}  // namespace

Result<RecordFields> fields_of(const imalog::RecordContentView& content, ByteOrder order) {
  const auto fields = imalog::Template::find(content.template_name);
  if (!fields) return fail(ErrorCode::kUnsupported, "Linux has no such template");
  RecordFields found;
  std::uint32_t seen = 0;
  imalog::FieldReader reader(*fields, content.template_name, content.body, order);
  for (;;) {
    IMAKEEP_TRY(const auto& field, reader.next());
    if (!field) break;
    const std::uint32_t bit = 1u << static_cast<unsigned>(purpose_of(field->id));
    if ((seen & bit) != 0) return malformed_field("the record has a field twice");
    seen |= bit;
    IMAKEEP_CHECK(take_field(*field, order, found));
  }
  if (found.name.empty()) return malformed_field("the record has no name");
  if (!found.named_digest && !found.plain_digest) return malformed_field("the record has no digest");
  return found;
}

Result<signature::FileDigestView> file_digest(const RecordFields& fields) {
  if (fields.named_digest) return signature::parse_digest_field(*fields.named_digest);
  const std::size_t size = fields.plain_digest->size();
  if (size != imalog::kImaFileDigestBytes && size != imalog::kImaMd5FileDigestBytes) {
    return malformed_field("the digest has " + std::to_string(size) + " bytes, which neither sha1 nor md5 has");
  }
  return signature::FileDigestView{.algorithm = size == imalog::kImaFileDigestBytes ? signature::HashAlgorithm::kSha1
                                                                                    : signature::HashAlgorithm::kMd5,
                                   .digest = *fields.plain_digest};
}

std::string digest_text(const signature::FileDigestView& digest) {
  std::string text = digest.kind == signature::DigestKind::kVerity ? "verity:" : "";
  text += signature::info(digest.algorithm).name;
  text += ':';
  append_hex(text, digest.digest);
  return text;
}

std::optional<digest::Algorithm> policy_algorithm(signature::HashAlgorithm algorithm) {
  using signature::HashAlgorithm;
  switch (algorithm) {
    case HashAlgorithm::kSha1:
      return digest::Algorithm::kSha1;
    case HashAlgorithm::kSha256:
      return digest::Algorithm::kSha256;
    case HashAlgorithm::kSha384:
      return digest::Algorithm::kSha384;
    case HashAlgorithm::kSha512:
      return digest::Algorithm::kSha512;
    case HashAlgorithm::kSm3:
      return digest::Algorithm::kSm3_256;
    case HashAlgorithm::kSha3_256:
      return digest::Algorithm::kSha3_256;
    case HashAlgorithm::kSha3_384:
      return digest::Algorithm::kSha3_384;
    case HashAlgorithm::kSha3_512:
      return digest::Algorithm::kSha3_512;
    default:
      return std::nullopt;
  }
}

}  // namespace imakeep::appraisal
