// SPDX-License-Identifier: Apache-2.0
#include "conformance/snapshot.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace imakeep::conformance {
namespace snapshot_test {

const std::string kStaging = std::string(IMAKEEP_TESTDATA) + "/linux-7.3.4/staging/";

Snapshot captured(const std::string& folder) {
  Snapshot snapshot;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512"}) {
    const std::string list = kStaging + folder + "/";
    snapshot.banks.push_back({digest::parse_bank(name).value(),
                              read_file(list + "binary_runtime_measurements_" + name).value(),
                              read_file(list + "ascii_runtime_measurements_" + name).value()});
  }
  return snapshot;
}

TEST(Snapshot, DropFirstIsWhatLinuxLeavesAfterANumber) {
  const Snapshot before = captured("3-current-after-delete");
  EXPECT_EQ(difference(captured("4-after-delete-7"), drop_first(before, 7).value()), "");
}

TEST(Snapshot, DropFirstOfNothingAndOfAll) {
  const Snapshot list = captured("0-before");
  EXPECT_EQ(difference(list, drop_first(list, 0).value()), "");
  const Snapshot none = drop_first(list, record_count(list).value()).value();
  EXPECT_TRUE(none.banks.front().binary.empty());
  EXPECT_TRUE(none.banks.back().ascii.empty());
}

TEST(Snapshot, DropFirstRefusesMoreThanThereIs) {
  const Snapshot list = captured("0-before");
  EXPECT_EQ(drop_first(list, record_count(list).value() + 1).error().code, ErrorCode::kMismatch);
}

TEST(Snapshot, JoinUndoesDropFirst) {
  const Snapshot list = captured("0-before");
  const Snapshot tail = drop_first(list, 2).value();
  Snapshot head = list;
  for (std::size_t i = 0; i < head.banks.size(); ++i) {
    head.banks[i].binary.resize(head.banks[i].binary.size() - tail.banks[i].binary.size());
    head.banks[i].ascii.resize(head.banks[i].ascii.size() - tail.banks[i].ascii.size());
  }
  EXPECT_EQ(difference(list, join(std::move(head), tail)), "");
}

TEST(Difference, NamesTheFileAndTheByte) {
  const Snapshot list = captured("0-before");
  Snapshot other = list;
  other.banks[1].ascii[17] ^= std::byte{1};
  EXPECT_EQ(difference(list, other), "ascii sha256: byte 17 differs");
  other.banks[0].binary.pop_back();
  EXPECT_NE(difference(list, other).find("binary sha1: "), std::string::npos);
}

TEST(Difference, APrefixDiffersInLengthOnly) {
  EXPECT_EQ(difference(as_bytes("abc"), as_bytes("ab")), "2 bytes, not 3");
  EXPECT_EQ(prefix_difference(as_bytes("abc"), as_bytes("ab")), "");
  EXPECT_EQ(prefix_difference(as_bytes("abc"), as_bytes("ax")), "byte 1 differs");
}

TEST(RenderList, GivesTheCapturedAscii) {
  const Snapshot templates = captured("../templates");
  for (const BankSnapshot& list : templates.banks) {
    EXPECT_EQ(render_list(list.binary, list.bank).value(), as_text(list.ascii));
  }
}

TEST(DigestDifference, FindsOneWrongDigest) {
  Snapshot list = captured("0-before");
  BankSnapshot& sha384 = list.banks[2];
  EXPECT_EQ(digest_difference(sha384.binary, sha384.bank).value(), "");
  sha384.binary[5] ^= std::byte{1};  // after the PCR of record 0
  EXPECT_EQ(digest_difference(sha384.binary, sha384.bank).value().rfind("record 0 shows ", 0), 0u);
}

TEST(ContentDifference, SeesWhatTheDigestsDoNotTell) {
  const Snapshot list = captured("0-before");
  const auto sha1 = decode_list(list.banks[0].binary, list.banks[0].bank).value();
  const auto sha512 = decode_list(list.banks[3].binary, list.banks[3].bank).value();
  ASSERT_GE(sha1.size(), 2u);
  EXPECT_EQ(content_difference(sha1[1], sha512[1]), "");
  EXPECT_EQ(content_difference(sha1[0], sha512[1]), "other data");
  imalog::RecordView other_pcr = sha512[1];
  other_pcr.pcr = 11;
  EXPECT_EQ(content_difference(sha1[1], other_pcr), "another PCR");
}

}  // namespace snapshot_test
}  // namespace imakeep::conformance
