#include "doctor.h"

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
#include "archive_writer.h"
#include "base/file.h"
#include "boot_options.h"
#include "disk_space.h"
#include "holders.h"
#include "ima_policy.h"
#include "imalog/ima_directory.h"
#include "keeper_status.h"
#include "terminal.h"
#include "this_boot.h"

namespace imakeep::app {
namespace {

using imalog::ImaDirectory;

// Below this an archive may soon not take another segment.
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
               "nobody answers for it: if a keeper left its view there, run: imakeep view unmount --ima-dir " + path);
  }
  return bad(kName, directory.error().message,
             directory.error().os_errno == EACCES || directory.error().os_errno == EPERM
                 ? "run as root"
                 : "mount -t securityfs securityfs /sys/kernel/security; the kernel needs CONFIG_IMA; without one, "
                   "`imakeep list serve` makes such a directory");
}

std::string whose(const ImaDirectory& directory) {
  if (directory.on_fuse()) return "the program that serves " + directory.path();
  utsname system{};
  return ::uname(&system) == 0 ? "Linux " + std::string(system.release) : "this kernel";
}

Checked check_methods(const ImaDirectory& directory, keeper::TableMode table) {
  constexpr const char* kName = "taking records out";
  const std::string who = whose(directory);
  if (!directory.takes_numbers() && !directory.has_staging()) {
    return warn(kName, who + " gives no records back: they are archived only",
                "use Linux 7.2 or later with CONFIG_IMA_STAGING=y");
  }
  if (directory.has_staging()) return ok(kName, who + " takes staging (A, D) and counting (N)");
  if (table == keeper::TableMode::kFlushed) {
    return bad(kName, who + " takes neither: CONFIG_IMA_STAGING is off, and with ima_flush_htable no number is taken",
               "boot without ima_flush_htable, or use a kernel with CONFIG_IMA_STAGING=y");
  }
  return ok(kName, who + " takes counting (N) only: CONFIG_IMA_STAGING is off");
}

Checked check_table(const ImaDirectory& directory, keeper::TableMode table) {
  constexpr const char* kName = "table of digests";
  const std::string what = std::string(table_word(table)) + ": " + table_costs(table);
  if (table != keeper::TableMode::kKept || directory.on_fuse()) return ok(kName, what);
  return warn(kName, what,
              directory.has_staging() ? "where memory is what matters, boot with ima_flush_htable"
                                      : "where memory is what matters, use a kernel with CONFIG_IMA_STAGING=y and boot "
                                        "with ima_flush_htable");
}

void add_holders(std::vector<Checked>& all, const std::string& directory) {
  constexpr const char* kName = "holders";
  const Holders holders = find_holders(directory);
  for (const Holder& holder : holders.holders) {
    all.push_back(
        warn(kName, describe(holder),
             "while it does nobody can take records out; if it stays, point it to imakeep's view of the list"));
  }
  if (!holders.holders.empty()) return;
  const std::string hidden =
      holders.hidden == 0 ? "" : "; " + std::to_string(holders.hidden) + " processes of others may not be looked into";
  all.push_back(ok(kName, "nobody has the list open" + hidden));
}

// ---- what proves it

Checked check_pcrs(const ImaDirectory& directory, const std::string& spec, const Result<KeepPcrs>& pcrs) {
  constexpr const char* kName = "PCRs";
  if (!pcrs) {
    return bad(kName, describe(pcrs.error()),
               "name the TPM that the list is measured into with --pcrs; `none` archives without proof");
  }
  if (pcrs->banks == nullptr) {
    return warn(kName, "none: nothing proves the records", "records are taken out with --unproven only");
  }
  std::vector<digest::Bank> common;
  for (const digest::Bank& bank : directory.banks()) {
    const auto& banks = pcrs->banks->banks();
    if (std::ranges::find(banks, bank.algorithm, &digest::Bank::algorithm) != banks.end()) common.push_back(bank);
  }
  const std::string theirs = digest::bank_names(pcrs->banks->banks());
  if (common.empty()) {
    return bad(kName, spec + " has " + theirs + ", the list has " + digest::bank_names(directory.banks()),
               "name the TPM that this list is measured into, or allocate one of the list's banks in it");
  }
  if (const auto read = pcrs->banks->read(10); !read) {
    return bad(kName, describe(read.error()), "mend the TPM, or name another with --pcrs");
  }
  return ok(kName, spec + " has " + theirs + "; " + digest::bank_names(common) + " are compared");
}

// ---- what it must not measure

uid_t owner_of_files(const std::string& archive) {
  struct stat status {};
  if (!archive.empty() && ::stat(archive.c_str(), &status) == 0) return status.st_uid;
  return ::geteuid();
}

