// SPDX-License-Identifier: Apache-2.0
// Input: a byte, the size of the pieces less one; then an evidence bundle. The checksum at its end is made right first,
// so that the fuzzer gets past it.
#include "digest/digest.h"
#include "evidence/bundle_reader.h"
#include "fuzz/require.h"

namespace imakeep {
namespace {

struct Seen {
  evidence::BundleHeader header = {};
  std::vector<Bytes> bodies = {};
  std::string end = {};  // "read", or the error's message

  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read_in_pieces(ByteView bytes, std::size_t piece_bytes) {
  // A small input may expand to very many records; the fuzzer looks at the first ones.
  constexpr std::size_t kMostRecords = 2000;
  Seen seen;
  auto reader = evidence::BundleReader::open([&](std::span<std::byte> room) -> Result<std::size_t> {
    const ByteView piece = bytes.first(std::min({bytes.size(), room.size(), piece_bytes}));
    bytes = bytes.subspan(piece.size());
    std::copy(piece.begin(), piece.end(), room.begin());
    return piece.size();
  });
  if (!reader) {
    seen.end = reader.error().message;
    return seen;
  }
  seen.header = reader->header();
  fuzz::require(evidence::check_bundle_header(seen.header).has_value(), "a header that is read keeps its rules");
  while (seen.bodies.size() < kMostRecords) {
    const auto record = reader->next();
    if (!record) {
      fuzz::require(!reader->next(), "an error stays");
      seen.end = record.error().message;
      return seen;
    }
    if (!*record) {
      seen.end = "read";
      return seen;
    }
    fuzz::require(imalog::acceptable(**record), "a record is one that a list can have");
    seen.bodies.emplace_back((*record)->body.begin(), (*record)->body.end());
  }
  return seen;
}

Bytes with_right_checksum(ByteView bundle) {
  constexpr std::size_t kChecksumBytes = 34;  // the head of a string of 32 bytes, and the string
  Bytes bytes(bundle.begin(), bundle.end());
  if (bytes.size() < kChecksumBytes) return bytes;
  bytes.resize(bytes.size() - kChecksumBytes);
  const digest::Digest checksum = digest::hash(digest::Algorithm::kSha256, bytes);
  append_bytes(bytes, ByteView(bundle).subspan(bytes.size(), 2));
  append_bytes(bytes, checksum.view());
  return bytes;
}

void check(ByteView input) {
  const std::size_t piece_bytes = std::to_integer<std::size_t>(input[0]) + 1;
  const Bytes bundle = with_right_checksum(input.subspan(1));
  const Seen whole = read_in_pieces(bundle, bundle.size() + 1);
  fuzz::require(whole == read_in_pieces(bundle, piece_bytes), "pieces make no difference");
  if (whole.end != "read") return;
  fuzz::require(whole.bodies.size() == whole.header.count, "all that is counted");
  const auto writer = evidence::BundleWriter::begin(whole.header, [](ByteView) { return Result<void>(); });
  fuzz::require(writer.has_value(), "a header that is read can be written");
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  imakeep::check(std::as_bytes(std::span(data, size)));
  return 0;
}
