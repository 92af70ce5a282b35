// SPDX-License-Identifier: Apache-2.0
#include "base/number.h"

#include <concepts>
#include <limits>
#include <type_traits>

#include <gtest/gtest.h>

namespace imakeep::number_test {
namespace {

using Page = Number<struct PageTag>;
using Line = Number<struct LineTag>;

template <class A, class B>
concept Addable = requires(A a, B b) { a + b; };
template <class A, class B>
concept Subtractable = requires(A a, B b) { a - b; };
template <class A, class B>
concept Comparable = requires(A a, B b) { a == b; } || requires(A a, B b) { a < b; };
template <class A, class B>
concept Assignable = requires(A a, B b) { a = b; } || requires(A a, B b) { a += b; };

// Nothing converts without a word.
static_assert(std::constructible_from<Page, std::uint64_t>);
static_assert(!std::convertible_to<std::uint64_t, Page>);
static_assert(!std::convertible_to<int, Page>);
static_assert(!std::constructible_from<std::uint64_t, Page>);
static_assert(!std::constructible_from<bool, Page>);
static_assert(!std::constructible_from<Page, Line>);
static_assert(!std::is_invocable_v<void (*)(Page), std::uint64_t>);
static_assert(!std::is_invocable_v<void (*)(Page), Line>);
static_assert(!std::is_invocable_v<void (*)(std::uint64_t), Page>);

// Numbers of different things do not mix, and a number is no count.
static_assert(Comparable<Page, Page> && !Comparable<Page, Line> && !Comparable<Page, std::uint64_t>);
static_assert(!Comparable<std::uint64_t, Page>);
static_assert(!Assignable<Page, Line> && !Assignable<std::uint64_t, Page>);
static_assert(!Addable<Page, Page> && !Addable<Page, Line> && !Addable<std::uint64_t, Page>);
static_assert(!Subtractable<Page, Line> && !Subtractable<std::uint64_t, Page>);

// The results' types.
static_assert(std::same_as<decltype(Page() + std::uint64_t{1}), Page>);
static_assert(std::same_as<decltype(Page() - std::uint64_t{1}), Page>);
static_assert(std::same_as<decltype(Page() - Page()), std::uint64_t>);
static_assert(std::same_as<decltype(Page() <=> Page()), std::strong_ordering>);

// It costs what the bare number costs.
static_assert(sizeof(Page) == sizeof(std::uint64_t) && std::is_trivially_copyable_v<Page>);

TEST(Number, IsZeroUnlessAValueIsGiven) {
  static_assert(Page().value() == 0);
  static_assert(Page(7).value() == 7);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(Page(kMost).value(), kMost);
}

TEST(Number, IsOrderedByItsValue) {
  static_assert(Page(3) < Page(4) && Page(4) > Page(3) && Page(3) <= Page(3) && Page(3) == Page(3));
  EXPECT_NE(Page(3), Page(4));
}

TEST(Number, MovesByACount) {
  static_assert(Page(3) + 4 == Page(7));
  static_assert(Page(7) - 4 == Page(3));
  Page page(3);
  EXPECT_EQ(++page, Page(4));
  page += 6;
  EXPECT_EQ(page, Page(10));
}

TEST(Number, MinusANumberIsTheCountBetweenThem) {
  static_assert(Page(7) - Page(3) == 4);
  EXPECT_EQ(Page(7) - Page(7), 0u);
}

TEST(Number, IsPrintedAsItsValue) {
  EXPECT_EQ(testing::PrintToString(Page(18)), "18");
}

}  // namespace
}  // namespace imakeep::number_test
