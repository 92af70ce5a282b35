// SPDX-License-Identifier: Apache-2.0
#include "verifier/provisional.h"

#include "base/byte_reader.h"

namespace imakeep::verifier {
namespace {

constexpr std::string_view kProvisionalMagic = "imkprov1";
constexpr const char* kSavedParts = "the saved state after a part";
constexpr std::size_t kHashBytes = 32;

void append_counted_bytes(Bytes& out, ByteView bytes) {
  append_int(out, static_cast<std::uint32_t>(bytes.size()), ByteOrder::kLittle);
  append_bytes(out, bytes);
}

tl::unexpected<Error> damaged_parts(const std::string& what) {
  return fail(ErrorCode::kMalformed, std::string(kSavedParts) + " is damaged: " + what);
}

Result<Bytes> take_counted_bytes(ByteReader& reader) {
  IMAKEEP_TRY(const ByteView bytes, reader.counted());
  return Bytes(bytes.begin(), bytes.end());
}

Result<digest::Digest> take_hash(ByteReader& reader) {
  IMAKEEP_TRY(const ByteView bytes, reader.take(kHashBytes));
  return digest::Digest(bytes);
}

}  // namespace

Bytes save(const ProvisionalState& state) {
  const ByteView magic = as_bytes(kProvisionalMagic);
  Bytes out(magic.begin(), magic.end());
  append_int(out, state.epoch, ByteOrder::kLittle);
  append_bytes(out, state.evidence.view());
  append_bytes(out, state.judged_by.view());
  append_int(out, state.start, ByteOrder::kLittle);
  append_int(out, state.next, ByteOrder::kLittle);
  const std::uint16_t algorithm = state.stated ? digest::info(state.stated->algorithm).tpm_alg : 0;
  append_int(out, algorithm, ByteOrder::kLittle);
  if (state.stated) append_bytes(out, state.stated->digest.view());
  append_counted_bytes(out, state.increment);
  append_counted_bytes(out, state.appraisal);
  return out;
}

Result<ProvisionalState> load_provisional(ByteView saved) {
  ByteReader reader(saved, kSavedParts);
  IMAKEEP_TRY(const ByteView magic, reader.take(kProvisionalMagic.size()));
  if (as_text(magic) != kProvisionalMagic) return damaged_parts("it does not begin as one");
  ProvisionalState state;
  IMAKEEP_TRY(state.epoch, reader.number<std::uint64_t>());
  IMAKEEP_TRY(state.evidence, take_hash(reader));
  IMAKEEP_TRY(state.judged_by, take_hash(reader));
  IMAKEEP_TRY(state.start, reader.number<std::uint64_t>());
  IMAKEEP_TRY(state.next, reader.number<std::uint64_t>());
  if (state.next <= state.start || state.next > evidence::kMostRecordNumber) {
    return damaged_parts("its numbers are impossible");
  }
  IMAKEEP_TRY(const auto algorithm, reader.number<std::uint16_t>());
  if (algorithm != 0) {
    const auto bank = digest::bank_from_tpm_alg(algorithm);
    if (!bank) return damaged_parts("its boot aggregate has an unknown algorithm");
    IMAKEEP_TRY(const ByteView digest, reader.take(bank->digest_bytes()));
    state.stated = attest::BootAggregate{.algorithm = bank->algorithm, .digest = digest::Digest(digest)};
  }
  IMAKEEP_TRY(state.increment, take_counted_bytes(reader));
  IMAKEEP_TRY(state.appraisal, take_counted_bytes(reader));
  if (!reader.at_end()) return damaged_parts("bytes follow its end");
  return state;
}

digest::Digest evidence_identity(const evidence::EvidenceHeader& header) {
  Bytes common;
  for (const Bytes* const bytes : {&header.token, &header.quote, &header.signature}) {
    append_counted_bytes(common, *bytes);
  }
  append_int(common, static_cast<std::uint8_t>(header.byte_order == ByteOrder::kBig ? 1 : 0), ByteOrder::kLittle);
  for (const imalog::PcrValue& value : header.pcrs) {
    append_int(common, digest::info(value.bank.algorithm).tpm_alg, ByteOrder::kLittle);
    append_int(common, value.pcr, ByteOrder::kLittle);
    append_counted_bytes(common, value.value.view());
  }
  return digest::hash(digest::Algorithm::kSha256, common);
}

digest::Digest judged_by(const Settings& settings, const std::string& policy_list, std::uint64_t version) {
  Bytes common;
  append_counted_bytes(common, as_bytes(policy_list));
  append_int(common, version, ByteOrder::kLittle);
  append_int(common, static_cast<std::uint8_t>(settings.mode == policy::Mode::kKeylime ? 1 : 0), ByteOrder::kLittle);
  append_int(common, static_cast<std::uint8_t>(settings.findings_hold_back ? 1 : 0), ByteOrder::kLittle);
  return digest::hash(digest::Algorithm::kSha256, common);
}

}  // namespace imakeep::verifier
