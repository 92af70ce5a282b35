// SPDX-License-Identifier: Apache-2.0
// Names, links, types, owners, modes and sizes: docs/protocol.md, "Files and requests".
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

constexpr mode_t kListMode = 0660;
constexpr mode_t kCounterMode = 0440;

// Describes the result of lstat(2) in words: "file 0660 0:0 size 0".
std::string describe_file(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return errno_name(errno);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s %04o %u:%u size %lld", S_ISREG(status.st_mode) ? "file" : "no file",
                static_cast<unsigned>(status.st_mode & 07777), static_cast<unsigned>(status.st_uid),
                static_cast<unsigned>(status.st_gid), static_cast<long long>(status.st_size));
  return text.data();
}

std::string plain_file(mode_t mode) {
  return mode == kListMode ? "file 0660 0:0 size 0" : "file 0440 0:0 size 0";
}

Check list_file(Form form, Part part) {
  const bool staged = part == Part::kStaged;
  return {
      .id = "files." + std::string(form_name(form)) + (staged ? "-staged" : ""),
      .title = "the bank's " + std::string(form_name(form)) + " file of the " + std::string(part_name(part)) + " list",
      .needs = kPerBank | (staged ? unsigned{kStaging} : 0u),
      .run = [form, part](Context& c) -> Result<Finding> {
        return compare(plain_file(kListMode), describe_file(c.directory().list_path(form, c.bank(), part)));
      }};
}

Check link(Form form, Part part) {
  const bool staged = part == Part::kStaged;
  return {.id = "files.link-" + std::string(form_name(form)) + (staged ? "-staged" : ""),
          .title = "the name without a bank is a link to sha1's file",
          .needs = staged ? unsigned{kStaging} : 0u,
          .run = [form, part](Context& c) -> Result<Finding> {
            const ImaDirectory& directory = c.directory();
            const std::filesystem::path target = directory.list_path(form, directory.first_bank(), part);
            std::error_code failed;
            const auto found = std::filesystem::read_symlink(directory.link_path(form, part), failed);
            return compare(target.filename(), failed ? errno_name(failed.value()) : found.string());
          }};
}

Check same_bytes_through_link(Form form) {
  return {.id = "files.link-content-" + std::string(form_name(form)),
          .title = "the link reads as sha1's file",
          .run = [form](Context& c) -> Result<Finding> {
            const ImaDirectory& directory = c.directory();
            IMAKEEP_TAKE(file, read_file(directory.list_path(form, directory.first_bank(), Part::kCurrent)));
            IMAKEEP_TAKE(through_link, read_file(directory.link_path(form, Part::kCurrent)));
            return expect_same("the same bytes", prefix_difference(file, through_link));
          }};
}

Result<Finding> names_are_known(Context& c) {
  const auto& unknown = c.directory().unknown_names();
  return compare("every list belongs to a bank", unknown.empty() ? "every list belongs to a bank" : unknown.front());
}

Result<Finding> count_is_a_number(Context& c) {
  IMAKEEP_TAKE(count, c.directory().count());
  return Finding{"a decimal number and a newline", std::to_string(count), true};
}

Result<Finding> violations_is_a_number(Context& c) {
  IMAKEEP_TAKE(violations, c.directory().violations());
  return Finding{"a decimal number and a newline", std::to_string(violations), true};
}

}  // namespace

std::vector<Check> file_checks() {
  std::vector<Check> checks{{"files.names", "no list of an unknown bank", kReading, names_are_known}};
  for (const Part part : {Part::kCurrent, Part::kStaged}) {
    for (const Form form : kForms) {
      checks.push_back(list_file(form, part));
      checks.push_back(link(form, part));
    }
  }
  for (const Form form : kForms) checks.push_back(same_bytes_through_link(form));
  checks.push_back({"files.count", "runtime_measurements_count is a read-only file", kReading, [](Context& c) {
                      return Result<Finding>(
                          compare(plain_file(kCounterMode), describe_file(c.directory().count_path())));
                    }});
  checks.push_back({"files.violations", "violations is a read-only file", kReading, [](Context& c) {
                      return Result<Finding>(
                          compare(plain_file(kCounterMode), describe_file(c.directory().violations_path())));
                    }});
  checks.push_back({"files.count-content", "runtime_measurements_count holds a number", kReading, count_is_a_number});
  checks.push_back({"files.violations-content", "violations holds a number", kReading, violations_is_a_number});
  return checks;
}

}  // namespace imakeep::conformance
