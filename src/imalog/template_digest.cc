// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_digest.h"

#include <optional>

#include "imalog/extend_rule.h"
#include "imalog/list_kind.h"
#include "imalog/list_reader.h"

namespace imakeep::imalog {

ImaMessage ima_message(ByteView body) {
  const std::size_t digest_bytes = ima_file_digest_bytes(body);
  ImaMessage message{.size = digest_bytes + kMaxImaPathBytes + 1};
  const ByteView path = body.subspan(digest_bytes + 4);
  std::memcpy(message.bytes.data(), body.data(), digest_bytes);
  if (!path.empty()) std::memcpy(message.bytes.data() + digest_bytes, path.data(), path.size());
  return message;
}

digest::Algorithm hash_of(const digest::Bank& bank) {
  return bank.padded() ? digest::Algorithm::kSha1 : bank.algorithm;
}

digest::Digest in_bank(const digest::Bank& bank, const digest::Digest& hash) {
  if (!bank.padded()) return hash;
  digest::Digest padded(bank.digest_bytes());
  std::memcpy(padded.data(), hash.view().data(), hash.size());
  return padded;
}

digest::Digest template_digest(const digest::Bank& bank, std::string_view template_name, ByteView body) {
  if (template_name != kImaTemplate) return in_bank(bank, digest::hash(hash_of(bank), body));
  return in_bank(bank, digest::hash(hash_of(bank), ima_message(body).view()));
}

digest::Digest shown_digest(const digest::Bank& bank, const RecordContentView& content) {
  if (content.violation) return digest::Digest(bank.digest_bytes());
  return template_digest(bank, content.template_name, content.body);
}

bool digest_matches(const digest::Bank& bank, const RecordContentView& content, ByteView shown) {
  return equal(shown_digest(bank, content).view(), shown);
}

digest::Digest extended_digest(const digest::Bank& bank, const RecordContentView& content) {
  // A violation extends 0xff.., and not the zeros that the list shows. So a replay of the shown digests does not match
  // the PCR.
  if (content.violation) return violation_digest(bank);
  if (bank.fill == digest::Fill::kInvalidated) return invalid_digest(bank);
  return template_digest(bank, content.template_name, content.body);
}

namespace {

enum class BankMatch : std::uint8_t { kNo, kYes, kViolationsOnly, kCut };

struct BankTrial {
  BankMatch match = BankMatch::kNo;
  std::optional<Error> cut = std::nullopt;  // kCut: where the list ends within a record
};

// Tries a few records, so that one altered record at the front does not hide the bank.
BankTrial try_bank(ByteView list, ByteOrder order, const digest::Bank& bank, Extent extent) {
  constexpr int kTries = 16;
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = order},
                    extent == Extent::kWhole);
  for (int tried = 0; tried < kTries;) {
    const auto record = reader.next();
    if (!record && record.error().code != ErrorCode::kTruncated) return {};
    if (!record && (extent == Extent::kFront || reader.records_read() == 0)) {
      return {.match = BankMatch::kCut, .cut = record.error()};
    }
    if (!record || !*record) {
      if (tried == 0 && extent == Extent::kFront) return {.match = BankMatch::kCut};
      return {.match = tried == 0 ? BankMatch::kViolationsOnly : BankMatch::kNo};
    }
    const RecordContentView content = (*record)->content();
    if (content.violation) continue;
    if (digest_matches(bank, content, (*record)->digest)) return {.match = BankMatch::kYes};
    ++tried;
  }
  return {};
}

// The error of a list that ends within its first record, as decoded in the format of one bank.
struct Cut {
  Error error;
  std::size_t decoded_bytes = 0;  // without the digest, which may contain any bytes
};

void keep_further(std::optional<Cut>& kept, const digest::Bank& bank, const Error& error) {
  const std::size_t offset = error.offset.value_or(0);
  const std::size_t decoded_bytes = offset > bank.digest_bytes() ? offset - bank.digest_bytes() : 0;
  if (!kept || decoded_bytes > kept->decoded_bytes) kept = Cut{.error = error, .decoded_bytes = decoded_bytes};
}

}  // namespace

