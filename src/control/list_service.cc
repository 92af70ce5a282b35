// SPDX-License-Identifier: Apache-2.0
#include "control/list_service.h"

#include <cerrno>
#include <map>
#include <new>

#include <nlohmann/json.hpp>

#include "control/list_check.h"
#include "control/measure_file.h"
#include "control/message.h"

namespace imakeep::control {
namespace {

nlohmann::json extent_json(const mlist::Extent& extent) {
  return {{"records", extent.records}, {"bytes", extent.counted_bytes}};
}

const char* table_name(mlist::TableMode mode) {
  switch (mode) {
    case mlist::TableMode::kKept:
      return "kept";
    case mlist::TableMode::kFlushed:
      return "flushed";
    case mlist::TableMode::kNone:
      return "none";
    case mlist::TableMode::kUnknown:
      break;
  }
  return "";
}

}  // namespace

Message ListService::answer(const Message& request) {
  Result<Message> answered = fail(ErrorCode::kUsage, "a member of the request has the wrong type");
  try {
    answered = dispatch(request);
  } catch (const nlohmann::json::type_error&) {
    // `answered` holds the error already.
  } catch (const std::bad_alloc&) {
    answered = fail(ErrorCode::kEnvironment, "the list server has not enough memory to answer");
  } catch (const std::exception&) {
    answered = fail(ErrorCode::kIo, "the list server cannot answer this request");
  }
  if (!answered) return {.head = {{"ok", false}, {"error", error_to_json(answered.error())}}};
  answered->head["ok"] = true;
  return std::move(*answered);
}

Result<Message> ListService::dispatch(const Message& request) {
  const auto op = request.head.is_object() ? request.head.find("op") : request.head.end();
  if (op == request.head.end() || !op->is_string()) return fail(ErrorCode::kUsage, "a request needs an \"op\"");
  if (*op == "hello") return hello();
  if (*op == "append") return append(request);
  if (*op == "pcrs") return pcrs();
  if (*op == "stats") return stats();
  if (*op == "suspend") {
    list_.suspend();
    return Message{.head = nlohmann::json::object()};
  }
  if (*op == "kexec-load") return kexec_load();
  if (*op == "save") return save();
  return fail(ErrorCode::kUsage, "no operation " + op->dump());
}

Result<Message> ListService::hello() {
  nlohmann::json banks = nlohmann::json::array();
  for (const digest::Bank& bank : list_.options().banks) banks.push_back(bank.name());
  return Message{.head = {{"banks", banks},
                          {"hash", std::string(options_.md5 ? kMd5Name : digest::info(list_.options().hash).name)},
                          {"template", options_.template_name},
                          {"pcr", options_.pcr},
                          {"byte_order", list_.options().order == ByteOrder::kBig ? "big" : "little"},
                          {"table", table_name(list_.options().table)}}};
}

// Checks all records before it adds the first, so a damaged list adds nothing.
Result<Message> ListService::append(const Message& request) {
  IMAKEEP_TRY(const auto& bank, digest::parse_bank(request.head.value("bank", "")));
  IMAKEEP_TRY(const auto& contents, check_list(request.payload, bank, list_.options().order));
  const auto repeats = request.head.value("deduplicate", true) ? mlist::Repeats::kRefuse : mlist::Repeats::kAdd;

  std::uint64_t added = 0;
  std::uint64_t repeated = 0;
  std::uint64_t extends_failed = 0;
  std::optional<Error> extend_failure;
  std::optional<Error> stopped;
  for (const imalog::RecordContentView& content : contents) {
    if (content.violation) list_.count_violation();
    const auto appended = list_.append(content, repeats);
    if (appended) {
      ++added;
      extends_failed += appended->extend_failure ? 1u : 0u;
      if (!extend_failure) extend_failure = appended->extend_failure;
    } else if (appended.error().os_errno == EEXIST) {
      ++repeated;
    } else {
      stopped = appended.error();
      stopped->record = added + repeated;
      break;
    }
  }
  Message answer{.head = {{"added", added}, {"repeated", repeated}, {"extends_failed", extends_failed}}};
  if (extend_failure) answer.head["extend_error"] = error_to_json(*extend_failure);
  if (stopped) answer.head["stopped"] = error_to_json(*stopped);
  return answer;
}

Result<Message> ListService::pcrs() {
  // Read each PCR once, for all banks. Other threads add records meanwhile, so a separate pass for each bank would
  // return values of different moments.
  std::map<std::uint32_t, std::vector<digest::Digest>> read;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if (!pcrs_.extended(pcr)) continue;
    IMAKEEP_TRY(auto values, pcrs_.banks().read(pcr));
    read.emplace(pcr, std::move(values));
  }
  nlohmann::json answer = nlohmann::json::array();
  for (std::size_t bank = 0; bank < pcrs_.banks().banks().size(); ++bank) {
    for (const auto& [pcr, values] : read) {
      answer.push_back(
          {{"bank", pcrs_.banks().banks()[bank].name()}, {"pcr", pcr}, {"value", to_hex(values[bank].view())}});
    }
  }
  return Message{.head = {{"pcrs", answer}}};
}

Result<Message> ListService::stats() {
  const mlist::ListCounters counters = list_.counters();
  return Message{.head = {{"current", extent_json(counters.current)},
                          {"staged", extent_json(counters.staged)},
                          {"full", extent_json(counters.full)},
                          {"violations", counters.violations},
                          {"table",
                           {{"mode", table_name(list_.options().table)},
                            {"entries", counters.table_entries},
                            {"memory_bytes", counters.table_bytes}}},
                          {"record_memory_bytes", counters.record_bytes},
                          {"suspended", counters.suspended}}};
}

Result<Message> ListService::kexec_load() {
  const MutexLock lock(saver_mutex_);
  IMAKEEP_TRY(const auto& segment_bytes, saver_.load());
  return Message{.head = {{"segment_bytes", segment_bytes}}};
}

Result<Message> ListService::save() {
  const MutexLock lock(saver_mutex_);
  IMAKEEP_TRY(auto image, saver_.save());
  return Message{.head = {{"records", image.records}, {"dropped", image.dropped}}, .payload = std::move(image.bytes)};
}

}  // namespace imakeep::control
