// SPDX-License-Identifier: Apache-2.0
#include "keeper/alignment.h"

#include <gmock/gmock.h>

#include "keeper/test_support.h"

namespace imakeep::keeper::alignment_test {
namespace {

using test::range;
using test::shape_of;
using test::summary_of;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Family::Kind;

// The records of a chain by their letters, and the list that is compared with them.
struct Case {
  std::string chain;
  ListShape shape = ListShape();  // which of them the list held
  std::string list;
  std::size_t staged = 0;
  bool other_kernel = false;
  std::uint64_t pending = 0;

  std::string known() const {
    std::string letters;
    for (ListIndex i; i < ListIndex(shape.records(end())); ++i) letters += chain[shape.number_at(i).value()];
    return letters;
  }
  RecordNumber end() const { return RecordNumber(chain.size()); }
};

// Calls `visit` with the contents and with the families of the case.
template <class Visit>
void with_families(const Case& of, const Visit& visit) {
  const RecordSummary known = summary_of(of.known());
  const RecordSummary list = summary_of(of.list, of.staged);
  const Contents contents{.known = known,
                          .shape = of.shape,
                          .end = of.end(),
                          .list = list,
                          .other_kernel = of.other_kernel,
                          .pending = of.pending};
  visit(contents, families_of(contents));
}

// The alignments of that kind, in their order.
std::vector<Alignment> alignments(const Case& of, Kind kind) {
  std::vector<Alignment> all;
  with_families(of, [&](const Contents& contents, const std::vector<Family>& families) {
    for (const Family& family : families) {
      for (std::uint64_t i = 0; family.kind == kind && i < family.count; ++i) {
        all.push_back(alignment_of(contents, family, i));
      }
    }
  });
  return all;
}

std::vector<std::uint64_t> known_by(const Case& of, Kind kind) {
  std::vector<std::uint64_t> known;
  for (const Alignment& alignment : alignments(of, kind)) known.push_back(alignment.known);
  return known;
}

std::vector<Kind> kinds(const Case& of) {
  std::vector<Kind> all;
  with_families(of, [&](const Contents&, const std::vector<Family>& families) {
    for (const Family& family : families) all.push_back(family.kind);
  });
  return all;
}

// All texts of at most `most` of the letters "a" and "V".
std::vector<std::string> texts(std::size_t most) {
  std::vector<std::string> all{""};
  for (std::size_t i = 0; i < all.size() && all[i].size() < most; ++i) {
    all.push_back(all[i] + 'a');
    all.push_back(all[i] + 'V');
  }
  return all;
}

TEST(Families, OfAnEmptyListOrArchiveAreNoneAlone) {
  EXPECT_THAT(kinds({.chain = "", .list = ""}), ElementsAre(Kind::kNone));
  EXPECT_THAT(kinds({.chain = "", .list = "ab"}), ElementsAre(Kind::kNone));
  EXPECT_THAT(kinds({.chain = "ab", .list = ""}), ElementsAre(Kind::kNone));
}

TEST(Families, NameEveryBeginningOfTheListThatTheArchiveEndsWith) {
  for (const std::string& known : texts(5)) {
    for (const std::string& list : texts(5)) {
      std::vector<std::uint64_t> ends;
      for (std::size_t length = 1; length <= std::min(known.size(), list.size()); ++length) {
        if (known.ends_with(list.substr(0, length))) ends.push_back(length);
      }
      EXPECT_THAT(known_by({.chain = known, .list = list}, Kind::kEnd), testing::UnorderedElementsAreArray(ends))
          << known << ' ' << list;
    }
  }
}

TEST(Families, StepByTheStretchThatRepeats) {
  const auto ends = [](const std::string& chain, const std::string& list) {
    std::vector<std::array<std::uint64_t, 4>> all;
    with_families({.chain = chain, .list = list}, [&](const Contents&, const std::vector<Family>& families) {
      for (const Family& each : families) {
        if (each.kind == Kind::kEnd) all.push_back({each.first, each.step, each.count, each.stretch_end.value()});
      }
    });
    return all;
  };
  using Numbers = std::array<std::uint64_t, 4>;  // first, step, count, stretch_end
  EXPECT_THAT(ends("xabab", "abababcd"), ElementsAre(Numbers{2, 2, 2, 6}));
  EXPECT_THAT(ends("BVVVVVV", "VVVVV"), ElementsAre(Numbers{1, 1, 5, 5}));
  EXPECT_THAT(ends("xaba", "abax"), ElementsAre(Numbers{1, 2, 2, 3})) << "the shortest is shorter than the step";
  // Rounds of "aba", which begin with the letter that they end with.
  EXPECT_THAT(ends("abaaba", "abaabax"), ElementsAre(Numbers{3, 3, 2, 6}, Numbers{1, 1, 1, 0}));
}

// Every known record is in the list still, or deleted from the front, or missing. None is counted twice.
void expect_accounted(const Case& of, const Contents& contents, const Alignment& alignment) {
  const auto where = [&] {
    return "chain " + of.chain + " without " + of.shape.missing_text() + " from " +
           std::to_string(of.shape.head().value()) + " on, list " + of.list + " with " + std::to_string(of.staged) +
           " staged";
  };
  std::uint64_t missing = 0;
  for (const Range& each : alignment.missing) missing += each.records();
  const std::uint64_t in_list = alignment.shape.records(contents.end);
  ASSERT_EQ(in_list, alignment.known) << where();
  ASSERT_EQ(in_list + alignment.gone + missing, contents.known.ids.size()) << where();
  for (std::uint64_t index = 0; alignment.same && index < alignment.known; ++index) {
    ASSERT_EQ(of.chain[alignment.shape.number_at(ListIndex(index)).value()], of.list[index]) << where();
  }
}

TEST(Alignments, AccountForEveryKnownRecordOnce) {
  const auto check = [](const Case& of) {
    with_families(of, [&](const Contents& contents, const std::vector<Family>& families) {
      for (const Family& family : families) {
        for (std::uint64_t i = 0; i < family.count; ++i) {
          expect_accounted(of, contents, alignment_of(contents, family, i));
        }
      }
    });
  };
  for (const std::string chain : {"a", "aV", "aVa", "aaaa", "aVVVV", "abVab", "aVaVaV"}) {
    for (const ListShape& shape :
         {ListShape(), shape_of(1), shape_of(0, "2-4"), shape_of(1, "3-5"), shape_of(0, "1-2,3-4")}) {
      if (!shape.missing().empty() && shape.missing().back().end > RecordNumber(chain.size())) continue;
      for (const std::string& list : texts(5)) {
        for (std::size_t staged = 0; staged <= list.size(); ++staged) {
          check({.chain = chain, .shape = shape, .list = list, .staged = staged, .other_kernel = staged == 0});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Alignments, APendingTrimMayCoverEveryKnownRecord) {
  Case of{.chain = "abc", .shape = shape_of(1), .list = "", .pending = 2};
  const auto all = alignments(of, Kind::kPending);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].known, 0u);
  EXPECT_EQ(all[0].gone, 2u);
  EXPECT_EQ(all[0].shape, shape_of(3));
  of.pending = 3;
  EXPECT_THAT(known_by(of, Kind::kPending), IsEmpty()) << "more than the list held";
}

TEST(Alignments, StagedRecordsMayLieAnywhereAmongTheKnownOnes) {
  const auto all = alignments({.chain = "Babcde", .list = "abex", .staged = 2}, Kind::kSplit);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].known, 3u);
  EXPECT_EQ(all[0].split, 2u);
  EXPECT_EQ(all[0].gone, 1u);
  EXPECT_THAT(all[0].missing, ElementsAre(range(3, 5)));
  EXPECT_EQ(all[0].shape, shape_of(1, "3-5"));
  EXPECT_EQ(all[1].known, 2u) << "all records after the staged ones are new";
  EXPECT_THAT(all[1].missing, ElementsAre(range(3, 6)));
}

TEST(Alignments, NothingIsSplitIfNoRecordIsMissing) {
  EXPECT_THAT(known_by({.chain = "Babcd", .list = "Babcd", .staged = 2}, Kind::kSplit), ElementsAre(2))
      << "but b, c and d may be lost, and equal records measured again";
  EXPECT_THAT(known_by({.chain = "Ba", .list = "Ba", .staged = 2}, Kind::kSplit), IsEmpty());
}

TEST(Alignments, OnlyAnotherKernelsListMayLackTheArchivesEnd) {
  Case of{.chain = "Babcd", .list = "ab", .other_kernel = true};
  const auto all = alignments(of, Kind::kCut);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].known, 2u);
  EXPECT_EQ(all[0].gone, 1u);
  EXPECT_TRUE(all[0].by_kexec);
  EXPECT_THAT(all[0].missing, ElementsAre(range(3, 5)));
  of.other_kernel = false;
  EXPECT_THAT(known_by(of, Kind::kCut), IsEmpty());
  EXPECT_THAT(known_by({.chain = "Babcd", .list = "cd", .other_kernel = true}, Kind::kCut), IsEmpty())
      << "it lacks nothing";
}

