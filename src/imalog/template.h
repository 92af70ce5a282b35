// imalog/template.h - IMA's templates, their fields, and the split of a record's body into fields.
//
//   data  := field*                     one for every field id of the template, in its order
//   field := len:u32  bytes[len]        len in the byte order of the list
// "ima" alone has no lengths before its digest: file_digest:20  path_len:u32  path[path_len].
//
// Source: builtin_templates[], supported_fields[] and template_desc_init_fields() in
// security/integrity/ima/ima_template.c. A free format is one to fifteen field ids joined with '|'.
// Threads: no shared state.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "imalog/record.h"

namespace imakeep::imalog {

enum class FieldId : std::uint8_t {
  kD,
  kDNg,
  kDNgV2,
  kN,
  kNNg,
  kSig,
  kDModsig,
  kModsig,
  kBuf,
  kEvmsig,
  kIuid,
  kIgid,
  kImode,
  kXattrNames,
  kXattrLengths,
  kXattrValues,
};

inline constexpr std::size_t kMaxFields = 15;  // TEMPLATE_NUM_FIELDS_MAX

std::string_view field_name(FieldId id);

class Template {
 public:
  // The built-in template or the free format of that name; empty for one that Linux would not know.
  static std::optional<Template> find(std::string_view name);
  // The names of the eight built-in templates.
  static std::span<const std::string_view> builtin_names();

  std::span<const FieldId> fields() const { return {fields_.data(), count_}; }
  // Not built in: Linux keeps no name for it, only the format.
  bool free_format() const { return free_format_; }

 private:
  std::array<FieldId, kMaxFields> fields_{};
  std::uint8_t count_ = 0;
  bool free_format_ = false;
};

struct FieldView {
  FieldId id = FieldId::kD;
  ByteView bytes;
};

// Splits a body into its fields without allocating. Borrows the body.
class FieldReader {
 public:
  FieldReader(const Template& fields, std::string_view template_name, ByteView body, ByteOrder order);

  // The next field, or nothing after the last. kMalformed where the body ends before its fields do or goes on behind
  // them; Error::offset counts from the start of the body.
  Result<std::optional<FieldView>> next();

 private:
  Template template_;
  ByteView body_;
  ByteOrder order_;
  bool ima_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
};

// Whether the record is the first that Linux makes after a boot: boot_aggregate, or boot_aggregate_late where the TPM
// was found late. Source: ima_add_boot_aggregate() in ima_init.c.
bool is_boot_aggregate(const RecordContentView& content, ByteOrder order = kHostOrder);

}  // namespace imakeep::imalog
