// SPDX-License-Identifier: Apache-2.0
#include "tpm/quote.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_tpm2_types.h>

#include <cstdio>
#include <optional>
#include <string>

namespace imakeep::tpm {
namespace {

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%04x", value);
  return text;
}

unexpected<Error> bad(ErrorCode code, std::size_t offset, std::string message) {
  return unexpected<Error>(Error{.code = code, .message = std::move(message), .offset = offset});
}

unexpected<Error> cut_short(const std::string& what, ByteView bytes) {
  return bad(ErrorCode::kTruncated, bytes.size(), what + " cut short");
}

unexpected<Error> unknown(const std::string& what, std::uint32_t tpm_alg) {
  return fail(ErrorCode::kUnsupported, what + " " + hex(tpm_alg) + " is not supported");
}

// Decodes with a tss2-mu function, which fills its own structure type and never reads past the end of `bytes`.
template <class T>
Result<T> unmarshal(TSS2_RC (*decode)(const std::uint8_t*, std::size_t, std::size_t*, T*), ByteView bytes,
                    const std::string& what) {
  T value{};
  std::size_t end = 0;
  const TSS2_RC rc = decode(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), &end, &value);
  if (rc == TSS2_MU_RC_INSUFFICIENT_BUFFER) return cut_short(what, bytes);
  if (rc != TSS2_RC_SUCCESS) return fail(ErrorCode::kMalformed, "not a " + what + ": a size or algorithm is invalid");
  if (end != bytes.size()) {
    return bad(ErrorCode::kMalformed, end, std::to_string(bytes.size() - end) + " bytes after the " + what);
  }
  return value;
}

template <class Buffer>
Bytes bytes_of(const Buffer& sized) {
  const auto* const begin = reinterpret_cast<const std::byte*>(sized.buffer);
  return {begin, begin + sized.size};
}
Bytes bytes_of(const TPM2B_NAME& name) {
  const auto* const begin = reinterpret_cast<const std::byte*>(name.name);
  return {begin, begin + name.size};
}

std::uint16_t u16_at(ByteView bytes, std::size_t at) {
  return load<std::uint16_t>(bytes.data() + at, ByteOrder::kBig);
}

// ---- quote ----------------------------------------------------------------------------------------------------------

constexpr char kQuote[] = "quote (TPMS_ATTEST)";

const char* attestation_name(std::uint16_t type) {
  switch (type) {
    case TPM2_ST_ATTEST_NV:
      return "a certified NV index";
    case TPM2_ST_ATTEST_COMMAND_AUDIT:
      return "a command audit";
    case TPM2_ST_ATTEST_SESSION_AUDIT:
      return "a session audit";
    case TPM2_ST_ATTEST_CERTIFY:
      return "a certified key";
    case TPM2_ST_ATTEST_TIME:
      return "a certified time";
    case TPM2_ST_ATTEST_CREATION:
      return "a certified creation";
    default:
      return "a statement of an unknown kind";
  }
}

Result<void> check_is_quote(ByteView bytes) {
  if (bytes.size() < 6) return cut_short(kQuote, bytes);
  if (load<std::uint32_t>(bytes.data(), ByteOrder::kBig) != TPM2_GENERATED_VALUE) {
    return bad(ErrorCode::kMalformed, 0, "not made by a TPM: it does not begin with ff544347");
  }
  if (const std::uint16_t type = u16_at(bytes, 4); type != TPM2_ST_ATTEST_QUOTE) {
    return bad(ErrorCode::kMalformed, 4,
               std::string("not a quote but ") + attestation_name(type) + " (type " + hex(type) + ")");
  }
  return {};
}

Result<std::vector<PcrSelection>> selections_of(const TPML_PCR_SELECTION& list) {
  std::vector<PcrSelection> selections;
  for (std::uint32_t i = 0; i < list.count; ++i) {
    const TPMS_PCR_SELECTION& from = list.pcrSelections[i];
    const auto algorithm = digest::algorithm_from_tpm_alg(from.hash);
    if (!algorithm) return unknown("the quoted PCR bank with TPM_ALG_ID", from.hash);
    PcrSelection& to = selections.emplace_back(PcrSelection{.bank = digest::bank_of(*algorithm), .pcrs = {}});
    for (std::uint32_t pcr = 0; pcr < from.sizeofSelect * 8u; ++pcr) {
      if ((from.pcrSelect[pcr / 8] >> pcr % 8 & 1) == 0) continue;
      if (pcr >= digest::kPcrCount) {
        return fail(ErrorCode::kUnsupported, "the quote selects PCR " + std::to_string(pcr) + "; a TPM has 0 to 23");
      }
      to.pcrs.push_back(pcr);
    }
  }
  return selections;
}

// ---- public key -----------------------------------------------------------------------------------------------------

constexpr char kKey[] = "public key (TPMT_PUBLIC)";

bool is_key_type(std::uint16_t tpm_alg) {
  return tpm_alg == TPM2_ALG_RSA || tpm_alg == TPM2_ALG_ECC;
}

std::optional<EccCurve> curve_of(TPM2_ECC_CURVE curve) {
  switch (curve) {
    case TPM2_ECC_NIST_P192:
      return EccCurve::kP192;
    case TPM2_ECC_NIST_P224:
      return EccCurve::kP224;
    case TPM2_ECC_NIST_P256:
      return EccCurve::kP256;
    case TPM2_ECC_NIST_P384:
      return EccCurve::kP384;
    case TPM2_ECC_NIST_P521:
      return EccCurve::kP521;
    default:
      return std::nullopt;
  }
}

