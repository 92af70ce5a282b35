// SPDX-License-Identifier: Apache-2.0
#include "conformance/control/control_record_source.h"

#include "control/message.h"
#include "imalog/template_data.h"
#include "imalog/template_digest.h"

namespace imakeep::conformance {

Result<std::unique_ptr<ControlRecordSource>> ControlRecordSource::connect(const std::string& socket,
                                                                          const std::string& run) {
  IMAKEEP_TRY(auto client, control::Client::connect(socket, control::Client::kWorkLimit));
  IMAKEEP_TRY(auto measure, control::ask_how_to_measure(client));
  return std::unique_ptr<ControlRecordSource>(new ControlRecordSource(std::move(client), run, std::move(measure)));
}

Result<void> ControlRecordSource::append_record(Bytes& list, std::uint64_t serial, bool violation) const {
  const std::string path = "/conformance/" + run_ + "/" + std::to_string(serial);
  const digest::Digest digest = digest::hash(measure_.hash, as_bytes(path));
  const digest::Digest sha1 = digest::hash(digest::Algorithm::kSha1, as_bytes(path));
  IMAKEEP_TRY(const auto& body, imalog::make_body(measure_.template_name,
                                                  {.path = path,
                                                   .algorithm = measure_.hash,
                                                   .file_digest = violation ? ByteView() : digest.view(),
                                                   .plain_file_digest = violation ? ByteView() : sha1.view()},
                                                  measure_.order));
  const imalog::RecordContentView content{
      .pcr = measure_.pcr, .template_name = measure_.template_name, .body = body, .violation = violation};
  imalog::encode_record(list, content, imalog::shown_digest(control::kMadeBank, content).view(), measure_.order);
  return {};
}

Result<void> ControlRecordSource::send(Bytes list) {
  const auto report = client_.append(std::move(list), control::kMadeBank, true);
  if (!report) return unexpected(report.error());
  return {};
}

Result<void> ControlRecordSource::add(std::uint64_t records) {
  Bytes list;
  for (std::uint64_t i = 0; i < records; ++i) IMAKEEP_CHECK(append_record(list, ++last_serial_, false));
  return send(std::move(list));
}

Result<void> ControlRecordSource::add_again() {
  Bytes list;
  IMAKEEP_CHECK(append_record(list, last_serial_, false));
  return send(std::move(list));
}

Result<void> ControlRecordSource::add_violation() {
  Bytes list;
  IMAKEEP_CHECK(append_record(list, ++last_serial_, true));
  return send(std::move(list));
}

Result<std::vector<imalog::PcrValue>> ControlRecordSource::pcrs() {
  IMAKEEP_TRY(const auto& answer, client_.ask({.head = {{"op", "pcrs"}}}));
  std::vector<imalog::PcrValue> values;
  for (const auto& pcr : answer.head["pcrs"]) {
    IMAKEEP_TRY(const auto& bank, digest::parse_bank(pcr.value("bank", "")));
    IMAKEEP_TRY(const auto& value, from_hex(pcr.value("value", "")));
    values.push_back({.bank = bank, .pcr = pcr.value("pcr", 0u), .value = digest::Digest(value)});
  }
  return values;
}

Result<void> ControlRecordSource::suspend() {
  const auto answer = client_.ask({.head = {{"op", "suspend"}}});
  if (!answer) return unexpected(answer.error());
  return {};
}

}  // namespace imakeep::conformance
