// SPDX-License-Identifier: Apache-2.0
#include "policy/patterns.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <array>

#include "base/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace imakeep::policy {

// Types of members of Patterns::Compiled, which may not be of an anonymous namespace when sources are compiled
// together.
namespace detail {

struct PcreFreed {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
template <class T>
using PcreOwned = std::unique_ptr<T, PcreFreed>;

}  // namespace detail

namespace {

using detail::PcreOwned;

// A set of RE2 is divided so that the table of states of each part has room.
constexpr std::size_t kMostPatternsInSet = 500;
constexpr std::size_t kMostStepsInSet = 50'000;
constexpr std::int64_t kSetMemoryBytes = 32 << 20;
constexpr std::int64_t kCheckMemoryBytes = 2 << 20;

constexpr std::uint32_t kMostMatchDepth = 10'000;
constexpr std::uint32_t kMostMatchKibibytes = 10'240;
constexpr std::uint32_t kMostNestedGroups = 50;
// Python's re knows no other escapes into the middle of a character and no callouts; names may be no UTF-8.
constexpr std::uint32_t kPcreOptions =
    PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;

std::string quoted_pattern(std::string_view pattern) {
  constexpr std::size_t kMostShown = 200;
  const bool cut = pattern.size() > kMostShown;
  return "pattern \"" + printable(pattern.substr(0, kMostShown)) + (cut ? "...\"" : "\"");
}

PCRE2_SPTR subject_of(std::string_view text) {
  // PCRE2 refuses a null pointer even for an empty text.
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

RE2::Options re2_options(std::int64_t memory_bytes) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(memory_bytes);
  return options;
}

}  // namespace

namespace detail {

// The names between a least and a greatest one, in the order of bytes. A name outside matches none of the patterns that
// the ranges were made of. Most names lie outside, which is found without running an automaton over them.
class NameRanges {
 public:
  // A pattern that may match any name, such as ".*\\.pyc", makes the ranges useless: then they hold every name.
  void add(std::string_view pattern) {
    constexpr std::size_t kMostRanges = 64;
    constexpr int kLongestBound = 32;
    if (holds_all_) return;
    // Only for a pattern that begins with ^ does RE2 tell more than that any name may match.
    const RE2 anchored("^(?:" + std::string(pattern) + ")$", re2_options(kCheckMemoryBytes));
    Range range;
    holds_all_ = ranges_.size() == kMostRanges || !anchored.ok() ||
                 !anchored.PossibleMatchRange(&range.least, &range.greatest, kLongestBound);
    ranges_.push_back(std::move(range));
  }

  bool hold(std::string_view name) const {
    return holds_all_ || std::any_of(ranges_.begin(), ranges_.end(),
                                     [&](const Range& range) { return name >= range.least && name <= range.greatest; });
  }

 private:
  struct Range {
    std::string least, greatest;
  };
  bool holds_all_ = false;
  std::vector<Range> ranges_;
};

}  // namespace detail

namespace {

// ---- RE2 ------------------------------------------------------------------------------------------------------------

// Instructions of the pattern.
Result<std::size_t> re2_steps(std::string_view pattern) {
  const RE2 compiled({pattern.data(), pattern.size()}, re2_options(kCheckMemoryBytes));
  if (compiled.error_code() == RE2::ErrorPatternTooLarge) {
    return fail(ErrorCode::kUnsupported, quoted_pattern(pattern) +
                                             " is too costly: it does not fit into RE2's memory; make "
                                             "its repetitions smaller");
  }
  if (!compiled.ok()) {
    return fail(ErrorCode::kMalformed,
                quoted_pattern(pattern) + " is none that RE2 can express (" + printable(compiled.error()) +
                    "); write it without look-around and back-references, or read the policy in mode keylime");
  }
  return static_cast<std::size_t>(std::max(compiled.ProgramSize(), 0));
}

Result<void> check_strict(std::string_view pattern) {
  IMAKEEP_TRY(const std::size_t steps, re2_steps(pattern));
  if (steps <= kMostProgramSteps) return {};
  return fail(ErrorCode::kUnsupported, quoted_pattern(pattern) + " is too costly: " + std::to_string(steps) +
                                           " steps, and " + std::to_string(kMostProgramSteps) +
                                           " are allowed; make its repetitions smaller");
}

// ---- PCRE2 ----------------------------------------------------------------------------------------------------------

std::string pcre_message(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  if (pcre2_get_error_message(error, text.data(), text.size()) < 0) return "error " + std::to_string(error);
  return reinterpret_cast<const char*>(text.data());
}

Result<PcreOwned<pcre2_code>> pcre_compiled(std::string_view pattern) {
  const PcreOwned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  if (!context) return fail(ErrorCode::kUnsupported, "no memory for " + quoted_pattern(pattern));
  pcre2_set_parens_nest_limit(context.get(), kMostNestedGroups);
  int error = 0;
  PCRE2_SIZE offset = 0;
  PcreOwned<pcre2_code> code(
      pcre2_compile(subject_of(pattern), pattern.size(), kPcreOptions, &error, &offset, context.get()));
  if (code) return code;
  return fail(ErrorCode::kMalformed, quoted_pattern(pattern) + " is no regular expression (" + pcre_message(error) +
                                         " at byte " + std::to_string(offset) +
                                         "); correct it: for one such pattern Keylime ignores all excludes");
}

// Room for the matches of one thread.
struct PcreRoom {
  PcreRoom() : data(pcre2_match_data_create(1, nullptr)), context(pcre2_match_context_create(nullptr)) {
    if (!context) return;
    pcre2_set_match_limit(context.get(), kMostMatchSteps);
    pcre2_set_depth_limit(context.get(), kMostMatchDepth);
    pcre2_set_heap_limit(context.get(), kMostMatchKibibytes);
  }