Result<PublicKey> key_of(const TPMT_PUBLIC& area) {
  constexpr TPMA_OBJECT kAttests = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_FIXEDTPM;
  PublicKey key{.attests = (area.objectAttributes & kAttests) == kAttests, .ecc = area.type == TPM2_ALG_ECC};
  if (!key.ecc) {
    key.modulus = bytes_of(area.unique.rsa);
    // Part 2, 12.2.3.5: zero means the default exponent.
    if (area.parameters.rsaDetail.exponent != 0) key.exponent = area.parameters.rsaDetail.exponent;
    if (key.modulus.empty()) return fail(ErrorCode::kMalformed, std::string(kKey) + " without a modulus: a template?");
    return key;
  }
  const auto curve = curve_of(area.parameters.eccDetail.curveID);
  if (!curve) return unknown("the key's curve with TPM_ECC_CURVE", area.parameters.eccDetail.curveID);
  key.curve = *curve;
  key.x = bytes_of(area.unique.ecc.x);
  key.y = bytes_of(area.unique.ecc.y);
  if (key.x.empty() || key.y.empty()) {
    return fail(ErrorCode::kMalformed, std::string(kKey) + " without a point: a template?");
  }
  return key;
}

}  // namespace

Result<Quote> parse_quote(ByteView bytes) {
  IMAKEEP_CHECK(check_is_quote(bytes));
  IMAKEEP_TRY(const auto& attest, unmarshal<TPMS_ATTEST>(Tss2_MU_TPMS_ATTEST_Unmarshal, bytes, kQuote));
  if (attest.clockInfo.safe > 1)
    return fail(ErrorCode::kMalformed, std::string("not a ") + kQuote + ": `safe` is not 0 or 1");
  IMAKEEP_TRY(auto selections, selections_of(attest.attested.quote.pcrSelect));
  return Quote{.signed_bytes = Bytes(bytes.begin(), bytes.end()),
               .signer = bytes_of(attest.qualifiedSigner),
               .extra_data = bytes_of(attest.extraData),
               .clock = {.clock_ms = attest.clockInfo.clock,
                         .reset_count = attest.clockInfo.resetCount,
                         .restart_count = attest.clockInfo.restartCount,
                         .safe = attest.clockInfo.safe == 1},
               .firmware_version = attest.firmwareVersion,
               .selections = std::move(selections),
               .pcr_digest = bytes_of(attest.attested.quote.pcrDigest)};
}

std::string_view name(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kRsaSsa:
      return "rsassa";
    case SignatureScheme::kRsaPss:
      return "rsapss";
    case SignatureScheme::kEcdsa:
      return "ecdsa";
  }
  return "";
}

Result<Signature> parse_signature(ByteView bytes) {
  static constexpr char kSignature[] = "signature (TPMT_SIGNATURE)";
  if (bytes.size() < 4) return cut_short(kSignature, bytes);
  Signature signature;
  switch (const std::uint16_t scheme = u16_at(bytes, 0); scheme) {
    case TPM2_ALG_RSASSA:
      signature.scheme = SignatureScheme::kRsaSsa;
      break;
    case TPM2_ALG_RSAPSS:
      signature.scheme = SignatureScheme::kRsaPss;
      break;
    case TPM2_ALG_ECDSA:
      signature.scheme = SignatureScheme::kEcdsa;
      break;
    default:
      return unknown("the signature scheme with TPM_ALG_ID", scheme);
  }
  const auto hash = digest::algorithm_from_tpm_alg(u16_at(bytes, 2));
  if (!hash) return unknown("the signature's hash with TPM_ALG_ID", u16_at(bytes, 2));
  signature.hash = *hash;
  IMAKEEP_TRY(const auto& parsed, unmarshal<TPMT_SIGNATURE>(Tss2_MU_TPMT_SIGNATURE_Unmarshal, bytes, kSignature));
  if (signature.scheme == SignatureScheme::kEcdsa) {
    signature.r = bytes_of(parsed.signature.ecdsa.signatureR);
    signature.s = bytes_of(parsed.signature.ecdsa.signatureS);
  } else {
    // RSASSA and RSAPSS have the same layout.
    signature.rsa = bytes_of(parsed.signature.rsassa.sig);
  }
  return signature;
}

Result<PublicKey> parse_public_key(ByteView bytes) {
  if (bytes.size() < 4) return cut_short(kKey, bytes);
  // The second word of a TPMT_PUBLIC is a hash algorithm. If a size precedes the structure, the second word is the key
  // type.
  if (is_key_type(u16_at(bytes, 2))) {
    const std::size_t size = u16_at(bytes, 0);
    bytes = bytes.subspan(2);
    if (bytes.size() < size) return cut_short(kKey, bytes);
    if (bytes.size() > size) return bad(ErrorCode::kMalformed, size + 2, std::string("bytes after the ") + kKey);
  }
  if (const std::uint16_t type = u16_at(bytes, 0); !is_key_type(type)) {
    return unknown("the type of key with TPM_ALG_ID", type);
  }
  IMAKEEP_TRY(const auto& area, unmarshal<TPMT_PUBLIC>(Tss2_MU_TPMT_PUBLIC_Unmarshal, bytes, kKey));
  return key_of(area);
}

}  // namespace imakeep::tpm
