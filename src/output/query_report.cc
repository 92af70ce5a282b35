// SPDX-License-Identifier: Apache-2.0
#include "output/query_report.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/quantity.h"
#include "base/text.h"
#include "query/times.h"

namespace imakeep::output {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kQueryFlushBytes = 1u << 20;

Result<std::optional<std::int64_t>> time_of(const std::string& text, std::int64_t now_s, const std::string& option) {
  if (text.empty()) return std::nullopt;
  auto time = query::parse_time(text, now_s);
  if (!time) return unexpected(named(std::move(time).error(), option));
  return *time;
}

Result<query::Walk> walk_of(const QueryRequest& request, std::int64_t now_s) {
  query::Walk walk = {.chain = request.chain, .filter = request.filter};
  IMAKEEP_TRY(walk.templates, imalog::TemplateSet::parse(request.descriptions));
  query::Selection& selection = walk.selection;
  selection.paths = request.paths;
  selection.templates = request.templates;
  selection.first_seen = request.first_seen;
  selection.violations = request.violations;
  for (const std::string& text : request.digests) {
    IMAKEEP_TRY(auto wanted, query::parse_wanted_digest(text));
    selection.digests.push_back(std::move(wanted));
  }
  for (const std::string& text : request.pcrs) {
    auto pcr = parse_count(text, {.max = digest::kPcrCount - 1});
    if (!pcr) return unexpected(named(std::move(pcr).error(), "--pcr"));
    selection.pcrs.push_back(static_cast<std::uint32_t>(*pcr));
  }
  IMAKEEP_TRY(selection.since_s, time_of(request.since, now_s, "--since"));
  IMAKEEP_TRY(selection.until_s, time_of(request.until, now_s, "--until"));
  if (selection.since_s && selection.until_s && *selection.until_s < *selection.since_s) {
    return fail(ErrorCode::kUsage, "--until lies before --since");
  }
  return walk;
}

std::string or_dash(std::string_view text) {
  return text.empty() ? "-" : printable(text);
}

void append_text(std::string& out, const query::SeenRecord& record) {
  const imalog::RecordContentView& content = record.numbered.record.content;
  out += std::to_string(record.chain.value()) + ' ' + std::to_string(record.numbered.number) + ' ' +
         query::rfc3339(record.between.not_before_s) + ' ' + std::to_string(content.pcr) + ' ' +
         printable(content.template_name) + ' ' +
         (content.violation ? "violation" : or_dash(record.facts.digest_text())) + ' ' + or_dash(record.facts.name) +
         '\n';
}

void append_json(std::string& out, const query::SeenRecord& record) {
  const imalog::RecordContentView& content = record.numbered.record.content;
  ordered_json line = {{"chain", record.chain.value()},
                       {"number", record.numbered.number},
                       {"archived_not_before", query::rfc3339(record.between.not_before_s)}};
  if (record.between.not_after_s) line["archived_not_after"] = query::rfc3339(*record.between.not_after_s);
  line["pcr"] = content.pcr;
  line["template"] = content.template_name;
  line["violation"] = content.violation;
  if (!record.facts.digest.empty()) line["digest"] = record.facts.digest_text();
  line["name"] = record.facts.name;
  out += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

std::string counts_json(const QueryRequest& request, const query::Counts& counts, const std::vector<query::Count>& all,
                        std::size_t shown) {
  ordered_json listed = ordered_json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    listed.push_back({{request.count_by, all[i].key}, {"records", all[i].records}, {"bytes", all[i].bytes}});
  }
  const ordered_json object = {
      {"count_by", request.count_by}, {"records", counts.records()}, {"different", all.size()}, {"counts", listed}};
  return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

std::string counts_text(const query::Counts& counts, const std::vector<query::Count>& all, std::size_t shown) {
  std::string text;
  const std::size_t width = all.empty() ? 1 : std::to_string(all.front().records).size();
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string records = std::to_string(all[i].records);
    const std::string bytes = human_bytes(all[i].bytes);
    text += std::string(width - std::min(width, records.size()), ' ') + records + "  " +
            std::string(9 - std::min<std::size_t>(9, bytes.size()), ' ') + bytes + "  " + or_dash(all[i].key) + '\n';
  }
  text += records_text(counts.records()) + ", " + std::to_string(all.size()) + " different";
  if (shown < all.size()) text += ", " + std::to_string(all.size() - shown) + " not shown";
  return text + '\n';
}

class Answer {
 public:
  Answer(const QueryRequest& request, FeedSink& sink) : request_(request), sink_(sink) {
    if (const auto by = query::count_by_named(request.count_by)) counts_.emplace(*by);
  }

  Result<bool> run(archive::Archive& archive, const query::Walk& walk) {
    const query::WalkCalls calls = {
        .on_record = [this](const query::SeenRecord& record) { return take(record); },
        .on_damage = [this](archive::ChainId chain, const archive::Damage& damage) { report(chain, damage); }};
    IMAKEEP_CHECK(query::walk(archive, walk, calls));
    if (counts_) {
      const auto all = counts_->sorted();
      const std::size_t shown = request_.top == 0 ? all.size() : std::min<std::size_t>(all.size(), request_.top);
      text_ = request_.json ? counts_json(request_, *counts_, all, shown) : counts_text(*counts_, all, shown);
    }
    IMAKEEP_CHECK(flush());
    return whole_;
  }

 private:
  Result<void> take(const query::SeenRecord& record) {
    if (counts_) return counts_->add(record);
    request_.json ? append_json(text_, record) : append_text(text_, record);
    return text_.size() < kQueryFlushBytes ? Result<void>() : flush();
  }

  void report(archive::ChainId chain, const archive::Damage& damage) {
    sink_.report({.code = ErrorCode::kMalformed,
                  .message = "chain " + std::to_string(chain.value()) + ": left out records " +
                             std::to_string(damage.first) + " to " + std::to_string(damage.first + damage.records - 1) +
                             ": " + damage.what});
    whole_ = false;
  }

  Result<void> flush() {
    if (text_.empty()) return {};
    auto written = sink_.write(text_);
    text_.clear();
    return written;
  }

  const QueryRequest& request_;
  FeedSink& sink_;
  std::optional<query::Counts> counts_;
  std::string text_;
  bool whole_ = true;
};

}  // namespace

Result<bool> answer(archive::Archive& archive, const QueryRequest& request, std::int64_t now_s, FeedSink& sink) {
  IMAKEEP_TRY(const query::Walk walk, walk_of(request, now_s));
  return Answer(request, sink).run(archive, walk);
}

}  // namespace imakeep::output
