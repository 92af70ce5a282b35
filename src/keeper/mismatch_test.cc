// SPDX-License-Identifier: Apache-2.0
#include "keeper/mismatch.h"

#include <gmock/gmock.h>

#include "keeper/replay_list.h"
#include "keeper/test_support.h"

namespace imakeep::keeper::mismatch_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::known_chain;
using test::ObservedLetters;
using testing::HasSubstr;

// A list that was compared with all records of an archive.
class Unmatched {
 public:
  Unmatched(const std::string& letters, const std::string& list, const std::string& log,
            const std::vector<std::uint32_t>& pcrs = {10})
      : archived(letters), seen(list, log, pcrs), known(known_chain(archived)) {
    archived_summary_ = test::summary_of(letters);
    list_summary_ = must(summary_of_list(seen.view().stream, ArchivedLetters::kBank));
  }

  // Calls `with` with the view of the list.
  template <class With>
  auto with_view(const With& with) {
    const ObservationView view = seen.view();
    const Contents contents{.known = archived_summary_,
                            .shape = known.shape,
                            .end = known.end(),
                            .list = list_summary_,
                            .other_kernel = known.of_other_kernel(seen.boot_id),
                            .pending = known.pending};
    Search search(known.chain.end_pcrs, seen.evidence.pcrs, families_of(contents), list_summary_.records());
    must(replay_all(view.stream, search));
    return with(UnmatchedListView{
        .seen = view, .store = archived.store, .known = known, .contents = contents, .search = search});
  }
  ListFacts facts() {
    return with_view([](const UnmatchedListView& list) { return facts_of(list); });
  }
  ExaminedList examined() {
    return with_view([](const UnmatchedListView& list) { return must(examine(list)); });
  }
  Placed placed() {
    return with_view([](const UnmatchedListView& list) { return must(place_unmatched(list, must(examine(list)))); });
  }

  ArchivedLetters archived;
  ObservedLetters seen;
  KnownChain known;

 private:
  RecordSummary archived_summary_;
  RecordSummary list_summary_;
};

TEST(Facts, AListThatBeginsWithTheSameKernelWasNeverTrimmed) {
  EXPECT_TRUE(Unmatched("Bab", "Babc", "Babxc").facts().never_trimmed);
  EXPECT_FALSE(Unmatched("Bab", "abc", "Babxc").facts().never_trimmed);
  Unmatched missing("Bab", "Bbc", "Babxc");
  missing.known.shape = test::shape_of(0, "1-2");
  EXPECT_FALSE(missing.facts().never_trimmed);
  Unmatched other("Bab", "Babc", "Babxc");
  other.seen.boot_id = "boot-2";
  EXPECT_FALSE(other.facts().never_trimmed);
  EXPECT_TRUE(other.facts().other_kernel);
}

TEST(Facts, TheTableIsNotKeptIfRecordsRepeat) {
  Unmatched once("Bab", "Babc", "Babxc");
  EXPECT_FALSE(once.facts().table_kept);
  once.known.table_kept = true;
  EXPECT_TRUE(once.facts().table_kept);
  Unmatched twice("Bab", "Babcc", "Babxcc");
  twice.known.table_kept = true;
  EXPECT_FALSE(twice.facts().table_kept);
}

TEST(Facts, ThePcrsThatMatchAreLookedForOnlyIfEachWasRead) {
  Unmatched parted("Ba1b", "bc", "Ba1b9c", {10, 11});
  ASSERT_TRUE(parted.facts().by_matching_pcrs);
  EXPECT_EQ(parted.facts().by_matching_pcrs->known, 1u);
  parted.seen.evidence.unread = 1u << 12;
  EXPECT_FALSE(parted.facts().by_matching_pcrs);
}

TEST(Examine, FindsAMachineThatWasSetBack) {
  const auto set_back = Unmatched("Babcd", "Babx", "Babx").examined().facts.set_back;
  ASSERT_TRUE(set_back);
  EXPECT_EQ(set_back->at, RecordNumber(3));
  EXPECT_FALSE(Unmatched("Bab", "Babc", "Babxc").examined().facts.set_back);
  EXPECT_FALSE(Unmatched("Babcd", "Babx", "", {}).examined().facts.set_back) << "no PCRs";
}

TEST(Unmatched, ReadsTheRestAsNewIfTheListWasNeverTrimmed) {
  const auto mismatch = Unmatched("Bab", "Babc", "Babxc").placed().mismatch;
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->as_read.new_from.records, 3u);
  EXPECT_FALSE(mismatch->grown);
}

TEST(Unmatched, ReadsAllAsNewIfContentProvesNothing) {
  Unmatched list("Babc", "bcx", "Babcyx");
  list.known.shape = test::shape_of(2);
  const auto mismatch = list.placed().mismatch;
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->found.diagnosis, Diagnosis::kGapOrExtend);
  EXPECT_EQ(mismatch->as_read.new_from.records, 0u);
  EXPECT_EQ(mismatch->as_read.gone, 0u) << "no deletion is known";
  list.known.table_kept = true;
  EXPECT_EQ(list.placed().mismatch->as_read.new_from.records, 2u);
}

TEST(Unmatched, SaysWhereTheNewRecordsBeginIfTheListGrew) {
  const auto mismatch = Unmatched("ab", "abx", "abyx").placed().mismatch;
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->as_read.new_from.records, 0u);
  ASSERT_TRUE(mismatch->grown);
  EXPECT_EQ(mismatch->grown->new_from.records, 2u);
}

TEST(Unmatched, IsAnotherChainIfAnotherKernelsListShowsNoKexec) {
  Unmatched list("Babc", "Bax", "yBax");
  list.seen.boot_id = "boot-2";
  const auto mismatch = list.placed().mismatch;
  ASSERT_TRUE(mismatch);
  EXPECT_TRUE(mismatch->as_read.new_chain);
  EXPECT_THAT(mismatch->found.what, HasSubstr("does not continue chain 1"));
}

}  // namespace
}  // namespace imakeep::keeper::mismatch_test
