// SPDX-License-Identifier: Apache-2.0
#include "daemon/keep_requests.h"

#include <nlohmann/json.hpp>

#include "control/message.h"
#include "daemon/request_queue.h"
#include "monitor/keeper_metrics.h"
#include "monitor/status_json.h"

namespace imakeep::daemon {
namespace {

using nlohmann::json;

Result<control::Message> message_of_metrics(KeepOperations& keeper) {
  IMAKEEP_TRY(const auto& text, keeper.tell_metrics());
  const ByteView bytes = as_bytes(text);
  return control::Message{.head = {{"content_type", monitor::kMetricsContentType}},
                          .payload = Bytes(bytes.begin(), bytes.end())};
}

Result<control::Message> carry_out(const std::string& operation, KeepOperations& keeper) {
  if (operation == "status") {
    IMAKEEP_TRY(const auto& status, keeper.tell_status());
    return control::Message{.head = monitor::json_of(status)};
  }
  if (operation == "metrics") return message_of_metrics(keeper);
  if (operation == "follow") {
    IMAKEEP_TRY(const auto& followed, keeper.follow_now());
    return control::Message{.head = {{"archived", followed.archived}, {"list_records", followed.list_records}}};
  }
  if (operation == "trim") {
    IMAKEEP_TRY(const auto& trimmed, keeper.trim_now());
    json head = monitor::json_of(trimmed.result);
    head["list_records"] = trimmed.list_records;
    return control::Message{.head = std::move(head)};
  }
  return fail(ErrorCode::kUsage,
              "unknown operation '" + operation + "'; a keeper has status, follow, trim and metrics");
}

}  // namespace

control::Message answer_request(const control::Message& request, KeepOperations& keeper) {
  const auto op = request.head.find("op");
  const std::string operation = op != request.head.end() && op->is_string() ? op->get<std::string>() : "";
  auto answer = carry_out(operation, keeper);
  if (!answer) return refusal(answer.error());
  answer->head["ok"] = true;
  return std::move(*answer);
}

}  // namespace imakeep::daemon
