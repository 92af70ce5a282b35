// SPDX-License-Identifier: Apache-2.0
#include "reference/document.h"

#include <gmock/gmock.h>

#include "reference/test_support.h"

namespace imakeep::reference {
namespace document_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(WriteDocument, GivesWhatReadDocumentTakesBack) {
  const std::string text = write_document(full_document());
  EXPECT_EQ(write_document(read_back(text)), text);
}

TEST(WriteDocument, WritesEachMemberThatReadersKnow) {
  const std::string text = write_document(full_document());
  const auto policy = policy::parse_policy(as_bytes(text), policy::Mode::kStrict);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->rules.generator, 3u);
  EXPECT_EQ(policy->rules.release, 7u);
  EXPECT_EQ(policy->rules.excludes.size(), 2u);
  EXPECT_EQ(policy->rules.packages.size(), 2u);
  EXPECT_EQ(policy->rules.file_keys.size(), 1u);
  EXPECT_EQ(policy->rules.pcrs, std::vector<std::uint32_t>{10});
  EXPECT_EQ(policy->any_path.size(), 1u);
  // Three maps of Keylime, fs-verity, and the boot aggregate.
  EXPECT_EQ(policy->name_table.size(), 6u);
}

TEST(WriteDocument, HasNoSupersetUnlessItIsNeeded) {
  Document plain;
  plain.files()["/a"] = {digits_of('a')};
  EXPECT_EQ(write_document(plain).find("imakeep"), std::string::npos);
  EXPECT_TRUE(policy::parse_policy(as_bytes(write_document(plain)), policy::Mode::kKeylime));
}

TEST(WriteDocument, SortsNamesAndDigests) {
  Document one;
  one.files()["/b"] = {digits_of('2'), digits_of('1')};
  one.files()["/a"] = {digits_of('3')};
  const std::string text = write_document(one);
  EXPECT_LT(text.find("\"/a\""), text.find("\"/b\""));
  EXPECT_LT(text.find(digits_of('1')), text.find(digits_of('2')));
}

TEST(ReadDocument, AcceptsAPolicyOfOneMode) {
  Document keylime;
  keylime.excludes = {"(?=x)y"};  // RE2 has no look-ahead
  EXPECT_EQ(read_back(write_document(keylime)).excludes, keylime.excludes);
}

TEST(ReadDocument, NamesThePlaceOfAFault) {
  const auto bad = read_document(as_bytes(R"({"meta": {"version": 1, "generator": 3}})"));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("is missing"));
}

TEST(FitsJson, RefusesWhatIsNotUtf8) {
  EXPECT_TRUE(fits_json("/usr/bin/ls"));
  EXPECT_TRUE(fits_json("/\xc3\xa9\n\t\x01"));
  EXPECT_FALSE(fits_json("/\xe9"));
  EXPECT_FALSE(fits_json("/\xc3"));
  EXPECT_FALSE(fits_json("/\xed\xa0\x80"));
}

}  // namespace document_test
}  // namespace imakeep::reference
