// SPDX-License-Identifier: Apache-2.0
#include "logproof/open_log.h"

#include "attest/list_files.h"

namespace imakeep::logproof {

Result<OpenLog> open_log(const ProofOptions& options, std::string spool_folder) {
  if (options.archive) {
    if (!options.files.empty()) return fail(ErrorCode::kUsage, "name either lists or --archive FILE, not both");
    if (options.bank) {
      return fail(ErrorCode::kUsage,
                  "--bank applies to lists only: an archive has every bank, and those of the PCRs are compared");
    }
    IMAKEEP_TRY(auto log, output::ArchiveLog::open(*options.archive, options.chain));
    OpenLog open{.chain = log->chain(),
                 .first = log->first(),
                 .ranges = log->unproven_ranges(options.start.has_value()),
                 .limit = log->replay_limit(options.start.has_value())};
    open.log = std::move(log);
    return open;
  }
  if (options.files.empty()) return fail(ErrorCode::kUsage, "name lists, or an archive with --archive FILE");
  IMAKEEP_CHECK(attest::check_distinct(options.files));
  std::optional<digest::Bank> bank;
  if (options.bank) {
    IMAKEEP_TRY(const auto& parsed, digest::parse_bank(*options.bank));
    bank = parsed;
  }
  return OpenLog{
      .log = std::make_unique<attest::ListLog>(options.files, attest::open_files(std::move(spool_folder)), bank)};
}

}  // namespace imakeep::logproof
