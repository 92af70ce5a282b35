// SPDX-License-Identifier: Apache-2.0
#include "attester/records.h"

#include "archive/archive.h"
#include "attest/list_files.h"
#include "imalog/ima_directory.h"
#include "output/archive_log.h"

namespace imakeep::attester {
namespace {

tl::unexpected<Error> too_short(const std::string& source, std::uint64_t first, std::uint64_t end) {
  return fail(ErrorCode::kMismatch, source + " ends before record " + std::to_string(end) +
                                        ", and the verifier has proven the records before number " +
                                        std::to_string(first) +
                                        " already; name the archive or list that has all records of this boot");
}

tl::unexpected<Error> retired(const std::string& source, std::uint64_t first, std::uint64_t first_kept) {
  return fail(ErrorCode::kMismatch, source + ": the verifier wants the records from number " + std::to_string(first) +
                                        " on, and those before number " + std::to_string(first_kept) +
                                        " were retired; use an archive that still has them");
}

std::unique_ptr<attest::ListLog> log_of(const imalog::ImaDirectory& directory) {
  std::vector<std::string> names;
  if (directory.has_staging()) names.push_back(directory.staged());
  names.push_back(directory.original());
  return std::make_unique<attest::ListLog>(std::move(names), attest::open_files({}));
}

}  // namespace

OpenRecords records_of_archive(std::string path) {
  return [path = std::move(path)](std::uint64_t first) -> Result<Records> {
    IMAKEEP_TRY(auto log, output::ArchiveLog::open_host(path));
    const archive::Chain& chain = log->chain_row();
    if (first > chain.end) return too_short(path, first, chain.end);
    if (first < chain.first_kept) return retired(path, first, chain.first_kept);
    Records records{.first = first,
                    .end = chain.end,
                    .named_pcrs = chain.end_pcrs.touched_pcrs(),
                    .order = chain.order,
                    .chain = chain.chain.value(),
                    .source = path};
    log->seek(first);
    records.log = std::move(log);
    return records;
  };
}

OpenRecords records_of_lists(std::string path) {
  return [path = std::move(path)](std::uint64_t first) -> Result<Records> {
    IMAKEEP_TRY(const auto& directory, imalog::ImaDirectory::inspect(path));
    auto log = log_of(directory);
    Records records{.first = first, .source = path};
    for (;;) {
      IMAKEEP_TRY(const auto record, log->next());
      if (!record) break;
      if (records.end == 0) records.order = record->order;
      records.named_pcrs |= std::uint32_t{1} << record->content.pcr;
      ++records.end;
    }
    if (first > records.end) return too_short(path, first, records.end);
    IMAKEEP_CHECK(log->rewind());
    for (std::uint64_t i = 0; i < first; ++i) {
      IMAKEEP_TRY(const auto record, log->next());
      if (!record) return too_short(path, first, i);
    }
    records.log = std::move(log);
    return records;
  };
}

}  // namespace imakeep::attester
