// SPDX-License-Identifier: Apache-2.0
#include "output/ecs_writer.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "query/times.h"
#include "query/walk.h"

namespace imakeep::output {
namespace {

using nlohmann::ordered_json;
using query::RecordFactsView;
using query::Sight;

// The newest version of the schema whose names are used.
constexpr const char* kEcsVersion = "8.11.0";
// The hashes that the schema has a field for.
constexpr std::string_view kEcsHashes[] = {"md5", "sha1", "sha256", "sha384", "sha512"};

// Whether the text is valid UTF-8, as nlohmann-json sees it.
bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(ordered_json(text).dump());
    return true;
  } catch (const ordered_json::type_error&) {
    return false;
  }
}

std::string octal(std::uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode & 07777u);
  return text;
}

ordered_json file_of(const RecordFactsView& facts) {
  ordered_json file = ordered_json::object();
  const std::string_view name = facts.name;
  if (facts.has_path()) {
    file["path"] = name;
    file["directory"] = facts.directory();
    file["name"] = name.substr(name.rfind('/') + 1);
  } else {
    file["name"] = name;
  }
  // A digest of fs-verity is none of the content.
  const bool known = std::find(std::begin(kEcsHashes), std::end(kEcsHashes), facts.algorithm) != std::end(kEcsHashes);
  if (!facts.digest.empty() && facts.digest_type.empty() && known) {
    file["hash"][std::string(facts.algorithm)] = to_hex(facts.digest);
  }
  if (facts.is_signed) file["code_signature"]["exists"] = *facts.is_signed;
  if (facts.uid) file["uid"] = std::to_string(*facts.uid);
  if (facts.gid) file["gid"] = std::to_string(*facts.gid);
  if (facts.mode) file["mode"] = octal(*facts.mode);
  return file;
}

class EcsWriter : public RecordWriter {
 public:
  EcsWriter(const digest::Bank& bank, const imalog::TemplateSet& templates) : bank_(bank), templates_(templates) {}

  // pass() learns the digests of records that are not printed.
  bool counts_from_first() const override { return true; }

  Result<void> enter(archive::Archive& archive, const archive::Chain& chain, const DamageCall& on_damage) override {
    if (!entered_) IMAKEEP_CHECK(learn_earlier_chains(archive, chain.chain, on_damage));
    entered_ = true;
    chain_ = chain.chain;
    first_kept_ = chain.first_kept;
    order_ = chain.order;
    IMAKEEP_TRY(const auto list, archive.list(chain.chain));
    proven_ = list ? list->proven : 0;
    IMAKEEP_TRY(anchors_, archive.anchors(chain));
    times_.emplace(archive.store());
    return {};
  }

  void pass(const archive::NumberedRecord& numbered) override { sight_of(facts(numbered)); }

  Result<void> append(std::string& out, const archive::NumberedRecord& numbered) override {
    Result<query::ArchivedBetween> between = query::ArchivedBetween();
    // Nobody knows any more when a violation was archived whose segment was retired.
    const bool is_kept = times_ && numbered.number >= first_kept_;
    if (is_kept) between = times_->of(chain_, numbered.number);
    const RecordFactsView of = facts(numbered);
    ordered_json line = ordered_json::object();
    if (between && is_kept) line["@timestamp"] = query::rfc3339(between->not_before_s);
    line["ecs"]["version"] = kEcsVersion;
    line["event"] = event_of(of, numbered);
    if (of.is_file) line["file"] = file_of(of);
    line["imakeep"] = own_of(of, numbered);
    if (between && is_kept) line["imakeep"]["archived"] = archived(*between);
    out += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    out += '\n';
    if (!between) return unexpected(std::move(between).error());
    return {};
  }

 private:
  Result<void> learn_earlier_chains(archive::Archive& archive, archive::ChainId first, const DamageCall& on_damage) {
    IMAKEEP_TRY(const auto chains, archive.chains());
    for (const archive::Chain& chain : chains) {
      if (chain.chain >= first) break;
      IMAKEEP_CHECK(query::learn_digests(archive.store(), chain, chain.end, templates_, digests_, on_damage));
    }
    return {};
  }

  RecordFactsView facts(const archive::NumberedRecord& numbered) const {
    return query::facts_of(numbered.record.content, order_, templates_);
  }

  Sight sight_of(const RecordFactsView& facts) {
    return digests_.add(facts.digest_type, facts.algorithm, facts.digest);
  }

  bool is_proven(std::uint64_t number) const {
    return number < proven_ && std::none_of(anchors_.begin(), anchors_.end(), [&](const archive::Anchor& anchor) {
             return number >= anchor.broken_at && number < anchor.number;
           });
  }

  ordered_json event_of(const RecordFactsView& facts, const archive::NumberedRecord& numbered) const {
    const bool violation = numbered.record.content.violation;
    return {{"kind", "event"},
            {"category", ordered_json::array({facts.is_file ? "file" : "configuration"})},
            {"type", ordered_json::array({facts.is_file ? "access" : "info"})},
            {"action", violation ? "violation" : "measured"},
            {"outcome", violation ? "unknown" : "success"},
            {"provider", "ima"},
            {"module", "imakeep"},
            {"dataset", "imakeep.record"},
            {"id", std::to_string(chain_.value()) + "-" + std::to_string(numbered.number)},
            {"sequence", numbered.number}};
  }

  ordered_json own_of(const RecordFactsView& facts, const archive::NumberedRecord& numbered) {
    const imalog::RecordContentView& content = numbered.record.content;
    ordered_json own = {
        {"chain", chain_.value()},
        {"number", numbered.number},
        {"proven", is_proven(numbered.number)},
        {"violation", content.violation},
        {"pcr", content.pcr},
        {"template", content.template_name},
        {"template_digest", bank_.name() + ":" + to_hex(archive::shown_digest(bank_, numbered.record).view())}};
    if (!facts.is_file && !facts.name.empty()) own["name"] = facts.name;
    if (!is_utf8(facts.name)) own["name_hex"] = to_hex(as_bytes(facts.name));
    if (!facts.digest.empty()) own["digest"] = facts.digest_text();
    const Sight sight = sight_of(facts);
    if (sight == Sight::kFirst || sight == Sight::kAgain) own["first_in_archive"] = sight == Sight::kFirst;
    return own;
  }

  static ordered_json archived(const query::ArchivedBetween& between) {
    ordered_json times = {{"not_before", query::rfc3339(between.not_before_s)}};
    if (between.not_after_s) times["not_after"] = query::rfc3339(*between.not_after_s);
    return times;
  }

  const digest::Bank bank_;
  const imalog::TemplateSet templates_;
  query::DigestSet digests_;
  bool entered_ = false;
  archive::ChainId chain_ = {};
  ByteOrder order_ = kHostOrder;
  std::uint64_t first_kept_ = 0;
  std::uint64_t proven_ = 0;
  std::vector<archive::Anchor> anchors_;
  std::optional<query::RecordTimes> times_;
};

}  // namespace

std::unique_ptr<RecordWriter> make_ecs_writer(const digest::Bank& bank, const imalog::TemplateSet& templates) {
  return std::make_unique<EcsWriter>(bank, templates);
}

}  // namespace imakeep::output
