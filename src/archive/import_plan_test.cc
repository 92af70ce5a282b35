// SPDX-License-Identifier: Apache-2.0
#include "archive/import_plan.h"

#include <gmock/gmock.h>

#include "imalog/test_support.h"

namespace imakeep::archive::import_plan_test {
namespace {

using imalog::test::bank;
using imalog::test::Content;
using imalog::test::ima_ng;
using imalog::test::must;
using testing::ElementsAre;
using testing::HasSubstr;

// A letter a record: "V" is a violation, "B" a kernel's first record.
Content record_of(char letter) {
  Content content = ima_ng(letter == 'B' ? "boot_aggregate" : std::string("/") + letter);
  content.violation = letter == 'V';
  return content;
}

Bytes list_of(std::string_view letters) {
  Bytes list;
  for (const char letter : letters) imalog::test::append_record(list, record_of(letter), bank("sha1"));
  return list;
}

// A decoded part with its bytes.
struct Part {
  explicit Part(std::string_view letters) : list(list_of(letters)) {
    decoded = must(decode_part({.name = std::string(letters), .list = list, .bank = bank("sha1")}));
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const Bytes list;
  DecodedPart decoded;
};

// PCR 10 of sha1 after these records.
digest::Digest pcr_after(std::string_view letters) {
  digest::PcrState state({bank("sha1")});
  for (const char letter : letters) imalog::extend(state, record_of(letter).view());
  return state.value(0, 10);
}

// The archive holds `letters`, the first of them as record `base`. `log`, if given, is all that the PCR was extended
// with, from the first of `letters` on.
Known known_of(std::string_view letters, std::uint64_t base = 0, std::optional<std::string_view> log = std::nullopt) {
  Known known{.base = base};
  if (log)
    known.traces.emplace_back(imalog::PcrValue{.bank = bank("sha1"), .value = pcr_after(*log)}, pcr_after(""), 0);
  for (const char letter : letters) {
    const Content content = record_of(letter);
    known.ids.push_back(record_id(content.view()));
    known.violations.push_back(content.violation);
    for (PcrTrace& trace : known.traces) trace.follow(content.view(), known.ids.size());
  }
  return known;
}

TEST(DecodePart, KeepsRecordsWithTheirDigestsAndIds) {
  const Part part("BaV");
  ASSERT_EQ(part.decoded.records.size(), 3u);
  EXPECT_EQ(part.decoded.records[1].content, record_of('a').view());
  EXPECT_TRUE(equal(part.decoded.records[1].shown, imalog::shown_digest(bank("sha1"), record_of('a').view()).view()));
  EXPECT_TRUE(part.decoded.records[2].content.violation);
  EXPECT_EQ(part.decoded.ids[2], record_id(record_of('V').view()));
  EXPECT_TRUE(equal(part.decoded.sha256, digest::hash(digest::Algorithm::kSha256, part.list).view()));
}

TEST(DecodePart, NamesThePartThatEndsWithinARecord) {
  Bytes list = list_of("Ba");
  list.pop_back();
  const auto cut = decode_part({.name = "saved", .list = list, .bank = bank("sha1")});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kTruncated);
  EXPECT_EQ(cut.error().record, 1u);
  EXPECT_TRUE(cut.error().message.starts_with("saved: ")) << cut.error().message;
}

TEST(DecodePart, RefusesAListWithoutAMatchAmongItsFirst16Digests) {
  const auto with_altered = [](std::size_t altered) {
    Bytes list;
    for (std::size_t i = 0; i < 17; ++i) {
      const Content content = record_of('a');
      const Content measured = record_of(i < altered ? 'b' : 'a');
      imalog::encode_record(list, content.view(), imalog::shown_digest(bank("sha1"), measured.view()).view(),
                            ByteOrder::kLittle);
    }
    return decode_part({.name = "saved", .list = list, .bank = bank("sha1")}).has_value();
  };
  EXPECT_TRUE(with_altered(15));
  EXPECT_FALSE(with_altered(16));
}

TEST(DecodePart, TakesAListThatHasNoDigestToCompare) {
  EXPECT_EQ(Part("").decoded.records.size(), 0u);
  EXPECT_EQ(Part("VV").decoded.records.size(), 2u);
}

TEST(PcrTrace, TellsAfterWhichRecordThePcrLastHadTheValue) {
  PcrTrace trace({.bank = bank("sha1"), .value = pcr_after("ab")}, pcr_after("a"), 7);
  EXPECT_EQ(trace.matched_after(), std::nullopt);
  trace.follow(record_of('b').view(), 8);
  EXPECT_TRUE(trace.matches_now());
  Content of_other_pcr = record_of('c');
  of_other_pcr.pcr = 11;
  trace.follow(of_other_pcr.view(), 9);
  EXPECT_TRUE(trace.matches_now()) << "another PCR";
  trace.follow(record_of('c').view(), 10);
  EXPECT_FALSE(trace.matches_now());
  EXPECT_EQ(trace.matched_after(), 8u);
}

TEST(PcrTrace, MatchesBeforeTheFirstRecordIfThePcrStartsWithTheValue) {
  const PcrTrace trace({.bank = bank("sha1"), .value = pcr_after("a")}, pcr_after("a"), 7);
  EXPECT_EQ(trace.matched_after(), 7u);
}

std::vector<std::uint64_t> placed(Known known, const std::vector<const Part*>& parts, bool no_repeats = false) {
  std::vector<DecodedPart> decoded;
  for (const Part* const part : parts) decoded.push_back(part->decoded);
  return must(place_parts(std::move(known), decoded, no_repeats));
}

TEST(PlaceParts, CountsFromTheNumberOfTheFirstKnownRecord) {
  const Part overlapping("bcd");
  const Part after("ef");
  const Part within("cde");
  EXPECT_THAT(placed(known_of("abc", 100), {&overlapping, &after, &within}, true), ElementsAre(101, 104, 102));
}

TEST(PlaceParts, PutsTheFirstPartOfAnEmptyChainAtItsStart) {
  const Part first("Ba");
  const Part empty("");
  EXPECT_THAT(placed(known_of(""), {&empty, &first}), ElementsAre(0, 0));
  EXPECT_THAT(placed(known_of(""), {}), ElementsAre());
}

TEST(PlaceParts, PutsAPartWhereAnEarlierImportDid) {
  Part interrupted("bcd");
  interrupted.decoded.first = 101;
  Part again("cd");
  again.decoded.earlier = 102;
  EXPECT_THAT(placed(known_of("abc", 100), {&interrupted, &again}), ElementsAre(101, 102));
  const Part next("ef");
  EXPECT_THAT(placed(known_of("abc", 100), {&interrupted, &next}), ElementsAre(101, 104)) << "d is new";
}

TEST(PlaceParts, ChoosesByThePcrsHowManyOfARunAreNew) {
  const Part run("VVVx");
  for (const std::size_t overlap : {0u, 1u, 2u, 3u}) {
    const std::string log = "BVVV" + std::string("VVVx").substr(overlap);
    EXPECT_THAT(placed(known_of("BVVV", 0, log), {&run}), ElementsAre(4 - overlap)) << overlap;
  }
}

TEST(PlaceParts, GoesBackToAnEarlierPartIfTheChoiceForItWasWrong) {
  const Part first("VVa");
  const Part second("VVb");
  // The first choice for each part is the longest overlap. Here the first part overlaps by one record.
  EXPECT_THAT(placed(known_of("BVV", 0, "BVVVaVVb"), {&first, &second}), ElementsAre(2, 5));
}

TEST(PlaceParts, RefusesPartsThatNoWayOfJoiningLeadsToThePcrs) {
  const Part part("cd");
  const std::vector<DecodedPart> parts{part.decoded};
  const auto refused = place_parts(known_of("Bab", 0, "Babd"), parts, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(refused.error().message, HasSubstr("no way of joining"));
}

}  // namespace
}  // namespace imakeep::archive::import_plan_test
