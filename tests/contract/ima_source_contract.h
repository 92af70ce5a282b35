// SPDX-License-Identifier: Apache-2.0
// contract/ima_source_contract.h - what every version of keeper::ImaSource must do.
//
// A subject is a list of banks sha1 and sha256 with nothing in it, and sources that look at it:
//   struct Subject {
//     static const char* missing();                        // why it cannot be tested here, or null
//     Subject();
//     mlist::MeasurementList& list();                      // to add to and to suspend
//     std::unique_ptr<keeper::ImaSource> source(int task); // of another task for another number
//   };
// INSTANTIATE_TYPED_TEST_SUITE_P(Name, ImaSourceContract, Subject).
#pragma once

#include <cerrno>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keeper/ima_source.h"
#include "mlist/test_support.h"

namespace imakeep::test {

using keeper::ListPart;

// 0 after success, else its errno; -1 for a code that the call must not return.
template <class T>
int answer(const Result<T>& result, ErrorCode code) {
  if (result) return 0;
  return result.error().code == code ? result.error().os_errno : -1;
}

template <class Subject>
class ImaSourceContract : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* const missing = Subject::missing(); missing != nullptr) GTEST_SKIP() << missing;
    subject_ = std::make_unique<Subject>();
    source_ = subject_->source(1);
  }

  keeper::ImaSource& source() { return *source_; }
  mlist::MeasurementList& list() { return subject_->list(); }
  void add(std::uint64_t first, std::uint64_t count) { mlist::test::append_numbered(list(), first, count); }

  int open_to_read() { return answer(source().open_to_read(), ErrorCode::kEnvironment); }
  int open_to_write(ListPart part) { return answer(source().open_to_write(part), ErrorCode::kEnvironment); }
  int request(const std::string& text) { return answer(source().request(text), ErrorCode::kRefused); }
  // Opens, sends it, closes.
  int request_to(ListPart part, const std::string& text) {
    EXPECT_EQ(open_to_write(part), 0);
    const int answered = request(text);
    source().close();
    return answered;
  }

  // The answer to another task that opens and closes at once.
  int other_reads() {
    return elsewhere([](keeper::ImaSource& other) { return other.open_to_read(); });
  }
  int other_writes(ListPart part) {
    return elsewhere([part](keeper::ImaSource& other) { return other.open_to_write(part); });
  }

  // The whole part, read in pieces of `piece_bytes`.
  Bytes read_all(ListPart part, std::size_t piece_bytes) {
    Bytes all;
    for (Bytes piece(piece_bytes);;) {
      const auto got = source().read(part, all.size(), piece);
      EXPECT_TRUE(got) << describe(got.error());
      if (!got || *got == 0) return all;
      append_bytes(all, ByteView(piece).first(*got));
    }
  }
  // Records [first, first + count), encoded as the list shows them.
  Bytes encoded(std::uint64_t first, std::uint64_t count) {
    Bytes bytes;
    for (std::uint64_t i = first; i < first + count; ++i) {
      const mlist::test::Content content = mlist::test::numbered(i);
      const imalog::RecordContentView view = content.view();
      imalog::encode_record(bytes, view, imalog::shown_digest(source().bank(), view).view());
    }
    return bytes;
  }

 private:
  template <class Open>
  int elsewhere(const Open& open) {
    int answered = -1;
    // To Linux a task is a thread.
    std::thread([&] {
      const auto other = subject_->source(2);
      answered = answer(open(*other), ErrorCode::kEnvironment);
    }).join();
    return answered;
  }

  std::unique_ptr<Subject> subject_;
  std::unique_ptr<keeper::ImaSource> source_;
};

TYPED_TEST_SUITE_P(ImaSourceContract);

TYPED_TEST_P(ImaSourceContract, SaysWhatThereIs) {
  EXPECT_FALSE(this->source().name().empty());
  EXPECT_EQ(digest::bank_names(this->source().banks()), "sha1,sha256");
  EXPECT_EQ(this->source().bank().name(), "sha256");
  EXPECT_TRUE(this->source().has_staging());
  EXPECT_TRUE(this->source().takes_numbers());
  EXPECT_FALSE(this->source().boot_id().empty());
  EXPECT_EQ(this->source().boot_id(), this->source().boot_id());
}

TYPED_TEST_P(ImaSourceContract, ManyMayRead) {
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->other_reads(), 0);
}

TYPED_TEST_P(ImaSourceContract, AReaderKeepsWritersOut) {
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->other_writes(ListPart::kStaged), EBUSY);
  EXPECT_EQ(this->other_writes(ListPart::kCurrent), EBUSY);
  this->source().close();
  EXPECT_EQ(this->other_writes(ListPart::kStaged), 0);
  EXPECT_EQ(this->other_writes(ListPart::kCurrent), 0);
}

