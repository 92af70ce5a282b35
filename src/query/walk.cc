// SPDX-License-Identifier: Apache-2.0
#include "query/walk.h"

namespace imakeep::query {
namespace {

class Walker {
 public:
  Walker(archive::Archive& archive, const Walk& request, const WalkCalls& calls)
      : store_(archive.store()), request_(request), calls_(calls), times_(archive.store()) {}

  Result<void> run(const std::vector<archive::Chain>& chains) {
    for (const archive::Chain& chain : chains) {
      const bool asked = !request_.chain || *request_.chain == chain.chain;
      if (request_.chain && chain.chain > *request_.chain) break;
      if (!asked) {
        // Its digests are not new in a later chain.
        if (request_.selection.first_seen) IMAKEEP_CHECK(learn(chain, chain.end));
        continue;
      }
      IMAKEEP_CHECK(run(chain));
    }
    return {};
  }

 private:
  Result<void> learn(const archive::Chain& chain, std::uint64_t end) {
    return learn_digests(store_, chain, end, request_.templates, digests_, calls_.on_damage);
  }

  Result<void> run(const archive::Chain& chain) {
    const Selection& selection = request_.selection;
    if (request_.filter != nullptr) IMAKEEP_CHECK(request_.filter->begin(chain));
    if (selection.first_seen || request_.filter != nullptr)
      return read(chain, {.from = chain.first_kept, .to = chain.end});
    IMAKEEP_TRY(const auto ranges, archived_within(store_, chain, selection.since_s, selection.until_s));
    for (const NumberRange& range : ranges) IMAKEEP_CHECK(read(chain, range));
    return {};
  }

  Result<void> read(const archive::Chain& chain, const NumberRange& range) {
    archive::ArchiveReader reader(store_, chain, range.from, range.to);
    for (;;) {
      IMAKEEP_TRY(const auto& step, reader.next());
      if (step.done()) return {};
      if (step.damage) {
        calls_.on_damage(chain.chain, *step.damage);
        continue;
      }
      IMAKEEP_CHECK(take(chain, *step.record));
    }
  }

  Result<void> take(const archive::Chain& chain, const archive::NumberedRecord& numbered) {
    SeenRecord record = {.chain = chain.chain, .order = chain.order, .numbered = numbered};
    record.facts = facts_of(numbered.record.content, chain.order, request_.templates);
    IMAKEEP_TRY(record.between, times_.of(chain.chain, numbered.number));
    if (request_.selection.first_seen) {
      record.sight = digests_.add(record.facts.digest_type, record.facts.algorithm, record.facts.digest);
    }
    const bool passes = request_.filter == nullptr || request_.filter->passes(numbered);
    return passes && request_.selection.fits(record) ? calls_.on_record(record) : Result<void>();
  }

  archive::Store& store_;
  const Walk& request_;
  const WalkCalls& calls_;
  RecordTimes times_;
  DigestSet digests_;
};

}  // namespace

Result<void> walk(archive::Archive& archive, const Walk& request, const WalkCalls& calls) {
  if (request.chain) {
    if (const auto named = archive.chain(*request.chain); !named) return unexpected(named.error());
  }
  IMAKEEP_TRY(const auto chains, archive.chains());
  return Walker(archive, request, calls).run(chains);
}

Result<void> learn_digests(archive::Store& store, const archive::Chain& chain, std::uint64_t end,
                           const imalog::TemplateSet& templates, DigestSet& digests,
                           const std::function<void(archive::ChainId, const archive::Damage&)>& on_damage) {
  archive::ArchiveReader reader(store, chain, chain.first_kept, end);
  for (;;) {
    IMAKEEP_TRY(const auto& step, reader.next());
    if (step.done()) return {};
    if (step.damage) {
      on_damage(chain.chain, *step.damage);
      continue;
    }
    const auto facts = facts_of(step.record->record.content, chain.order, templates);
    digests.add(facts.digest_type, facts.algorithm, facts.digest);
  }
}

}  // namespace imakeep::query
