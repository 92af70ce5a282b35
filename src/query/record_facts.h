// SPDX-License-Identifier: Apache-2.0
// query/record_facts.h - what a record says of the file or buffer that it measures.
//
// Source: docs/formats/ima-record.md, the fields of templates. Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "imalog/template_set.h"

namespace imakeep::query {

// Borrowed like RecordContentView.
struct RecordFactsView {
  std::string_view name = {};  // path, or name of a buffer or of boot_aggregate; empty if the template names none
  bool is_file = false;        // a file, with a path or without (memfd)
  std::string_view digest_type = {};  // "verity"; empty for a digest of the content itself
  std::string_view algorithm = {};    // "sha256"; empty without a digest
  ByteView digest = {};               // of the file's content or of the buffer; empty for a violation
  std::optional<bool> is_signed =
      std::nullopt;  // whether there is a signature; none if the template has no field for it
  std::optional<std::uint32_t> uid = std::nullopt;
  std::optional<std::uint32_t> gid = std::nullopt;
  std::optional<std::uint32_t> mode = std::nullopt;

  bool has_path() const { return name.starts_with('/'); }
  // The path up to its last slash, without it; "/" for a file in the root. Empty without a path.
  std::string_view directory() const;
  // "sha256:" and hexadecimal; with the type before it if there is one: "verity:sha256:...". Empty without a digest.
  std::string digest_text() const;
};

// Leaves out what the record does not say: all of it if its data do not split into the template's fields.
RecordFactsView facts_of(const imalog::RecordContentView& content, ByteOrder order,
                         const imalog::TemplateSet& templates = imalog::TemplateSet::mainline());

}  // namespace imakeep::query
