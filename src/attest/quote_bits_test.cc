// SPDX-License-Identifier: Apache-2.0
// One bit of a quote, its signature, its nonce or the log that it covers is changed, for every bit of one capture: none
// is accepted but those that no PCR covers.
#include <algorithm>

#include <gtest/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace quote_bits_test {

using test::must;

constexpr std::size_t kCovered = 93;
constexpr const char* kFolder = "templates/quote-mid";

void flip(Bytes& bytes, std::size_t bit) {
  bytes[bit / 8] ^= std::byte{1} << bit % 8;
}

// Treats the files as a verifier does.
bool accepted(const Bytes& message, const Bytes& signature_bytes, const Bytes& nonce) {
  static const auto kKey = test::captured_quote(kFolder).key;
  const auto quote = tpm::parse_quote(message);
  const auto signature = tpm::parse_signature(signature_bytes);
  return quote && signature && check_quote(*quote, {{*signature, kKey}}, nonce);
}

TEST(EveryBit, OfTheQuoteCounts) {
  const Bytes signature = test::captured(kFolder, "quote.sig");
  const Bytes nonce = test::captured_quote(kFolder).nonce;
  Bytes message = test::captured(kFolder, "quote.msg");
  ASSERT_TRUE(accepted(message, signature, nonce));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    flip(message, bit);
    EXPECT_FALSE(accepted(message, signature, nonce)) << bit;
    flip(message, bit);
  }
}

TEST(EveryBit, OfTheSignatureCounts) {
  const Bytes message = test::captured(kFolder, "quote.msg");
  const Bytes nonce = test::captured_quote(kFolder).nonce;
  Bytes signature = test::captured(kFolder, "quote.sig");
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    flip(signature, bit);
    EXPECT_FALSE(accepted(message, signature, nonce)) << bit;
    flip(signature, bit);
  }
}

TEST(EveryBit, OfTheNonceCounts) {
  const Bytes message = test::captured(kFolder, "quote.msg");
  const Bytes signature = test::captured(kFolder, "quote.sig");
  Bytes nonce = test::captured_quote(kFolder).nonce;
  for (std::size_t bit = 0; bit < nonce.size() * 8; ++bit) {
    flip(nonce, bit);
    EXPECT_FALSE(accepted(message, signature, nonce)) << bit;
    flip(nonce, bit);
  }
}

// ---- the log --------------------------------------------------------------------------------------------------------

// The fields of a record, by where they begin in it.
enum class FieldOfRecord : std::uint8_t { kPcr, kDigest, kNameLength, kName, kDataLength, kData };

FieldOfRecord field_at(const imalog::RecordView& record, std::size_t byte) {
  const std::size_t name_length_at = 4 + record.digest.size();
  const std::size_t name_at = name_length_at + 4;
  const std::size_t body_at = name_at + record.template_name.size();
  if (byte < 4) return FieldOfRecord::kPcr;
  if (byte < name_length_at) return FieldOfRecord::kDigest;
  if (byte < name_at) return FieldOfRecord::kNameLength;
  if (byte < body_at) return FieldOfRecord::kName;
  return byte < record.encoded_bytes - record.body.size() ? FieldOfRecord::kDataLength : FieldOfRecord::kData;
}

bool printable(std::byte c) {
  return c > std::byte{' '} && c < std::byte{0x7f};
}

// Whether no PCR tells a bit of that byte: those of a template's name, which no digest is over, and of a violation's
// data, for 0xff.. is extended instead of its digest.
// `flipped` is the list from the record on, with its bit changed: what is no record any more does not go unnoticed.
bool goes_unnoticed(const imalog::RecordView& record, std::size_t byte, ByteView flipped) {
  switch (field_at(record, byte)) {
    case FieldOfRecord::kName:
      return record.template_name != imalog::kImaTemplate && printable(flipped[byte]);  // "ima" has a layout of its own
    case FieldOfRecord::kData:
      return record.content().violation;
    default:
      return false;
  }
}

constexpr std::size_t kParts = 16;  // to be run side by side

