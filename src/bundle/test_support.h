// SPDX-License-Identifier: Apache-2.0
// bundle/test_support.h - for tests only: a TPM in memory whose quotes are signed, and bundles of what it quoted.
// Threads: no shared state.
#pragma once

#include <fstream>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "evidence/bundle.h"
#include "imalog/pcr_state.h"
#include "imalog/test_support.h"

namespace imakeep::bundle::test {

using imalog::test::Content;
using imalog::test::must;

// Bank sha256 alone. Quotes cover the PCRs that are asked for, with an ECDSA key on P-256.
class MemoryTpm {
 public:
  MemoryTpm() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {}

  void measure(const Content& content) { imalog::extend(state, content.view()); }

  evidence::BundleQuote quote(std::uint64_t records, const std::vector<std::uint32_t>& pcrs = {10}) {
    Bytes values;
    Bytes select(3);
    evidence::BundleQuote made{.records = records, .added_unix_s = 1'790'000'000 + clock_ms};
    for (const std::uint32_t pcr : pcrs) {
      append_bytes(values, state.value(0, pcr).view());
      select[pcr / 8] |= std::byte{1} << (pcr % 8);
      if (pcr < 10) made.pcrs.push_back({.bank = kBank, .pcr = pcr, .value = state.value(0, pcr)});
    }
    append_int<std::uint32_t>(made.statement, 0xff544347, ByteOrder::kBig);
    append_int<std::uint16_t>(made.statement, 0x8018, ByteOrder::kBig);
    sized(made.statement, {});
    sized(made.statement, Bytes(32, std::byte{9}));
    append_int<std::uint64_t>(made.statement, ++clock_ms, ByteOrder::kBig);
    append_int<std::uint32_t>(made.statement, resets, ByteOrder::kBig);
    append_int<std::uint32_t>(made.statement, 0, ByteOrder::kBig);
    append_int<std::uint8_t>(made.statement, 1);
    append_int<std::uint64_t>(made.statement, 1, ByteOrder::kBig);
    append_int<std::uint32_t>(made.statement, 1, ByteOrder::kBig);
    append_int<std::uint16_t>(made.statement, 0x000b, ByteOrder::kBig);
    append_int<std::uint8_t>(made.statement, 3);
    append_bytes(made.statement, select);
    sized(made.statement, digest::hash(digest::Algorithm::kSha256, values).view());
    made.signature = sign(made.statement);
    made.ak_public = public_area();
    return made;
  }

  Bytes public_area() const {
    Bytes area = must(from_hex("0023000b00050072000000100018000b00030010"));
    for (const char* const name : {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y}) {
      BIGNUM* number = nullptr;
      EXPECT_EQ(EVP_PKEY_get_bn_param(key_.get(), name, &number), 1);
      sized(area, bytes_of(number));
      BN_free(number);
    }
    return area;
  }

  static inline const digest::Bank kBank = digest::bank_of(digest::Algorithm::kSha256);
  digest::PcrState state{{kBank}};
  std::uint64_t clock_ms = 1000;
  std::uint32_t resets = 4;

 private:
  static void sized(Bytes& out, ByteView bytes) {
    append_int(out, static_cast<std::uint16_t>(bytes.size()), ByteOrder::kBig);
    append_bytes(out, bytes);
  }
  static Bytes bytes_of(const BIGNUM* number) {
    Bytes bytes(32);
    EXPECT_EQ(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), 32), 32);
    return bytes;
  }
  Bytes sign(ByteView statement) const {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    std::vector<unsigned char> der(128);
    std::size_t size = der.size();
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context, der.data(), &size, reinterpret_cast<const unsigned char*>(statement.data()),
                             statement.size()),
              1);
    EVP_MD_CTX_free(context);
    const unsigned char* at = der.data();
    ECDSA_SIG* const numbers = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
    Bytes signature = must(from_hex("0018000b"));
    sized(signature, bytes_of(ECDSA_SIG_get0_r(numbers)));
    sized(signature, bytes_of(ECDSA_SIG_get0_s(numbers)));
    ECDSA_SIG_free(numbers);
    return signature;
  }

  const std::shared_ptr<EVP_PKEY> key_;
};

inline std::vector<Content> records(std::size_t count) {
  std::vector<Content> contents;
  for (std::size_t i = 0; i < count; ++i) contents.push_back(imalog::test::ima_ng("/usr/bin/" + std::to_string(i)));
  return contents;
}

inline void write_bundle(const std::string& path, const evidence::BundleHeader& header,
                         const std::vector<Content>& contents) {
  std::ofstream out(path, std::ios::binary);
  auto writer = must(evidence::BundleWriter::begin(header, [&out](ByteView piece) -> Result<void> {
    out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    return {};
  }));
  for (const Content& content : contents) must(writer.add(content.view()));
  must(writer.finish());
}

}  // namespace imakeep::bundle::test
