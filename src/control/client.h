// control/client.h - asks a served list, or a keeper, through its control socket.
// Threads: an object belongs to one thread at a time.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>

#include "control/measure_file.h"
#include "control/message.h"
#include "digest/bank.h"

namespace imakeep::control {

struct AppendReport {
  std::uint64_t added = 0;
  std::uint64_t repeated = 0;
  std::uint64_t extends_failed = 0;
  std::string extend_error = {};  // of the first that failed

  AppendReport& operator+=(const AppendReport& other);
};

class Client {
 public:
  // kEnvironment if nobody listens there.
  static Result<Client> connect(const std::string& path);

  // The answer to one request; its error if it is one. kIo if the other side went away.
  Result<Message> ask(const Message& request);

  // Adds the records of a binary list with digests of `bank`, in host order. On an error that came in the middle,
  // Error::record is the first that was not added.
  Result<AppendReport> append(Bytes list, const digest::Bank& bank, bool deduplicate);

 private:
  using Stream = boost::asio::local::stream_protocol::iostream;
  explicit Client(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  std::unique_ptr<Stream> stream_;
};

// How a list wants its records made: its own template, hash and PCR.
Result<MeasureOptions> ask_how_to_measure(Client& client);

}  // namespace imakeep::control
