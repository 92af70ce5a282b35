// SPDX-License-Identifier: Apache-2.0
#include "keeper/last_seen.h"

#include <gmock/gmock.h>

#include "imalog/template_digest.h"
#include "keeper/test_support.h"

namespace imakeep::keeper::last_seen_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::known_chain;
using test::ObservedLetters;
using testing::ElementsAre;

std::optional<ListPosition> last_seen(ObservedLetters& seen, ArchivedLetters& archived, const KnownChain& known) {
  return must(as_last_seen(seen.view(), archived.store, known));
}
std::optional<ListPosition> last_seen(ObservedLetters&& seen, ArchivedLetters& archived) {
  return last_seen(seen, archived, known_chain(archived));
}

// Where record `index` of a list begins.
ListStream::Place place_at(ObservedLetters& seen, std::uint64_t index) {
  const ObservationView view = seen.view();
  view.stream.seek({});
  while (view.stream.records() < index) must(view.stream.next());
  return view.stream.place();
}

TEST(LastSeen, IsTheListWithNewRecordsAfterTheKnownOnes) {
  ArchivedLetters archived("Bab");
  const auto position = last_seen(ObservedLetters("Babcd", "Babcd"), archived);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->new_from.records, 3u);
  EXPECT_EQ(position->matched_until, 5u);
  EXPECT_EQ(position->gone, 0u);
}

TEST(LastSeen, NeedsNoSecondLookForARecordInFlight) {
  ArchivedLetters archived("Bab");
  ObservedLetters seen("Babcd", "Babc");
  seen.evidence.settled = false;
  const auto position = last_seen(seen, archived, known_chain(archived));
  ASSERT_TRUE(position);
  EXPECT_FALSE(position->in_flight);
  EXPECT_EQ(position->matched_until, 4u);
}

TEST(LastSeen, IsNoListThatBeginsOtherwise) {
  ArchivedLetters archived("Bab");
  EXPECT_FALSE(last_seen(ObservedLetters("abc", "Babc"), archived)) << "a record was deleted";
  EXPECT_FALSE(last_seen(ObservedLetters("Ba", "Bab"), archived)) << "shorter";
  EXPECT_FALSE(last_seen(ObservedLetters("Babc", "Bab"), archived)) << "the PCRs do not match";
}

TEST(LastSeen, NamesNewRecordsWithAWrongDigest) {
  ArchivedLetters archived("Bab");
  const digest::Bank& bank = ArchivedLetters::kBank;
  Bytes list = test::list_of("Babc", bank);
  imalog::encode_record(list, test::record_of('d').view(),
                        imalog::shown_digest(bank, test::record_of('e').view()).view(), ByteOrder::kLittle);
  const auto position = last_seen(ObservedLetters(list, "Babcd"), archived);
  ASSERT_TRUE(position);
  EXPECT_THAT(position->altered, ElementsAre(RecordNumber(4)));
}

TEST(LastSeen, IsFoundWithoutReadingTheKnownRecordsAgain) {
  ArchivedLetters archived("Bab");
  // Record a now reads as x. Whoever reads it sees that this is not the list as it was.
  ObservedLetters seen("Bxbc", "Babc");
  KnownChain known = known_chain(archived);
  EXPECT_FALSE(last_seen(seen, archived, known));
  known.read_until = place_at(seen, 3);
  const auto position = last_seen(seen, archived, known);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->new_from.records, 3u);
}

TEST(LastSeen, IsReadWholeIfItsFirstRecordIsAViolationOrAnother) {
  ArchivedLetters archived("Vab");
  ObservedLetters violation("Vxbc", "Vabc");
  KnownChain known = known_chain(archived);
  known.read_until = place_at(violation, 3);
  EXPECT_FALSE(last_seen(violation, archived, known));
  ArchivedLetters other("Bab");
  ObservedLetters trimmed("abc", "Babc");
  known = known_chain(other);
  known.read_until = place_at(trimmed, 3);
  EXPECT_FALSE(last_seen(trimmed, other, known));
}

TEST(LastSeen, UnderAnotherKernelEveryPcrTells) {
  ArchivedLetters archived("Bab");
  ObservedLetters seen("Babc", "Babc");
  seen.boot_id = "boot-2";
  EXPECT_TRUE(last_seen(seen, archived, known_chain(archived)));
  seen.evidence.unread = 1u << 11;
  EXPECT_FALSE(last_seen(seen, archived, known_chain(archived)));
  seen.evidence.unread = 0;
  seen.evidence.pcrs.clear();
  EXPECT_FALSE(last_seen(seen, archived, known_chain(archived)));
}

TEST(LastSeen, ThePcrsDecideWithoutADamagedRecord) {
  ArchivedLetters archived("Bab", "cd");
  archived.flip_bit_of_segment(3);
  ObservedLetters seen("Babcde", "Babcde");
  EXPECT_TRUE(last_seen(seen, archived, known_chain(archived)));
  seen.evidence.pcrs.clear();
  const auto without = as_last_seen(seen.view(), archived.store, known_chain(archived));
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace imakeep::keeper::last_seen_test
