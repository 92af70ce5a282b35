// SPDX-License-Identifier: Apache-2.0
#include "imalog/cel.h"

#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace cel_test {

const std::vector<digest::Bank> kBanks = test::banks("sha1,sha256,sha384,sha512");

// A record as a reader of the format gets it. The numbers in the readers below are the TCG's, written down again.
struct Read {
  std::uint64_t recnum = 0;
  std::uint64_t pcr = 0;
  std::vector<std::pair<std::uint64_t, Bytes>> digests;  // by TPM_ALG_ID
  std::string template_name;
  Bytes template_data;

  friend bool operator==(const Read&, const Read&) = default;
};

constexpr std::uint64_t kTpmAlgs[] = {0x0004, 0x000b, 0x000c, 0x000d};
constexpr const char* kHashNames[] = {"sha1", "sha256", "sha384", "sha512"};

// ---- a reader of TLV ------------------------------------------------------------------------------------------------

class TlvReader {
 public:
  explicit TlvReader(ByteView in) : in_(in) {}

  bool at_end() const { return in_.empty(); }

  std::pair<int, ByteView> next() {
    EXPECT_GE(in_.size(), 5u);
    const auto length = load<std::uint32_t>(in_.data() + 1, ByteOrder::kBig);
    EXPECT_GE(in_.size() - 5, length);
    const std::pair<int, ByteView> found{std::to_integer<int>(in_[0]), in_.subspan(5, length)};
    in_ = in_.subspan(5 + length);
    return found;
  }

  ByteView next_of(int type) {
    const auto [found, value] = next();
    EXPECT_EQ(found, type);
    return value;
  }

 private:
  ByteView in_;
};

std::uint64_t number(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::byte b : bytes) value = value << 8 | std::to_integer<std::uint64_t>(b);
  return value;
}

Bytes copy(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

std::vector<Read> read_tlv(ByteView log) {
  std::vector<Read> records;
  for (TlvReader reader(log); !reader.at_end();) {
    Read record;
    const ByteView recnum = reader.next_of(0);
    EXPECT_EQ(recnum.size(), 8u);
    record.recnum = number(recnum);
    const ByteView pcr = reader.next_of(1);
    EXPECT_EQ(pcr.size(), 1u);
    record.pcr = number(pcr);
    for (TlvReader digests(reader.next_of(3)); !digests.at_end();) {
      const auto [alg, value] = digests.next();
      record.digests.emplace_back(alg, copy(value));
    }
    TlvReader content(reader.next_of(7));
    record.template_name = as_text(content.next_of(0));
    record.template_data = copy(content.next_of(1));
    EXPECT_TRUE(content.at_end());
    records.push_back(record);
  }
  return records;
}

// ---- a reader of deterministic CBOR ---------------------------------------------------------------------------------

class CborReader {
 public:
  explicit CborReader(ByteView in) : in_(in) {}

  bool at_end() const { return in_.empty(); }

  // The argument of a head of that major type, which has to be as short as it can be.
  std::uint64_t head(int major) {
    const int first = std::to_integer<int>(take(1)[0]);
    EXPECT_EQ(first >> 5, major);
    const int low = first & 31;
    if (low < 24) return static_cast<std::uint64_t>(low);
    EXPECT_LE(low, 27) << "neither reserved nor of indefinite length";
    const std::uint64_t argument = number(take(1u << (low - 24)));
    const std::uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    EXPECT_GE(argument, least[low - 24]);
    return argument;
  }
  std::uint64_t integer() { return head(0); }
  ByteView bytes() { return take(head(2)); }
  std::string_view text() { return as_text(take(head(3))); }
  void key(std::uint64_t expected) { EXPECT_EQ(integer(), expected); }

 private:
  ByteView take(std::uint64_t count) {
    EXPECT_LE(count, in_.size());
    const ByteView taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }

  ByteView in_;
};

std::vector<Read> read_cbor(ByteView log) {
  CborReader in(log);
  std::vector<Read> records(in.head(4));
  for (Read& record : records) {
    EXPECT_EQ(in.head(5), 5u);
    in.key(0);
    record.recnum = in.integer();
    in.key(1);
    record.pcr = in.integer();
    in.key(3);
    for (std::uint64_t left = in.head(4); left > 0; --left) {
      EXPECT_EQ(in.head(5), 2u);
      in.key(0);
      const std::uint64_t alg = in.integer();
      in.key(1);
      record.digests.emplace_back(alg, copy(in.bytes()));
    }
    in.key(9);
    EXPECT_EQ(in.integer(), 7u);
    in.key(10);
    EXPECT_EQ(in.head(5), 2u);
    in.key(0);
    record.template_name = in.text();
    in.key(1);
    record.template_data = copy(in.bytes());
  }
  EXPECT_TRUE(in.at_end());
  return records;
}

std::vector<Read> read_json(const std::string& log) {
  std::vector<Read> records;
  for (const auto& in : nlohmann::json::parse(log)) {
    EXPECT_EQ(in.size(), 5u);
    EXPECT_EQ(in["content_type"], "ima_template");
    Read record{.recnum = in["recnum"],
                .pcr = in["pcr"],
                .digests = {},
                .template_name = in["content"]["template_name"],
                .template_data = test::must(from_hex(in["content"]["template_data"].get<std::string>()))};
    for (const auto& digest : in["digests"]) {
      const auto* const name = std::find(std::begin(kHashNames), std::end(kHashNames), digest["hashAlg"]);
      record.digests.emplace_back(kTpmAlgs[name - std::begin(kHashNames)],
                                  test::must(from_hex(digest["digest"].get<std::string>())));
    }
    records.push_back(record);
  }
  return records;
}

// ---- writers --------------------------------------------------------------------------------------------------------

struct Log {
  Bytes tlv;
  Bytes cbor;
  std::string json{kCelJsonBegin};
};

Log write(const std::vector<RecordContentView>& contents, const std::vector<digest::Bank>& banks) {
  Log log;
  append_cel_cbor_begin(log.cbor, contents.size());
  CelNumbering numbering;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::uint64_t recnum = numbering.next(contents[i].pcr);
    append_cel_tlv(log.tlv, recnum, contents[i], cel_digests(contents[i], banks));
    append_cel_cbor(log.cbor, recnum, contents[i], cel_digests(contents[i], banks));
    if (i > 0) log.json += kCelJsonBetween;
    append_cel_json(log.json, recnum, contents[i], cel_digests(contents[i], banks));
  }
  log.json += kCelJsonEnd;
  return log;
}

