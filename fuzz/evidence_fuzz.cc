// SPDX-License-Identifier: Apache-2.0
// Input: a byte that says what the rest is: evidence (whose first byte is the size of the pieces), a CMW in JSON or
// CBOR, or one of the JSON messages.
#include "evidence/challenge.h"
#include "evidence/cmw.h"
#include "evidence/enrolment.h"
#include "evidence/evidence_reader.h"
#include "fuzz/require.h"

namespace imakeep {
namespace {

constexpr std::size_t kMostCmwBytes = 1u << 20;

struct Seen {
  std::vector<evidence::EvidenceHeader> headers;
  std::vector<Bytes> bodies;
  std::string end;  // "read", or the error's message

  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read_in_pieces(ByteView bytes, std::size_t piece_bytes) {
  const evidence::EvidenceLimits limits = {.records = 1000, .records_bytes = 1u << 22, .body_bytes = 1u << 20};
  Seen seen;
  evidence::EvidenceReader reader(
      limits,
      [&seen](const evidence::EvidenceHeader& header) -> Result<void> {
        fuzz::require(evidence::check_header(header).has_value(), "a header that is handed over keeps its rules");
        seen.headers.push_back(header);
        return {};
      },
      [&seen](const imalog::RecordContentView& content) -> Result<void> {
        fuzz::require(imalog::acceptable(content), "a record that is handed over is one that a list can have");
        fuzz::require(seen.headers.size() == 1, "the header comes first");
        seen.bodies.emplace_back(content.body.begin(), content.body.end());
        return {};
      });
  Result<void> fed;
  while (!bytes.empty() && fed) {
    const ByteView piece = bytes.first(std::min(bytes.size(), piece_bytes));
    bytes = bytes.subspan(piece.size());
    fed = reader.feed(piece);
  }
  const auto ended = reader.finish();
  fuzz::require(fed.has_value() || !ended, "an error stays");
  seen.end = ended ? "read" : ended.error().message;
  return seen;
}

void check_evidence(ByteView input) {
  if (input.empty()) return;
  const std::size_t piece_bytes = std::to_integer<std::size_t>(input[0]) + 1;
  const Seen whole = read_in_pieces(input.subspan(1), input.size());
  fuzz::require(whole == read_in_pieces(input.subspan(1), piece_bytes), "pieces make no difference");
  if (whole.end != "read") return;
  fuzz::require(whole.headers.size() == 1 && whole.bodies.size() == whole.headers[0].count, "all that is counted");
  auto writer = evidence::EvidenceWriter::begin(whole.headers[0], [](ByteView) { return Result<void>(); });
  fuzz::require(writer.has_value(), "a header that is read can be written");
}

template <class Message>
void check_message(std::string_view text, Result<Message> (*read)(std::string_view),
                   Result<std::string> (*make)(const Message&)) {
  const auto message = read(text);
  if (!message) return;
  const auto made = make(*message);
  fuzz::require(made.has_value(), "what is read can be made");
  const auto again = read(*made);
  fuzz::require(again && *again == *message, "and is read again");
}

Result<std::string> make_result(const evidence::EnrolmentStatus& status) {
  return evidence::make_enrolment_result(status);
}

void check_cmw_json(std::string_view text) {
  const auto cmw = evidence::read_cmw_json(text, kMostCmwBytes);
  if (!cmw) return;
  const auto again = evidence::read_cmw_json(*evidence::make_cmw_json(*cmw), kMostCmwBytes);
  fuzz::require(again && *again == *cmw, "a CMW that is made is read");
}

void check_cmw_cbor(ByteView bytes) {
  const auto cmw = evidence::read_cmw_cbor(bytes, kMostCmwBytes);
  if (!cmw) return;
  const auto again = evidence::read_cmw_cbor(*evidence::make_cmw_cbor(*cmw), kMostCmwBytes);
  fuzz::require(again && *again == *cmw, "a CMW that is made is read");
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  const std::string_view text = as_text(input);
  switch (data[0]) {
    case 'e':
      check_evidence(input);
      break;
    case 'j':
      check_cmw_json(text);
      break;
    case 'c':
      check_cmw_cbor(input);
      break;
    case 'q':
      check_message(text, evidence::read_challenge_request, evidence::make_challenge_request);
      break;
    case 'h':
      check_message(text, evidence::read_challenge, evidence::make_challenge);
      break;
    case 'r':
      check_message(text, evidence::read_enrolment_request, evidence::make_enrolment_request);
      break;
    case 'd':
      check_message(text, evidence::read_enrolment_credential, evidence::make_enrolment_credential);
      break;
    case 'p':
      check_message(text, evidence::read_enrolment_proof, evidence::make_enrolment_proof);
      break;
    case 's':
      check_message(text, evidence::read_enrolment_result, make_result);
      break;
    default:
      break;
  }
  return 0;
}
