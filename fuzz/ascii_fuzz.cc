// SPDX-License-Identifier: Apache-2.0
// Input: a binary list with sha1 digests, printed in both byte orders.
#include "fuzz/require.h"
#include "imalog/ascii.h"
#include "imalog/list_reader.h"
#include "imalog/template.h"

namespace imakeep::fuzz {
namespace {

void check_line(const imalog::RecordView& record, ByteOrder order) {
  const std::string before = "a line\n";
  std::string out = before;
  const auto appended = append_ascii(out, record.content(), record.digest, order);
  require(out.starts_with(before), "what was there stays");
  if (!appended) {
    require(appended.error().code == ErrorCode::kMalformed, "only a malformed body cannot be printed");
    require(*appended.error().offset <= record.body.size(), "the error lies within the body");
    require(out == before, "no half line is left");
    require(imalog::Template::find(record.template_name).has_value(), "an unknown template can always be printed");
    return;
  }
  const std::string start = (record.pcr < 10 ? " " : "") + std::to_string(record.pcr) + " " + to_hex(record.digest) +
                            " " + std::string(record.template_name) + " ";
  require(std::string_view(out).substr(before.size()).starts_with(start), "PCR, digest and template stand in front");
  require(out.back() == '\n', "a line ends");
  require(out.size() <= before.size() + start.size() + 20 * imalog::kMaxFields + 2 * record.body.size() + 1,
          "a line is in proportion to its record");
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView list = std::as_bytes(std::span(data, size));
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    imalog::ListReader reader(list, {.digest_bytes = 20, .order = order});
    for (auto record = reader.next(); record && *record; record = reader.next()) fuzz::check_line(**record, order);
  }
  return 0;
}
