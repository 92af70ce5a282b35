// SPDX-License-Identifier: Apache-2.0
#include "attest/list_log.h"

#include <gtest/gtest.h>

#include "attest/test_support.h"

namespace imakeep::attest {
namespace list_log_test {

using imalog::test::bank;
using test::in_memory;

std::vector<imalog::test::Content> records(std::initializer_list<const char*> paths) {
  std::vector<imalog::test::Content> contents;
  for (const char* const path : paths) contents.push_back(imalog::test::ima_ng(path));
  return contents;
}

// Lists by name, in two banks; "none" cannot be loaded and "bad" ends within its second record.
Result<Bytes> load(const std::string& name) {
  if (name == "none") return fail(ErrorCode::kEnvironment, "none does not exist");
  if (name == "empty") return Bytes{};
  if (name == "one") return imalog::test::list_of(records({"/a", "/b"}), bank("sha1"));
  Bytes list = imalog::test::list_of(records({"/c", "/d"}), bank("sha256"));
  if (name == "bad") list.pop_back();
  return list;
}

struct Seen {
  std::string source;
  std::uint64_t record;
  std::string bank;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> read_all(ListLog& log) {
  std::vector<Seen> seen;
  for (;;) {
    const auto record = log.next();
    if (!record || !*record) return seen;
    seen.push_back({log.place().source, log.place().record, (*record)->bank.name()});
  }
}

TEST(ListLog, GivesTheRecordsOfAllListsEachWithItsBankAndPlace) {
  ListLog log({"one", "empty", "two"}, in_memory(load));
  const std::vector<Seen> all{{"one", 0, "sha1"}, {"one", 1, "sha1"}, {"two", 0, "sha256"}, {"two", 1, "sha256"}};
  EXPECT_EQ(read_all(log), all);
  EXPECT_TRUE(log.next() && !*log.next()) << "stays at its end";
  ASSERT_TRUE(log.rewind());
  EXPECT_EQ(read_all(log), all);
}

TEST(ListLog, NamesTheOffsetOfARecord) {
  ListLog log({"one"}, in_memory(load));
  ASSERT_TRUE(log.next());
  EXPECT_EQ(log.place().offset, 0u);
  ASSERT_TRUE(log.next());
  EXPECT_EQ(log.place().offset, load("one")->size() / 2);
}

TEST(ListLog, ShowsTheDigestThatTheListShows) {
  Bytes list = imalog::test::list_of(records({"/a"}), bank("sha1"));
  list[4] ^= std::byte{1};
  ListLog log({"odd"}, in_memory([&](const std::string&) -> Result<Bytes> { return list; }), bank("sha1"));
  const auto record = log.next();
  ASSERT_TRUE(record && *record);
  EXPECT_TRUE(equal((*record)->shown, ByteView(list).subspan(4, 20)));
}

TEST(ListLog, TakesTheBankThatItIsTold) {
  ListLog log({"two"}, in_memory(load), bank("sm3"));
  EXPECT_EQ(read_all(log).front().bank, "sm3");
}

TEST(ListLog, ErrorsNameTheListAndTheRecordInIt) {
  ListLog cut({"one", "bad"}, in_memory(load));
  EXPECT_EQ(read_all(cut).size(), 3u);
  ASSERT_TRUE(cut.rewind());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(cut.next());
  const auto error = cut.next();
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(error.error().message, "bad: record cut short in its data");
  EXPECT_EQ(error.error().record, 1u);

  ListLog missing({"none"}, in_memory(load));
  EXPECT_EQ(missing.next().error().message, "none does not exist");
}

TEST(ListLog, NamesAListOfAnotherKindWhetherTheBankIsToldOrNot) {
  const auto ascii = [](const std::string&) -> Result<Bytes> {
    return test::captured("templates", "ascii_runtime_measurements_sha1");
  };
  for (const auto& told : {std::optional<digest::Bank>(), std::optional(bank("sha1"))}) {
    ListLog log({"ascii"}, in_memory(ascii), told);
    const auto record = log.next();
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(record.error().message,
              "ascii: not a binary measurement list but an ASCII list; give the binary one: "
              "binary_runtime_measurements");
  }
}

TEST(ListLog, AListCutInItsFirstRecordIsCutShortWhetherTheBankIsToldOrNot) {
  const auto cut = [](const std::string&) -> Result<Bytes> {
    Bytes list = imalog::test::list_of(records({"/a"}), bank("sha1"));
    list.pop_back();
    return list;
  };
  for (const auto& told : {std::optional<digest::Bank>(), std::optional(bank("sha1"))}) {
    ListLog log({"cut"}, in_memory(cut), told);
    const auto record = log.next();
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, ErrorCode::kTruncated);
    EXPECT_EQ(describe(record.error()), "cut: record cut short in its data (record 0, byte offset 38)");
  }
}

TEST(ListLog, TakesEachListInItsOwnByteOrder) {
  const auto in_order = [](const std::string& name) -> Result<Bytes> {
    const ByteOrder order = name == "big" ? ByteOrder::kBig : ByteOrder::kLittle;
    return imalog::test::list_of({imalog::test::ima_ng("/" + name)}, bank("sha256"), order);
  };
  ListLog log({"big", "little"}, in_memory(in_order));
  EXPECT_EQ(test::must(log.next())->order, ByteOrder::kBig);
  EXPECT_EQ(test::must(log.next())->order, ByteOrder::kLittle);
  EXPECT_FALSE(test::must(log.next()));
}

}  // namespace list_log_test
}  // namespace imakeep::attest
