// attest/test_support.h - for tests only: captured quotes, and logs in memory.
//
// Threads: no shared state.
#pragma once

#include "attest/list_log.h"
#include "attest/log_check.h"
#include "attest/quote_check.h"
#include "imalog/test_support.h"

namespace imakeep::attest::test {

using imalog::test::captured;
using imalog::test::must;

// The captured logs whose quote it is: testdata/README.md.
inline constexpr const char* kQuotes[] = {"templates/quote-mid", "staging/quote-final", "flush/quote-final",
                                          "kexec/quote-second"};

struct CapturedQuote {
  tpm::Quote quote;
  tpm::Signature signature;
  VerificationKey key;
  Bytes nonce;

  Expected expected() const { return {.values = {}, .quote = quoted_pcrs(quote, signature)}; }
};

inline CapturedQuote captured_quote(std::string_view folder) {
  std::string nonce(as_text(captured(folder, "nonce.hex")));
  nonce.resize(nonce.find_last_not_of('\n') + 1);
  return {.quote = must(tpm::parse_quote(captured(folder, "quote.msg"))),
          .signature = must(tpm::parse_signature(captured(folder, "quote.sig"))),
          .key = must(VerificationKey::parse(captured(folder, "ak.pem"))),
          .nonce = must(from_hex(nonce))};
}

// PCR 10 of sha1, sha256 and sha384 out of tpm2-tools' serialized form, which on the machine of the captures is
//   count:u32=3  16 x { alg:u16 size:u8 select[4] pad:u8 }  lists:u32=1  count:u32=3  8 x { size:u16 digest[64] }
inline std::vector<imalog::PcrValue> captured_quote_pcrs(std::string_view folder) {
  constexpr std::size_t kDigestsAt = 4 + 16 * 8 + 4 + 4;
  const Bytes file = captured(folder, "quote.pcrs");
  std::vector<imalog::PcrValue> values;
  for (const char* const name : {"sha1", "sha256", "sha384"}) {
    const std::byte* const at = file.data() + kDigestsAt + values.size() * 66;
    const auto size = load<std::uint16_t>(at, ByteOrder::kLittle);
    values.push_back({.bank = imalog::test::bank(name), .pcr = 10, .value = digest::Digest(ByteView(at + 2, size))});
  }
  return values;
}

// A list in memory under the name "list".
inline ListLog log_of(Bytes list, std::string_view bank = "sha256") {
  return ListLog(
      {"list"}, [list = std::move(list)](const std::string&) -> Result<Bytes> { return list; },
      imalog::test::bank(bank), ByteOrder::kLittle);
}

}  // namespace imakeep::attest::test
