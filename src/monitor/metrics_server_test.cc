// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_directory.h"

namespace imakeep::monitor {
namespace metrics_server_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class MetricsServerTest : public testing::Test {
 protected:
  std::unique_ptr<MetricsServer> serve(const MetricsLimits& limits = {}) const {
    auto server = MetricsServer::listen(path_, snapshot_, limits);
    EXPECT_TRUE(server) << describe(server.error());
    return std::move(*server);
  }
  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Everything until the server closes.
  static std::string rest(const UniqueFd& fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }
  std::string ask(const std::string& request) const {
    const UniqueFd fd = connect();
    ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return rest(fd);
  }
  std::string get(const std::string& target) const {
    return ask("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }

  const imakeep::test::ScratchDirectory directory_;
  const std::string path_ = directory_.file("metrics");
  MetricsSnapshot snapshot_;
};

TEST_F(MetricsServerTest, AScrapeGetsTheLastSnapshot) {
  const auto server = serve();
  snapshot_.set("a 1\n");
  snapshot_.set("a 2\n");
  const std::string answer = get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\na 2\n"));
  EXPECT_THAT(get("/metrics?x=1"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(MetricsServerTest, HeadGetsNoBody) {
  const auto server = serve();
  snapshot_.set("a 1\n");
  const std::string answer = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(MetricsServerTest, NothingYetIsUnavailable) {
  const auto server = serve();
  EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(MetricsServerTest, ARequestThatIsNoScrapeIsRefused) {
  const auto server = serve();
  snapshot_.set("a 1\n");
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/metricsx"), StartsWith("HTTP/1.1 404 "));
  const std::string post = ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(ask("{\"op\": \"metrics\"}\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 "));
}

TEST_F(MetricsServerTest, ASlowClientIsCutOff) {
  const auto server = serve({.timeout = milliseconds(100)});
  const UniqueFd fd = connect();
  ::send(fd.get(), "GET /met", 8, MSG_NOSIGNAL);
  const auto since = steady_clock::now();
  EXPECT_EQ(rest(fd), "");
  EXPECT_LT(steady_clock::now() - since, milliseconds(5000));
}

TEST_F(MetricsServerTest, AClientThatDoesNotReadIsCutOff) {
  const auto server = serve({.connections = 1, .timeout = milliseconds(200)});
  snapshot_.set(std::string(32u << 20, 'x'));
  const UniqueFd deaf = connect();
  ::send(deaf.get(), "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL);
  std::this_thread::sleep_for(milliseconds(20));
  snapshot_.set("a 1\n");
  EXPECT_THAT(get("/metrics"), EndsWith("\r\n\r\na 1\n"));
}

TEST_F(MetricsServerTest, AClientThatSendsAByteNowAndThenIsCutOffToo) {
  const auto server = serve({.timeout = milliseconds(300)});
  const UniqueFd fd = connect();
  const auto since = steady_clock::now();
  // A timeout that began anew with each byte would never end this.
  while (::send(fd.get(), "G", 1, MSG_NOSIGNAL) == 1 && steady_clock::now() - since < milliseconds(5000)) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_LT(steady_clock::now() - since, milliseconds(5000));
}

TEST_F(MetricsServerTest, AClientThatSendsOneByteDoesNotHoldUpAnother) {
  const auto server = serve({.timeout = milliseconds(60'000)});
  snapshot_.set("a 1\n");
  const UniqueFd slow = connect();
  ::send(slow.get(), "G", 1, MSG_NOSIGNAL);
  const auto since = steady_clock::now();
  EXPECT_THAT(get("/metrics"), EndsWith("\r\n\r\na 1\n"));
  EXPECT_LT(steady_clock::now() - since, milliseconds(5000));
}

TEST_F(MetricsServerTest, ManyClientsThatSendOneByteDelayAScrapeByLittle) {
  const auto server = serve({.connections = 8, .timeout = milliseconds(60'000), .full_timeout = milliseconds(50)});
  snapshot_.set("a 1\n");
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 64; ++i) {
    slow.push_back(connect());
    ::send(slow.back().get(), "G", 1, MSG_NOSIGNAL);
  }
  const auto since = steady_clock::now();
  EXPECT_THAT(get("/metrics"), EndsWith("\r\n\r\na 1\n"));
  EXPECT_LT(steady_clock::now() - since, milliseconds(10'000));
}

TEST_F(MetricsServerTest, IdleClientsStayWhileNobodyWaits) {
  const auto server = serve({.connections = 2, .timeout = milliseconds(60'000), .full_timeout = milliseconds(10)});
  snapshot_.set("a 1\n");
  const UniqueFd first = connect();
  const UniqueFd second = connect();
  std::this_thread::sleep_for(milliseconds(100));
  const std::string request = "GET /metrics HTTP/1.1\r\n\r\n";
  for (const UniqueFd* fd : {&first, &second}) {
    ::send(fd->get(), request.data(), request.size(), MSG_NOSIGNAL);
    EXPECT_THAT(rest(*fd), EndsWith("a 1\n"));
  }
}

TEST_F(MetricsServerTest, NoMoreThanAFewAreServedAtOnceAndTheOthersWait) {
  const auto server = serve({.connections = 2, .timeout = milliseconds(60'000), .full_timeout = milliseconds(60'000)});
  snapshot_.set("a 1\n");
  UniqueFd first = connect();
  const UniqueFd second = connect();
  const UniqueFd third = connect();
  const std::string request = "GET /metrics HTTP/1.1\r\n\r\n";
  ::send(third.get(), request.data(), request.size(), MSG_NOSIGNAL);
  pollfd answered{.fd = third.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&answered, 1, 200), 0);
  first = UniqueFd();
  EXPECT_THAT(rest(third), EndsWith("a 1\n"));
}

TEST_F(MetricsServerTest, ManyScrapesAtOnceAllGetWholeSnapshots) {
  const auto server = serve();
  snapshot_.set(std::string(20'000, 'a'));
  std::vector<std::thread> scrapers;
  std::atomic<int> scraping = 8;
  for (int i = 0; i < 8; ++i) {
    scrapers.emplace_back([&] {
      for (int times = 0; times < 20; ++times) {
        const std::string answer = get("/metrics");
        const std::string body = answer.substr(std::min(answer.size(), answer.find("\r\n\r\n") + 4));
        EXPECT_EQ(body, std::string(20'000, body.empty() ? '?' : body.front()));
      }
      --scraping;
    });
  }
  for (int times = 0; scraping > 0; ++times) snapshot_.set(std::string(20'000, times % 2 == 0 ? 'b' : 'a'));
  for (std::thread& scraper : scrapers) scraper.join();
}

TEST_F(MetricsServerTest, EndsAtOnceWhileSomebodyIsConnectedAndTakesItsSocketAway) {
  auto server = serve();
  const UniqueFd fd = connect();
  EXPECT_THAT(get("/metrics"), Not(testing::IsEmpty()));
  server.reset();
  EXPECT_EQ(rest(fd), "");
  struct stat status {};
  EXPECT_NE(::stat(path_.c_str(), &status), 0);
}

TEST_F(MetricsServerTest, EveryClientThatReachesTheSocketMayScrape) {
  const auto server = serve();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u);
}

TEST_F(MetricsServerTest, ANameThatIsTakenIsRefused) {
  std::ofstream(path_) << "x";
  const auto server = MetricsServer::listen(path_, snapshot_);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("choose another name for the metrics socket"));
}

}  // namespace metrics_server_test
}  // namespace imakeep::monitor
