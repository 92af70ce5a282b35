// SPDX-License-Identifier: Apache-2.0
#include "control/list_check.h"

#include "imalog/ascii.h"
#include "imalog/template_digest.h"

namespace imakeep::control {

Result<std::vector<imalog::RecordContentView>> check_list(ByteView list, const digest::Bank& bank, ByteOrder order) {
  std::vector<imalog::RecordContentView> contents;
  imalog::ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = order});
  std::string line;
  for (;;) {
    const std::size_t offset = reader.offset();
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) return contents;
    const imalog::RecordContentView content = record->content();
    const auto bad = [&](ErrorCode code, std::string message) {
      return unexpected(
          Error{.code = code, .message = std::move(message), .offset = offset, .record = reader.records_read() - 1});
    };
    if (!imalog::digest_matches(bank, content, record->digest)) {
      return bad(ErrorCode::kMismatch, "the " + bank.name() + " template digest does not match the record's data");
    }
    line.clear();
    if (auto shown = imalog::append_ascii(line, content, record->digest, order); !shown) {
      return bad(ErrorCode::kMalformed, shown.error().message);
    }
    contents.push_back(content);
  }
}

}  // namespace imakeep::control