// The quote, and for the records that name PCR 11 its value after the first kCovered records.
Expected expected_of(ByteView covered, const imalog::RecordFormat& format) {
  Expected expected = test::captured_quote(kFolder).expected();
  imalog::PcrState state(replayed_banks(expected));
  for (const imalog::RecordView& record : imalog::test::records_of(covered, format)) {
    imalog::extend(state, record.content());
  }
  expected.values.push_back({.bank = state.banks()[0], .pcr = 11, .value = state.value(0, 11)});
  return expected;
}

// The values of PCRs 10 and 11 in every bank of `state`.
Expected values_of(const imalog::PcrState& state) {
  Expected expected;
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    for (const std::uint32_t pcr : {10U, 11U}) {
      expected.values.push_back({.bank = state.banks()[bank], .pcr = pcr, .value = state.value(bank, pcr)});
    }
  }
  return expected;
}

bool is_length(FieldOfRecord field) {
  return field == FieldOfRecord::kNameLength || field == FieldOfRecord::kDataLength;
}

class EveryBitOfTheLog : public ::testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Parts, EveryBitOfTheLog, ::testing::Range<std::size_t>(0, kParts));

// To check a bit against the quote is to replay each record after it. That is done for every kParts-th byte, and for
// lengths, which decide what the following bytes are. For other bits the PCRs' values after the next record serve: if
// they differ, the values at the end differ too.
TEST_P(EveryBitOfTheLog, ThatTheQuoteCoversCounts) {
  const digest::Bank bank = imalog::test::bank("sha1");
  const auto format = imalog::test::format_of(bank);
  const Bytes covered = imalog::test::first_records(imalog::test::captured_binary("templates", bank), bank, kCovered);
  const Expected quoted = expected_of(covered, format);
  const auto records = imalog::test::records_of(covered, format);

  imalog::PcrState state(replayed_banks(quoted));
  std::size_t at = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const imalog::RecordView& record = records[i];
    // The records before this one are unchanged, so the replay starts from their state.
    Bytes rest(covered.begin() + static_cast<std::ptrdiff_t>(at), covered.end());
    std::size_t two_records = record.encoded_bytes;
    imalog::PcrState after = state;
    imalog::extend(after, record.content());
    if (i + 1 < records.size()) {
      imalog::extend(after, records[i + 1].content());
      two_records += records[i + 1].encoded_bytes;
    }
    Bytes two(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(two_records));
    const Expected values = values_of(after);
    for (std::size_t byte = GetParam(); byte < record.encoded_bytes; byte += kParts) {
      const bool whole = is_length(field_at(record, byte)) || byte / kParts % kParts == GetParam();
      Bytes& list = whole ? rest : two;
      for (std::size_t bit = byte * 8; bit < byte * 8 + 8; ++bit) {
        flip(list, bit);
        ListLog log({"list"}, test::in_memory([&](const std::string&) -> Result<Bytes> { return list; }), bank);
        const bool accepted = !must(check_log(log, whole ? quoted : values, state)).problem;
        ASSERT_EQ(accepted, goes_unnoticed(record, byte, list))
            << "bit " << bit % 8 << " of byte " << byte << " of record " << i << ", a " << record.template_name
            << (record.content().violation ? " violation" : "") << (whole ? ", by the quote" : ", by two records");
        flip(list, bit);
      }
    }
    imalog::extend(state, record.content());
    at += record.encoded_bytes;
  }
  EXPECT_EQ(at, covered.size());
}

// The exceptions above are not empty.
TEST(EveryBit, ThatMayGoUnnoticedIsMetInTheCapture) {
  const digest::Bank bank = imalog::test::bank("sha1");
  const Bytes covered = imalog::test::first_records(imalog::test::captured_binary("templates", bank), bank, kCovered);
  const auto records = imalog::test::records_of(covered, imalog::test::format_of(bank));
  const auto any = [&](auto&& which) { return std::any_of(records.begin(), records.end(), which); };
  EXPECT_TRUE(any([](const imalog::RecordView& record) { return record.content().violation; }));
  EXPECT_TRUE(any([](const imalog::RecordView& record) { return record.pcr != imalog::kImaPcr; }));
  EXPECT_TRUE(any([](const imalog::RecordView& record) { return record.template_name == imalog::kImaTemplate; }));
}

}  // namespace quote_bits_test
}  // namespace imakeep::attest
