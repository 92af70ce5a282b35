// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mount_protocol.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <gmock/gmock.h>

namespace imakeep::view {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    keeper = UniqueFd(ends[0]);
    child = UniqueFd(ends[1]);
  }
  UniqueFd keeper;
  UniqueFd child;
};

TEST(MountProtocol, ARequestArrivesWithItsDescriptor) {
  const Pair sockets;
  const auto null = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(null);
  const MountRequest request{.command = MountCommand::kMount, .arguments = {"/a b", "imakeep:1", ""}};
  ASSERT_TRUE(send_request(sockets.keeper.get(), request, null->get()));
  const auto received = receive_request(sockets.child.get());
  ASSERT_TRUE(received && received->request);
  EXPECT_EQ(received->request->command, MountCommand::kMount);
  EXPECT_THAT(received->request->arguments, ElementsAre("/a b", "imakeep:1", ""));
  struct stat sent {};
  struct stat got {};
  ASSERT_EQ(::fstat(null->get(), &sent), 0);
  ASSERT_EQ(::fstat(received->descriptor.get(), &got), 0);
  EXPECT_EQ(sent.st_rdev, got.st_rdev);
  EXPECT_NE(::fcntl(received->descriptor.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(MountProtocol, TwoPathsOfAnyLengthFit) {
  const Pair sockets;
  const MountRequest longest{.command = MountCommand::kBind,
                             .arguments = {std::string(PATH_MAX, 'a'), std::string(PATH_MAX, 'b')}};
  ASSERT_TRUE(send_request(sockets.keeper.get(), longest, -1));
  const auto received = receive_request(sockets.child.get());
  ASSERT_TRUE(received && received->request);
  EXPECT_EQ(received->request->arguments, longest.arguments);
  EXPECT_FALSE(received->descriptor.valid());
  const MountRequest too_long{.command = MountCommand::kPrepare, .arguments = {std::string(kMostMessageBytes, 'a')}};
  EXPECT_EQ(send_request(sockets.keeper.get(), too_long, -1).error().code, ErrorCode::kUsage);
}

TEST(MountProtocol, AnAnswerArrivesAsItIs) {
  const Pair sockets;
  for (const std::string& text : {""s, "imakeep:01"s, "-5"s}) {
    ASSERT_TRUE(send_answer(sockets.child.get(), text));
    const auto answer = receive_answer(sockets.keeper.get(), 1000);
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ(**answer, text);
  }
  ASSERT_TRUE(send_answer(sockets.child.get(), fail_errno(EPERM, "cannot mount")));
  const auto answer = receive_answer(sockets.keeper.get(), 1000);
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().os_errno, EPERM);
  EXPECT_THAT(answer->error().message, HasSubstr("cannot mount"));
}

TEST(MountProtocol, AnEndedConnectionIsNoMessage) {
  Pair sockets;
  EXPECT_FALSE(receive_answer(sockets.keeper.get(), 1));
  sockets.keeper = UniqueFd();
  EXPECT_FALSE(receive_request(sockets.child.get()));
  EXPECT_EQ(send_answer(sockets.child.get(), ""s).error().os_errno, EPIPE);
}

TEST(MountProtocol, RefusesBytesThatAreNoRequest) {
  const auto refused = [](std::string_view bytes) { return decode_request(bytes).error(); };
  EXPECT_EQ(refused("").code, ErrorCode::kMalformed);
  EXPECT_THAT(refused("\x77"s).message, HasSubstr("unknown command 119"));
  const std::string prepare(1, static_cast<char>(MountCommand::kPrepare));
  EXPECT_THAT(refused(prepare).message, HasSubstr("0 arguments"));
  EXPECT_THAT(refused(prepare + "/a\0/b\0"s).message, HasSubstr("2 arguments"));
  EXPECT_THAT(refused(prepare + "/a").message, HasSubstr("cut short"));
  EXPECT_THAT(decode_request(prepare + "/a\0"s)->arguments, ElementsAre("/a"));
  const std::string unmount(1, static_cast<char>(MountCommand::kUnmount));
  EXPECT_THAT(decode_request(unmount)->arguments, IsEmpty());
}

TEST(MountProtocol, RefusesBytesThatAreNoAnswer) {
  for (const std::string& bytes : {""s, "x"s, "-"s, "-13"s, "-x\0text"s, "13\0text"s}) {
    EXPECT_EQ(decode_answer(bytes).error().code, ErrorCode::kMalformed) << bytes;
  }
  EXPECT_EQ(decode_answer("-13\0text"s).error().os_errno, EACCES);
}

}  // namespace
}  // namespace imakeep::view
