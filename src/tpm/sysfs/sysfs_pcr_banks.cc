// SPDX-License-Identifier: Apache-2.0
#include "tpm/sysfs/sysfs_pcr_banks.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"

namespace imakeep::tpm {
namespace {

constexpr std::string_view kFolderPrefix = "pcr-";

}  // namespace

Result<std::unique_ptr<SysfsPcrBanks>> SysfsPcrBanks::open(const std::string& folder) {
  std::error_code failed;
  std::vector<digest::Bank> banks;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kFolderPrefix)) continue;
    if (const auto bank = digest::parse_bank(name.substr(kFolderPrefix.size()))) banks.push_back(*bank);
  }
  if (failed) return fail_errno(failed.value(), folder);
  if (banks.empty()) {
    return fail(ErrorCode::kEnvironment,
                folder +
                    ": no folder pcr-ALG of a known bank: the TPM is not a TPM 2.0, or Linux is older than 5.12; use "
                    "device:/dev/tpmrm0");
  }
  std::sort(banks.begin(), banks.end(),
            [](const digest::Bank& a, const digest::Bank& b) { return a.algorithm < b.algorithm; });
  return std::unique_ptr<SysfsPcrBanks>(new SysfsPcrBanks(folder, std::move(banks)));
}

Result<void> SysfsPcrBanks::extend(std::uint32_t, std::span<const digest::Digest>) {
  return fail(ErrorCode::kUnsupported,
              folder_ + ": Linux's PCR files can only be read; extend through device:/dev/tpmrm0");
}

Result<std::vector<digest::Digest>> SysfsPcrBanks::read(std::uint32_t pcr) {
  IMAKEEP_CHECK(check_pcr(pcr));
  std::vector<digest::Digest> values;
  for (const digest::Bank& bank : banks_) {
    const std::string path = folder_ + "/" + std::string(kFolderPrefix) + bank.name() + "/" + std::to_string(pcr);
    IMAKEEP_TRY(const auto& text, read_file(path, {.most_bytes = kMostTextBytes}));
    std::string_view hex = as_text(text);
    if (hex.ends_with('\n')) hex.remove_suffix(1);
    const auto value = from_hex(hex);
    if (!value || value->size() != bank.digest_bytes()) {
      return fail(ErrorCode::kIo, path + ": no " + bank.name() +
                                      " digest in hex: the TPM did not answer Linux; look for tpm in the kernel's log");
    }
    values.emplace_back(*value);
  }
  return values;
}

}  // namespace imakeep::tpm
