// SPDX-License-Identifier: Apache-2.0
#include "enrol/public_area.h"

#include <tss2/tss2_mu.h>

#include <string>

#include "digest/digest.h"

namespace imakeep::enrol {

Result<PublicArea> parse_public_area(ByteView bytes) {
  PublicArea parsed;
  IMAKEEP_TRY(parsed.key, tpm::parse_public_key(bytes));
  // tpm::parse_public_key() has checked that this is one whole structure, with a size in front of it or not. The second
  // word of a TPMT_PUBLIC is its name algorithm; with a size in front, it is the type of key.
  const auto second = load<std::uint16_t>(bytes.data() + 2, ByteOrder::kBig);
  const bool sized = second == TPM2_ALG_RSA || second == TPM2_ALG_ECC;
  const ByteView area = sized ? bytes.subspan(2) : bytes;
  parsed.bytes.assign(area.begin(), area.end());
  std::size_t end = 0;
  if (Tss2_MU_TPMT_PUBLIC_Unmarshal(reinterpret_cast<const std::uint8_t*>(area.data()), area.size(), &end,
                                    &parsed.area) != TSS2_RC_SUCCESS) {
    return fail(ErrorCode::kMalformed, "not a public key (TPMT_PUBLIC)");
  }
  const auto hash = digest::algorithm_from_tpm_alg(parsed.area.nameAlg);
  if (!hash || !digest::available(*hash)) {
    return fail(ErrorCode::kUnsupported, "the public key's name algorithm, TPM_ALG_ID " +
                                             std::to_string(parsed.area.nameAlg) + ", is not supported");
  }
  parsed.name_hash = *hash;
  return parsed;
}

Bytes name_of(const PublicArea& area) {
  Bytes name;
  append_int(name, area.area.nameAlg, ByteOrder::kBig);
  append_bytes(name, digest::hash(area.name_hash, area.bytes).view());
  return name;
}

}  // namespace imakeep::enrol
