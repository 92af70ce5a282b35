// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <sys/stat.h>

#include <future>
#include <thread>

#include "base/unix_socket.h"
#include "http/test_support.h"

namespace imakeep::http {
namespace server_test {

using test::client_of;
using test::good;

TEST(Server, AnswersSeveralRequestsOfOneConnection) {
  const auto server = test::start(test::echo);
  const auto client = client_of(*server);
  for (int i = 0; i < 3; ++i) {
    const Answer answer = good(client->post("/v1/a%20b?x=1", "text/plain", "body"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.content_type, "text/plain");
    EXPECT_EQ(answer.body, "POST /v1/a b body");
  }
}

TEST(Server, HandsOverHeadersQueryAndPeer) {
  Head seen;
  const auto server = test::start([&](const Head& head) {
    seen = head;
    return test::echo(head);
  });
  const auto client = good(Client::make({.base_url = test::url_of(*server),
                                         .pin = good(pin_of(test::identity().certificate)),
                                         .headers = {"Authorization: Bearer x"}}));
  good(client->get("/p?a=1&b=%2F"));
  EXPECT_EQ(seen.header("authorization"), "Bearer x");
  EXPECT_EQ(seen.query["a"], "1");
  EXPECT_EQ(seen.query["b"], "/");
  EXPECT_EQ(seen.peer, "127.0.0.1");
  EXPECT_FALSE(seen.local);
}

TEST(Server, AnswersLaterAndFromAnotherThread) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  const auto server = test::start([&](const Head&) {
    return Begun{.request = gathered(100, [&](const Bytes&, Responder respond) {
                   const std::lock_guard lock(mutex);
                   threads.emplace_back([respond = std::move(respond)]() mutable {
                     std::this_thread::sleep_for(std::chrono::milliseconds(20));
                     respond({.status = 202});
                   });
                 })};
  });
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::async(std::launch::async, [&] { return good(client_of(*server)->get("/")).status; }));
  }
  for (auto& client : clients) EXPECT_EQ(client.get(), 202);
  for (std::thread& thread : threads) thread.join();
}

// The pieces of a large body do not gather in memory.
TEST(Server, HandsOverALargeBodyInPieces) {
  struct Counting : Request {
    std::optional<Response> take(ByteView piece) override {
      bytes += piece.size();
      most = std::max(most, piece.size());
      return std::nullopt;
    }
    void finish(Responder respond) override {
      respond(
          {.content_type = "text/plain", .body = std::to_string(bytes) + (most < (1u << 20) ? " small" : " large")});
    }
    std::size_t bytes = 0, most = 0;
  };
  const auto server = test::start([](const Head&) { return Begun{.request = std::make_unique<Counting>()}; });
  EXPECT_EQ(good(client_of(*server)->post("/", "x/y", std::string(20u << 20, 'a'))).body, "20971520 small");
}

TEST(Server, RefusesByTheHeadAlone) {
  const auto server = test::start([](const Head&) { return Begun{.refused = {.status = 404}}; });
  EXPECT_EQ(good(client_of(*server)->get("/none")).status, 404);
}

TEST(Server, RefusesABodyInItsMiddle) {
  struct Refusing : Request {
    std::optional<Response> take(ByteView) override { return Response{.status = 422}; }
    void finish(Responder) override { ADD_FAILURE() << "the request was refused"; }
  };
  const auto server = test::start([](const Head&) { return Begun{.request = std::make_unique<Refusing>()}; });
  EXPECT_EQ(good(client_of(*server)->post("/", "x/y", std::string(1u << 20, 'a'))).status, 422);
}

TEST(Server, RefusesABodyBeyondItsLimit) {
  const auto server = test::start(test::echo, {.body_bytes = 1000});
  EXPECT_EQ(good(client_of(*server)->post("/", "x/y", std::string(1000, 'a'))).status, 200);
  EXPECT_EQ(good(client_of(*server)->post("/", "x/y", std::string(1001, 'a'))).status, 413);
}