Result<digest::Bank> detect_bank(ByteView list, ByteOrder order, Extent extent) {
  IMAKEEP_CHECK(check_kind(list));
  std::vector<digest::Bank> possible;
  std::optional<Cut> cut;
  bool undecided = false;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27", "tpm_alg_28", "tpm_alg_29"}) {
    const digest::Bank bank = *digest::parse_bank(name);
    if (!digest::available(bank.algorithm)) continue;
    const BankTrial found = try_bank(list, order, bank, extent);
    if (found.match == BankMatch::kYes) return bank;
    if (found.match == BankMatch::kViolationsOnly) possible.push_back(bank);
    undecided = undecided || found.match == BankMatch::kCut;
    if (found.cut) keep_further(cut, bank, *found.cut);
  }
  if (undecided && extent == Extent::kFront)
    return fail(ErrorCode::kTruncated, "its first bytes do not determine its bank");
  if (possible.size() == 1 || (list.empty() && !possible.empty())) return possible.front();
  if (!possible.empty()) {
    return fail(ErrorCode::kUnsupported, "a list of violations only does not determine its bank; name it with --bank");
  }
  if (cut) return unexpected(std::move(cut->error));
  return unexpected(Error{.code = ErrorCode::kMalformed,
                          .message = "its first records match no bank: not a binary measurement list, or altered",
                          .offset = 0});
}

namespace {

// The byte orders in which the first four bytes are the index of a PCR, the host's order first.
std::vector<ByteOrder> orders_of_pcr(ByteView list) {
  std::vector<ByteOrder> orders;
  for (const bool host : {true, false}) {
    const bool little = (kHostOrder == ByteOrder::kLittle) == host;
    const ByteOrder order = little ? ByteOrder::kLittle : ByteOrder::kBig;
    if (list.size() >= 4 && load<std::uint32_t>(list.data(), order) < kPcrCount) orders.push_back(order);
  }
  if (orders.empty()) orders.push_back(kHostOrder);
  return orders;
}

}  // namespace

ByteOrder detect_order(ByteView list, const digest::Bank& bank) {
  const std::vector<ByteOrder> orders = orders_of_pcr(list);
  for (const ByteOrder order : orders) {
    const auto record = decode_record(list, ListFormat{.bank = bank, .order = order}.record_format());
    if (record || record.error().code == ErrorCode::kTruncated) return order;
  }
  return orders.front();
}

Result<ListFormat> detect_format(ByteView list, Extent extent) {
  std::optional<Error> error;
  for (const ByteOrder order : orders_of_pcr(list)) {
    auto bank = detect_bank(list, order, extent);
    if (bank) return ListFormat{.bank = *bank, .order = order};
    if (!error || error->code == ErrorCode::kMalformed) error = std::move(bank).error();
  }
  return unexpected(std::move(*error));
}

Result<ListFormat> format_of(ByteView list, std::string_view bank_name) {
  if (bank_name.empty()) return detect_format(list);
  IMAKEEP_TRY(const auto& bank, digest::parse_bank(bank_name));
  IMAKEEP_CHECK(check_kind(list));
  return ListFormat{.bank = bank, .order = detect_order(list, bank)};
}

Result<void> check_front(ByteView front, std::string_view bank_name) {
  const auto format = bank_name.empty() ? detect_format(front, Extent::kFront) : format_of(front, bank_name);
  if (!format && format.error().code != ErrorCode::kTruncated) return unexpected(format.error());
  if (!format) return {};
  ListReader reader(front, format->record_format());
  auto record = reader.next();
  while (record && *record) record = reader.next();
  if (record || record.error().code == ErrorCode::kTruncated) return {};
  return unexpected(std::move(record).error());
}

}  // namespace imakeep::imalog
