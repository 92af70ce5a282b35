// SPDX-License-Identifier: Apache-2.0
#include "pcrs/keep_pcrs.h"

#include "pcrs/control_pcr_banks.h"
#include "pcrs/pcr_source.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/reconnecting_pcr_banks.h"
#include "tpm/sysfs/sysfs_pcr_banks.h"

namespace imakeep::pcrs {
namespace {

// Returns the text after the prefix; empty if `spec` lacks the prefix or has no text after it.
std::optional<std::string> text_after(const std::string& spec, std::string_view prefix) {
  if (!spec.starts_with(prefix) || spec.size() == prefix.size()) return std::nullopt;
  return spec.substr(prefix.size());
}

keeper::TableMode table_mode(const std::string& word) {
  // A list without a table accepts N too, but keeps no digests, so it has no cost to report.
  if (word == "flushed") return keeper::TableMode::kFlushed;
  return word == "kept" ? keeper::TableMode::kKept : keeper::TableMode::kUnknown;
}

Result<std::unique_ptr<tpm::PcrBanks>> open_pcrs(const std::string& spec) {
  if (const auto tcti = text_after(spec, "tcti:")) return tpm::EsysPcrBanks::open(*tcti);
  if (spec != "auto") return tpm::SysfsPcrBanks::open(text_after(spec, "sysfs:").value_or(kKernelPcrFolder));
  auto banks = open_pcr_banks("");
  if (!banks) {
    banks.error().message +=
        "; name the PCRs that this list is measured into with --pcrs, or archive without proof with --pcrs none";
  }
  return banks;
}

}  // namespace

Result<void> check_pcr_spec(const std::string& spec) {
  const bool known = spec == "auto" || spec == "none" || spec == "sysfs" || text_after(spec, "sysfs:") ||
                     text_after(spec, "tcti:") || text_after(spec, "memory:");
  if (known) return {};
  return fail(ErrorCode::kUsage,
              "'" + spec + "' is not a source of PCRs; write auto, sysfs, sysfs:DIR, tcti:TCTI, memory:SOCK or none");
}

Result<KeepPcrs> open_keep_pcrs(const std::string& spec, Clock& clock) {
  IMAKEEP_CHECK(check_pcr_spec(spec));
  if (spec == "none") return KeepPcrs{};
  if (const auto socket = text_after(spec, "memory:")) {
    IMAKEEP_TRY(auto served, ControlPcrBanks::connect(*socket));
    const keeper::TableMode table = table_mode(served->table());
    return KeepPcrs{.banks = std::move(served), .table = table};
  }
  auto banks = tpm::ReconnectingPcrBanks::begin([spec] { return open_pcrs(spec); }, clock);
  if (!banks) return unexpected(banks.error());
  return KeepPcrs{.banks = std::move(*banks)};
}

}  // namespace imakeep::pcrs
