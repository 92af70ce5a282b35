// SPDX-License-Identifier: Apache-2.0
// support/test_verifier.h - for tests only: a verifier in memory, and hosts whose quotes OpenSSL signs.
//
// The statements have the form of a TPM's, so that a test may alter anything in them. tests/ has the tests with a real
// TPM. Threads: one thread at a time uses a host.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "attest/verified_chain.h"
#include "evidence/evidence.h"
#include "imalog/pcr_state.h"
#include "imalog/test_support.h"
#include "tpm/quote.h"
#include "verifier/attestation.h"
#include "vstore/memory/memory_store.h"

namespace imakeep::verifier::test {

using imalog::test::Content;

template <class T>
T good(Result<T> result) {
  if (!result) ADD_FAILURE() << describe(result.error());
  return std::move(result).value();
}

inline void append_tpm2b(Bytes& out, ByteView bytes) {
  append_int(out, static_cast<std::uint16_t>(bytes.size()), ByteOrder::kBig);
  append_bytes(out, bytes);
}

// An attestation key outside of any TPM.
class SoftKey {
 public:
  SoftKey() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {}

  // TPM2B_PUBLIC: ECC P-256, ECDSA with SHA-256, restricted, signing, fixed to its TPM.
  Bytes public_area() const {
    constexpr std::uint32_t kAttributes =
        0x00050072;  // fixedTPM fixedParent sensitiveDataOrigin userWithAuth restricted sign
    std::array<unsigned char, 65> point{};
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(key_.get(), "pub", point.data(), point.size(), &size);
    const auto bytes = std::as_bytes(std::span(point));
    Bytes area;
    append_int<std::uint16_t>(area, 0x0023, ByteOrder::kBig);  // TPM_ALG_ECC
    append_int<std::uint16_t>(area, 0x000b, ByteOrder::kBig);  // name: SHA-256
    append_int<std::uint32_t>(area, kAttributes, ByteOrder::kBig);
    append_tpm2b(area, {});
    for (const int number : {0x0010, 0x0018, 0x000b, 0x0003, 0x0010}) {  // no cipher, ECDSA SHA-256, P-256, no KDF
      append_int(area, static_cast<std::uint16_t>(number), ByteOrder::kBig);
    }
    append_tpm2b(area, bytes.subspan(1, 32));
    append_tpm2b(area, bytes.subspan(33, 32));
    Bytes whole;
    append_tpm2b(whole, area);
    return whole;
  }

  // TPMT_SIGNATURE
  Bytes sign(ByteView statement) const {
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, statement);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key_.get(), nullptr),
                                                                              EVP_PKEY_CTX_free);
    std::array<unsigned char, 128> der{};
    std::size_t size = der.size();
    EVP_PKEY_sign_init(context.get());
    EVP_PKEY_sign(context.get(), der.data(), &size, reinterpret_cast<const unsigned char*>(digest.view().data()),
                  digest.size());
    const unsigned char* at = der.data();
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> both(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)), ECDSA_SIG_free);
    Bytes signature;
    append_int<std::uint16_t>(signature, 0x0018, ByteOrder::kBig);
    append_int<std::uint16_t>(signature, 0x000b, ByteOrder::kBig);
    for (const BIGNUM* const number : {ECDSA_SIG_get0_r(both.get()), ECDSA_SIG_get0_s(both.get())}) {
      std::array<unsigned char, 32> bytes{};
      BN_bn2binpad(number, bytes.data(), 32);
      append_tpm2b(signature, std::as_bytes(std::span(bytes)));
    }
    return signature;
  }

 private:
  std::shared_ptr<EVP_PKEY> key_;
};

// A host: its list, its TPM and its attestation key.
struct TestHost {
  explicit TestHost(std::string host_name, std::string in_tenant = "default")
      : name(std::move(host_name)), tenant(std::move(in_tenant)) {
    reboot();
  }

