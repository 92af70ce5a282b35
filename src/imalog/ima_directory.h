// SPDX-License-Identifier: Apache-2.0
// imalog/ima_directory.h - the files of an IMA directory: their names, and the banks that it has.
//
//   {binary,ascii}_runtime_measurements[_ALG][_staged]    without _ALG: a link to sha1
//   runtime_measurements_count, violations
// Kernels before 6.10 have only the names without _ALG, which show sha1. A kernel may have no files for sha1.
//
// Source: docs/protocol.md, "Files and requests"; ima_fs_init() in security/integrity/ima/ima_fs.c.
// Threads: const use is safe from any thread.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "digest/bank.h"

namespace imakeep::imalog {

enum class Form : std::uint8_t { kBinary, kAscii };
enum class Part : std::uint8_t { kCurrent, kStaged };

inline constexpr std::array kForms{Form::kBinary, Form::kAscii};

std::string_view form_name(Form form);  // "binary", "ascii"
std::string_view part_name(Part part);  // "current", "staged"

class ImaDirectory {
 public:
  // kEnvironment if the directory cannot be read or has no binary list.
  static Result<ImaDirectory> inspect(std::string path);

  const std::string& path() const { return path_; }
  const std::vector<digest::Bank>& banks() const { return banks_; }  // sorted by name, so sha1 comes first; not empty
  const digest::Bank& first_bank() const { return banks_.front(); }
  // Names of list files whose bank imakeep does not know.
  const std::vector<std::string>& unknown_names() const { return unknown_names_; }
  bool has_staging() const { return has_staging_; }  // any name ends in _staged
  // True if the lists accept N: since Linux 7.2 they can be written to.
  bool takes_numbers() const { return takes_numbers_; }
  bool on_fuse() const { return on_fuse_; }

  std::string list_path(Form form, const digest::Bank& bank, Part part) const;
  std::string link_path(Form form, Part part) const;
  std::string count_path() const { return path_ + "/runtime_measurements_count"; }
  std::string violations_path() const { return path_ + "/violations"; }
  // Most requests go to these two files.
  std::string original() const { return list_path(Form::kBinary, first_bank(), Part::kCurrent); }
  std::string staged() const { return list_path(Form::kBinary, first_bank(), Part::kStaged); }

  Result<std::uint64_t> count() const;
  Result<std::uint64_t> violations() const;

 private:
  std::string path_;
  std::vector<digest::Bank> banks_;
  std::vector<std::string> unknown_names_;
  bool named_by_bank_ = true;
  bool has_staging_ = false;
  bool takes_numbers_ = false;
  bool on_fuse_ = false;
};

// Parses a decimal number and a newline. kMalformed for anything else.
Result<std::uint64_t> parse_counter(std::string_view text, const std::string& path);

}  // namespace imakeep::imalog