TYPED_TEST_P(ImaSourceContract, AWriterKeepsAllOthersOut) {
  for (const ListPart part : {ListPart::kStaged, ListPart::kCurrent}) {
    ASSERT_EQ(this->open_to_write(part), 0);
    EXPECT_EQ(this->other_reads(), EBUSY);
    EXPECT_EQ(this->other_writes(ListPart::kStaged), EBUSY);
    EXPECT_EQ(this->other_writes(ListPart::kCurrent), EBUSY);
    this->source().close();
    EXPECT_EQ(this->other_reads(), 0);
    EXPECT_EQ(this->other_writes(ListPart::kStaged), 0);
  }
}

TYPED_TEST_P(ImaSourceContract, ClosingTwiceOrNothingDoesNothing) {
  this->source().close();
  ASSERT_EQ(this->open_to_read(), 0);
  this->source().close();
  this->source().close();
  EXPECT_EQ(this->open_to_write(ListPart::kStaged), 0);
}

TYPED_TEST_P(ImaSourceContract, ReadsTheSameInPiecesOfAnySize) {
  this->add(0, 30);
  const Bytes expected = this->encoded(0, 30);
  ASSERT_EQ(this->open_to_read(), 0);
  for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{97}}) {
    EXPECT_EQ(this->read_all(ListPart::kCurrent, piece), expected) << piece;
  }
  EXPECT_TRUE(this->read_all(ListPart::kStaged, 100).empty());
}

TYPED_TEST_P(ImaSourceContract, ReadsFromAnyOffsetInAnyOrder) {
  this->add(0, 10);
  const Bytes expected = this->encoded(0, 10);
  ASSERT_EQ(this->open_to_read(), 0);
  for (const std::size_t offset : {expected.size() - 5, std::size_t{0}, std::size_t{77}, std::size_t{3}}) {
    Bytes piece(5);
    ASSERT_EQ(this->source().read(ListPart::kCurrent, offset, piece).value_or(0), 5u);
    EXPECT_TRUE(equal(piece, ByteView(expected).subspan(offset, 5))) << offset;
  }
  Bytes piece(5);
  EXPECT_EQ(this->source().read(ListPart::kCurrent, expected.size(), piece).value_or(9), 0u);
  EXPECT_EQ(this->source().read(ListPart::kCurrent, expected.size() + 1000, piece).value_or(9), 0u);
}

TYPED_TEST_P(ImaSourceContract, RecordsThatComeInMeanwhileFollowTheOthers) {
  this->add(0, 3);
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(0, 3));
  this->add(3, 4);
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(0, 7));
}

TYPED_TEST_P(ImaSourceContract, StagedRecordsAreReadThroughTheDescriptorThatStagedThem) {
  this->add(0, 5);
  ASSERT_EQ(this->open_to_write(ListPart::kStaged), 0);
  EXPECT_TRUE(this->read_all(ListPart::kStaged, 4096).empty());
  ASSERT_EQ(this->request("A\n"), 0);
  this->add(5, 2);
  EXPECT_EQ(this->read_all(ListPart::kStaged, 4096), this->encoded(0, 5));
  EXPECT_EQ(this->source().count().value_or(9), 2u);
  ASSERT_EQ(this->request("D\n"), 0);
  EXPECT_TRUE(this->read_all(ListPart::kStaged, 4096).empty());
  this->source().close();
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_TRUE(this->read_all(ListPart::kStaged, 4096).empty());
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(5, 2));
}

TYPED_TEST_P(ImaSourceContract, BothPartsAreReadTogether) {
  this->add(0, 5);
  ASSERT_EQ(this->request_to(ListPart::kStaged, "A\n"), 0);
  this->add(5, 2);
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->read_all(ListPart::kStaged, 100), this->encoded(0, 5));
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 100), this->encoded(5, 2));
}

TYPED_TEST_P(ImaSourceContract, ANumberDeletesFromTheFront) {
  this->add(0, 10);
  ASSERT_EQ(this->open_to_write(ListPart::kCurrent), 0);
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(0, 10));
  ASSERT_EQ(this->request("7\n"), 0);
  EXPECT_EQ(this->source().count().value_or(9), 3u);
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(7, 3));
}

