// SPDX-License-Identifier: Apache-2.0
// Input: a segment as an archive keeps it, and as the payload that it would decompress to.
#include "archive/segment.h"
#include "fuzz/require.h"

namespace imakeep::fuzz {
namespace {

using archive::SegmentReader;

// What reads as records is written again byte for byte, and survives compressing.
void check_payload(ByteView payload) {
  SegmentReader reader(payload);
  Bytes again;
  for (;;) {
    const std::size_t start = reader.offset();
    const auto record = reader.next();
    if (!record) {
      require(record.error().code == ErrorCode::kMalformed, "what is no record is malformed");
      require(*record.error().offset == start && *record.error().record == reader.records_read(), "and named");
      break;
    }
    if (!*record) {
      require(start == payload.size(), "a payload ends with its last byte");
      break;
    }
    require(reader.offset() > start, "the reader goes forward");
    append_record(again, **record);
    // Every record that is read can be replayed in every bank.
    digest::PcrState state(*digest::parse_banks("sha1,sha256"));
    archive::extend(state, **record);
  }
  require(equal(again, payload.first(again.size())), "what was read is written again byte for byte");
  const auto back = archive::decompress(archive::compress(payload));
  require(back && equal(*back, payload), "what is compressed is decompressed");
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  if (size < archive::kSegmentPayloadBytes) fuzz::check_payload(bytes);
  if (const auto payload = archive::decompress(bytes)) fuzz::check_payload(*payload);
  return 0;
}
