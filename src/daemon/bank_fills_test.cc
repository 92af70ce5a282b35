// SPDX-License-Identifier: Apache-2.0
#include "daemon/bank_fills.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "archive/sqlite/sqlite_store.h"
#include "archive/test_support.h"
#include "support/scratch_directory.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::daemon {
namespace bank_fills_test {

using archive::test::imatest::bank;
using archive::test::imatest::banks;
using archive::test::imatest::must;

TEST(TellingBanks, AChainKeepsHowItsBanksAreExtended) {
  EXPECT_EQ(digest::bank_names(telling_banks(banks("sha1,sha256,sha384"), banks("sha256:padded-short,sha512"))),
            "sha1,sha256:padded-short,sha384");
}

TEST(TellingBanks, InvalidatedBanksAreLeftOutIfOthersAreLeft) {
  EXPECT_EQ(digest::bank_names(telling_banks(banks("sha1,sha256"), banks("sha1,sha256:invalidated"))), "sha1");
  EXPECT_EQ(digest::bank_names(telling_banks(banks("sha256"), banks("sha256:invalidated"))), "sha256:invalidated");
}

// A directory with the lists of a kernel that extends its banks in some way.
class BanksAsExtended : public testing::Test {
 protected:
  BanksAsExtended() {
    store_ = must(archive::SqliteStore::open(directory_.file("archive"), archive::OpenMode::kCreate));
  }

  void serve(std::string_view specs) {
    digest::PcrState state(banks(specs));
    for (const auto& content : contents_) imalog::extend(state, content.view());
    pcrs_ = std::make_unique<tpm::SoftPcrBanks>(std::move(state));
    std::filesystem::create_directory(directory_.file("ima"));
    for (const digest::Bank& of : banks(specs)) write("binary_runtime_measurements_" + of.name(), of);
    put("runtime_measurements_count", std::to_string(contents_.size()) + "\n");
    put("violations", "1\n");
  }
  void write(const std::string& name, const digest::Bank& of) {
    const Bytes list = archive::test::imatest::list_of(contents_, of, kHostOrder);
    put(name, std::string(as_text(list)));
  }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(directory_.file("ima/" + name), std::ios::binary) << text;
  }
  std::string found() {
    const auto source = must(keeper::KernelImaSource::in(directory_.file("ima")));
    archive::Archive archive(*store_);
    auto found = must(banks_as_extended(*source, *pcrs_, archive));
    source->set_banks(found);
    own_ = source->bank();
    return digest::bank_names(found);
  }

  const imakeep::test::ScratchDirectory directory_;
  std::vector<archive::test::imatest::Content> contents_ = [] {
    std::vector<archive::test::imatest::Content> made;
    for (const char* const path : {"boot_aggregate", "/1", "/2"}) made.push_back(archive::test::imatest::ima_ng(path));
    made[1].violation = true;
    return made;
  }();
  std::unique_ptr<tpm::SoftPcrBanks> pcrs_;
  std::unique_ptr<archive::SqliteStore> store_;
  digest::Bank own_;
};

TEST_F(BanksAsExtended, AreThoseThatTheListAndThePcrsTell) {
  serve("sha1,sha256:padded-short,sha384:padded");
  EXPECT_EQ(found(), "sha1,sha256:padded-short,sha384:padded");
  EXPECT_EQ(own_, bank("sha1")) << "a file with padded digests is not read";
}

TEST_F(BanksAsExtended, AreAsUsualOnAKernelThatHasTheHashes) {
  serve("sha1,sha256,sha384");
  EXPECT_EQ(found(), "sha1,sha256,sha384");
  EXPECT_EQ(own_, bank("sha256"));
}

TEST_F(BanksAsExtended, OfATrimmedListAreThoseOfTheChain) {
  serve("sha1,sha256:padded-short");
  archive::Archive archive(*store_);
  must(archive.begin_chain(banks("sha1,sha256:padded-short"), archive::ChainStart::kBoot));
  contents_.erase(contents_.begin(), contents_.begin() + 2);
  for (const char* const of : {"sha1", "sha256:padded-short"}) {
    write("binary_runtime_measurements_" + bank(of).name(), bank(of));
  }
  EXPECT_EQ(found(), "sha1,sha256:padded-short");
}

TEST_F(BanksAsExtended, AreWithoutThoseThatTheKernelInvalidated) {
  serve("sha1,sha256,sha384:invalidated");
  EXPECT_EQ(found(), "sha1,sha256");
}

}  // namespace bank_fills_test
}  // namespace imakeep::daemon
