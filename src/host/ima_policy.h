// SPDX-License-Identifier: Apache-2.0
// host/ima_policy.h - tells whether an IMA policy measures imakeep itself.
//
// Without exemptions, IMA measures imakeep's files like any others: the archive as a violation at every write, and the
// view at every open, because IMA measures files on FUSE anew each time. Then a trim would create records. To prevent
// that, a policy needs two rules: one exempts the user that owns imakeep's files, the other exempts FUSE. Both must
// precede the rules that measure, because the first matching rule among measure and dont_measure decides. Rules for
// files that are executed, mapped for execution or loaded into the kernel match neither the archive nor the view,
// because neither is used in these ways.
//
// Source: Documentation/ABI/testing/ima_policy; ima_match_rules() in ima_policy.c and ima_file_check() in ima_main.c of
// Linux 7.3. Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imakeep::host {

// The file in which Linux shows its policy, with CONFIG_IMA_READ_POLICY.
inline constexpr const char* kPolicyFile = "/sys/kernel/security/ima/policy";
inline constexpr std::uint64_t kFuseMagic = 0x65735546;

struct PolicyRule {
  std::size_t line = 0;                 // from 1
  std::string action;                   // "measure", "dont_measure", "appraise", ...
  std::vector<std::string> conditions;  // "fowner=0", "func=BPRM_CHECK", ...
};

// Returns the rules of a policy given as text. Skips comments and empty lines.
std::vector<PolicyRule> parse_policy(std::string_view text);

// Returns the line of the first rule that every kernel would reject: its action does not exist, or one of its words is
// no condition. Empty if every rule passes. Does not check the conditions' values.
std::optional<std::size_t> first_line_that_is_no_rule(const std::vector<PolicyRule>& rules);

// The lines of the first rules that measure the file; empty if no rule does, or if an exempting rule precedes those
// rules.
struct PolicyCheck {
  std::optional<std::size_t> archive_measured_at;
  std::optional<std::size_t> view_measured_at;
};

// `owner` is the user that owns imakeep's files.
PolicyCheck check_policy(const std::vector<PolicyRule>& rules, uid_t owner);

}  // namespace imakeep::host
