// SPDX-License-Identifier: Apache-2.0
#include "archiveappraisal/refused_records.h"

namespace imakeep::archiveappraisal {

Result<void> RefusedRecords::begin(const archive::Chain& chain) {
  auto appraiser = appraisal::Appraiser::make(policy_.policy.get(), mode_, {.keys = keys_});
  if (!appraiser) return unexpected(named(std::move(appraiser).error(), policy_.file));
  appraiser_ = std::move(*appraiser);
  bank_ = chain.banks.front();
  order_ = chain.order;
  return {};
}

bool RefusedRecords::passes(const archive::NumberedRecord& record) {
  const archive::RecordView& stored = record.record;
  const digest::Bank bank = stored.own ? stored.own->bank : bank_;
  const digest::Digest shown = archive::shown_digest(bank, stored);
  const appraisal::Verdict verdict = appraiser_->appraise({.number = record.number,
                                                           .content = stored.content,
                                                           .bank = bank,
                                                           .shown = shown.view(),
                                                           .order = order_,
                                                           .digest_matches = !stored.own});
  return verdict.finding.has_value();
}

}  // namespace imakeep::archiveappraisal
