// SPDX-License-Identifier: Apache-2.0
// Input: a binary list, read with every digest size in both byte orders.
#include <algorithm>

#include "fuzz/require.h"
#include "imalog/list_reader.h"
#include "imalog/list_stream.h"
#include "imalog/template.h"
#include "imalog/template_digest.h"

namespace imakeep::fuzz {
namespace {

using imalog::FieldReader;
using imalog::ListReader;
using imalog::RecordFormat;
using imalog::RecordView;

void check_fields(const RecordView& record, ByteOrder order) {
  const auto found = imalog::Template::find(record.template_name);
  if (!found) return;
  FieldReader reader(*found, record.template_name, record.body, order);
  std::size_t taken = 0;
  for (;;) {
    const auto field = reader.next();
    if (!field) {
      require(field.error().code == ErrorCode::kMalformed, "a body that does not split is malformed");
      require(*field.error().offset <= record.body.size(), "a field's error lies within the body");
      return;
    }
    if (!*field) return;
    taken += (*field)->bytes.size();
    require(taken <= record.body.size(), "fields fit into the body");
  }
}

void check_record(const RecordView& record, ByteView encoded, RecordFormat format) {
  require(record.pcr < imalog::kPcrCount, "the PCR is one that a TPM has");
  require(record.digest.size() == format.digest_bytes, "the digest has the size of the format");
  Bytes again;
  encode_record(again, record.content(), record.digest, format.order);
  require(equal(again, encoded), "what is decoded is encoded again byte for byte");
  require(imalog::encoded_bytes(record.content(), format.digest_bytes) == encoded.size(), "encoded_bytes() is exact");
  const auto cut = decode_record(encoded.first(encoded.size() - 1), format);
  require(!cut && cut.error().code == ErrorCode::kTruncated, "a record without its last byte is truncated");
  check_fields(record, format.order);
}

void check_list(ByteView list, RecordFormat format) {
  ListReader reader(list, format);
  for (;;) {
    const std::size_t start = reader.offset();
    const std::uint64_t before = reader.records_read();
    const auto record = reader.next();
    if (!record) {
      const Error& error = record.error();
      require(error.code == ErrorCode::kTruncated || error.code == ErrorCode::kMalformed, "an error of a damaged list");
      require(*error.offset >= start && *error.offset <= list.size(), "the error lies in the faulty record");
      require(error.record == before, "the error names the faulty record");
      require(describe(reader.next().error()) == describe(error), "the same error comes again");
      return;
    }
    if (!*record) {
      require(start == list.size(), "a list ends with its last byte");
      return;
    }
    require(reader.offset() == start + (*record)->encoded_bytes && reader.offset() > start, "the reader goes forward");
    check_record(**record, list.subspan(start, (*record)->encoded_bytes), format);
  }
}

// Blocks of a few bytes give the records and errors that the whole gives.
void check_stream(ByteView list, imalog::RecordFormat format) {
  constexpr std::size_t kBlockBytes = 16;
  ListReader reader(list, format);
  imalog::ListStream stream(
      [rest = list](std::span<std::byte> room) mutable -> Result<std::size_t> {
        const std::size_t bytes = std::min(room.size(), rest.size());
        std::copy_n(rest.begin(), bytes, room.begin());
        rest = rest.subspan(bytes);
        return bytes;
      },
      kBlockBytes);
  for (;;) {
    const auto expected = reader.next();
    const auto found = stream.next(format);
    require(expected.has_value() == found.has_value(), "a stream fails where a reader does");
    if (!expected) {
      require(describe(expected.error()) == describe(found.error()), "and with the same words");
      return;
    }
    require((*expected == nullptr) == (*found == nullptr), "a stream ends where a reader does");
    if (*expected == nullptr) return;
    require((*expected)->content() == (*found)->content(), "and has the same records");
    require(stream.offset() == reader.offset(), "at the same places");
  }
}

void check_bank(ByteView list, ByteOrder order) {
  const auto bank = imalog::detect_bank(list, order);
  if (!bank) {
    require(bank.error().code == ErrorCode::kMalformed || bank.error().code == ErrorCode::kUnsupported ||
                (bank.error().code == ErrorCode::kTruncated && bank.error().record == 0u && bank.error().offset),
            "an error of detect_bank()");
    return;
  }
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(bank->digest_bytes()), .order = order});
  require(reader.next().has_value(), "a list whose bank was told has a first record, or is empty");
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const ByteView list = std::as_bytes(std::span(data, size));
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    for (const int digest_bytes : {20, 32, 48, 64}) {
      fuzz::check_list(list, {.digest_bytes = static_cast<std::uint8_t>(digest_bytes), .order = order});
      fuzz::check_stream(list, {.digest_bytes = static_cast<std::uint8_t>(digest_bytes), .order = order});
    }
    fuzz::check_bank(list, order);
  }
  return 0;
}
