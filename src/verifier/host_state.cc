// SPDX-License-Identifier: Apache-2.0
#include "verifier/host_state.h"

#include "base/byte_reader.h"

namespace imakeep::verifier {
namespace {

constexpr std::string_view kStateMagic = "imkhost1";

void append_counted(Bytes& out, ByteView bytes) {
  append_int(out, static_cast<std::uint32_t>(bytes.size()), ByteOrder::kLittle);
  append_bytes(out, bytes);
}

}  // namespace

Bytes save(const HostState& state) {
  const ByteView magic = as_bytes(kStateMagic);
  Bytes out(magic.begin(), magic.end());
  append_counted(out, attest::save(state.chain));
  append_counted(out, state.learned.save());
  append_int(out, state.open_pcrs, ByteOrder::kLittle);
  append_int(out, static_cast<std::uint8_t>(state.boot), ByteOrder::kLittle);
  for (std::size_t claim = 0; claim < ear::kClaimCount; ++claim) {
    append_int(out, static_cast<std::uint8_t>(state.vector[static_cast<ear::Claim>(claim)]), ByteOrder::kLittle);
  }
  append_int(out, state.refused, ByteOrder::kLittle);
  append_int(out, state.open_findings, ByteOrder::kLittle);
  return out;
}

Result<HostState> load_host_state(ByteView saved) {
  HostState state;
  if (saved.empty()) return state;
  ByteReader reader(saved, "the saved state of the host");
  IMAKEEP_TRY(const ByteView magic, reader.take(kStateMagic.size()));
  if (as_text(magic) != kStateMagic) return fail(ErrorCode::kMalformed, "these bytes are no saved state of a host");
  IMAKEEP_TRY(const ByteView chain, reader.counted());
  IMAKEEP_TRY(state.chain, attest::load_verified_chain(chain));
  IMAKEEP_TRY(const ByteView learned, reader.counted());
  IMAKEEP_TRY(state.learned, appraisal::LearnedKeys::load(learned));
  IMAKEEP_TRY(state.open_pcrs, reader.number<std::uint32_t>());
  IMAKEEP_TRY(const auto boot, reader.number<std::uint8_t>());
  if (boot > static_cast<std::uint8_t>(ear::BootOutcome::kDiffers) || state.open_pcrs >> digest::kPcrCount != 0) {
    return fail(ErrorCode::kMalformed, "the saved state of the host has impossible values");
  }
  state.boot = static_cast<ear::BootOutcome>(boot);
  for (std::size_t claim = 0; claim < ear::kClaimCount; ++claim) {
    IMAKEEP_TRY(const auto value, reader.number<std::uint8_t>());
    state.vector.set(static_cast<ear::Claim>(claim), static_cast<ear::ClaimValue>(value));
  }
  IMAKEEP_TRY(state.refused, reader.number<std::uint64_t>());
  IMAKEEP_TRY(state.open_findings, reader.number<std::uint64_t>());
  if (!reader.at_end()) return fail(ErrorCode::kMalformed, "bytes follow the saved state of the host");
  return state;
}

}  // namespace imakeep::verifier
