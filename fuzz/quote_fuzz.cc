// SPDX-License-Identifier: Apache-2.0
// Input: a TPMS_ATTEST or a quote in another form, a TPMT_SIGNATURE or a public key; each parser gets it. What is taken
// as a quote or signature is written again from its fields alone, and is the same bytes.
#include "attest/quote_check.h"
#include "attest/quote_file.h"
#include "fuzz/require.h"

namespace imakeep {
namespace {

void append_u16(Bytes& out, std::size_t value) {
  append_int(out, static_cast<std::uint16_t>(value), ByteOrder::kBig);
}

void append_sized(Bytes& out, ByteView bytes) {
  append_u16(out, bytes.size());
  append_bytes(out, bytes);
}

// `select_bytes` is what the fields do not say: how long each bitmap is.
Bytes written(const tpm::Quote& quote, const std::vector<std::uint8_t>& select_bytes) {
  Bytes out;
  append_int(out, std::uint32_t{0xff544347}, ByteOrder::kBig);
  append_u16(out, 0x8018);
  append_sized(out, quote.signer);
  append_sized(out, quote.extra_data);
  append_int(out, quote.clock.clock_ms, ByteOrder::kBig);
  append_int(out, quote.clock.reset_count, ByteOrder::kBig);
  append_int(out, quote.clock.restart_count, ByteOrder::kBig);
  out.push_back(quote.clock.safe ? std::byte{1} : std::byte{0});
  append_int(out, quote.firmware_version, ByteOrder::kBig);
  append_int(out, static_cast<std::uint32_t>(quote.selections.size()), ByteOrder::kBig);
  for (std::size_t i = 0; i < quote.selections.size(); ++i) {
    append_u16(out, digest::info(quote.selections[i].bank.algorithm).tpm_alg);
    out.push_back(std::byte{select_bytes[i]});
    const std::size_t at = out.size();
    out.resize(at + select_bytes[i]);
    for (const std::uint32_t pcr : quote.selections[i].pcrs) out[at + pcr / 8] |= std::byte{1} << pcr % 8;
  }
  append_sized(out, quote.pcr_digest);
  return out;
}

std::vector<std::uint8_t> select_bytes_of(const tpm::Quote& quote) {
  std::size_t at = 4 + 2 + 2 + quote.signer.size() + 2 + quote.extra_data.size() + 17 + 8 + 4;
  std::vector<std::uint8_t> sizes;
  for (std::size_t i = 0; i < quote.selections.size(); ++i) {
    sizes.push_back(std::to_integer<std::uint8_t>(quote.signed_bytes[at + 2]));
    at += 3u + sizes.back();
  }
  return sizes;
}

Bytes written(const tpm::Signature& signature) {
  constexpr std::uint16_t kSchemes[] = {0x0014, 0x0016, 0x0018};
  Bytes out;
  append_u16(out, kSchemes[static_cast<std::size_t>(signature.scheme)]);
  append_u16(out, digest::info(signature.hash).tpm_alg);
  if (signature.scheme == tpm::SignatureScheme::kEcdsa) {
    append_sized(out, signature.r);
    append_sized(out, signature.s);
  } else {
    append_sized(out, signature.rsa);
  }
  return out;
}

void require_known_error(const Error& error) {
  fuzz::require(error.code == ErrorCode::kTruncated || error.code == ErrorCode::kMalformed ||
                    error.code == ErrorCode::kUnsupported,
                "an error of tpm/quote.h");
  fuzz::require(!error.message.empty(), "with a message");
}

}  // namespace
}  // namespace imakeep

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  // The TSS logs what it refuses, which would be most of the time spent here.
  [[maybe_unused]] static const int kQuiet = ::setenv("TSS2_LOG", "all+none", 1);
  const ByteView input = std::as_bytes(std::span(data, size));
  if (const auto quote = tpm::parse_quote(input)) {
    fuzz::require(written(*quote, select_bytes_of(*quote)) == Bytes(input.begin(), input.end()),
                  "a quote is written as it was read");
    for (const tpm::PcrSelection& selection : quote->selections) {
      for (const std::uint32_t pcr : selection.pcrs) fuzz::require(pcr < digest::kPcrCount, "a TPM has that PCR");
    }
  } else {
    require_known_error(quote.error());
  }
  if (const auto file = attest::parse_quote_file(input)) {
    fuzz::require(!file->signature || !file->plain_hash, "a signature in the file is no plain one");
    // What is written again from FAPI's fields is a statement, whatever the fields say.
    if (file->plain_hash) fuzz::require(!file->statement.empty(), "and there is one");
  } else {
    require_known_error(file.error());
  }
  if (const auto signature = tpm::parse_signature(input)) {
    fuzz::require(written(*signature) == Bytes(input.begin(), input.end()), "a signature is written as it was read");
  } else {
    require_known_error(signature.error());
  }
  if (const auto keys = attest::VerificationKey::parse(input)) {
    fuzz::require(!keys->empty(), "a file that is taken has a key");
    for (const attest::VerificationKey& key : *keys) {
      fuzz::require(!key.name().empty(), "a key that is taken has a name");
      static_cast<void>(attest::check_signature({}, {.r = Bytes(1), .s = Bytes(1)}, key));
      static_cast<void>(attest::parse_candidates(input, {key}, std::nullopt));
    }
  } else {
    require_known_error(keys.error());
  }
  return 0;
}
