// SPDX-License-Identifier: Apache-2.0
#include "debian/fetcher.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "digest/digest.h"
#include "support/scratch_directory.h"
#include "support/test_clock.h"

namespace imakeep::debian {
namespace fetcher_test {

using ::testing::HasSubstr;

// The mirror is a directory. tests/e2e/policy_packages.py has one that speaks http and fails in the ways of networks.
class Fetch : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(scratch_.file("mirror"));
    put("mirror/a b.deb", content_);
    auto opened = Fetcher::open(scratch_.file("cache"), clock_);
    ASSERT_TRUE(opened);
    fetcher_ = std::move(*opened);
  }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(scratch_.file(name), std::ios::binary) << text;
  }
  Wanted wanted() const {
    return {.url = url_below(scratch_.file("mirror"), "a b.deb"), .sha256 = sha_, .bytes = content_.size()};
  }

  const test::ScratchDirectory scratch_;
  test::TestClock clock_;
  std::unique_ptr<Fetcher> fetcher_;
  const std::string content_ = std::string(300'000, 'x') + "end";
  const std::string sha_ = to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes(content_)).view());
};

TEST(UrlBelow, EscapesPathsAndKeepsAddresses) {
  EXPECT_EQ(url_below("/srv/my mirror", "pool/a+b_1%3a2.deb"), "file:///srv/my%20mirror/pool/a+b_1%253a2.deb");
  EXPECT_EQ(url_below("http://host/debian/", "x"), "http://host/debian/x");
}

TEST_F(Fetch, KeepsTheFileUnderItsHashAndFetchesItOnce) {
  std::uint64_t came = 0;
  const auto path = fetcher_->fetch(wanted(), [&](std::uint64_t bytes) { came += bytes; });
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(as_text(*read_file(*path)), content_);
  EXPECT_EQ(came, content_.size());
  std::filesystem::remove_all(scratch_.file("mirror"));
  EXPECT_TRUE(fetcher_->fetch(wanted()));
  EXPECT_EQ(fetcher_->downloaded_bytes(), content_.size());
}

TEST_F(Fetch, ReplacesADamagedFileOfTheCache) {
  put("cache/" + sha_, std::string(content_.size(), 'y'));
  const auto path = fetcher_->fetch(wanted());
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(as_text(*read_file(*path)), content_);
}

TEST_F(Fetch, ContinuesWhereItEnded) {
  put("cache/" + sha_ + ".part", content_.substr(0, 100'000));
  ASSERT_TRUE(fetcher_->fetch(wanted()));
  EXPECT_EQ(fetcher_->downloaded_bytes(), content_.size() - 100'000);
}

TEST_F(Fetch, BeginsAnewIfTheBeginningIsOfAnotherFile) {
  put("cache/" + sha_ + ".part", "other");
  const auto path = fetcher_->fetch(wanted());
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(as_text(*read_file(*path)), content_);
  put("cache/" + sha_ + ".part", content_ + "longer");
  std::filesystem::remove(*path);
  EXPECT_TRUE(fetcher_->fetch(wanted()));
}

TEST_F(Fetch, RefusesAnotherContent) {
  put("mirror/a b.deb", std::string(content_.size(), 'z'));
  const auto other = fetcher_->fetch(wanted());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(other.error().message, HasSubstr("and the index names " + sha_));
  put("mirror/a b.deb", content_ + "longer");
  EXPECT_THAT(fetcher_->fetch(wanted()).error().message, HasSubstr("has more than the 300003 bytes"));
  put("mirror/a b.deb", content_.substr(0, 10));
  EXPECT_THAT(fetcher_->fetch(wanted()).error().message, HasSubstr("it ends after 10 of 300003 bytes"));
  EXPECT_FALSE(std::filesystem::exists(scratch_.file("cache/" + sha_)));
}

TEST_F(Fetch, SaysWhatTheMirrorLacks) {
  std::filesystem::remove(scratch_.file("mirror/a b.deb"));
  const auto missing = fetcher_->fetch(wanted());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(missing.error().message, HasSubstr("use a mirror that has it"));
  EXPECT_FALSE(fetcher_->fetch_unknown("gopher://host/x", 10));
  put("mirror/a b.deb", "12345");
  EXPECT_EQ(fetcher_->fetch_unknown(wanted().url, 4).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(as_text(*fetcher_->fetch_unknown(wanted().url, 5)), "12345");
}

}  // namespace fetcher_test
}  // namespace imakeep::debian