// From the captured lists of all banks, without anything that the writers use.
std::vector<Read> expected_of(const test::Capture& capture) {
  std::vector<Read> all;
  std::vector<Bytes> lists;
  for (const digest::Bank& bank : kBanks) lists.push_back(test::captured_binary(capture, bank));
  std::map<std::uint32_t, std::uint64_t> numbers;
  for (const RecordView& record : test::records_of(lists[0], test::format_of(kBanks[0]))) {
    Read read{.recnum = numbers[record.pcr]++,
              .pcr = record.pcr,
              .digests = {},
              .template_name = std::string(record.template_name),
              .template_data = copy(record.body)};
    if (record.template_name == "ima") {
      Bytes hashed(20 + 256);
      std::copy_n(record.body.begin(), 20, hashed.begin());
      std::copy(record.body.begin() + 24, record.body.end(), hashed.begin() + 20);
      read.template_data = hashed;
    }
    all.push_back(read);
  }
  for (std::size_t bank = 0; bank < kBanks.size(); ++bank) {
    const auto records = test::records_of(lists[bank], test::format_of(kBanks[bank]));
    for (std::size_t i = 0; i < records.size(); ++i) {
      Bytes digest = copy(records[i].digest);
      if (all_zero(digest)) std::fill(digest.begin(), digest.end(), std::byte{0xff});
      all[i].digests.emplace_back(kTpmAlgs[bank], digest);
    }
  }
  return all;
}

class Cel : public ::testing::TestWithParam<test::Capture> {};

INSTANTIATE_TEST_SUITE_P(Linux_7_3_4, Cel, ::testing::ValuesIn(test::kCaptures),
                         [](const ::testing::TestParamInfo<test::Capture>& param) {
                           std::string name = param.param.folder;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '/' || c == '-'; }, '_');
                           return name;
                         });

TEST_P(Cel, SaysInEachEncodingWhatTheKernelExtended) {
  const Bytes list = test::captured_binary(GetParam(), kBanks[1]);
  std::vector<RecordContentView> contents;
  for (const RecordView& record : test::records_of(list, test::format_of(kBanks[1]))) {
    contents.push_back(record.content());
  }
  const Log log = write(contents, kBanks);
  const auto expected = expected_of(GetParam());
  ASSERT_EQ(expected.size(), GetParam().records);
  EXPECT_TRUE(read_tlv(log.tlv) == expected);
  EXPECT_TRUE(read_cbor(log.cbor) == expected);
  EXPECT_TRUE(read_json(log.json) == expected);
}

