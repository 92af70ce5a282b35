// SPDX-License-Identifier: Apache-2.0
// Which repeated records the list adds, depending on its hash table's mode: docs/protocol.md, "Digest
// table".
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

std::string added(bool taken) {
  return taken ? "added again" : "not added again";
}

// Whether the list adds its last record when it is measured again after `between`.
Result<Finding> repeat_after(Context& c, bool expected, Result<void> (*between)(Context&)) {
  if (c.table() == TableMode::kUnknown) return fail(ErrorCode::kUnsupported, "the hash table's mode is not known");
  IMAKEEP_CHECK(c.have(2));
  IMAKEEP_CHECK(c.add(1));
  IMAKEEP_CHECK(between(c));
  IMAKEEP_TAKE(before, c.directory().count());
  IMAKEEP_CHECK(c.add_again());
  IMAKEEP_TAKE(after, c.directory().count());
  return compare(added(expected), added(after > before));
}

Result<void> send(const std::string& path, std::string_view request) {
  IMAKEEP_TAKE(answer, send_request(path, request));
  return answer == "ok" ? Result<void>() : fail(ErrorCode::kMismatch, "could not prepare: " + answer);
}

Result<void> nothing(Context&) {
  return {};
}

Result<void> stage(Context& c) {
  return send(c.directory().staged(), "A\n");
}

Result<void> stage_and_delete(Context& c) {
  IMAKEEP_CHECK(stage(c));
  return send(c.directory().staged(), "D\n");
}

Result<void> delete_number(Context& c) {
  IMAKEEP_TAKE(current, c.records(Part::kCurrent));
  return send(c.directory().original(), std::to_string(current) + "\n");
}

Result<Finding> repeat_in_list(Context& c) {
  return repeat_after(c, c.table() == TableMode::kNone, nothing);
}

Result<Finding> repeat_while_staged(Context& c) {
  return repeat_after(c, c.table() == TableMode::kNone, stage);
}

Result<Finding> repeat_after_delete(Context& c) {
  return repeat_after(c, c.table() != TableMode::kKept, stage_and_delete);
}

Result<Finding> repeat_after_number(Context& c) {
  return repeat_after(c, c.table() == TableMode::kNone, delete_number);
}

Result<Finding> fresh_after_delete(Context& c) {
  IMAKEEP_CHECK(c.have(1));
  IMAKEEP_CHECK(stage_and_delete(c));
  IMAKEEP_CHECK(c.add(2));
  IMAKEEP_TAKE(count, c.directory().count());
  return compare("2 records", std::to_string(count) + " records");
}

}  // namespace

std::vector<Check> table_checks() {
  return {
      {"table.repeat-in-list", "a record that the list has is measured again", kWriting | kSource, repeat_in_list},
      {"table.repeat-while-staged", "a record that is staged is measured again", kWriting | kStaging | kSource,
       repeat_while_staged},
      {"table.repeat-after-D", "a record that D deleted is measured again", kWriting | kStaging | kSource,
       repeat_after_delete},
      {"table.repeat-after-N", "a record that N deleted is measured again", kWriting | kCounting | kSource,
       repeat_after_number},
      {"table.fresh-after-D", "new records are added after D", kWriting | kStaging | kSource, fresh_after_delete},
  };
}

}  // namespace imakeep::conformance
