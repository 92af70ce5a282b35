// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <cerrno>

#include "base/unix_socket.h"
#include "control/message.h"
#include "control/stream_message.h"

namespace imakeep::control {

AppendReport& AppendReport::operator+=(const AppendReport& other) {
  added += other.added;
  repeated += other.repeated;
  extends_failed += other.extends_failed;
  if (extend_error.empty()) extend_error = other.extend_error;
  return *this;
}

namespace {

// Runs `read`, which reads members of an answer. If a member is missing or has the wrong type, returns an error.
template <class Read>
auto read_answer(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const nlohmann::json::exception&) {
    return fail(
        ErrorCode::kIo,
        "an answer on the control socket has a member that is missing or has the wrong type: name the socket of "
        "`list serve` or of a keeper");
  }
}

}  // namespace

Client::Client(std::unique_ptr<SocketStream> stream, std::chrono::milliseconds limit)
    : stream_(std::move(stream)), limit_(limit) {}
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& path, std::chrono::milliseconds limit) {
  auto socket = connect_to(path, limit);
  if (socket) return Client(std::make_unique<SocketStream>(std::move(*socket)), limit);
  const bool bad_path = socket.error() == ENAMETOOLONG;
  return fail_errno(socket.error(),
                    (bad_path ? "cannot use control socket " : "no server answers on control socket ") + path);
}

Result<Message> Client::ask(const Message& request) {
  if (!send(*stream_, request))
    return unexpected(no_answer("the server closed the connection before it took the request"));
  auto answer = receive(*stream_, kAnyPayloadBytes);
  if (!answer) return unexpected(stream_->timed_out() ? no_answer({}) : answer.error());
  if (!*answer) return unexpected(no_answer("the server closed the connection before it answered"));
  return read_answer([&]() -> Result<Message> {
    if (!(*answer)->head.value("ok", false)) return unexpected(error_from_json((*answer)->head["error"]));
    return std::move(**answer);
  });
}

Error Client::no_answer(const std::string& otherwise) const {
  if (!stream_->timed_out()) return {.code = ErrorCode::kIo, .message = otherwise};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit_).count();
  return {.code = ErrorCode::kEnvironment,
          .message = "no answer for " + std::to_string(seconds) + " s: see whether the process hangs or is stopped",
          .os_errno = ETIMEDOUT};
}

Result<AppendReport> Client::append(Bytes list, const digest::Bank& bank, bool deduplicate) {
  IMAKEEP_TRY(auto answer, ask({.head = {{"op", "append"}, {"bank", bank.name()}, {"deduplicate", deduplicate}},
                                .payload = std::move(list)}));
  return read_answer([&head = answer.head]() -> Result<AppendReport> {
    if (head.contains("stopped")) return unexpected(error_from_json(head["stopped"]));
    AppendReport report{.added = head.value("added", std::uint64_t{0}),
                        .repeated = head.value("repeated", std::uint64_t{0}),
                        .extends_failed = head.value("extends_failed", std::uint64_t{0})};
    if (head.contains("extend_error")) report.extend_error = describe(error_from_json(head["extend_error"]));
    return report;
  });
}

Result<MeasureOptions> ask_how_to_measure(Client& client) {
  IMAKEEP_TRY(const auto& hello, client.ask({.head = {{"op", "hello"}}}));
  return read_answer([&head = hello.head]() -> Result<MeasureOptions> {
    MeasureOptions options;
    options.template_name = head.value("template", options.template_name);
    const std::string hash = head.value("hash", "");
    options.md5 = hash == kMd5Name;
    options.hash = digest::algorithm_from_name(hash).value_or(options.hash);
    options.pcr = head.value("pcr", options.pcr);
    options.order = head.value("byte_order", "little") == "big" ? ByteOrder::kBig : ByteOrder::kLittle;
    return options;
  });
}

}  // namespace imakeep::control