TYPED_TEST_P(ImaSourceContract, RequestsAreRefusedAsLinuxRefusesThem) {
  EXPECT_EQ(this->request_to(ListPart::kStaged, "A\n"), ENOENT);
  EXPECT_EQ(this->request_to(ListPart::kStaged, "D\n"), ENOENT);
  this->add(0, 3);
  EXPECT_EQ(this->request_to(ListPart::kStaged, "2\n"), EINVAL);
  EXPECT_EQ(this->request_to(ListPart::kCurrent, "A\n"), EINVAL);
  EXPECT_EQ(this->request_to(ListPart::kCurrent, "0\n"), EINVAL);
  EXPECT_EQ(this->request_to(ListPart::kCurrent, "4\n"), ENOENT);
  EXPECT_EQ(this->request_to(ListPart::kStaged, "A\n"), 0);
  EXPECT_EQ(this->request_to(ListPart::kStaged, "A\n"), EEXIST);
  EXPECT_EQ(this->source().count().value_or(9), 0u);
}

TYPED_TEST_P(ImaSourceContract, ASuspendedListKeepsWhatItHas) {
  this->add(0, 3);
  ASSERT_EQ(this->request_to(ListPart::kStaged, "A\n"), 0);
  this->add(3, 3);
  this->list().suspend();
  EXPECT_EQ(this->request_to(ListPart::kStaged, "D\n"), ESTALE);
  EXPECT_EQ(this->request_to(ListPart::kCurrent, "1\n"), ESTALE);
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->read_all(ListPart::kStaged, 4096), this->encoded(0, 3));
  EXPECT_EQ(this->read_all(ListPart::kCurrent, 4096), this->encoded(3, 3));
}

TYPED_TEST_P(ImaSourceContract, StagingIsRefusedWhileSuspended) {
  this->add(0, 3);
  this->list().suspend();
  EXPECT_EQ(this->request_to(ListPart::kStaged, "A\n"), EACCES);
}

TYPED_TEST_P(ImaSourceContract, TheCountNeedsNothingOpenAndIsOfTheCurrentListAlone) {
  EXPECT_EQ(this->source().count().value_or(9), 0u);
  this->add(0, 4);
  EXPECT_EQ(this->source().count().value_or(9), 4u);
  ASSERT_EQ(this->request_to(ListPart::kStaged, "A\n"), 0);
  this->add(4, 1);
  EXPECT_EQ(this->source().count().value_or(9), 1u);
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->source().count().value_or(9), 1u);
}

TYPED_TEST_P(ImaSourceContract, NothingIsReadOrAskedOfWhatIsNotOpen) {
  Bytes piece(5);
  EXPECT_FALSE(this->source().read(ListPart::kCurrent, 0, piece));
  EXPECT_FALSE(this->source().request("A\n"));
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_FALSE(this->source().request("A\n"));
  this->source().close();
  ASSERT_EQ(this->open_to_write(ListPart::kStaged), 0);
  EXPECT_FALSE(this->source().read(ListPart::kCurrent, 0, piece));
}

TYPED_TEST_P(ImaSourceContract, ViolationsAreCountedWithNothingOpen) {
  this->add(0, 2);
  EXPECT_EQ(this->source().violations().value_or(9), 0u);
  this->list().count_violation();
  EXPECT_EQ(this->source().violations().value_or(9), 1u);
}

TYPED_TEST_P(ImaSourceContract, BytesSeenAreThoseOfBothPartsOnceEach) {
  this->add(0, 3);
  ASSERT_EQ(this->request_to(ListPart::kStaged, "A\n"), 0);
  this->add(3, 2);
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->source().bytes_seen(), 0u);
  const std::size_t staged = this->read_all(ListPart::kStaged, 64).size();
  EXPECT_EQ(this->source().bytes_seen(), staged);
  const std::size_t current = this->read_all(ListPart::kCurrent, 64).size();
  this->read_all(ListPart::kCurrent, 64);
  EXPECT_EQ(this->source().bytes_seen(), staged + current);
  this->source().close();
  ASSERT_EQ(this->open_to_read(), 0);
  EXPECT_EQ(this->source().bytes_seen(), 0u);
}

REGISTER_TYPED_TEST_SUITE_P(ImaSourceContract, SaysWhatThereIs, ManyMayRead, AReaderKeepsWritersOut,
                            AWriterKeepsAllOthersOut, ClosingTwiceOrNothingDoesNothing, ReadsTheSameInPiecesOfAnySize,
                            ReadsFromAnyOffsetInAnyOrder, RecordsThatComeInMeanwhileFollowTheOthers,
                            StagedRecordsAreReadThroughTheDescriptorThatStagedThem, BothPartsAreReadTogether,
                            ANumberDeletesFromTheFront, RequestsAreRefusedAsLinuxRefusesThem,
                            ASuspendedListKeepsWhatItHas, StagingIsRefusedWhileSuspended,
                            TheCountNeedsNothingOpenAndIsOfTheCurrentListAlone, NothingIsReadOrAskedOfWhatIsNotOpen,
                            ViolationsAreCountedWithNothingOpen, BytesSeenAreThoseOfBothPartsOnceEach);

}  // namespace imakeep::test
