#include "keep_pcrs.h"

#include "control_pcr_banks.h"
#include "pcr_source.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/sysfs/sysfs_pcr_banks.h"

namespace imakeep::app {
namespace {

// What stands behind the prefix, if the text has it and something stands there.
std::optional<std::string> behind(const std::string& spec, std::string_view prefix) {
  if (!spec.starts_with(prefix) || spec.size() == prefix.size()) return std::nullopt;
  return spec.substr(prefix.size());
}

keeper::TableMode table_mode(const std::string& word) {
  // A list without a table takes N as well, but keeps nothing: there is no cost to tell.
  if (word == "flushed") return keeper::TableMode::kFlushed;
  return word == "kept" ? keeper::TableMode::kKept : keeper::TableMode::kUnknown;
}

}  // namespace

Result<void> check_pcr_spec(const std::string& spec) {
  const bool known = spec == "auto" || spec == "none" || spec == "sysfs" || behind(spec, "sysfs:") ||
                     behind(spec, "tcti:") || behind(spec, "memory:");
  if (known) return {};
  return fail(ErrorCode::kUsage,
              "'" + spec + "' names no PCRs; write auto, sysfs, sysfs:DIR, tcti:TCTI, memory:SOCK or none");
}

Result<KeepPcrs> open_keep_pcrs(const std::string& spec) {
  IMAKEEP_CHECK(check_pcr_spec(spec));
  if (spec == "none") return KeepPcrs{};
  if (const auto socket = behind(spec, "memory:")) {
    auto served = ControlPcrBanks::connect(*socket);
    if (!served) return unexpected(served.error());
    const keeper::TableMode table = table_mode((*served)->table());
    return KeepPcrs{.banks = std::move(*served), .table = table};
  }
  Result<std::unique_ptr<tpm::PcrBanks>> banks = nullptr;
  if (const auto tcti = behind(spec, "tcti:")) {
    banks = tpm::EsysPcrBanks::open(*tcti);
  } else if (spec == "auto") {
    banks = open_pcr_banks("");
    if (!banks) {
      banks.error().message +=
          "; name the PCRs that this list is measured into with --pcrs, or --pcrs none to archive without proof";
    }
  } else {
    banks = tpm::SysfsPcrBanks::open(behind(spec, "sysfs:").value_or(kKernelPcrFolder));
  }
  if (!banks) return unexpected(banks.error());
  return KeepPcrs{.banks = std::move(*banks)};
}

}  // namespace imakeep::app
