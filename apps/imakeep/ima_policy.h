// ima_policy.h - whether an IMA policy measures imakeep itself.
//
// What imakeep does with its files would be measured like anything else: its archive as a violation at every write, its
// view at every open, for files of FUSE are always measured anew. Then taking records out makes records. A rule that
// exempts the user who owns imakeep's files, and one that exempts FUSE, keep it out, if they come before the rules that
// measure: of measure and dont_measure the first that matches a file decides.
//
// Source: Documentation/ABI/testing/ima_policy; ima_match_policy() in ima_policy.c of Linux 7.3. Threads: no shared
// state.
#pragma once

#include <sys/types.h>

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

struct PolicyCheck {
  bool measures_files = false;    // some rule does
  std::size_t measured_from = 0;  // the line of the first that does
  bool exempts_owner = false;     // before it, all files of that user
  bool exempts_fuse = false;      // before it, all files on FUSE
};

PolicyCheck check_policy(const std::vector<PolicyRule>& rules, uid_t owner);

}  // namespace imakeep::app
