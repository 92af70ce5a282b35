// ima_policy.h - whether an IMA policy measures imakeep itself.
//
// What imakeep does with its files would be measured like anything else: its archive as a violation at every write, its
// view at every open, for files of FUSE are always measured anew. Then taking records out makes records. A rule that
// exempts the user who owns imakeep's files, and one that exempts FUSE, keep it out, if they come before the rules that
// measure: of measure and dont_measure the first that matches a file decides. Rules for files that are executed, mapped
// to be executed, or loaded into the kernel match neither file, for that is not done with them.
//
// Source: Documentation/ABI/testing/ima_policy; ima_match_rules() in ima_policy.c and ima_file_check() in ima_main.c of
// Linux 7.3. Threads: no shared state.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imakeep::app {

// Where Linux shows its policy, with CONFIG_IMA_READ_POLICY.
inline constexpr const char* kPolicyFile = "/sys/kernel/security/ima/policy";
inline constexpr std::uint64_t kFuseMagic = 0x65735546;

struct PolicyRule {
  std::size_t line = 0;                 // from 1
  std::string action;                   // "measure", "dont_measure", "appraise", ...
  std::vector<std::string> conditions;  // "fowner=0", "func=BPRM_CHECK", ...
};

// The rules of a policy as text; comments and empty lines are none.
std::vector<PolicyRule> parse_policy(std::string_view text);

// The lines of the first rules that measure; empty if none does, or only behind a rule that exempts.
struct PolicyCheck {
  std::optional<std::size_t> archive_measured_at;
  std::optional<std::size_t> view_measured_at;
};

// `owner` is who owns imakeep's files.
PolicyCheck check_policy(const std::vector<PolicyRule>& rules, uid_t owner);

}  // namespace imakeep::app
