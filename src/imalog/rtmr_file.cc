// SPDX-License-Identifier: Apache-2.0
#include "imalog/rtmr_file.h"

#include <filesystem>

#include "base/file.h"

namespace imakeep::imalog {
namespace {

constexpr std::uint32_t kRtmrs = 4;
constexpr digest::Bank kRtmrBank{.algorithm = digest::Algorithm::kSha384};

std::string file_name_of(std::uint32_t rtmr) {
  return "rtmr" + std::to_string(rtmr) + ":sha384";
}

// The file of an RTMR: `path` itself, or a file in the folder `path`. Empty if it does not exist.
std::string file_of(const std::string& path, std::uint32_t rtmr) {
  const std::filesystem::path given(path);
  std::error_code failed;
  if (given.filename() == file_name_of(rtmr)) return path;
  const std::filesystem::path within = given / file_name_of(rtmr);
  return std::filesystem::is_regular_file(within, failed) ? within.string() : "";
}

Result<digest::Digest> read_rtmr(const std::string& file) {
  IMAKEEP_TRY(const auto& bytes, read_file(file, {.most_bytes = kMostTextBytes}));
  if (bytes.size() != kRtmrBank.digest_bytes()) {
    return fail(ErrorCode::kMalformed, file + ": an RTMR of " + std::to_string(bytes.size()) + " bytes; sha384 has 48");
  }
  return digest::Digest(ByteView(bytes));
}

}  // namespace

std::optional<std::uint32_t> rtmr_of(std::uint32_t pcr) {
  if (pcr == 0 || pcr > 15) return std::nullopt;
  if (pcr == 1 || pcr == 7) return 0;
  return pcr < 7 ? 1 : 2;
}

bool names_rtmrs(const std::string& path) {
  for (std::uint32_t rtmr = 0; rtmr < kRtmrs; ++rtmr) {
    if (!file_of(path, rtmr).empty()) return true;
  }
  return false;
}

Result<std::vector<PcrValue>> read_rtmrs(const std::string& path) {
  std::vector<PcrValue> values;
  for (std::uint32_t rtmr = 0; rtmr < kRtmrs; ++rtmr) {
    const std::string file = file_of(path, rtmr);
    if (file.empty()) continue;
    IMAKEEP_TRY(const auto& value, read_rtmr(file));
    for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
      if (rtmr_of(pcr) == rtmr) values.push_back({.bank = kRtmrBank, .pcr = pcr, .value = value});
    }
  }
  if (values.empty()) {
    return fail(ErrorCode::kMalformed, path + ": no PCR belongs to that RTMR; give rtmr2:sha384 for IMA's");
  }
  return values;
}

}  // namespace imakeep::imalog
