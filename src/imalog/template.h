// SPDX-License-Identifier: Apache-2.0
// imalog/template.h - IMA's templates and their fields; splits a record's body into fields.
//
//   data  := field*                     one for each field id of the template, in its order
//   field := len:u32  bytes[len]        len in the byte order of the list
// Only "ima" has no length before its digest: file_digest:20 or 16  path_len:u32  path[path_len].
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
  // Fields of templates that mainline Linux lacks; only their form is known (template_set.h).
  kOtherText,
  kOtherHex,
  kOtherNumber,
  kOtherDigest,
  kOtherUuid,
};

inline constexpr std::size_t kMaxFields = 15;  // TEMPLATE_NUM_FIELDS_MAX

// The name of a field that mainline Linux has.
std::string_view field_name(FieldId id);

class Template {
 public:
  // The built-in template or the free format with that name; empty for a name that Linux would not know.
  static std::optional<Template> find(std::string_view name);
  // The names of the eight built-in templates.
  static std::span<const std::string_view> builtin_names();

  std::span<const FieldId> fields() const { return {fields_.data(), count_}; }
  // True if it is not built in: Linux keeps no name for it, only the format.
  bool free_format() const { return free_format_; }

  // A template that mainline Linux lacks, with at most kMaxFields fields. The description may be wrong.
  static Template described(std::span<const FieldId> fields);
  bool is_described() const { return described_; }

 private:
  std::array<FieldId, kMaxFields> fields_{};
  std::uint8_t count_ = 0;
  bool free_format_ = false;
  bool described_ = false;
};

struct FieldView {
  FieldId id = FieldId::kD;
  ByteView bytes;
};

// Splits a body into its fields without allocating. Borrows the body.
class FieldReader {
 public:
  FieldReader(const Template& fields, std::string_view template_name, ByteView body, ByteOrder order);

  // Returns the next field; empty after the last. kMalformed if the body ends before its last field does, or continues
  // after it; Error::offset counts from the start of the body.
  Result<std::optional<FieldView>> next();

 private:
  Template template_;
  ByteView body_;
  ByteOrder order_;
  bool ima_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
};

// True for the first record that Linux makes after a boot: boot_aggregate, or boot_aggregate_late if the TPM was found
// late. In a template that mainline Linux lacks, any field may contain the name. Source: ima_add_boot_aggregate() in
// ima_init.c.
bool is_boot_aggregate(const RecordContentView& content, ByteOrder order = kHostOrder);

}  // namespace imakeep::imalog
