// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "archive/archive.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"
#include "base/text.h"
#include "doctor/archive_writer.h"
#include "doctor/template_check.h"
#include "host/boot_options.h"
#include "host/disk_space.h"
#include "host/holders.h"
#include "host/ima_policy.h"
#include "imalog/ima_directory.h"
#include "imalog/pcr_file.h"
#include "keeper/kernel/this_boot.h"
#include "keeper/trim_limit.h"
#include "monitor/keeper_status.h"

namespace imakeep::doctor {
namespace {

using imalog::ImaDirectory;

// Below this, the archive may soon have no space for another segment.
constexpr std::uint64_t kLittleSpaceBytes = 64u << 20;

Checked ok(std::string name, std::string what) {
  return {.name = std::move(name), .verdict = Verdict::kOk, .what = std::move(what)};
}

Checked warn(std::string name, std::string what, std::string remedy) {
  return {.name = std::move(name), .verdict = Verdict::kWarn, .what = std::move(what), .remedy = std::move(remedy)};
}

Checked bad(std::string name, std::string what, std::string remedy) {
  return {.name = std::move(name), .verdict = Verdict::kFail, .what = std::move(what), .remedy = std::move(remedy)};
}

// ---- the list

Checked check_directory(const std::string& path, const Result<ImaDirectory>& directory) {
  constexpr const char* kName = "IMA directory";
  if (directory) return ok(kName, path + " has lists for " + digest::bank_names(directory->banks()));
  if (directory.error().os_errno == ENOTCONN) {
    return bad(kName, directory.error().message,
               "its server has ended: if a keeper left its view there, run: imakeep view unmount --ima-dir " + path);
  }
  return bad(kName, directory.error().message,
             directory.error().os_errno == EACCES || directory.error().os_errno == EPERM
                 ? "run as root"
                 : "mount -t securityfs securityfs /sys/kernel/security; the kernel needs CONFIG_IMA; without such a "
                   "kernel, `imakeep list serve` provides such a directory");
}

std::string whose(const ImaDirectory& directory) {
  if (directory.on_fuse()) return "the program that serves " + directory.path();
  utsname system{};
  return ::uname(&system) == 0 ? "Linux " + std::string(system.release) : "this kernel";
}

Checked check_methods(const ImaDirectory& directory, keeper::TableMode table) {
  constexpr const char* kName = "trimming";
  const std::string who = whose(directory);
  if (!directory.takes_numbers() && !directory.has_staging()) {
    return warn(kName, who + " does not support trimming: the keeper only archives the records",
                "use Linux 7.2 or later with CONFIG_IMA_STAGING=y");
  }
  if (directory.has_staging()) return ok(kName, who + " supports the methods stage (A, D) and count (N)");
  if (table == keeper::TableMode::kFlushed) {
    return bad(kName,
               who + " supports no trim method: CONFIG_IMA_STAGING is off, and with ima_flush_htable it refuses N",
               "boot without ima_flush_htable, or use a kernel with CONFIG_IMA_STAGING=y");
  }
  return ok(kName, who + " supports only the method count (N): CONFIG_IMA_STAGING is off");
}

Checked check_table(const ImaDirectory& directory, keeper::TableMode table) {
  constexpr const char* kName = "table of digests";
  const std::string what = std::string(monitor::table_word(table)) + ": " + monitor::table_costs(table);
  if (table != keeper::TableMode::kKept || directory.on_fuse()) return ok(kName, what);
  return warn(kName, what,
              directory.has_staging()
                  ? "if the host needs that memory, boot with ima_flush_htable"
                  : "if the host needs that memory, use a kernel with CONFIG_IMA_STAGING=y and boot "
                    "with ima_flush_htable");
}

void add_holders(std::vector<Checked>& all, const std::string& directory) {
  constexpr const char* kName = "holders";
  const host::Holders holders = host::find_holders(directory);
  for (const host::Holder& holder : holders.holders) {
    all.push_back(warn(kName, describe(holder),
                       "until it closes the file, nobody can trim; if it keeps the file open, point it to imakeep's "
                       "view of the list"));
  }
  if (!holders.holders.empty()) return;
  const std::string hidden =
      holders.hidden == 0 ? "" : "; " + std::to_string(holders.hidden) + " processes may not be inspected";
  all.push_back(ok(kName, "nobody has the list open" + hidden));
}

// ---- the PCRs

// A kernel that found no TPM when IMA started adds records to the list and extends no PCR.
std::optional<Checked> measured_without(const ImaDirectory& directory, const std::vector<digest::Digest>& values) {
  const auto count = directory.count();
  if (!count || *count == 0) return std::nullopt;
  const bool zero =
      std::ranges::all_of(values, [](const auto& value) { return value == digest::Digest(value.size()); });
  if (!zero) return std::nullopt;
  return bad(
      "PCRs",
      "PCR 10 is zero in every bank, although the list has " + std::to_string(*count) +
          " records: the kernel measured without this TPM, so nothing proves the records",
      "name the TPM that this list is measured into; or build the TPM's driver into the kernel, because IMA starts "
      "before modules are loaded; or, if the records name a PCR other than 10, ignore this");
}

Checked check_pcrs(const ImaDirectory& directory, const std::string& spec, const Result<pcrs::KeepPcrs>& pcrs) {
  constexpr const char* kName = "PCRs";
  if (!pcrs) {
    return bad(kName, describe(pcrs.error()),
               "name the TPM that the list is measured into with --pcrs; `none` archives without proof");
  }
  if (pcrs->banks == nullptr) {
    return warn(kName, "none: nothing proves the records", "the keeper trims them only with --unproven");
  }
  std::vector<digest::Bank> common;
  for (const digest::Bank& bank : directory.banks()) {
    const auto& banks = pcrs->banks->banks();
    if (digest::find_bank(banks, bank.algorithm) != nullptr) common.push_back(bank);
  }
  const std::string theirs = digest::bank_names(pcrs->banks->banks());
  if (common.empty()) {
    return bad(kName, spec + " has " + theirs + ", the list has " + digest::bank_names(directory.banks()),
               "name the TPM that this list is measured into, or allocate one of the list's banks in it");
  }
  const auto read = pcrs->banks->read(imalog::kImaPcr);
  if (!read) return bad(kName, describe(read.error()), "repair the TPM, or name another with --pcrs");
  if (const auto without = measured_without(directory, *read)) return *without;
  return ok(kName, spec + " has " + theirs + "; " + digest::bank_names(common) + " are compared");
}

// ---- the ASCII form

Checked check_ascii(const ImaDirectory& directory, const std::string& descriptions) {
  constexpr const char* kName = "templates";
  const std::string remedy =
      "describe the template's fields with `templates`, or --templates; docs/operators.md has examples";
  const auto templates = imalog::TemplateSet::parse(descriptions);
  const auto check = templates ? check_templates(directory, *templates) : unexpected(templates.error());
  if (!check)
    return warn(kName, "the list's ASCII form was not compared: " + describe(check.error()), "run this again");
  if (check->difference) {
    return warn(kName,
                "imakeep prints records of template " + check->difference->template_name + " differently from " +
                    whose(directory) + ", first at record " + std::to_string(check->difference->record) +
                    ": the view's ASCII files will differ",
                remedy);
  }
  std::string unknown;
  for (const std::string& name : check->unknown) unknown += (unknown.empty() ? "" : ", ") + name;
  // If a view covers the kernel's files, imakeep itself printed the ASCII files, so the comparison proves nothing.
  if (!unknown.empty() && directory.on_fuse()) {
    return warn(kName,
                "nothing describes " + unknown + ", and " + directory.path() +
                    " is not the kernel's own directory: the kernel prints such records differently",
                remedy);
  }
  return ok(kName, std::to_string(check->records) + " records are printed as " + whose(directory) + " does" +
                       (unknown.empty() ? "" : ", although nothing describes " + unknown));
}

// ---- the policy

uid_t owner_of_files(const std::string& archive) {
  struct stat status {};
  if (!archive.empty() && ::stat(archive.c_str(), &status) == 0) return status.st_uid;
  return ::geteuid();
}

void add_policy(std::vector<Checked>& all, const DoctorOptions& options) {
  constexpr const char* kName = "policy";
  const std::string file = options.policy.empty() ? host::kPolicyFile : options.policy;
  const auto text = read_file(file, {.most_bytes = kMostTextBytes});
  const auto rules = text ? host::parse_policy(as_text(*text)) : std::vector<host::PolicyRule>();
  if (rules.empty()) {
    all.push_back(warn(kName, text ? file + " shows no rules" : describe(text.error()),
                       "name the policy that was loaded with --policy FILE"));
    return;
  }
  if (const auto line = host::first_line_that_is_no_rule(rules)) {
    all.push_back(bad(kName, file + " is not an IMA policy: line " + std::to_string(*line) + " is not a rule",
                      "name the policy that was loaded with --policy FILE"));
    return;
  }
  const uid_t owner = owner_of_files(options.archive);
  const host::PolicyCheck check = host::check_policy(rules, owner);
  const auto rule_before = [](const std::string& rule, std::size_t line) {
    return "put `dont_measure " + rule + "` before line " + std::to_string(line) + " of the policy";
  };
  if (!check.archive_measured_at) {
    all.push_back(ok(kName, "the archive is not measured"));
  } else if (owner == 0) {
    all.push_back(
        warn(kName, "imakeep's files belong to root, and the policy measures root's files",
             "run imakeep as a user of its own, and " + rule_before("fowner=UID", *check.archive_measured_at)));
  } else {
    all.push_back(bad(kName, "the policy measures imakeep's own files: the archive after every write",
                      rule_before("fowner=" + std::to_string(owner), *check.archive_measured_at)));
  }
  if (check.view_measured_at) {
    all.push_back(bad(kName, "the policy measures files on FUSE: the view at every open",
                      rule_before("fsmagic=0x65735546", *check.view_measured_at)));
  } else {
    all.push_back(ok(kName, "reading the view is not measured"));
  }
}

// ---- privileges

Checked check_privileges(const ImaDirectory& directory) {
  constexpr const char* kName = "privileges";
  const auto status = read_file("/proc/self/status");
  const std::string_view text = status ? as_text(*status) : std::string_view();
  constexpr std::string_view kKey = "CapEff:\t";
  std::uint64_t effective = 0;
  if (const std::size_t at = text.find(kKey); at != std::string_view::npos) {
    std::from_chars(text.data() + at + kKey.size(), text.data() + text.size(), effective, 16);
  }
  if ((effective >> CAP_SYS_ADMIN & 1) == 0) {
    return bad(kName, "without CAP_SYS_ADMIN the list cannot be opened for writing",
               "run as root, or in a service with AmbientCapabilities=CAP_SYS_ADMIN CAP_SYS_CHROOT and "
               "SupplementaryGroups=root, as imakeep.service has them");
  }
  if (::access(directory.original().c_str(), R_OK) != 0) {
    return bad(kName, directory.original() + " is not readable",
               "run as root, or in the file's group, which is root for the kernel's lists");
  }
  return ok(kName, "CAP_SYS_ADMIN is effective, and the list is readable");
}

// ---- the archive

void add_space(std::vector<Checked>& all, const std::string& directory) {
  const auto space = host::disk_space_at(directory);
  if (!space) return;
  const std::string what = human_bytes(space->free_bytes) + " free in " + directory;
  all.push_back(space->free_bytes >= kLittleSpaceBytes
                    ? ok("space", what)
                    : warn("space", what, "free some space, or retire old records with `imakeep log retire`"));
}

// If the list of this boot's chain is complete, but its replay from zero does not match the PCRs, reports that.
std::optional<Checked> start_not_zero(archive::Archive& kept, const archive::Chain& chain) {
  const auto list = kept.list(chain.chain);
  const auto incidents = kept.incidents();
  if (!list || !*list || (*list)->proven == chain.end || !incidents) return std::nullopt;
  for (const archive::IncidentRow& incident : *incidents) {
    if (incident.chain != chain.chain || incident.kind != keeper::word(keeper::Diagnosis::kStartNotZero)) continue;
    return bad("start", "chain " + std::to_string(chain.chain.value()) + ": " + incident.what,
               "if a boot loader extends PCRs that IMA uses, record their values from before IMA starts, and give them "
               "with `start` or --start; then the next boot is proven. If no boot loader does, reboot");
  }
  return std::nullopt;
}

// Empty if only the owner can change or replace the archive, and if only the owner and the group can read it.
std::optional<Checked> open_to_others(const std::string& archive, const std::string& directory) {
  constexpr const char* kName = "archive";
  struct stat of_file = {};
  struct stat of_directory = {};
  if (::stat(archive.c_str(), &of_file) != 0 || ::stat(directory.c_str(), &of_directory) != 0) return std::nullopt;
  if ((of_file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return bad(kName, "users other than the owner can change " + archive, "chmod 0600 " + archive);
  }
  if ((of_directory.st_mode & S_IWOTH) != 0 && (of_directory.st_mode & S_ISVTX) == 0) {
    return bad(kName, "everybody can replace files in " + directory, "chmod 0700 " + directory);
  }
  if (of_file.st_uid != of_directory.st_uid && of_directory.st_uid != 0) {
    return bad(kName, archive + " belongs to another user than " + directory,
               "chown --reference=" + directory + " " + archive);
  }
  if ((of_file.st_mode & S_IROTH) != 0) {
    return warn(kName, "everybody can read " + archive, "chmod 0600 " + archive);
  }
  return std::nullopt;
}

Checked check_archive(const std::string& archive, const std::string& directory) {
  constexpr const char* kName = "archive";
  if (::access(directory.c_str(), F_OK) != 0 && errno == ENOENT) {
    return bad(kName, directory + " does not exist",
               "create it: install -d -m 0700 -o USER " + directory + ", with the user that runs imakeep");
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return bad(kName, directory + " is not writable", "give it to the user that runs imakeep");
  }
  if (::access(archive.c_str(), F_OK) != 0)
    return ok(kName, archive + " does not exist yet: `imakeep keep` creates it");
  if (::access(archive.c_str(), R_OK | W_OK) != 0) {
    return bad(kName, archive + " is not readable and writable",
               "run as its owner, or give it to the user that runs imakeep");
  }
  if (auto open = open_to_others(archive, directory)) return std::move(*open);
  const auto store = archive::SqliteStore::open(archive, archive::OpenMode::kRead);
  if (!store) return bad(kName, describe(store.error()), "name another archive, or restore this one from a backup");
  archive::Archive kept(**store);
  const auto chains = kept.chains();
  const auto last = chains ? kept.host_chain() : unexpected(chains.error());
  if (!last) return bad(kName, describe(last.error()), "`imakeep log --check` names the damage");
  const bool of_this_boot = *last && keeper::is_of_this_boot(kept, (*last)->chain).value_or(false);
  if (of_this_boot && (*last)->first_kept > 0) {
    return warn(kName,
                archive + " has lost the first records of chain " + std::to_string((*last)->chain.value()) +
                    ", the chain of this boot, to `imakeep log retire`: the view cannot show the chain",
                "reboot when that suits: the next boot begins a new chain");
  }
  if (of_this_boot) {
    if (auto start = start_not_zero(kept, **last)) return std::move(*start);
  }
  const auto writer = writer_of(archive);
  return ok(kName, archive + " has " + std::to_string(chains->size()) + " chains" +
                       (writer ? "; process " + *writer + " is writing it" : ""));
}

// Whether the registered verifiers hold trims back.
Checked check_verifiers(const std::string& file) {
  constexpr const char* kName = "verifiers";
  const auto store = archive::SqliteStore::open(file, archive::OpenMode::kRead);
  if (!store) {
    return warn(kName, "trim_after is \"verified\", and the archive cannot be read: " + describe(store.error()),
                "start the keeper, and let each verifier report what it has proven");
  }
  archive::Archive kept(**store);
  const auto state = keeper::ChainState::load(kept);
  if (!state) return bad(kName, describe(state.error()), "`imakeep log --check` names the damage");
  if (!*state) {
    return warn(kName, "trim_after is \"verified\", and the archive has no record that a verifier could prove",
                "start the keeper, and let each verifier report what it has proven");
  }
  const auto limit = keeper::trim_limit(kept, **state, keeper::TrimAfter::kVerified);
  if (!limit) return bad(kName, describe(limit.error()), "`imakeep log --check` names the damage");
  if (limit->why.empty()) return ok(kName, "every registered verifier has proven all archived records");
  const std::string held_back = ": " + std::to_string(limit->unverified) + " records in the list are held back";
  if (limit->verified > 0) return ok(kName, limit->why + held_back);
  return warn(kName, limit->why + held_back, "docs/operators.md says how verifiers register and are removed");
}

void add_archive(std::vector<Checked>& all, const std::string& archive) {
  if (archive.empty()) return;
  const std::string parent = std::filesystem::path(archive).parent_path().string();
  const std::string directory = parent.empty() ? "." : parent;
  all.push_back(check_archive(archive, directory));
  if (all.back().verdict != Verdict::kFail) add_space(all, directory);
}

}  // namespace

std::string_view word(Verdict verdict) {
  return verdict == Verdict::kOk ? "ok" : verdict == Verdict::kWarn ? "warn" : "FAIL";
}

std::vector<Checked> examine(const DoctorOptions& options) {
  std::vector<Checked> all;
  const auto directory = ImaDirectory::inspect(options.ima_dir);
  all.push_back(check_directory(options.ima_dir, directory));
  if (directory) {
    SystemClock clock;
    const auto pcrs = pcrs::open_keep_pcrs(options.pcrs, clock);
    const keeper::TableMode table = !directory->on_fuse() ? host::table_of_this_kernel()
                                    : pcrs                ? pcrs->table
                                                          : keeper::TableMode::kUnknown;
    all.push_back(check_methods(*directory, table));
    all.push_back(check_table(*directory, table));
    all.push_back(check_privileges(*directory));
    all.push_back(check_pcrs(*directory, options.pcrs, pcrs));
    all.push_back(check_ascii(*directory, options.templates));
    add_holders(all, options.ima_dir);
  }
  add_policy(all, options);
  add_archive(all, options.archive);
  if (options.after_verifiers && !options.archive.empty()) all.push_back(check_verifiers(options.archive));
  return all;
}

}  // namespace imakeep::doctor