void add_policy(std::vector<Checked>& all, const DoctorOptions& options) {
  constexpr const char* kName = "policy";
  const std::string file = options.policy.empty() ? kPolicyFile : options.policy;
  const auto text = read_file(file);
  const auto rules = text ? parse_policy(as_text(*text)) : std::vector<PolicyRule>();
  if (rules.empty()) {
    all.push_back(warn(kName, text ? file + " shows no rules" : text.error().message,
                       "name the policy that was loaded with --policy FILE"));
    return;
  }
  const uid_t owner = owner_of_files(options.archive);
  const PolicyCheck check = check_policy(rules, owner);
  const auto rule_before = [](const std::string& rule, std::size_t line) {
    return "put `dont_measure " + rule + "` before line " + std::to_string(line) + " of the policy";
  };
  if (!check.archive_measured_at) {
    all.push_back(ok(kName, "the archive is not measured"));
  } else if (owner == 0) {
    all.push_back(
        warn(kName, "imakeep's files belong to root, so they are measured as root's are",
             "run imakeep as a user of its own and " + rule_before("fowner=UID", *check.archive_measured_at)));
  } else {
    all.push_back(bad(kName, "imakeep's own files are measured: its archive anew at every write",
                      rule_before("fowner=" + std::to_string(owner), *check.archive_measured_at)));
  }
  if (check.view_measured_at) {
    all.push_back(bad(kName, "files on FUSE are measured: the view anew at every open",
                      rule_before("fsmagic=0x65735546", *check.view_measured_at)));
  } else {
    all.push_back(ok(kName, "reading the view is not measured"));
  }
}

// ---- what it may do

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
               "run as root, or in a service with AmbientCapabilities=CAP_SYS_ADMIN CAP_DAC_OVERRIDE");
  }
  if (::access(directory.original().c_str(), R_OK) != 0) {
    return bad(kName, directory.original() + " may not be read", "run as root, or with CAP_DAC_OVERRIDE");
  }
  return ok(kName, "CAP_SYS_ADMIN is there, and the list may be read");
}

// ---- where it is kept

void add_space(std::vector<Checked>& all, const std::string& directory) {
  const auto space = disk_space_at(directory);
  if (!space) return;
  const std::string what = human_bytes(space->free_bytes) + " are free in " + directory;
  all.push_back(space->free_bytes >= kLittleSpaceBytes
                    ? ok("space", what)
                    : warn("space", what, "free some, or forget old records with `imakeep log retire`"));
}

Checked check_archive(const std::string& archive, const std::string& directory) {
  constexpr const char* kName = "archive";
  if (::access(directory.c_str(), F_OK) != 0 && errno == ENOENT) {
    return bad(kName, directory + " is not there",
               "make it: install -d -m 0700 -o USER " + directory + ", for the user who runs imakeep");
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return bad(kName, directory + " may not be written to", "give it to the user who runs imakeep");
  }
  if (::access(archive.c_str(), F_OK) != 0) return ok(kName, archive + " is not there yet and will be made");
  if (::access(archive.c_str(), R_OK | W_OK) != 0) {
    return bad(kName, archive + " may not be written to", "run as its owner, or give it to the user who runs imakeep");
  }
  const auto store = archive::SqliteStore::open(archive, archive::OpenMode::kRead);
  if (!store) return bad(kName, describe(store.error()), "name another archive, or restore this one from a backup");
  archive::Archive kept(**store);
  const auto chains = kept.chains();
  if (!chains) return bad(kName, describe(chains.error()), "`imakeep log --check` tells what can still be read");
  if (!chains->empty() && chains->back().first_kept > 0 &&
      is_of_this_boot(kept, chains->back().chain).value_or(false)) {
    return warn(kName,
                archive + " has lost the beginning of chain " + std::to_string(chains->back().chain) +
                    ", that of this boot, to `imakeep log retire`: the view cannot show it",
                "reboot when that suits: the next boot begins a new chain");
  }
  const auto writer = writer_of(archive);
  return ok(kName, archive + " has " + std::to_string(chains->size()) + " chains" +
                       (writer ? "; process " + *writer + " is writing it" : ""));
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
    const auto pcrs = open_keep_pcrs(options.pcrs);
    const keeper::TableMode table = !directory->on_fuse() ? table_of_this_kernel()
                                    : pcrs                ? pcrs->table
                                                          : keeper::TableMode::kUnknown;
    all.push_back(check_methods(*directory, table));
    all.push_back(check_table(*directory, table));
    all.push_back(check_privileges(*directory));
    all.push_back(check_pcrs(*directory, options.pcrs, pcrs));
    add_holders(all, options.ima_dir);
  }
  add_policy(all, options);
  add_archive(all, options.archive);
  return all;
}

}  // namespace imakeep::app
