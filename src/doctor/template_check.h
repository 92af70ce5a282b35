// SPDX-License-Identifier: Apache-2.0
// doctor/template_check.h - checks whether imakeep prints a list's records in ASCII exactly as the list's own files
// show them.
//
// It reads only the front of the list, which is cheap however long the list is. Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imalog/ima_directory.h"
#include "imalog/template_set.h"

namespace imakeep::doctor {

struct TemplateCheck {
  // The first record that imakeep prints differently.
  struct Difference {
    std::uint64_t record = 0;  // index in the current list
    std::string template_name;
  };
  std::uint64_t records = 0;         // number of records compared
  std::vector<std::string> unknown;  // templates that neither mainline Linux nor the descriptions define
  std::optional<Difference> difference;
};

// kRefused if records were deleted at the list's front meanwhile; the caller may retry. Otherwise the errors of reading
// the list's files (EBUSY: another process has them open for writing), and kMalformed if the data is not a list.
Result<TemplateCheck> check_templates(const imalog::ImaDirectory& directory, const imalog::TemplateSet& templates);

// Does the same for bytes of `bank`'s lists that were read already. Either text may end anywhere.
Result<TemplateCheck> check_templates(ByteView binary, std::string_view ascii, const digest::Bank& bank,
                                      const imalog::TemplateSet& templates);

}  // namespace imakeep::doctor