// The purpose of CEL: a reader that knows no template can check that the digests are over the data.
TEST(CelLog, HasDigestsOverItsTemplateDataUnderEveryTemplate) {
  const Bytes list = test::captured_binary("templates", kBanks[0]);
  std::vector<RecordContentView> contents;
  for (const RecordView& record : test::records_of(list, test::format_of(kBanks[0]))) {
    if (!record.content().violation) contents.push_back(record.content());
  }
  for (const Read& record : read_cbor(write(contents, kBanks).cbor)) {
    for (std::size_t i = 0; i < kBanks.size(); ++i) {
      EXPECT_TRUE(
          equal(record.digests[i].second, digest::hash(kBanks[i].algorithm, ByteView(record.template_data)).view()))
          << record.template_name;
    }
  }
}

TEST(CelLog, WritesTheseBytes) {
  const Bytes body = test::bytes_of("abc");
  const RecordContentView content{.pcr = 10, .template_name = "x-ng", .body = body};
  const std::string sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";  // FIPS 180-4's example
  Bytes tlv;
  append_cel_tlv(tlv, 258, content, cel_digests(content, std::span(&kBanks[0], 1)));
  EXPECT_EQ(to_hex(tlv),
            "00000000080000000000000102"
            "01000000010a"
            "03000000190400000014" +
                sha1 +
                "0700000011"
                "0000000004782d6e67"
                "0100000003616263");
  Bytes cbor;
  append_cel_cbor(cbor, 258, content, cel_digests(content, std::span(&kBanks[0], 1)));
  EXPECT_EQ(to_hex(cbor),
            "a5"
            "00190102"
            "010a"
            "0381a200040154" +
                sha1 +
                "0907"
                "0aa20064782d6e670143616263");
  std::string json;
  append_cel_json(json, 258, content, cel_digests(content, std::span(&kBanks[0], 1)));
  EXPECT_EQ(json,
            R"({"recnum":258,"pcr":10,"digests":[{"hashAlg":"sha1","digest":")" + sha1 +
                R"("}],"content_type":"ima_template","content":{"template_name":"x-ng","template_data":"616263"}})");
}

TEST(CelLog, ArraysAndStringsOfEverySizeOfHeadAreAsShortAsTheyCanBe) {
  for (const std::size_t size : {0u, 23u, 24u, 255u, 256u, 65535u, 65536u}) {
    const Bytes body(size, std::byte{7});
    const RecordContentView content{.pcr = 10, .template_name = "x", .body = body};
    const std::vector<RecordContentView> contents(size == 65536 ? 1 : 30, content);
    const auto read = read_cbor(write(contents, {kBanks[0]}).cbor);
    ASSERT_EQ(read.size(), contents.size());
    EXPECT_EQ(read.back().template_data, body);
  }
  Bytes begin;
  append_cel_cbor_begin(begin, 0x100000000);
  EXPECT_EQ(to_hex(begin), "9b0000000100000000");
}

TEST(CelLog, NamesHashesAsTheTcgDoes) {
  const Bytes body = test::bytes_of("abc");
  std::string json;
  const auto banks = test::banks("sm3,tpm_alg_27,tpm_alg_28,tpm_alg_29");
  const RecordContentView content{.pcr = 10, .template_name = "x", .body = body};
  append_cel_json(json, 0, content, cel_digests(content, banks));
  std::vector<std::string> names;
  const auto record = nlohmann::json::parse(json);
  for (const auto& digest : record["digests"]) names.push_back(digest["hashAlg"]);
  EXPECT_EQ(names, (std::vector<std::string>{"sm3_256", "sha3_256", "sha3_384", "sha3_512"}));
}

TEST(CelLog, ALogWithoutRecordsIsAnEmptyArray) {
  const Log log = write({}, kBanks);
  EXPECT_TRUE(log.tlv.empty());
  EXPECT_EQ(to_hex(log.cbor), "80");
  EXPECT_TRUE(nlohmann::json::parse(log.json).empty());
}

}  // namespace cel_test
}  // namespace imakeep::imalog