TEST(Server, RefusesTooManyRequestsOfOnePeer) {
  const auto server = test::start(test::echo, {.requests_of_peer = 0.1});
  const auto client = client_of(*server);
  EXPECT_EQ(good(client->get("/")).status, 200);
  const Answer refused = good(client->get("/"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.retry_after, std::chrono::seconds(5));
}

TEST(Server, ClosesAConnectionWhoseRequestTakesTooLong) {
  const auto server = test::start(
      [&](const Head&) { return Begun{.request = answered(1u << 20, [](const Bytes&) { return Response(); })}; },
      {.request = std::chrono::milliseconds(200)});
  const auto answer = client_of(*server)->send("POST", "/", "x/y", [n = 0](std::span<std::byte> room) mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    room[0] = std::byte{'a'};
    return Result<std::size_t>(++n < 200 ? 1 : 0);
  });
  EXPECT_FALSE(answer);
}

TEST(Server, GivesARequestThatNobodyAnswersStatus500) {
  const auto server =
      test::start([](const Head&) { return Begun{.request = gathered(10, [](const Bytes&, const Responder&) {})}; });
  EXPECT_EQ(good(client_of(*server)->get("/")).status, 500);
}

TEST(Server, AnswersWhatItBeganBeforeItStops) {
  std::promise<Responder> begun;
  const auto server = test::start([&](const Head&) {
    return Begun{.request =
                     gathered(10, [&](const Bytes&, Responder respond) { begun.set_value(std::move(respond)); })};
  });
  auto client = std::async(std::launch::async, [&] { return good(client_of(*server)->get("/")).status; });
  Responder respond = begun.get_future().get();
  std::thread stopping([&] { server->stop(std::chrono::seconds(60)); });
  respond({.status = 299});
  stopping.join();
  EXPECT_EQ(client.get(), 299);
}

TEST(Server, StopsThoughARequestIsNotAnswered) {
  std::promise<Responder> begun;
  const auto server = test::start([&](const Head&) {
    return Begun{.request =
                     gathered(10, [&](const Bytes&, Responder respond) { begun.set_value(std::move(respond)); })};
  });
  auto client = std::async(std::launch::async, [&] { return client_of(*server)->get("/").has_value(); });
  const Responder respond = begun.get_future().get();
  server->stop(std::chrono::milliseconds(1));
  client.get();
}

TEST(Server, ListensOnAUnixSocket) {
  const std::string path = testing::TempDir() + "imakeep-http-" + std::to_string(::getpid());
  bool local = false;
  const auto server =
      good(Server::start({.unix_path = path, .unix_mode = 0640, .limits = {.connections = 10}}, [&](const Head& head) {
        local = head.local;
        return test::echo(head);
      }));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  const auto client = good(Client::make({.base_url = "http://localhost", .unix_path = path}));
  EXPECT_EQ(good(client->get("/x")).body, "GET /x ");
  EXPECT_TRUE(local);
  server->stop(std::chrono::seconds(1));
  EXPECT_NE(::stat(path.c_str(), &status), 0);
}

TEST(Server, SpeaksNoOlderTlsAndNoPlainHttp) {
  const auto server = test::start(test::echo);
  const std::string port = std::to_string(server->port());
  const std::string quiet = " < /dev/null > /dev/null 2>&1";
  EXPECT_EQ(std::system(("openssl s_client -connect 127.0.0.1:" + port + " -tls1_3" + quiet).c_str()), 0);
  EXPECT_NE(std::system(("openssl s_client -connect 127.0.0.1:" + port + " -tls1_2" + quiet).c_str()), 0);
}

TEST(Server, RefusesWhatItCannotServe) {
  const ServerOptions without_key{};
  EXPECT_EQ(Server::start(without_key, test::echo).error().code, ErrorCode::kUsage);
  const Identity& known = test::identity();
  const ServerOptions other_key{.certificates = known.certificate,
                                .private_key = good(make_self_signed({}, 1'750'000'000)).private_key,
                                .limits = {.connections = 10}};
  EXPECT_EQ(Server::start(other_key, test::echo).error().code, ErrorCode::kUsage);
  const ServerOptions no_address{
      .address = "localhost", .certificates = known.certificate, .private_key = known.private_key};
  EXPECT_EQ(Server::start(no_address, test::echo).error().code, ErrorCode::kUsage);
  const auto server = test::start(test::echo);
  const ServerOptions taken{.port = server->port(),
                            .certificates = known.certificate,
                            .private_key = known.private_key,
                            .limits = {.connections = 10}};
  const auto second = Server::start(taken, test::echo);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(std::to_string(server->port())), std::string::npos);
}

}  // namespace server_test
}  // namespace imakeep::http