  void reboot() {
    ++clock.reset_count;
    clock.clock_ms += 1000;
    list.clear();
    pcrs = digest::PcrState({digest::bank_of(digest::Algorithm::kSha256)});
    for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
      pcrs.set(0, pcr, digest::Digest(Bytes(32, std::byte(pcr + clock.reset_count))));
    }
    Bytes values;
    for (std::uint32_t pcr = 0; pcr < 10; ++pcr) append_bytes(values, pcrs.value(0, pcr).view());
    Bytes digest = imalog::test::bytes_of(std::string_view("sha256:\0", 8));
    append_bytes(digest, digest::hash(digest::Algorithm::kSha256, values).view());
    measure(Content{
        .body = imalog::test::data_of({digest, imalog::test::bytes_of(std::string_view("boot_aggregate\0", 15))})});
  }
  void measure(const std::string& path, std::uint32_t pcr = 10) { measure(imalog::test::ima_ng(path, pcr)); }
  void measure(const Content& content) {
    list.push_back(content);
    imalog::extend(pcrs, list.back().view());
    clock.clock_ms += 10;
  }

  // TPMS_ATTEST of a quote over these PCRs.
  Bytes quote(ByteView nonce, const std::vector<evidence::PcrChoice>& choice) const {
    Bytes joined;
    Bytes statement;
    append_int<std::uint32_t>(statement, 0xff544347, ByteOrder::kBig);
    append_int<std::uint16_t>(statement, 0x8018, ByteOrder::kBig);
    append_tpm2b(statement, Bytes(34, std::byte{9}));  // the signer's name, which nothing relies on
    append_tpm2b(statement, nonce);
    append_int<std::uint64_t>(statement, clock.clock_ms, ByteOrder::kBig);
    append_int<std::uint32_t>(statement, clock.reset_count, ByteOrder::kBig);
    append_int<std::uint32_t>(statement, clock.restart_count, ByteOrder::kBig);
    append_int<std::uint8_t>(statement, 1, ByteOrder::kBig);
    append_int<std::uint64_t>(statement, 7, ByteOrder::kBig);
    append_int<std::uint32_t>(statement, static_cast<std::uint32_t>(choice.size()), ByteOrder::kBig);
    for (const evidence::PcrChoice& of : choice) {
      std::uint32_t bits = 0;
      for (const std::uint32_t pcr : of.pcrs) {
        bits |= 1u << pcr;
        append_bytes(joined, pcrs.value(*pcrs.index_of(digest::bank_of(of.bank)), pcr).view());
      }
      append_int<std::uint16_t>(statement, digest::info(of.bank).tpm_alg, ByteOrder::kBig);
      append_int<std::uint8_t>(statement, 3, ByteOrder::kBig);
      for (int byte = 0; byte < 3; ++byte) statement.push_back(std::byte(bits >> 8 * byte & 0xff));
    }
    append_tpm2b(statement, digest::hash(digest::Algorithm::kSha256, joined).view());
    return statement;
  }

  // Evidence that answers the challenge, with the records from `first` on.
  evidence::EvidenceHeader header(const evidence::Challenge& challenge, std::uint64_t first) const {
    evidence::EvidenceHeader made{.tenant = tenant,
                                  .host = name,
                                  .token = challenge.token,
                                  .quote = quote(challenge.nonce, challenge.pcrs),
                                  .first = first,
                                  .count = list.size() - first};
    made.signature = key.sign(made.quote);
    for (const evidence::PcrChoice& of : challenge.pcrs) {
      for (const std::uint32_t pcr : of.pcrs) {
        if (pcr >= 10) continue;
        made.pcrs.push_back({.bank = digest::bank_of(of.bank), .pcr = pcr, .value = pcrs.value(0, pcr)});
      }
    }
    return made;
  }

  std::string name, tenant;
  SoftKey key;
  std::vector<Content> list;
  digest::PcrState pcrs;
  tpm::ClockInfo clock;
};

inline Bytes evidence_of(const evidence::EvidenceHeader& header, std::span<const Content> records) {
  Bytes bytes;
  auto writer = good(evidence::EvidenceWriter::begin(header, [&bytes](ByteView piece) -> Result<void> {
    append_bytes(bytes, piece);
    return {};
  }));
  for (const Content& content : records) EXPECT_TRUE(writer.add(content.view()));
  EXPECT_TRUE(writer.finish());
  return bytes;
}

