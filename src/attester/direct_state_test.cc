// SPDX-License-Identifier: Apache-2.0
#include "attester/direct_state.h"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

#include "imalog/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::attester {
namespace direct_state_test {

using imalog::test::must;

attest::VerifiedChain after(std::uint64_t records) {
  attest::VerifiedChain chain{.proven = records, .pcrs = digest::PcrState(imalog::test::banks("sha1,sha256"))};
  for (std::uint64_t i = 0; i < records; ++i) {
    imalog::extend(chain.pcrs, imalog::test::ima_ng("/bin/" + std::to_string(i)).view());
  }
  return chain;
}

TEST(DirectState, ReturnsWhatWasSaved) {
  const test::ScratchDirectory scratch;
  EXPECT_TRUE(must(load_beginnings(scratch.path())).empty());
  const std::vector<attest::VerifiedChain> both{after(3), after(7)};
  must(save_beginnings(scratch.path(), both));
  EXPECT_EQ(must(load_beginnings(scratch.path())), both);
  must(save_beginnings(scratch.path(), std::span(both).first(1)));
  EXPECT_EQ(must(load_beginnings(scratch.path())).size(), 1u);
  must(save_beginnings(scratch.path(), {}));
  EXPECT_TRUE(must(load_beginnings(scratch.path())).empty());
}

TEST(DirectState, KeepsTheBeginningOfAListThatNobodyTrimmed) {
  const test::ScratchDirectory scratch;
  const attest::VerifiedChain zero;
  must(save_beginnings(scratch.path(), std::span(&zero, 1)));
  EXPECT_EQ(must(load_beginnings(scratch.path())).at(0), zero);
}

TEST(DirectState, BelongsToItsOwnerAlone) {
  const test::ScratchDirectory scratch;
  must(save_beginnings(scratch.path(), {}));
  struct stat status {};
  ASSERT_EQ(::stat((scratch.path() + "/direct.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(DirectState, RefusesADamagedFileByName) {
  const test::ScratchDirectory scratch;
  for (const char* const text : {"", "{", R"({"version": 1})", R"({"version": 1, "begins": ["!"]})",
                                 R"({"version": 1, "begins": ["AAAA"]})", R"({"version": 1, "begins": [1]})",
                                 R"({"version": 2, "begins": []})", R"({"version": 1, "begins": ["", "", ""]})"}) {
    std::ofstream(scratch.path() + "/direct.json") << text;
    const auto loaded = load_beginnings(scratch.path());
    ASSERT_FALSE(loaded) << text;
    EXPECT_NE(loaded.error().message.find("direct.json"), std::string::npos) << loaded.error().message;
  }
}

}  // namespace direct_state_test
}  // namespace imakeep::attester