TEST(Alignments, AKexecMayHaveLostAllIfTheListBeginsWithAnotherKernelsFirstRecord) {
  const auto gone_by_kexec = [](const std::string& list, bool other_kernel) {
    const auto all = alignments({.chain = "Bab", .list = list, .other_kernel = other_kernel}, Kind::kNone);
    EXPECT_EQ(all[0].gone, 3u);
    EXPECT_EQ(all[0].shape, shape_of(3));
    return all[0].gone_by_kexec;
  };
  EXPECT_TRUE(gone_by_kexec("Bx", true));
  EXPECT_FALSE(gone_by_kexec("xB", true));
  EXPECT_FALSE(gone_by_kexec("Bx", false));
}

TEST(Alignments, AKexecMayHaveLostTheLastOfEqualViolations) {
  const auto gone_by_kexec = [](Case of) {
    const auto all = alignments(of, Kind::kEnd);
    return !all.empty() && all.back().gone > 0 && all.back().gone_by_kexec;
  };
  const Case equal{.chain = "BaVVVV", .shape = shape_of(2), .list = "VVBx", .other_kernel = true};
  EXPECT_TRUE(gone_by_kexec(equal));
  Case of = equal;
  of.other_kernel = false;
  EXPECT_FALSE(gone_by_kexec(of));
  of = equal;
  of.list = "VVx";
  EXPECT_FALSE(gone_by_kexec(of)) << "no kernel's first record: others deleted it";
  of = equal;
  of.shape = shape_of(1);
  EXPECT_FALSE(gone_by_kexec(of)) << "a kexec leaves record a";
  of.pending = 1;
  EXPECT_TRUE(gone_by_kexec(of)) << "the pending trim deleted record a";
  EXPECT_FALSE(gone_by_kexec({.chain = "BaVaV", .shape = shape_of(1), .list = "aVBx", .other_kernel = true}))
      << "record a is no violation";
}

