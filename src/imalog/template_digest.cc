#include "imalog/template_digest.h"

#include "imalog/list_reader.h"

namespace imakeep::imalog {

ImaMessage ima_message(ByteView body) {
  ImaMessage message{};
  const ByteView path = body.subspan(kImaFileDigestBytes + 4);
  std::memcpy(message.data(), body.data(), kImaFileDigestBytes);
  if (!path.empty()) std::memcpy(message.data() + kImaFileDigestBytes, path.data(), path.size());
  return message;
}

digest::Algorithm hash_of(const digest::Bank& bank) {
  return bank.padded_sha1 ? digest::Algorithm::kSha1 : bank.algorithm;
}

digest::Digest in_bank(const digest::Bank& bank, const digest::Digest& hash) {
  if (!bank.padded_sha1) return hash;
  digest::Digest padded(bank.digest_bytes());
  std::memcpy(padded.data(), hash.view().data(), hash.size());
  return padded;
}

digest::Digest template_digest(const digest::Bank& bank, std::string_view template_name, ByteView body) {
  if (template_name != kImaTemplate) return in_bank(bank, digest::hash(hash_of(bank), body));
  return in_bank(bank, digest::hash(hash_of(bank), ima_message(body)));
}

digest::Digest shown_digest(const digest::Bank& bank, const RecordContentView& content) {
  if (content.violation) return digest::Digest(bank.digest_bytes());
  return template_digest(bank, content.template_name, content.body);
}

bool digest_fits(const digest::Bank& bank, const RecordContentView& content, ByteView shown) {
  return equal(shown_digest(bank, content).view(), shown);
}

digest::Digest extended_digest(const digest::Bank& bank, const RecordContentView& content) {
  // A violation extends 0xff.., not the zeros that the list shows, so that the PCR cannot be explained by the list.
  if (content.violation) return digest::Digest::filled(bank.digest_bytes(), std::byte{0xff});
  return template_digest(bank, content.template_name, content.body);
}

namespace {

enum class Fit : std::uint8_t { kNo, kYes, kViolationsOnly };

// A few records are tried, so that one altered record at the front does not hide the bank.
Fit digests_fit(ByteView list, ByteOrder order, const digest::Bank& bank) {
  constexpr int kTries = 16;
  ListReader reader(list, {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = order});
  for (int tried = 0; tried < kTries;) {
    const auto record = reader.next();
    if (!record) return Fit::kNo;
    if (!*record) return tried == 0 ? Fit::kViolationsOnly : Fit::kNo;
    const RecordContentView content = (*record)->content();
    if (content.violation) continue;
    if (digest_fits(bank, content, (*record)->digest)) return Fit::kYes;
    ++tried;
  }
  return Fit::kNo;
}

}  // namespace

Result<digest::Bank> detect_bank(ByteView list, ByteOrder order) {
  std::vector<digest::Bank> possible;
  for (const char* name : {"sha1", "sha256", "sha384", "sha512", "sm3", "tpm_alg_27", "tpm_alg_28", "tpm_alg_29"}) {
    const digest::Bank bank = *digest::parse_bank(name);
    if (!digest::available(bank.algorithm)) continue;
    const Fit fit = digests_fit(list, order, bank);
    if (fit == Fit::kYes) return bank;
    if (fit == Fit::kViolationsOnly) possible.push_back(bank);
  }
  if (possible.size() == 1 || (list.empty() && !possible.empty())) return possible.front();
  if (possible.empty()) {
    return fail(ErrorCode::kMalformed, "its first records fit no bank: not a binary measurement list, or altered");
  }
  return fail(ErrorCode::kUnsupported, "a list of violations only does not tell its bank; name it with --bank");
}

}  // namespace imakeep::imalog