// A verifier without sockets, on a store in memory.
struct TestVerifier {
  TestVerifier() : TestVerifier(Settings{}) {}
  explicit TestVerifier(Settings with) : settings(std::move(with)) {
    EXPECT_TRUE(store.add_tenant({.tenant = "default"}));
    EXPECT_TRUE(keys.begin(now));
  }

  void enrol(const TestHost& host, const std::string& list = "", bool retains = false) {
    const Bytes area = host.key.public_area();
    EXPECT_TRUE(store.add_host({.key = key_of(host),
                                .name = host.name,
                                .status = vstore::HostStatus::kEnrolled,
                                .ak_public = area,
                                .ak_name = Bytes(34, std::byte{1}),
                                .ek_check = "certificate",
                                .policy_list = list,
                                .retains = retains}));
  }
  // A list of one policy.
  void add_policy(const std::string& list, const std::string& text) {
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(text));
    EXPECT_TRUE(store.put_policy(digest.view(), as_bytes(text), now));
    const std::vector<Bytes> digests{Bytes(digest.view().begin(), digest.view().end())};
    EXPECT_TRUE(store.set_policy_list("default", list, digests));
  }

  static vstore::HostKey key_of(const TestHost& host) { return {.tenant = host.tenant, .host = host.name}; }
  vstore::HostRow row(const TestHost& host) { return good(store.host(key_of(host), now)).value(); }

  Judged<evidence::Challenge> challenge(const TestHost& host) {
    return verifier::challenge(judge, {.tenant = host.tenant, .host = host.name}, now);
  }
  Judged<Outcome> judged(ByteView evidence) {
    Attestation attestation(judge, now);
    constexpr std::size_t kPiece = 1000;
    for (std::size_t at = 0; at < evidence.size(); at += kPiece) {
      if (auto refused = attestation.feed(evidence.subspan(at, std::min(kPiece, evidence.size() - at)))) {
        return unexpected(*refused);
      }
    }
    return attestation.finish();
  }
  // Judges and commits. The verdict, or the refusal.
  Judged<evidence::Verdict> submit(ByteView evidence) {
    auto of = judged(evidence);
    if (!of) return unexpected(of.error());
    if (std::holds_alternative<Part>(*of)) return refuse(Reason::kUnsupported, "a part");
    if (const auto* const repeated = std::get_if<Repeated>(&*of))
      return good(evidence::read_verdict(repeated->verdict));
    const auto& accepted = std::get<Accepted>(*of);
    const auto moved = good(store.commit({&accepted.move, 1})).front();
    if (moved == vstore::MoveResult::kStale) return refuse(Reason::kStale, "");
    if (moved == vstore::MoveResult::kOlderPolicy) return refuse(Reason::kOlderPolicy, "");
    return good(evidence::read_verdict(accepted.verdict));
  }
  // A whole attestation of a host that does as it is asked.
  Judged<evidence::Verdict> attest(const TestHost& host) {
    const auto asked = challenge(host);
    if (!asked) {
      ADD_FAILURE() << asked.error().detail;
      return unexpected(asked.error());
    }
    std::uint64_t first = asked->first;
    if (asked->reset_count && *asked->reset_count != host.clock.reset_count) first = 0;
    auto verdict = submit(evidence_of(host.header(*asked, first), std::span(host.list).subspan(first)));
    if (!verdict) ADD_FAILURE() << verdict.error().detail;
    return verdict;
  }

  Settings settings;
  std::int64_t now = 1'790'000'000;
  vstore::MemoryStore store;
  Random random = [](std::span<std::byte> room) {
    RAND_bytes(reinterpret_cast<unsigned char*>(room.data()), static_cast<int>(room.size()));
  };
  KeyRing keys{store, random};
  PolicyCache policies{store, policy::Mode::kStrict};
  AkCache aks;
  Judge judge{.settings = settings, .store = store, .keys = keys, .policies = policies, .aks = aks, .random = random};
};

}  // namespace imakeep::verifier::test
