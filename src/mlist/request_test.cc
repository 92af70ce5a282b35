// SPDX-License-Identifier: Apache-2.0
#include "mlist/request.h"

#include <gtest/gtest.h>

#include "mlist/test_support.h"

namespace imakeep::mlist {
namespace request_test {

using namespace std::string_view_literals;
using test::append_numbered;
using test::errno_of;

constexpr auto kCurrent = ListKind::kCurrent;
constexpr auto kStaged = ListKind::kStaged;

// 30 records, none of them staged.
struct RequestTest : testing::Test {
  explicit RequestTest(TableMode table = TableMode::kKept) : list(ListOptions{.table = table}) {
    append_numbered(list, 0, 30);
  }

  int ask(ListKind file, std::string_view written) { return errno_of(carry_out(list, file, written)); }
  std::uint64_t left() const { return list.current_records(); }

  MeasurementList list;
};

struct FlushedRequestTest : RequestTest {
  FlushedRequestTest() : RequestTest(TableMode::kFlushed) {}
};

TEST_F(RequestTest, AAndDWorkOnStagedFiles) {
  EXPECT_EQ(ask(kStaged, "A\n"), 0);
  EXPECT_EQ(left(), 0u);
  EXPECT_EQ(ask(kStaged, "A\n"), EEXIST);
  EXPECT_EQ(ask(kStaged, "D\n"), 0);
  EXPECT_EQ(ask(kStaged, "D\n"), ENOENT);
  EXPECT_EQ(ask(kStaged, "A\n"), ENOENT);
}

TEST_F(RequestTest, ANumberWorksOnOriginalFiles) {
  EXPECT_EQ(ask(kCurrent, "7\n"), 0);
  EXPECT_EQ(left(), 23u);
  EXPECT_EQ(ask(kCurrent, "24\n"), ENOENT);
}

TEST_F(RequestTest, EachKindOfFileRefusesTheOthersRequests) {
  EXPECT_EQ(ask(kCurrent, "A\n"), EINVAL);
  EXPECT_EQ(ask(kCurrent, "D\n"), EINVAL);
  EXPECT_EQ(ask(kStaged, "1\n"), EINVAL);
  EXPECT_EQ(left(), 30u);
}

TEST_F(RequestTest, StagedFilesTakeNothingButTwoLetters) {
  for (const std::string_view written :
       {"a\n"sv, "d\n"sv, "AD\n"sv, "A\n\n"sv, " A\n"sv, "A \n"sv, "A\0\n"sv, "A"sv, "\nA"sv, "\n\n"sv}) {
    EXPECT_EQ(ask(kStaged, written), EINVAL) << testing::PrintToString(written);
  }
  EXPECT_EQ(left(), 30u);
}

TEST_F(RequestTest, NumbersMayHaveWhatKstrtoulAccepts) {
  EXPECT_EQ(ask(kCurrent, "+1\n"), 0);
  EXPECT_EQ(left(), 29u);
  EXPECT_EQ(ask(kCurrent, "0001\n"), 0);
  EXPECT_EQ(left(), 28u);
  EXPECT_EQ(ask(kCurrent, "1\n\n"), 0);
  EXPECT_EQ(left(), 27u);
  EXPECT_EQ(ask(kCurrent, "+0000000000000000001\n"), 0) << "21 bytes";
  EXPECT_EQ(left(), 26u);
  EXPECT_EQ(ask(kCurrent, "1\0garbage\n"sv), 0) << "a C string ends at its NUL";
  EXPECT_EQ(left(), 25u);
}

TEST_F(RequestTest, TextThatIsNoDecimalNumberIsRefused) {
  for (const std::string_view written :
       {"\n"sv, "\n\n"sv, "1"sv, "1 \n"sv, " 1\n"sv, "-1\n"sv, "++1\n"sv, "+\n"sv, "0x1\n"sv, "1\n\n\n"sv, "\0001\n"sv,
        "1\n2\n"sv, "1\r\n"sv, "x\n"sv, "1.0\n"sv, ""sv}) {
    EXPECT_EQ(ask(kCurrent, written), EINVAL) << testing::PrintToString(written);
  }
  EXPECT_EQ(left(), 30u);
}

TEST_F(RequestTest, ZeroIsRefused) {
  EXPECT_EQ(ask(kCurrent, "0\n"), EINVAL);
  EXPECT_EQ(ask(kCurrent, "+000\n"), EINVAL);
}

TEST_F(RequestTest, ANumberAboveUlongMaxIsOutOfRange) {
  EXPECT_EQ(ask(kCurrent, "18446744073709551615\n"), ENOENT);
  EXPECT_EQ(ask(kCurrent, "18446744073709551616\n"), ERANGE);
  EXPECT_EQ(ask(kCurrent, "99999999999999999999\n"), ERANGE);
}

TEST_F(RequestTest, TheLengthIsLookedAtFirst) {
  EXPECT_EQ(ask(kCurrent, "000000000000000000001\n"), EINVAL) << "22 bytes";
  EXPECT_EQ(ask(kCurrent, "199999999999999999999\n"), EINVAL) << "22 bytes, and too large";
  EXPECT_EQ(left(), 30u);
}

TEST_F(RequestTest, RefusalsTellTheirKind) {
  EXPECT_EQ(carry_out(list, kCurrent, "x\n").error().code, ErrorCode::kRefused);
  EXPECT_FALSE(carry_out(list, kCurrent, "x\n").error().message.empty());
}

TEST_F(FlushedRequestTest, ANumberIsRefusedBeforeItIsRead) {
  for (const std::string_view written : {"1\n"sv, "0\n"sv, "99\n"sv, "18446744073709551616\n"sv}) {
    EXPECT_EQ(ask(kCurrent, written), EINVAL) << written;
  }
  EXPECT_EQ(left(), 30u);
}

}  // namespace request_test
}  // namespace imakeep::mlist
