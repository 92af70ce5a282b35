#include "control/client.h"

#include "control/stream_message.h"

namespace imakeep::control {

AppendReport& AppendReport::operator+=(const AppendReport& other) {
  added += other.added;
  repeated += other.repeated;
  extends_failed += other.extends_failed;
  if (extend_error.empty()) extend_error = other.extend_error;
  return *this;
}

Result<Client> Client::connect(const std::string& path) {
  try {
    auto stream = std::make_unique<Stream>(boost::asio::local::stream_protocol::endpoint(path));
    if (stream->good()) return Client(std::move(stream));
    return fail_errno(stream->error().value(), "nobody answers on control socket " + path);
  } catch (const boost::system::system_error& error) {
    return fail_errno(error.code().value(), "cannot use control socket " + path);
  }
}

Result<Message> Client::ask(const Message& request) {
  if (!send(*stream_, request)) return fail(ErrorCode::kIo, "whom the request was sent to went away");
  auto answer = receive(*stream_, kAnyPayloadBytes);
  if (!answer) return unexpected(answer.error());
  if (!*answer) return fail(ErrorCode::kIo, "whom the request was sent to went away before the answer");
  if (!(*answer)->head.value("ok", false)) return unexpected(error_from_json((*answer)->head["error"]));
  return std::move(**answer);
}

Result<AppendReport> Client::append(Bytes list, const digest::Bank& bank, bool deduplicate) {
  const auto answer = ask(
      {.head = {{"op", "append"}, {"bank", bank.name()}, {"deduplicate", deduplicate}}, .payload = std::move(list)});
  if (!answer) return unexpected(answer.error());
  if (answer->head.contains("stopped")) return unexpected(error_from_json(answer->head["stopped"]));
  AppendReport report{.added = answer->head.value("added", std::uint64_t{0}),
                      .repeated = answer->head.value("repeated", std::uint64_t{0}),
                      .extends_failed = answer->head.value("extends_failed", std::uint64_t{0})};
  if (answer->head.contains("extend_error"))
    report.extend_error = describe(error_from_json(answer->head["extend_error"]));
  return report;
}

Result<MeasureOptions> ask_how_to_measure(Client& client) {
  const auto hello = client.ask({.head = {{"op", "hello"}}});
  if (!hello) return unexpected(hello.error());
  MeasureOptions options;
  options.template_name = hello->head.value("template", options.template_name);
  options.hash = digest::algorithm_from_name(hello->head.value("hash", "")).value_or(options.hash);
  options.pcr = hello->head.value("pcr", options.pcr);
  return options;
}

}  // namespace imakeep::control
