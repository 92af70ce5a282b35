// SPDX-License-Identifier: Apache-2.0
#include "imalog/list_stream.h"

#include <gtest/gtest.h>

#include "imalog/list_reader.h"
#include "imalog/test_support.h"

namespace imakeep::imalog {
namespace list_stream_test {

// Gives at most `most_bytes` bytes at a time.
ReadBytes slowly(const Bytes& list, std::size_t most_bytes) {
  return [rest = ByteView(list), most_bytes](std::span<std::byte> room) mutable -> Result<std::size_t> {
    const std::size_t bytes = std::min({room.size(), most_bytes, rest.size()});
    std::copy_n(rest.begin(), bytes, room.begin());
    rest = rest.subspan(bytes);
    return bytes;
  };
}

Bytes captured_list(std::string_view bank = "sha256") {
  return test::captured_binary("templates", test::bank(bank));
}

struct Walk {
  std::vector<std::size_t> sizes;
  std::optional<Error> error;
  std::uint64_t offset = 0;
};

template <class Next>
Walk walk(Next&& next) {
  Walk walked;
  for (;;) {
    const auto record = next();
    if (!record) walked.error = record.error();
    if (!record || !*record) return walked;
    walked.sizes.push_back((*record)->encoded_bytes);
  }
}

void expect_same_as_reader(const Bytes& list, std::size_t most_bytes, std::size_t block_bytes) {
  const RecordFormat format{.digest_bytes = 32};
  ListReader reader(ByteView(list), format);
  const Walk expected = walk([&] { return reader.next(); });
  ListStream stream(slowly(list, most_bytes), block_bytes);
  const Walk found = walk([&] { return stream.next(format); });
  EXPECT_EQ(found.sizes, expected.sizes);
  EXPECT_EQ(stream.offset(), reader.offset());
  EXPECT_EQ(stream.records_read(), reader.records_read());
  ASSERT_EQ(found.error.has_value(), expected.error.has_value());
  if (!found.error) return;
  EXPECT_EQ(describe(*found.error), describe(*expected.error));
  EXPECT_EQ(found.error->code, expected.error->code);
}

TEST(ListStream, GivesWhatListReaderGivesWhateverTheBlocks) {
  const Bytes list = captured_list();
  for (const std::size_t block : {1u, 7u, 64u, 4096u, 1u << 20}) {
    for (const std::size_t most : {1u, 13u, 1u << 20}) expect_same_as_reader(list, most, block);
  }
}

TEST(ListStream, SaysWhereAListIsCutAsListReaderDoes) {
  const Bytes list = captured_list();
  for (std::size_t bytes = 0; bytes < 700; ++bytes) {
    expect_same_as_reader(Bytes(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(bytes)), 100, 64);
  }
}

TEST(ListStream, SaysWhereAListIsDamagedAsListReaderDoes) {
  Bytes list = captured_list();
  list.resize(list.size() + 100, std::byte{0xee});
  expect_same_as_reader(list, 50, 64);
}

TEST(ListStream, RecordsAreThoseOfTheList) {
  const Bytes list = captured_list();
  ListStream stream(slowly(list, 100), 64);
  ListReader reader(ByteView(list), {.digest_bytes = 32});
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    const auto streamed = test::must(stream.next({.digest_bytes = 32}));
    ASSERT_NE(streamed, nullptr);
    EXPECT_TRUE(streamed->content() == (*record)->content());
    EXPECT_TRUE(equal(streamed->digest, (*record)->digest));
  }
}

TEST(ListStream, TellsTheBankByItsFirstBlock) {
  for (const char* const name : {"sha1", "sha256", "sha384", "sha512"}) {
    const Bytes list = captured_list(name);
    std::size_t read_bytes = 0;
    ListStream stream(
        [&, read = slowly(list, 4096)](std::span<std::byte> room) {
          auto got = read(room);
          read_bytes += *got;
          return got;
        },
        4096);
    EXPECT_EQ(test::must(stream.detect()).bank.name(), name);
    EXPECT_EQ(read_bytes, 4096u);
    EXPECT_EQ(walk([&] {
                return stream.next({.digest_bytes = static_cast<std::uint8_t>(test::bank(name).digest_bytes())});
              }).sizes.size(),
              135u);
  }
}

TEST(ListStream, ReadsOnWhereTheFirstBlockDoesNotTellTheBank) {
  test::Content violation = test::ima_ng("/v");
  violation.violation = true;
  std::vector<test::Content> contents(40, violation);
  contents.push_back(test::ima_ng("/a"));
  for (const char* const name : {"sha1", "sha256", "sm3"}) {
    const Bytes list = test::list_of(contents, test::bank(name));
    ListStream stream(slowly(list, 100), 64);
    EXPECT_EQ(test::must(stream.detect()).bank.name(), name);
  }
  ListStream empty(slowly({}, 1));
  EXPECT_EQ(test::must(empty.detect()).bank.name(), "sha1");
  EXPECT_EQ(test::must(empty.next({})), nullptr);
}

TEST(ListStream, NamesAFileOfAnotherKind) {
  const Bytes ascii = test::captured("templates", "ascii_runtime_measurements_sha1");
  ListStream stream(slowly(ascii, 100));
  EXPECT_FALSE(stream.detect(test::bank("sha1")));
  EXPECT_TRUE(stream.detect().error().message.starts_with("not a binary measurement list but an ASCII list"));
}

TEST(ListStream, AnErrorOfReadingIsTheCallers) {
  const Bytes list = captured_list();
  ListStream stream([&, first = true](std::span<std::byte> room) mutable -> Result<std::size_t> {
    if (!std::exchange(first, false)) return fail(ErrorCode::kIo, "the disk is gone");
    std::copy_n(list.begin(), 50, room.begin());
    return std::size_t{50};
  });
  EXPECT_EQ(stream.next({.digest_bytes = 32}).error().message, "the disk is gone");
}

}  // namespace list_stream_test
}  // namespace imakeep::imalog
