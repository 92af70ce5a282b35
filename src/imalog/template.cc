// SPDX-License-Identifier: Apache-2.0
#include "imalog/template.h"

#include <algorithm>

namespace imakeep::imalog {
namespace {

struct NamedField {
  std::string_view name;
  FieldId id;
};

constexpr std::array kFields = {
    NamedField{"d", FieldId::kD},
    NamedField{"d-ng", FieldId::kDNg},
    NamedField{"d-ngv2", FieldId::kDNgV2},
    NamedField{"n", FieldId::kN},
    NamedField{"n-ng", FieldId::kNNg},
    NamedField{"sig", FieldId::kSig},
    NamedField{"d-modsig", FieldId::kDModsig},
    NamedField{"modsig", FieldId::kModsig},
    NamedField{"buf", FieldId::kBuf},
    NamedField{"evmsig", FieldId::kEvmsig},
    NamedField{"iuid", FieldId::kIuid},
    NamedField{"igid", FieldId::kIgid},
    NamedField{"imode", FieldId::kImode},
    NamedField{"xattrnames", FieldId::kXattrNames},
    NamedField{"xattrlengths", FieldId::kXattrLengths},
    NamedField{"xattrvalues", FieldId::kXattrValues},
};

constexpr std::array<std::string_view, 8> kBuiltinNames = {"ima",       "ima-ng",  "ima-ngv2",   "ima-sig",
                                                           "ima-sigv2", "ima-buf", "ima-modsig", "evm-sig"};
constexpr std::array<std::string_view, 8> kBuiltinFormats = {
    "d|n",
    "d-ng|n-ng",
    "d-ngv2|n-ng",
    "d-ng|n-ng|sig",
    "d-ngv2|n-ng|sig",
    "d-ng|n-ng|buf",
    "d-ng|n-ng|sig|d-modsig|modsig",
    "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode",
};

}  // namespace

std::string_view field_name(FieldId id) {
  const auto index = static_cast<std::size_t>(id);
  return index < kFields.size() ? kFields[index].name : "of another form";
}

Template Template::described(std::span<const FieldId> fields) {
  Template made;
  made.described_ = true;
  made.count_ = static_cast<std::uint8_t>(std::min(fields.size(), kMaxFields));
  std::copy_n(fields.begin(), made.count_, made.fields_.begin());
  return made;
}

std::span<const std::string_view> Template::builtin_names() {
  return kBuiltinNames;
}

std::optional<Template> Template::find(std::string_view name) {
  if (name.find('|') == std::string_view::npos) {
    // Nearly every record has a built-in template, so their formats are split once.
    static const std::array kBuiltins = [] {
      std::array<Template, kBuiltinFormats.size()> made;
      for (std::size_t i = 0; i < made.size(); ++i) {
        made[i] = *find(kBuiltinFormats[i]);
        made[i].free_format_ = false;
      }
      return made;
    }();
    for (std::size_t i = 0; i < kBuiltinNames.size(); ++i) {
      if (name == kBuiltinNames[i]) return kBuiltins[i];
    }
  }
  Template found;
  found.free_format_ = true;
  for (;;) {
    const std::size_t bar = std::min(name.find('|'), name.size());
    const std::string_view id = name.substr(0, bar);
    const auto* const field =
        std::find_if(kFields.begin(), kFields.end(), [&](const NamedField& f) { return f.name == id; });
    if (field == kFields.end() || found.count_ == kMaxFields) return std::nullopt;
    found.fields_[found.count_++] = field->id;
    if (bar == name.size()) return found;
    name.remove_prefix(bar + 1);
  }
}

FieldReader::FieldReader(const Template& fields, std::string_view template_name, ByteView body, ByteOrder order)
    : template_(fields), body_(body), order_(order), ima_(template_name == kImaTemplate) {}

Result<std::optional<FieldView>> FieldReader::next() {
  const auto bad = [&](std::string message) {
    return unexpected(Error{.code = ErrorCode::kMalformed, .message = std::move(message), .offset = offset_});
  };
  if (index_ == template_.fields().size()) {
    if (offset_ != body_.size()) return bad(std::to_string(body_.size() - offset_) + " bytes after the last field");
    return std::nullopt;
  }
  const FieldId id = template_.fields()[index_];
  const auto too_short = [&] { return bad("data ends within field " + std::string(field_name(id))); };

  std::size_t length = ima_ ? ima_file_digest_bytes(body_) : 0;
  if (!(ima_ && id == FieldId::kD)) {
    if (body_.size() - offset_ < 4) return too_short();
    length = load<std::uint32_t>(body_.data() + offset_, order_);
    if (body_.size() - offset_ - 4 < length) return too_short();
    offset_ += 4;
  } else if (body_.size() - offset_ < length) {
    return too_short();
  }
  const FieldView field{.id = id, .bytes = body_.subspan(offset_, length)};
  offset_ += length;
  ++index_;
  return field;
}

namespace {

bool names_boot_aggregate(ByteView field) {
  const std::string_view text = as_text(field);
  const std::string_view name = text.substr(0, text.find('\0'));
  return name == "boot_aggregate" || name == "boot_aggregate_late";
}

// True if `data` splits into fields and one of them contains that name. The meaning of the fields is unknown.
bool has_boot_aggregate(ByteView data, ByteOrder order) {
  bool found = false;
  while (!data.empty()) {
    if (data.size() < 4) return false;
    const std::size_t length = load<std::uint32_t>(data.data(), order);
    if (data.size() - 4 < length) return false;
    found = found || names_boot_aggregate(data.subspan(4, length));
    data = data.subspan(4 + length);
  }
  return found;
}

}  // namespace

bool is_boot_aggregate(const RecordContentView& content, ByteOrder order) {
  const auto fields = Template::find(content.template_name);
  if (!fields) return has_boot_aggregate(content.body, order);
  FieldReader reader(*fields, content.template_name, content.body, order);
  for (;;) {
    const auto field = reader.next();
    if (!field || !*field) return false;
    if ((*field)->id != FieldId::kN && (*field)->id != FieldId::kNNg) continue;
    return names_boot_aggregate((*field)->bytes);
  }
}

}  // namespace imakeep::imalog
