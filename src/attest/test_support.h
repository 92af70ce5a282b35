// SPDX-License-Identifier: Apache-2.0
// attest/test_support.h - for tests only: captured quotes, and logs in memory.
//
// Threads: no shared state.
#pragma once

#include <algorithm>

#include "attest/list_log.h"
#include "attest/log_check.h"
#include "attest/quote_check.h"
#include "imalog/test_support.h"

namespace imakeep::attest::test {

using imalog::test::captured;
using imalog::test::must;

// The folders of the captured quotes, which have the quoted logs too: testdata/README.md.
inline constexpr const char* kQuotes[] = {"templates/quote-mid", "staging/quote-final", "flush/quote-final",
                                          "kexec/quote-second"};

inline VerificationKey only_key(ByteView file) {
  auto keys = must(VerificationKey::parse(file));
  EXPECT_EQ(keys.size(), 1u);
  return keys.front();
}

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
          .key = only_key(captured(folder, "ak.pem")),
          .nonce = must(from_hex(nonce))};
}

// PCR 10 of sha1, sha256 and sha384, read from tpm2-tools' serialized form. On the machine of the captures that is
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

// Opens lists in memory. `load` returns the bytes of a list by its name.
inline ListLog::Open in_memory(std::function<Result<Bytes>(const std::string& name)> load) {
  return [load = std::move(load)](const std::string& name) -> Result<ListLog::Source> {
    auto list = load(name);
    if (!list) return unexpected(list.error());
    auto read = [list = std::move(*list),
                 at = std::size_t{0}](std::span<std::byte> room) mutable -> Result<std::size_t> {
      const std::size_t bytes = std::min(room.size(), list.size() - at);
      std::copy_n(list.begin() + static_cast<std::ptrdiff_t>(at), bytes, room.begin());
      at += bytes;
      return bytes;
    };
    return ListLog::Source{.name = name, .read = std::move(read)};
  };
}

// A list in memory under the name "list".
inline ListLog log_of(Bytes list, std::string_view bank = "sha256") {
  return ListLog({"list"}, in_memory([list = std::move(list)](const std::string&) -> Result<Bytes> { return list; }),
                 imalog::test::bank(bank));
}

}  // namespace imakeep::attest::test
