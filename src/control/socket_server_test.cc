#include "control/socket_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "control/client.h"

namespace imakeep::control {
namespace {

struct SocketServerTest : testing::Test {
  SocketServerTest() {
    char name[] = "/tmp/imakeep-socket-test-XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/sock";
  }
  ~SocketServerTest() override { std::filesystem::remove_all(directory); }

  static Message echo(const Message& request) {
    Message answer = request;
    answer.head["ok"] = true;
    return answer;
  }

  std::string directory;
  std::string path;
};

TEST_F(SocketServerTest, AnswersManyClientsAtOnceAndInTurn) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      auto client = Client::connect(path);
      ASSERT_TRUE(client);
      for (int round = 0; round < 20; ++round) {
        const auto answer = client->ask({.head = {{"who", i}, {"round", round}}, .payload = Bytes(100'000)});
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->head["who"], i);
        EXPECT_EQ(answer->head["round"], round);
        EXPECT_EQ(answer->payload.size(), 100'000u);
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(SocketServerTest, IsForItsOwnerOnly) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(SocketServerTest, RefusesASocketInUseAndLeavesItAlone) {
  const auto first = SocketServer::listen(path, echo);
  ASSERT_TRUE(first);
  const auto second = SocketServer::listen(path, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(second.error().message.find(path), std::string::npos);
  EXPECT_TRUE(Client::connect(path)->ask({.head = {{"op", "x"}}}));
}

TEST_F(SocketServerTest, ReplacesWhatADeadProcessLeft) {
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  EXPECT_TRUE(Client::connect(path)->ask({.head = {{"op", "x"}}}));
}

TEST_F(SocketServerTest, RefusesANameThatIsNoSocketAndLeavesTheFile) {
  ASSERT_TRUE(replace_file(path, as_bytes("precious"), 0600));
  const auto server = SocketServer::listen(path, echo);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(as_text(*read_file(path)), "precious");
}

TEST_F(SocketServerTest, RemovesItsSocketAtTheEndThoughAClientIsIdle) {
  auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  auto idle = Client::connect(path);
  ASSERT_TRUE(idle->ask({.head = {{"op", "x"}}}));
  server->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto answer = idle->ask({.head = {{"op", "x"}}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kIo);
  EXPECT_EQ(Client::connect(path).error().code, ErrorCode::kEnvironment);
}

TEST_F(SocketServerTest, AnswersWhatIsNoMessageAndServesOthersOn) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  boost::asio::local::stream_protocol::iostream raw{boost::asio::local::stream_protocol::endpoint(path)};
  raw << "no json\n" << std::flush;
  std::string line;
  ASSERT_TRUE(std::getline(raw, line));
  EXPECT_NE(line.find("\"malformed\""), std::string::npos);
  EXPECT_FALSE(std::getline(raw, line)) << "the connection ends";
  EXPECT_TRUE(Client::connect(path)->ask({.head = {{"op", "x"}}}));
}

TEST_F(SocketServerTest, SaysThatAMessageWasCutShort) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  for (const char* part : {"{\"op\"", "{\"op\": \"x\", \"payload_bytes\": 5}\nabc"}) {
    boost::asio::local::stream_protocol::iostream raw{boost::asio::local::stream_protocol::endpoint(path)};
    raw << part << std::flush;
    raw.socket().shutdown(boost::asio::local::stream_protocol::socket::shutdown_send);
    std::string line;
    ASSERT_TRUE(std::getline(raw, line)) << part;
    EXPECT_NE(line.find("\"truncated\""), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace imakeep::control
