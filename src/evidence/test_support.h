// SPDX-License-Identifier: Apache-2.0
// evidence/test_support.h - evidence for tests. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "evidence/evidence_reader.h"
#include "evidence/nonce.h"
#include "imalog/test_support.h"

namespace imakeep::evidence {

inline EvidenceHeader sample_header(std::uint64_t count) {
  const digest::Bank sha1 = digest::bank_of(digest::Algorithm::kSha1);
  const digest::Bank sha256 = digest::bank_of(digest::Algorithm::kSha256);
  return {.tenant = "blue",
          .host = "web-1",
          .token = Bytes(kTokenBytes, std::byte{0x11}),
          .quote = Bytes(100, std::byte{0x22}),
          .signature = Bytes(70, std::byte{0x33}),
          .pcrs = {{.bank = sha1, .pcr = 0, .value = digest::Digest::filled(20, std::byte{0x44})},
                   {.bank = sha256, .pcr = 0, .value = digest::Digest::filled(32, std::byte{0x55})},
                   {.bank = sha256, .pcr = 23, .value = digest::Digest::filled(32, std::byte{0x66})}},
          .first = 120,
          .count = count};
}

inline EvidenceHeader sample_part(std::uint64_t count) {
  return {.host = "web-1",
          .token = Bytes(kTokenBytes, std::byte{0x11}),
          .quote = Bytes(100, std::byte{0x22}),
          .signature = Bytes(70, std::byte{0x33}),
          .count = count,
          .more = true};
}

inline std::vector<imalog::test::Content> sample_records(std::size_t count) {
  std::vector<imalog::test::Content> contents;
  for (std::size_t i = 0; i < count; ++i) contents.push_back(imalog::test::ima_ng("/usr/bin/" + std::to_string(i)));
  return contents;
}

inline Bytes written(const EvidenceHeader& header, const std::vector<imalog::test::Content>& contents) {
  Bytes bytes;
  auto writer = EvidenceWriter::begin(header, [&bytes](ByteView piece) -> Result<void> {
    EXPECT_LE(piece.size(), kMostChunkBytes + 16);
    append_bytes(bytes, piece);
    return {};
  });
  EXPECT_TRUE(writer) << (writer ? "" : writer.error().message);
  if (!writer) return {};
  for (const imalog::test::Content& content : contents) EXPECT_TRUE(writer->add(content.view()));
  EXPECT_TRUE(writer->finish());
  return bytes;
}

// What a reader handed over until it ended or failed.
struct EvidenceRead {
  std::vector<EvidenceHeader> headers = {};
  std::vector<imalog::test::Content> records = {};
  Result<void> ended = {};  // of finish(), or of the call that failed

  std::string text() const { return ended ? "read" : ended.error().message; }
};

inline EvidenceRead read_evidence(ByteView bytes, std::size_t piece_bytes = ~std::size_t{0},
                                  const EvidenceLimits& limits = {}) {
  EvidenceRead read;
  EvidenceReader reader(
      limits,
      [&read](const EvidenceHeader& header) -> Result<void> {
        EXPECT_TRUE(read.records.empty());
        read.headers.push_back(header);
        return {};
      },
      [&read](const imalog::RecordContentView& view) -> Result<void> {
        EXPECT_EQ(read.headers.size(), 1u);
        read.records.push_back({.pcr = view.pcr,
                                .template_name = std::string(view.template_name),
                                .body = Bytes(view.body.begin(), view.body.end()),
                                .violation = view.violation});
        return {};
      });
  while (!bytes.empty() && read.ended) {
    const ByteView piece = bytes.first(std::min(bytes.size(), piece_bytes));
    bytes = bytes.subspan(piece.size());
    read.ended = reader.feed(piece);
  }
  if (read.ended) {
    read.ended = reader.finish();
  } else {
    EXPECT_EQ(reader.feed(bytes).error().message, read.ended.error().message) << "each later call says the same";
    EXPECT_EQ(reader.finish().error().message, read.ended.error().message);
  }
  return read;
}

}  // namespace imakeep::evidence