TEST(Alignments, AListThatLacksRecordsHoldsTheOthersInTheirOrder) {
  EXPECT_THAT(known_by({.chain = "abcde", .list = "acex"}, Kind::kLacking), ElementsAre(3));
  EXPECT_THAT(known_by({.chain = "abcde", .list = "caex"}, Kind::kLacking), IsEmpty());
  EXPECT_THAT(known_by({.chain = "abcde", .list = "abcd"}, Kind::kLacking), IsEmpty()) << "without the last record";
  EXPECT_THAT(known_by({.chain = "abcde", .list = "de"}, Kind::kLacking), IsEmpty()) << "only the first are deleted";
}

TEST(Alignments, AtMostHalfOfTheKnownRecordsMayBeAltered) {
  const auto altered = [](const std::string& chain, const std::string& list) {
    return known_by({.chain = chain, .list = list}, Kind::kAltered);
  };
  EXPECT_THAT(altered("abcd", "axyde"), ElementsAre(4));
  EXPECT_THAT(altered("abc", "axy"), IsEmpty()) << "two of three";
  EXPECT_THAT(altered("abcd", "abcde"), IsEmpty()) << "none differs";
  EXPECT_THAT(altered("abcd", "xbc"), IsEmpty()) << "a record is missing";
  const std::string same(20, 's');
  EXPECT_THAT(altered(std::string(16, 'a') + same, std::string(16, 'b') + same), ElementsAre(36));
  EXPECT_THAT(altered(std::string(17, 'a') + same, std::string(17, 'b') + same), IsEmpty());
}

TEST(Alignments, MoreThanHalfMayBeAlteredIfEachIsAViolation) {
  const auto altered = [](const std::string& chain, const std::string& list) {
    return known_by({.chain = chain, .list = list}, Kind::kAlteredViolations);
  };
  EXPECT_THAT(altered("aVV", "aWUb"), ElementsAre(3));
  EXPECT_THAT(altered("V", "W"), ElementsAre(1));
  EXPECT_THAT(altered("cVV", "aWU"), IsEmpty()) << "c is no violation";
  EXPECT_THAT(altered("aVV", "abU"), IsEmpty()) << "b is no violation";
  const auto all = alignments({.chain = "aVV", .list = "aWU"}, Kind::kAlteredViolations);
  EXPECT_FALSE(all[0].same);
}

TEST(MissingRecords, DoNotIncludeThoseThatWereMissingBefore) {
  // The list held B, a, b, e and f. A kexec passed on the first two.
  const ListShape shape = shape_of(0, "3-5");
  const auto cut = alignments({.chain = "Babcdef", .shape = shape, .list = "BaBx", .other_kernel = true}, Kind::kCut);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_THAT(cut[0].missing, ElementsAre(range(2, 3), range(5, 7)));
  EXPECT_EQ(cut[0].shape, shape_of(0, "2-7"));
  const auto lacking = alignments({.chain = "Babcdef", .shape = shape, .list = "Baf"}, Kind::kLacking);
  ASSERT_EQ(lacking.size(), 1u);
  EXPECT_THAT(lacking[0].missing, ElementsAre(range(2, 3), range(5, 6)));
  EXPECT_EQ(lacking[0].shape, shape_of(0, "2-6"));
}

TEST(MissingRecords, EndBeforeThoseThatWereMissingAtTheChainsEnd) {
  const ListShape shape = shape_of(0, "5-7");
  const auto cut = alignments({.chain = "Babcdef", .shape = shape, .list = "BaBx", .other_kernel = true}, Kind::kCut);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_THAT(cut[0].missing, ElementsAre(range(2, 5)));
  EXPECT_EQ(cut[0].shape, shape_of(0, "2-7"));
}

}  // namespace
}  // namespace imakeep::keeper::alignment_test
