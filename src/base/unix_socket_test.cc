// SPDX-License-Identifier: Apache-2.0
#include "base/unix_socket.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>

namespace imakeep {
namespace unix_socket_test {

constexpr std::chrono::seconds kLimit{60};

struct SocketStreamTest : testing::Test {
  SocketStreamTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    near = std::make_unique<SocketStream>(UniqueFd(pair[0]));
    far = std::make_unique<SocketStream>(UniqueFd(pair[1]));
  }

  std::unique_ptr<SocketStream> near;
  std::unique_ptr<SocketStream> far;
};

TEST_F(SocketStreamTest, CarriesMoreThanItsBuffersBothWays) {
  std::string text(1'000'003, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
  std::thread echo([&] {
    std::string got(text.size(), '\0');
    far->read(got.data(), static_cast<std::streamsize>(got.size()));
    *far << got << std::flush;
  });
  *near << text << std::flush;
  std::string back(text.size(), '\0');
  EXPECT_TRUE(near->read(back.data(), static_cast<std::streamsize>(back.size())));
  EXPECT_EQ(back, text);
  echo.join();
}

TEST_F(SocketStreamTest, SendsNothingBeforeItIsFlushed) {
  *near << "a";
  near->end_writing();
  char c = 0;
  EXPECT_FALSE(far->get(c));
}

TEST_F(SocketStreamTest, ReadsTheEndOnceTheOtherSideEndedWritingAndCanStillAnswer) {
  *near << "a\n" << std::flush;
  near->end_writing();
  std::string line;
  EXPECT_TRUE(std::getline(*far, line));
  EXPECT_FALSE(std::getline(*far, line));
  EXPECT_TRUE(far->eof());
  far->clear();
  EXPECT_TRUE(*far << "b\n" << std::flush);
  EXPECT_TRUE(std::getline(*near, line));
  EXPECT_EQ(line, "b");
}

TEST_F(SocketStreamTest, FailsToWriteToWhoWentAwayWithoutASignal) {
  far.reset();
  EXPECT_FALSE(*near << "a" << std::flush);
}

// A send that times out after it sent a part.
TEST(SocketStream, SendsNoByteTwiceAfterASendThatFailed) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const int smallest = 1;
  const timeval soon{.tv_sec = 0, .tv_usec = 1000};
  ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest), 0);
  ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
  SocketStream near{UniqueFd(pair[0])};
  SocketStream far{UniqueFd(pair[1])};
  std::string text;
  for (int i = 0; i < 15'000; ++i) text += static_cast<char>('a' + i % 26);
  near << text;
  ASSERT_FALSE(near << std::flush);
  std::string got;
  std::thread reader([&] { got.assign(std::istreambuf_iterator<char>(far), {}); });
  do {
    near.clear();
  } while (!(near << std::flush));
  near.end_writing();
  reader.join();
  EXPECT_EQ(got.size(), text.size());
  EXPECT_EQ(got, text);
}

TEST_F(SocketStreamTest, ShutDownEndsAReadThatWaits) {
  std::thread reader([&] { EXPECT_EQ(near->get(), std::char_traits<char>::eof()); });
  near->shut_down();
  reader.join();
}

TEST_F(SocketStreamTest, ShutDownEndsAWriteThatWaits) {
  std::thread writer([&] { EXPECT_FALSE(*near << std::string(10'000'000, 'a') << std::flush); });
  near->shut_down();
  writer.join();
}

TEST(ConnectTo, SaysWhyNot) {
  EXPECT_EQ(connect_to("/nonexistent/socket", kLimit).error(), ENOENT);
  EXPECT_EQ(connect_to("/" + std::string(107, 'a'), kLimit).error(), ENAMETOOLONG);
}

}  // namespace unix_socket_test
}  // namespace imakeep
