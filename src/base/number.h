// SPDX-License-Identifier: Apache-2.0
// base/number.h - numbers of different things as different types, so that the compiler tells them apart.
//
//   using RecordNumber = Number<struct RecordNumberTag>;
//   number + count    the number that lies `count` after it
//   number - number   how many lie between the two: a count
// A number converts to no other type, and no other type converts to a number. Counts are std::uint64_t. Arithmetic
// wraps like that of std::uint64_t. Threads: values.
#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>

namespace imakeep {

// `Tag` only names the type. It needs no definition.
template <class Tag>
class Number {
 public:
  constexpr Number() = default;  // 0
  constexpr explicit Number(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }

  constexpr Number& operator++() { return *this += 1; }
  constexpr Number& operator+=(std::uint64_t count) {
    value_ += count;
    return *this;
  }

  friend constexpr auto operator<=>(const Number&, const Number&) = default;
  friend constexpr Number operator+(Number number, std::uint64_t count) { return Number(number.value_ + count); }
  friend constexpr Number operator-(Number number, std::uint64_t count) { return Number(number.value_ - count); }
  friend constexpr std::uint64_t operator-(Number to, Number from) { return to.value_ - from.value_; }

  // Lets a test print the number. Text for people is made from value().
  template <class Char, class Traits>
  friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, Number number) {
    return out << number.value_;
  }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace imakeep
