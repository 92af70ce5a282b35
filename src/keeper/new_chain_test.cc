// SPDX-License-Identifier: Apache-2.0
#include "keeper/new_chain.h"

#include <gmock/gmock.h>

#include "imalog/template_digest.h"
#include "keeper/test_support.h"

namespace imakeep::keeper::new_chain_test {
namespace {

using imalog::test::must;
using test::ArchivedLetters;
using test::ObservedLetters;
using testing::ElementsAre;

TEST(NewChain, IsTheWholeListIfThatMatches) {
  ObservedLetters seen("Bab", "Bab");
  const ObservationView view = seen.view();
  must(view.stream.next());  // the list is read from its beginning all the same
  const auto position = must(as_new_chain(view)).position;
  ASSERT_TRUE(position);
  EXPECT_TRUE(position->new_chain);
  EXPECT_EQ(position->matched_until, 3u);
  EXPECT_EQ(position->new_from.records, 0u);
}

TEST(NewChain, NamesRecordsWithAWrongDigest) {
  const digest::Bank& bank = ArchivedLetters::kBank;
  Bytes list = test::list_of("B", bank);
  imalog::encode_record(list, test::record_of('a').view(),
                        imalog::shown_digest(bank, test::record_of('e').view()).view(), ByteOrder::kLittle);
  ObservedLetters seen(list, "Ba");
  EXPECT_THAT(must(as_new_chain(seen.view())).position->altered, ElementsAre(RecordNumber(1)));
}

TEST(NewChain, IsExplainedIfThePcrsDoNotMatch) {
  ObservedLetters seen("ab", "Bab");
  const auto mismatch = must(as_new_chain(seen.view())).mismatch;
  ASSERT_TRUE(mismatch);
  EXPECT_EQ(mismatch->found.diagnosis, Diagnosis::kHeadless);
  EXPECT_TRUE(mismatch->as_read.new_chain);
  EXPECT_EQ(mismatch->as_read.records, 2u);
}

}  // namespace
}  // namespace imakeep::keeper::new_chain_test