  PcreOwned<pcre2_match_data> data;
  PcreOwned<pcre2_match_context> context;
};

enum class PcreAnswer : std::uint8_t { kNo, kYes, kGivenUp };

PcreAnswer pcre_match(const pcre2_code* code, std::string_view name) {
  thread_local const PcreRoom room;
  if (!room.data || !room.context) return PcreAnswer::kGivenUp;
  const int found = pcre2_match(code, subject_of(name), name.size(), 0, 0, room.data.get(), room.context.get());
  // In a name that is not UTF-8, PCRE2 also lets an anchored match begin after bytes that are not UTF-8.
  if (found >= 0) return pcre2_get_startchar(room.data.get()) == 0 ? PcreAnswer::kYes : PcreAnswer::kNo;
  return found == PCRE2_ERROR_NOMATCH ? PcreAnswer::kNo : PcreAnswer::kGivenUp;
}

template <class T>
T pcre_info(const pcre2_code* code, std::uint32_t what) {
  T value{};
  static_cast<void>(pcre2_pattern_info(code, what, &value));
  return value;
}

// The text that every match begins with, or a part of it.
std::string_view literal_start(std::string_view pattern) {
  const std::size_t start = pattern.starts_with('^') ? 1 : 0;
  const std::size_t end = std::min(pattern.find_first_of("\\^$.|?*+()[]{}", start), pattern.size());
  // A repetition may leave the last character out.
  const bool optional = end < pattern.size() && std::string_view("?*{").find(pattern[end]) != std::string_view::npos;
  return pattern.substr(start, end - start - (optional && end > start ? 1 : 0));
}

// Whether names that make nested repetitions slow need too many steps. This finds the common slow patterns, not all:
// the others are given up when they match.
bool slow(const pcre2_code* code, std::string_view pattern) {
  constexpr std::size_t kProbeBytes = 96;
  constexpr std::size_t kMostLetters = 12;
  // Each letter of the pattern, since a repetition of another one is not entered.
  std::string letters = "a";
  for (const char letter : pattern) {
    const bool plain = (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= 'a' && letter <= 'z') || letter == '/' || letter == '_';
    if (plain && letters.size() < kMostLetters && letters.find(letter) == std::string::npos) letters += letter;
  }
  const std::string start(literal_start(pattern));
  for (const char letter : letters) {
    // A match fails at once if the name lacks a character that it needs, so all of them follow.
    const std::string probe = start + std::string(kProbeBytes, letter) + '\x01' + std::string(pattern);
    if (pcre_match(code, probe) == PcreAnswer::kGivenUp) return true;
  }
  return false;
}

// Whether "(*" stands anywhere but in a class of characters. In Python it is a repetition of nothing, and so an error;
// to PCRE2 it begins a verb.
bool has_verb(std::string_view pattern) {
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (in_class) {
      in_class = pattern[i] != ']';
    } else if (pattern[i] == '[') {
      in_class = true;
      // A bracket in the first place belongs to the class.
      if (pattern.substr(i + 1).starts_with('^')) ++i;
      if (pattern.substr(i + 1).starts_with(']')) ++i;
    } else if (pattern.substr(i).starts_with("(*")) {
      return true;
    }
  }
  return false;
}

Result<void> check_keylime(std::string_view pattern) {
  if (has_verb(pattern)) {
    return fail(ErrorCode::kMalformed, quoted_pattern(pattern) +
                                           " is no regular expression (\"(*\" repeats nothing); correct "
                                           "it: for one such pattern Keylime ignores all excludes");
  }
  IMAKEEP_TRY(const auto& code, pcre_compiled(pattern));
  if (pcre_info<std::uint32_t>(code.get(), PCRE2_INFO_BACKREFMAX) > 0 &&
      pcre_info<std::uint32_t>(code.get(), PCRE2_INFO_NAMECOUNT) == 0) {
    return fail(ErrorCode::kUnsupported, quoted_pattern(pattern) +
                                             " refers to a group by number. Keylime joins all excludes "
                                             "to one pattern, and there the number is that of another "
                                             "group; name the group: (?P<x>...) and (?P=x)");
  }
  if (pcre_info<std::size_t>(code.get(), PCRE2_INFO_SIZE) > kMostCompiledBytes || slow(code.get(), pattern)) {
    return fail(ErrorCode::kUnsupported,
                quoted_pattern(pattern) + " is too costly; write it without repetitions of repetitions");
  }
  return {};
}

}  // namespace

