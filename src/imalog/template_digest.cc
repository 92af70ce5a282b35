#include "imalog/template_digest.h"

#include <array>

#include "imalog/list_reader.h"

namespace imakeep::imalog {
namespace {

constexpr std::size_t kImaPathBytes = 256;  // IMA_EVENT_NAME_LEN_MAX + 1

digest::Digest body_hash(digest::Algorithm algorithm, std::string_view template_name, ByteView body) {
  if (template_name != kImaTemplate) return digest::hash(algorithm, body);
  static constexpr std::array<std::byte, kImaPathBytes> kZeros{};
  const ByteView path = body.subspan(kImaFileDigestBytes + 4);
  return digest::hash(algorithm, {body.first(kImaFileDigestBytes), path, ByteView(kZeros).subspan(path.size())});
}

}  // namespace

digest::Digest template_digest(const digest::Bank& bank, std::string_view template_name, ByteView body) {
  if (!bank.padded_sha1) return body_hash(bank.algorithm, template_name, body);
  const digest::Digest sha1 = body_hash(digest::Algorithm::kSha1, template_name, body);
  digest::Digest padded(bank.digest_bytes());
  std::memcpy(padded.data(), sha1.view().data(), sha1.size());
  return padded;
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
