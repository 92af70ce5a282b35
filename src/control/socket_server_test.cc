// SPDX-License-Identifier: Apache-2.0
#include "control/socket_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/unix_socket.h"
#include "control/client.h"
#include "control/message.h"

namespace imakeep::control {
namespace socket_server_test {

constexpr std::chrono::seconds kLimit{60};

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
      auto client = Client::connect(path, kLimit);
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
  EXPECT_TRUE(Client::connect(path, kLimit)->ask({.head = {{"op", "x"}}}));
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
  EXPECT_TRUE(Client::connect(path, kLimit)->ask({.head = {{"op", "x"}}}));
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
  auto idle = Client::connect(path, kLimit);
  ASSERT_TRUE(idle->ask({.head = {{"op", "x"}}}));
  server->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto answer = idle->ask({.head = {{"op", "x"}}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kIo);
  EXPECT_EQ(Client::connect(path, kLimit).error().code, ErrorCode::kEnvironment);
}

// A connection counts as silent once its thread is done with the answer, which is shortly after the client has it. So
// the newcomer waits a moment, and longer if that was not enough. Whoever gives way, it is one, and not the one that
// spoke last.
TEST_F(SocketServerTest, TheClientThatWasSilentTheLongestGivesWayToANewOne) {
  bool the_silent_one = false;
  for (int pause_ms = 20; !the_silent_one && pause_ms <= 2000; pause_ms *= 10) {
    const auto server = SocketServer::listen(path, echo);
    ASSERT_TRUE(server);
    std::vector<Client> clients;
    for (std::size_t i = 0; i < SocketServer::kMostConnections; ++i) {
      clients.push_back(std::move(*Client::connect(path, kLimit)));
      ASSERT_TRUE(clients.back().ask({.head = {{"op", "x"}}}));
    }
    ASSERT_TRUE(clients[0].ask({.head = {{"op", "x"}}}));
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    auto last = Client::connect(path, kLimit);
    ASSERT_TRUE(last->ask({.head = {{"op", "x"}}}));
    EXPECT_TRUE(clients[0].ask({.head = {{"op", "x"}}})) << "it has spoken since";
    std::vector<std::size_t> gave_way;
    for (std::size_t i = 1; i < clients.size(); ++i) {
      if (!clients[i].ask({.head = {{"op", "x"}}})) gave_way.push_back(i);
    }
    EXPECT_TRUE(last->ask({.head = {{"op", "x"}}}));
    ASSERT_EQ(gave_way.size(), 1U);
    the_silent_one = gave_way.front() == 1;
  }
  EXPECT_TRUE(the_silent_one);
}

TEST_F(SocketServerTest, AConnectionThatGivesWayStillGetsItsAnswer) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  const std::string request = "{\"op\": \"x\"}\n";
  for (int round = 0; round < 20; ++round) {
    SocketStream oldest(connect_to(path, kLimit).value());
    std::vector<Client> others;
    for (std::size_t i = 1; i < SocketServer::kMostConnections; ++i) {
      others.push_back(std::move(*Client::connect(path, kLimit)));
      ASSERT_TRUE(others.back().ask({.head = {{"op", "x"}}}));
    }
    std::thread newcomer([&] { EXPECT_TRUE(Client::connect(path, kLimit)->ask({.head = {{"op", "x"}}})); });
    for (int pause = 0; pause < round; ++pause) std::this_thread::yield();
    const bool sent = static_cast<bool>(oldest << request << std::flush);
    std::string line;
    const bool answered = static_cast<bool>(std::getline(oldest, line));
    EXPECT_EQ(answered, sent) << "in round " << round;
    newcomer.join();
  }
}

TEST_F(SocketServerTest, AConnectionThatWaitsForAnAnswerDoesNotGiveWay) {
  std::promise<void> answer;
  std::shared_future<void> answered = answer.get_future().share();
  std::atomic<std::size_t> asked = 0;
  const auto server = SocketServer::listen(path, [&, answered](const Message& request) {
    ++asked;
    answered.wait();
    return echo(request);
  });
  ASSERT_TRUE(server);
  std::vector<std::thread> clients;
  std::atomic<std::size_t> right = 0;
  for (std::size_t i = 0; i < SocketServer::kMostConnections; ++i) {
    clients.emplace_back([&] {
      auto client = Client::connect(path, kLimit);
      if (client && client->ask({.head = {{"op", "x"}}})) ++right;
    });
  }
  while (asked < SocketServer::kMostConnections) std::this_thread::yield();
  EXPECT_FALSE(Client::connect(path, kLimit)->ask({.head = {{"op", "x"}}})) << "the server has no room";
  answer.set_value();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, SocketServer::kMostConnections);
}

TEST_F(SocketServerTest, AClientWaitsNoLongerThanItsLimit) {
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = unix_address(path).value();
  ASSERT_EQ(::bind(listening, address.get(), address.bytes), 0);
  ASSERT_EQ(::listen(listening, 1), 0);  // and nobody answers
  auto client = Client::connect(path, std::chrono::milliseconds(20));
  ASSERT_TRUE(client);
  const auto answer = client->ask({.head = {{"op", "x"}}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(answer.error().os_errno, ETIMEDOUT);
  ::close(listening);
}

TEST_F(SocketServerTest, AnswersWhatIsNoMessageAndServesOthersOn) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  SocketStream raw(connect_to(path, kLimit).value());
  raw << "no json\n" << std::flush;
  std::string line;
  ASSERT_TRUE(std::getline(raw, line));
  EXPECT_NE(line.find("\"malformed\""), std::string::npos);
  EXPECT_FALSE(std::getline(raw, line)) << "the connection ends";
  EXPECT_TRUE(Client::connect(path, kLimit)->ask({.head = {{"op", "x"}}}));
}

TEST_F(SocketServerTest, SaysThatAMessageWasCutShort) {
  const auto server = SocketServer::listen(path, echo);
  ASSERT_TRUE(server);
  for (const char* part : {"{\"op\"", "{\"op\": \"x\", \"payload_bytes\": 5}\nabc"}) {
    SocketStream raw(connect_to(path, kLimit).value());
    raw << part << std::flush;
    raw.end_writing();
    std::string line;
    ASSERT_TRUE(std::getline(raw, line)) << part;
    EXPECT_NE(line.find("\"truncated\""), std::string::npos) << line;
  }
}

}  // namespace socket_server_test
}  // namespace imakeep::control