Result<void> check_pattern(std::string_view pattern, Mode mode, const Limits& limits) {
  if (pattern.size() > limits.most_pattern_bytes) {
    return fail(ErrorCode::kUnsupported, quoted_pattern(pattern) + " has " + std::to_string(pattern.size()) +
                                             " bytes, and " + std::to_string(limits.most_pattern_bytes) +
                                             " are allowed; divide it into several");
  }
  return mode == Mode::kStrict ? check_strict(pattern) : check_keylime(pattern);
}

struct Patterns::Compiled {
  struct Part {
    std::size_t first = 0;  // index of the set's first pattern
    std::unique_ptr<RE2::Set> set;
  };

  Match match_sets(std::string_view name) const {
    Match result;
    if (!ranges.hold(name)) return result;
    for (const Part& part : sets) {
      RE2::Set::ErrorInfo error{};
      // Most names match nothing, which is found sooner without the list of matches.
      const bool matches = part.set->Match({name.data(), name.size()}, nullptr, &error);
      std::vector<int> found;
      if (matches && part.set->Match({name.data(), name.size()}, &found, &error) && !found.empty()) {
        return {.index = part.first + static_cast<std::size_t>(*std::min_element(found.begin(), found.end()))};
      }
      if (error.kind != RE2::Set::kNoError) result.given_up = true;
    }
    return result;
  }

  Match match_codes(std::string_view name) const {
    Match result;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const PcreAnswer answer = pcre_match(codes[i].get(), name);
      if (answer == PcreAnswer::kYes) return {.index = i};
      if (answer == PcreAnswer::kGivenUp) result.given_up = true;
    }
    return result;
  }

  std::vector<Part> sets;                            // mode strict
  detail::NameRanges ranges;                         // of all patterns of the sets
  std::vector<detail::PcreOwned<pcre2_code>> codes;  // mode keylime
};

Patterns::Patterns() = default;
Patterns::~Patterns() = default;
Patterns::Patterns(Patterns&&) noexcept = default;
Patterns& Patterns::operator=(Patterns&&) noexcept = default;

Result<Patterns> Patterns::compile(const std::vector<std::string>& patterns, Mode mode) {
  auto compiled = std::make_unique<Compiled>();
  std::size_t steps_in_set = kMostStepsInSet;
  std::size_t patterns_in_set = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (mode == Mode::kKeylime) {
      IMAKEEP_TRY(auto code, pcre_compiled(patterns[i]));
      compiled->codes.push_back(std::move(code));
      continue;
    }
    IMAKEEP_TRY(const std::size_t steps, re2_steps(patterns[i]));
    if (steps_in_set + steps > kMostStepsInSet || patterns_in_set == kMostPatternsInSet) {
      auto set = std::make_unique<RE2::Set>(re2_options(kSetMemoryBytes), RE2::ANCHOR_BOTH);
      compiled->sets.push_back({.first = i, .set = std::move(set)});
      steps_in_set = 0;
      patterns_in_set = 0;
    }
    std::string error;
    if (compiled->sets.back().set->Add({patterns[i].data(), patterns[i].size()}, &error) < 0) {
      return fail(ErrorCode::kMalformed, quoted_pattern(patterns[i]) + ": " + printable(error));
    }
    compiled->ranges.add(patterns[i]);
    steps_in_set += steps;
    ++patterns_in_set;
  }
  for (const Compiled::Part& part : compiled->sets) {
    if (!part.set->Compile()) {
      return fail(ErrorCode::kUnsupported, "the patterns together do not fit into RE2's memory; leave some out");
    }
  }
  Patterns result;
  result.compiled_ = std::move(compiled);
  return result;
}

Patterns::Match Patterns::match(std::string_view name) const {
  if (!compiled_) return {};
  return compiled_->sets.empty() ? compiled_->match_codes(name) : compiled_->match_sets(name);
}

}  // namespace imakeep::policy
