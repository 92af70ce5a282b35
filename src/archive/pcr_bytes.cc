// SPDX-License-Identifier: Apache-2.0
#include "archive/pcr_bytes.h"

#include <bit>

#include "base/byte_reader.h"

namespace imakeep::archive {

Bytes pcr_bytes(const digest::PcrState& state) {
  Bytes bytes;
  append_int(bytes, state.touched_pcrs(), ByteOrder::kLittle);
  for (std::size_t bank = 0; bank < state.banks().size(); ++bank) {
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (state.touched(pcr)) append_bytes(bytes, state.value(bank, pcr).view());
    }
  }
  return bytes;
}

Result<digest::PcrState> pcr_state(ByteView bytes, const std::vector<digest::Bank>& banks) {
  const auto malformed = [] { return fail(ErrorCode::kMalformed, "the PCR state has not the size of its banks"); };
  if (bytes.size() < sizeof(std::uint32_t)) return malformed();
  const auto touched = load<std::uint32_t>(bytes.data(), ByteOrder::kLittle);
  bytes = bytes.subspan(sizeof touched);
  std::size_t digest_bytes = 0;
  for (const digest::Bank& bank : banks) digest_bytes += bank.digest_bytes();
  if (touched >> digest::kPcrCount != 0 ||
      bytes.size() != digest_bytes * static_cast<std::size_t>(std::popcount(touched))) {
    return malformed();
  }
  digest::PcrState state(banks);
  for (std::size_t bank = 0; bank < banks.size(); ++bank) {
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if ((touched >> pcr & 1) == 0) continue;
      state.set(bank, pcr, digest::Digest(bytes.first(banks[bank].digest_bytes())));
      bytes = bytes.subspan(banks[bank].digest_bytes());
    }
  }
  return state;
}

Bytes value_bytes(const std::vector<imalog::PcrValue>& values) {
  Bytes bytes;
  for (const imalog::PcrValue& value : values) {
    append_int(bytes, digest::info(value.bank.algorithm).tpm_alg, ByteOrder::kLittle);
    append_int(bytes, static_cast<std::uint8_t>(value.pcr), ByteOrder::kLittle);
    append_bytes(bytes, value.value.view());
  }
  return bytes;
}

Result<std::vector<imalog::PcrValue>> pcr_values(ByteView bytes) {
  ByteReader reader(bytes, "the PCR values");
  std::vector<imalog::PcrValue> values;
  while (!reader.at_end()) {
    const auto tpm_alg = reader.number<std::uint16_t>();
    const auto pcr = reader.number<std::uint8_t>();
    const auto algorithm = tpm_alg ? digest::algorithm_from_tpm_alg(*tpm_alg) : std::nullopt;
    if (!algorithm || !pcr || *pcr >= digest::kPcrCount) {
      return fail(ErrorCode::kMalformed, "the PCR values name no bank or no PCR");
    }
    const auto value = reader.take(digest::digest_bytes(*algorithm));
    if (!value) return fail(ErrorCode::kMalformed, value.error().message);
    values.push_back({.bank = digest::bank_of(*algorithm), .pcr = *pcr, .value = digest::Digest(*value)});
  }
  return values;
}

}  // namespace imakeep::archive
