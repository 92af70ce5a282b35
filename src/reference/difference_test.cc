// SPDX-License-Identifier: Apache-2.0
#include "reference/difference.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "reference/test_support.h"

namespace imakeep::reference {
namespace difference_test {

using ::testing::HasSubstr;

TEST(Difference, OfEqualDocumentsIsEmpty) {
  EXPECT_TRUE(difference(full_document(), full_document()).empty());
}

TEST(Difference, FindsAChangeOfEachMember) {
  const auto changed = [](const std::function<void(Document&)>& change) {
    Document after = full_document();
    change(after);
    return !difference(full_document(), after).empty() && !difference(after, full_document()).empty();
  };
  for (std::size_t i = 0; i < policy::kDigestMapCount; ++i) {
    EXPECT_TRUE(changed([&](Document& d) { d.maps[i]["/new"] = {digits_of('9')}; })) << i;
  }
  EXPECT_TRUE(changed([](Document& d) { d.release = 8; }));
  EXPECT_TRUE(changed([](Document& d) { d.excludes.pop_back(); }));
  EXPECT_TRUE(changed([](Document& d) { d.ignored_keyrings.clear(); }));
  EXPECT_TRUE(changed([](Document& d) { d.log_hash_algorithm = "sha256"; }));
  EXPECT_TRUE(changed([](Document& d) { d.verification_keys.clear(); }));
  EXPECT_TRUE(changed([](Document& d) { d.any_path.clear(); }));
  EXPECT_TRUE(changed([](Document& d) { d.boot_aggregates.clear(); }));
  EXPECT_TRUE(changed([](Document& d) { d.packages.clear(); }));
  EXPECT_TRUE(changed([](Document& d) { d.rules["violations"] = R"({"paths":[]})"; }));
  EXPECT_TRUE(changed([](Document& d) { d.further.clear(); }));
}

TEST(Difference, TellsAddedRemovedAndChanged) {
  Document before;
  Document after;
  before.files() = {{"/gone", {digits_of('1')}}, {"/both", {digits_of('2'), digits_of('3')}}};
  after.files() = {{"/new", {digits_of('4')}}, {"/both", {digits_of('3'), digits_of('5')}}};
  after.packages[{.name = "p", .version = "2", .architecture = ""}] = {digits_of('5')};
  const Difference found = difference(before, after);
  EXPECT_EQ(found.count(ChangeKind::kAdded), 1u);
  EXPECT_EQ(found.count(ChangeKind::kRemoved), 1u);
  EXPECT_EQ(found.count(ChangeKind::kChanged), 1u);
  const std::string text = difference_text(found, before, after);
  EXPECT_THAT(text, HasSubstr("- digests /gone " + digits_of('1') + "\n"));
  EXPECT_THAT(text, HasSubstr("+ digests /both " + digits_of('5') + " (p 2)\n"));
  EXPECT_THAT(text, HasSubstr("- digests /both " + digits_of('2') + "\n"));
  EXPECT_EQ(text.find(digits_of('3')), std::string::npos);
  const auto json = difference_json(found);
  EXPECT_EQ(json["names"].size(), 3u);
  EXPECT_EQ(json["names"][0]["change"], "changed");
}

}  // namespace difference_test
}  // namespace imakeep::reference
