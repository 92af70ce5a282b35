// SPDX-License-Identifier: Apache-2.0
// control/client.h - client of the control socket of a served list or of a keeper.
// Threads: one thread at a time uses an object.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "control/measure_file.h"
#include "digest/bank.h"

namespace imakeep {
class SocketStream;
}  // namespace imakeep

namespace imakeep::control {

struct Message;

struct AppendReport {
  std::uint64_t added = 0;
  std::uint64_t repeated = 0;
  std::uint64_t extends_failed = 0;
  std::string extend_error = {};  // of the first failed extend

  AppendReport& operator+=(const AppendReport& other);
};

class Client {
 public:
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Time limits for a question, and for work that may take long, such as many extends of a TPM.
  static constexpr std::chrono::seconds kQuestionLimit{15};
  static constexpr std::chrono::seconds kWorkLimit{120};

  // kEnvironment if no process listens at `path`. Later calls fail if the other side neither sends nor receives
  // anything for the time `limit`.
  static Result<Client> connect(const std::string& path, std::chrono::milliseconds limit);

  // Returns the answer to one request. If the answer is an error, returns that error. kIo if the other side closed the
  // connection; kEnvironment with ETIMEDOUT after the limit. After ETIMEDOUT the connection is unusable.
  Result<Message> ask(const Message& request);

  // Adds the records of a binary list with digests of `bank`, in host order. If an error stops the call midway,
  // Error::record is the index of the first record that was not added.
  Result<AppendReport> append(Bytes list, const digest::Bank& bank, bool deduplicate);

 private:
  Client(std::unique_ptr<SocketStream> stream, std::chrono::milliseconds limit);
  Error no_answer(const std::string& otherwise) const;

  std::unique_ptr<SocketStream> stream_;
  std::chrono::milliseconds limit_;
};

// Asks for the options with which the list wants its records made: template, hash, PCR and byte order.
Result<MeasureOptions> ask_how_to_measure(Client& client);

}  // namespace imakeep::control
