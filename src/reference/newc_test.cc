// SPDX-License-Identifier: Apache-2.0
#include "reference/newc.h"

#include <cstdio>

#include <gtest/gtest.h>

namespace imakeep::reference {
namespace newc_test {

// One entry, as the kernel's documentation says.
std::string entry(const std::string& name, const std::string& data, unsigned mode = 0100644) {
  char head[111];
  std::snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 7u, mode, 0u, 0u, 1u,
                0u, static_cast<unsigned>(data.size()), 8u, 1u, 0u, 0u, static_cast<unsigned>(name.size() + 1), 0u);
  std::string out = std::string(head) + name + '\0';
  out.resize((out.size() + 3) / 4 * 4);
  out += data;
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

const std::string kArchive = entry("bin/sh", "shell") + entry("TRAILER!!!", "");

TEST(NewcReader, WalksArchivesAfterEachOther) {
  const std::string two = kArchive + std::string(100, '\0') + entry("init", "#!") + entry("TRAILER!!!", "") + "rest";
  NewcReader reader(as_bytes(two));
  const auto first = reader.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->name, "bin/sh");
  EXPECT_EQ(as_text((*first)->data), "shell");
  EXPECT_EQ((*first)->device, (std::uint64_t{8} << 32 | 1));
  const auto second = reader.next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->name, "init");
  const auto end = reader.next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_EQ(two.substr(reader.offset()), "rest");
}

TEST(NewcReader, EveryProperPrefixIsTruncatedOrAnEnd) {
  for (std::size_t size = 6; size < kArchive.size(); ++size) {
    NewcReader reader(as_bytes(kArchive).first(size));
    auto next = reader.next();
    while (next && *next) next = reader.next();
    EXPECT_TRUE(next || next.error().code == ErrorCode::kTruncated) << size;
    EXPECT_LE(reader.offset(), size);
  }
}

TEST(NewcReader, RefusesNumbersAndNamesThatAreNone) {
  std::string bad = kArchive;
  bad[6] = 'g';
  EXPECT_EQ(NewcReader(as_bytes(bad)).next().error().code, ErrorCode::kMalformed);
  bad = kArchive;
  bad.replace(6 + 11 * 8, 8, "00000000");
  EXPECT_EQ(NewcReader(as_bytes(bad)).next().error().code, ErrorCode::kMalformed);
  bad = kArchive;
  bad[110 + 6] = 'x';
  EXPECT_EQ(NewcReader(as_bytes(bad)).next().error().code, ErrorCode::kMalformed);
}

}  // namespace newc_test
}  // namespace imakeep::reference
