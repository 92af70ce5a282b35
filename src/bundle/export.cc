// SPDX-License-Identifier: Apache-2.0
#include "bundle/export.h"

#include <algorithm>

namespace imakeep::bundle {
namespace {

std::uint64_t time_of(std::int64_t unix_s) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(unix_s, 0));
}

}  // namespace

Result<Exported> export_bundle(output::ArchiveLog& log, const BundleFacts& facts,
                               const std::function<Result<void>(ByteView)>& sink) {
  const archive::Chain& chain = log.chain_row();
  if (chain.first_kept > 0) {
    return fail(ErrorCode::kMismatch,
                "the records of chain " + std::to_string(chain.chain.value()) + " before number " +
                    std::to_string(chain.first_kept) +
                    " were retired, and a bundle has to begin with record 0, or it proves nothing; export a chain "
                    "before its records are retired");
  }
  evidence::BundleHeader header{.host = facts.host,
                                .made_unix_s = time_of(facts.made_unix_s),
                                .chain = chain.chain.value(),
                                .byte_order = chain.order,
                                .ek_certificate = facts.ek_certificate,
                                .count = chain.end};
  IMAKEEP_TRY(auto quotes, log.quotes());
  Exported exported{.chain = header.chain, .records = header.count, .quotes = quotes.size()};
  for (archive::KeptQuote& quote : quotes) {
    exported.covered = std::max(exported.covered, quote.records);
    header.quotes.push_back({.records = quote.records,
                             .added_unix_s = time_of(quote.added_unix_s),
                             .statement = std::move(quote.accepted.statement),
                             .signature = std::move(quote.accepted.signature),
                             .ak_public = std::move(quote.accepted.ak_public),
                             .pcrs = std::move(quote.accepted.pcrs)});
  }
  IMAKEEP_TRY(auto writer, evidence::BundleWriter::begin(header, sink));
  IMAKEEP_CHECK(log.rewind());
  for (;;) {
    IMAKEEP_TRY(const auto& record, log.next());
    if (!record) break;
    IMAKEEP_CHECK(writer.add(record->content));
  }
  IMAKEEP_CHECK(writer.finish());
  return exported;
}

}  // namespace imakeep::bundle
