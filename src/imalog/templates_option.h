// SPDX-License-Identifier: Apache-2.0
// imalog/templates_option.h - help text of the option that describes templates missing in mainline Linux. Threads:
// constants.
#pragma once

namespace imakeep::imalog {

// The option's value has the syntax of imalog::TemplateSet::parse().
inline constexpr const char* kTemplatesHelp =
    "templates that mainline Linux lacks, for ASCII and JSON, such as \"ima-ns=d-ng|n-ng|ns:uuid\" (default: none)";

}  // namespace imakeep::imalog
