// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_data.h"

#include <algorithm>

namespace imakeep::imalog {
namespace {

// Writes zeros if a violation has no digest.
void append_digest(Bytes& out, ByteView digest, std::size_t size) {
  append_bytes(out, digest);
  if (digest.empty()) out.resize(out.size() + size);
}

void append_named_digest(Bytes& out, std::string_view type, digest::Algorithm algorithm, ByteView digest) {
  if (!type.empty()) {
    append_bytes(out, as_bytes(type));
    out.push_back(std::byte{':'});
  }
  append_bytes(out, as_bytes(info(algorithm).name));
  append_bytes(out, as_bytes(std::string_view(":\0", 2)));
  append_digest(out, digest, digest_bytes(algorithm));
}

void append_name(Bytes& out, std::string_view name) {
  for (const char c : name) out.push_back(static_cast<std::byte>(c == ' ' ? '_' : c));
}

// The name in field n.
std::string_view short_name(const EventView& event) {
  std::string_view name = event.path;
  if (name.size() <= kMaxImaPathBytes) return name;
  if (!event.is_file) return name.substr(0, kMaxImaPathBytes);
  while (name.ends_with('/')) name.remove_suffix(1);
  return name.substr(name.rfind('/') + 1);
}

void append_field_bytes(Bytes& out, FieldId id, const EventView& event, ByteOrder order) {
  switch (id) {
    case FieldId::kD:
      append_digest(out, event.plain_file_digest, kImaFileDigestBytes);
      break;
    case FieldId::kDNg:
      append_named_digest(out, {}, event.algorithm, event.file_digest);
      break;
    case FieldId::kDNgV2:
      append_named_digest(out, event.digest_type, event.algorithm, event.file_digest);
      break;
    case FieldId::kN:
      append_name(out, short_name(event));
      out.push_back(std::byte{0});
      break;
    case FieldId::kNNg:
      append_name(out, event.path);
      out.push_back(std::byte{0});
      break;
    case FieldId::kSig:
      append_bytes(out, event.signature.empty() ? event.evm_signature : event.signature);
      break;
    case FieldId::kDModsig:
      if (!event.modsig_digest.empty()) append_named_digest(out, {}, event.algorithm, event.modsig_digest);
      break;
    case FieldId::kModsig:
      append_bytes(out, event.modsig);
      break;
    case FieldId::kBuf:
      append_bytes(out, event.buffer);
      break;
    case FieldId::kEvmsig:
      append_bytes(out, event.evm_signature);
      break;
    case FieldId::kIuid:
      append_int(out, event.uid, order);
      break;
    case FieldId::kIgid:
      append_int(out, event.gid, order);
      break;
    case FieldId::kImode:
      append_int(out, event.mode, order);
      break;
    case FieldId::kXattrNames:
      for (const XattrView& xattr : event.xattrs) {
        if (&xattr != event.xattrs.data()) out.push_back(std::byte{'|'});
        append_bytes(out, as_bytes(xattr.name));
      }
      if (!event.xattrs.empty()) out.push_back(std::byte{0});
      break;
    case FieldId::kXattrLengths:
      for (const XattrView& xattr : event.xattrs)
        append_int(out, static_cast<std::uint32_t>(xattr.value.size()), order);
      break;
    case FieldId::kXattrValues:
      for (const XattrView& xattr : event.xattrs) append_bytes(out, xattr.value);
      break;
    case FieldId::kOtherText:
    case FieldId::kOtherHex:
    case FieldId::kOtherNumber:
    case FieldId::kOtherDigest:
    case FieldId::kOtherUuid:
      break;  // in no template of mainline Linux
  }
}

bool right_size(ByteView digest, std::size_t size) {
  return digest.empty() || digest.size() == size;
}

Bytes make_ima_body(const EventView& event, ByteOrder order) {
  Bytes body;
  append_digest(body, event.plain_file_digest, kImaFileDigestBytes);
  const std::string_view path = short_name(event).substr(0, kMaxImaPathBytes);
  append_int(body, static_cast<std::uint32_t>(path.size()), order);
  append_name(body, path);
  return body;
}

}  // namespace

Result<Bytes> make_body(std::string_view template_name, const EventView& event, ByteOrder order) {
  const auto fields = Template::find(template_name);
  if (!fields) {
    return fail(ErrorCode::kUsage, "no such template: '" + std::string(template_name) +
                                       "'; use a built-in one, such as ima-ng, or field ids joined with '|'");
  }
  const std::size_t size = digest_bytes(event.algorithm);
  if (!right_size(event.file_digest, size) || !right_size(event.modsig_digest, size) ||
      (!right_size(event.plain_file_digest, kImaFileDigestBytes) &&
       !right_size(event.plain_file_digest, kImaMd5FileDigestBytes))) {
    return fail(ErrorCode::kUsage, "the size of the file digest is not that of its algorithm");
  }
  if (template_name == kImaTemplate) return make_ima_body(event, order);
  Bytes body;
  for (const FieldId id : fields->fields()) {
    const std::size_t length_at = body.size();
    append_int(body, std::uint32_t{0}, order);
    append_field_bytes(body, id, event, order);
    store(body.data() + length_at, static_cast<std::uint32_t>(body.size() - length_at - 4), order);
  }
  return body;
}

}  // namespace imakeep::imalog
