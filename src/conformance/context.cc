// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

Finding compare(std::string expected, std::string found) {
  const bool passed = expected == found;
  return {std::move(expected), std::move(found), passed};
}

Finding expect_same(std::string expected, const std::string& difference) {
  return {std::move(expected), difference.empty() ? "the same" : difference, difference.empty()};
}

Result<void> Context::add(std::uint64_t records) {
  if (source_ == nullptr) return fail(ErrorCode::kUnsupported, "needs a record source");
  return source_->add(records);
}

Result<void> Context::add_again() {
  if (source_ == nullptr) return fail(ErrorCode::kUnsupported, "needs a record source");
  return source_->add_again();
}

Result<std::uint64_t> Context::records(Part part) const {
  IMAKEEP_TRY(const auto& bytes, read_file(directory_.list_path(Form::kBinary, directory_.first_bank(), part)));
  IMAKEEP_TRY(const auto& decoded, decode_list(bytes, directory_.first_bank()));
  return decoded.size();
}

Result<void> Context::must_answer_ok(const std::string& path, std::string_view request) {
  IMAKEEP_TAKE(answer, send_request(path, request));
  if (answer == "ok") return {};
  const std::string shown(request.substr(0, request.size() - 1));
  return fail(ErrorCode::kMismatch, "could not prepare: " + path + " answers " + shown + " with " + answer);
}

Result<void> Context::clear_staged() {
  if (!directory_.has_staging()) return {};
  // Decide by the content of the file, and not by D's errno, which another check tests.
  IMAKEEP_TAKE(staged, read_file(directory_.staged()));
  return staged.empty() ? Result<void>() : must_answer_ok(directory_.staged(), "D\n");
}

Result<void> Context::empty() {
  IMAKEEP_CHECK(clear_staged());
  IMAKEEP_TAKE(current, records(Part::kCurrent));
  if (current == 0) return {};
  if (!directory_.has_staging()) return must_answer_ok(directory_.original(), std::to_string(current) + "\n");
  IMAKEEP_CHECK(must_answer_ok(directory_.staged(), "A\n"));
  return must_answer_ok(directory_.staged(), "D\n");
}

Result<void> Context::have(std::uint64_t current) {
  IMAKEEP_CHECK(clear_staged());
  IMAKEEP_TAKE(there, records(Part::kCurrent));
  if (there >= current) return {};
  return add(current - there);
}

Result<void> Context::stage(std::uint64_t staged, std::uint64_t current) {
  IMAKEEP_CHECK(have(staged));
  IMAKEEP_CHECK(must_answer_ok(directory_.staged(), "A\n"));
  return current == 0 ? Result<void>() : add(current);
}

void Context::detect_table() {
  if (!have(1)) return;
  const auto answer = send_request(directory_.original(), "1\n");
  if (!answer) return;
  takes_numbers_ = *answer != "EINVAL";
  detect_repeats();
}

void Context::detect_repeats() {
  if (source_ == nullptr || !have(1) || !add(1)) return;
  const auto before = directory_.count();
  if (!before || !add_again()) return;
  const auto after = directory_.count();
  if (!after) return;
  if (*after > *before) {
    table_ = TableMode::kNone;
  } else {
    table_ = takes_numbers() ? TableMode::kKept : TableMode::kFlushed;
  }
}

}  // namespace imakeep::conformance
