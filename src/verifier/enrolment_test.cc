// SPDX-License-Identifier: Apache-2.0
#include "verifier/enrolment.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include "enrol/ak_check.h"
#include "enrol/make_credential.h"
#include "enrol/test_support.h"
#include "support/test_service.h"

namespace imakeep::verifier {
namespace enrolment_test {

using test::good;
using test::TestHost;
using test::TestVerifier;
using vstore::HostStatus;
using vstore::Role;

unsigned char* raw(Bytes& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// An endorsement key outside of any TPM. It opens a credential as TPM 2.0 Library, part 1, section 24 says.
class SoftEk {
 public:
  SoftEk() : key_(EVP_RSA_gen(2048), EVP_PKEY_free) {}

  Bytes public_area() const {
    BIGNUM* modulus = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_RSA_N, &modulus);
    Bytes bytes(256);
    BN_bn2binpad(modulus, raw(bytes), 256);
    BN_free(modulus);
    return enrol::marshalled(enrol::rsa_ek(bytes));
  }

  // The secret for the key with this Name. The HMAC is not looked at.
  Bytes open(ByteView file, ByteView ak_name) const {
    const auto credential = good(enrol::parse_credential_file(file));
    Bytes key = storage_key(seed_of(credential.encrypted_secret), ak_name);
    const ByteView hidden = ByteView(credential.id_object).subspan(2 + 32);
    Bytes secret(hidden.size());
    Bytes iv(16);
    int size = 0;
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(),
                                                                                 EVP_CIPHER_CTX_free);
    EVP_DecryptInit_ex(cipher.get(), EVP_aes_128_cfb128(), nullptr, raw(key), raw(iv));
    EVP_DecryptUpdate(cipher.get(), raw(secret), &size, raw(hidden), static_cast<int>(hidden.size()));
    return {secret.begin() + 2, secret.end()};
  }

 private:
  Bytes seed_of(ByteView encrypted) const {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key_.get(), nullptr),
                                                                              EVP_PKEY_CTX_free);
    EVP_PKEY_decrypt_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
    EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
    EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256());
    constexpr std::string_view kLabel("IDENTITY\0", 9);
    EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup(kLabel.data(), kLabel.size()),
                                     static_cast<int>(kLabel.size()));
    Bytes seed(256);
    std::size_t size = seed.size();
    EXPECT_EQ(EVP_PKEY_decrypt(context.get(), raw(seed), &size, raw(encrypted), encrypted.size()), 1);
    seed.resize(size);
    return seed;
  }

  // KDFa(seed, "STORAGE", name) is the counter mode of SP 800-108.
  static Bytes storage_key(Bytes seed, ByteView ak_name) {
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "KBKDF", nullptr), EVP_KDF_free);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                            EVP_KDF_CTX_free);
    std::string mac = "HMAC";
    std::string digest = "SHA256";
    std::string label = "STORAGE";
    Bytes name(ak_name.begin(), ak_name.end());
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac.data(), 0),
                                     OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                                     OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, seed.data(), seed.size()),
                                     OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, label.data(), label.size()),
                                     OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, name.data(), name.size()),
                                     OSSL_PARAM_construct_end()};
    Bytes key(16);
    EXPECT_EQ(EVP_KDF_derive(context.get(), raw(key), key.size(), parameters), 1);
    return key;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

const SoftEk& ek(int number = 0) {
  static const SoftEk keys[2];
  return keys[number];
}

class EnrolmentTest : public testing::Test {
 protected:
  EnrolmentTest() { add_token("good", 5); }

  void add_token(const std::string& text, std::uint64_t uses, Role role = Role::kEnrol,
                 const std::string& tenant = "default") {
    EXPECT_TRUE(verifier.store.add_token({.hash = token_hash(text),
                                          .tenant = tenant,
                                          .role = role,
                                          .name = text,
                                          .until_unix_s = verifier.now + 1000,
                                          .uses_left = uses}));
  }
  std::uint64_t uses_left(const std::string& text) {
    for (const auto& row : good(verifier.store.tokens("default"))) {
      if (row.name == text) return row.uses_left.value();
    }
    return 0;
  }
  evidence::EnrolmentRequest request(const TestHost& of) {
    return {.host = of.name, .ek_public = ek().public_area(), .ak_public = of.key.public_area(), .token = "good"};
  }
  Judged<evidence::EnrolmentCredential> begin(const evidence::EnrolmentRequest& with) {
    return begin_enrolment(verifier.judge, trust, with, verifier.now);
  }
  std::string refused(const evidence::EnrolmentRequest& with) {
    const auto begun = begin(with);
    return begun ? "begun" : std::string(info(begun.error().reason).name);
  }
  Bytes secret_of(const evidence::EnrolmentCredential& begun, const TestHost& of) {
    return ek().open(begun.credential, enrol::check_ak(of.key.public_area())->name);
  }
  std::string completed(const std::string& enrolment, const Bytes& secret) {
    return completed_by(verifier.judge, enrolment, secret);
  }
  std::string completed_by(const Judge& judge, const evidence::EnrolmentCredential& begun, const TestHost& of) {
    return completed_by(judge, begun.enrolment, secret_of(begun, of));
  }
  std::string completed_by(const Judge& judge, const std::string& enrolment, const Bytes& secret) {
    const auto status = complete_enrolment(judge, trust, {.enrolment = enrolment, .secret = secret}, verifier.now);
    if (!status) return std::string(info(status.error().reason).name);
    return *status == evidence::EnrolmentStatus::kEnrolled ? "enrolled" : "waiting";
  }
  std::optional<vstore::HostRow> row(const TestHost& of) {
    return good(verifier.store.host(TestVerifier::key_of(of), verifier.now));
  }

  TestVerifier verifier;
  Trust trust{.any_tpm = true};
  TestHost host{"web-1"};
  TestHost other{"web-2"};
};

TEST_F(EnrolmentTest, EnrolsAHostThatOpensTheCredential) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun) << begun.error().detail;
  EXPECT_EQ(row(host)->status, HostStatus::kPending);
  EXPECT_EQ(row(host)->ek_check, "unchecked");
  EXPECT_EQ(uses_left("good"), 4u);
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
  EXPECT_EQ(row(host)->status, HostStatus::kEnrolled);
  EXPECT_TRUE(row(host)->secret_hash.empty());
  const auto verdict = verifier.attest(host);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->n, 1u);
  // The secret was for this once.
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolment-secret");
}

TEST_F(EnrolmentTest, GivesANewHostTheDefaultListOfPolicies) {
  verifier.add_policy("servers", "{}");
  verifier.settings.default_policies = "servers";
  ASSERT_TRUE(begin(request(host)));
  EXPECT_EQ(row(host)->policy_list, "servers");
}

TEST_F(EnrolmentTest, RetainsTheRecordsOfAHostThatAsksForIt) {
  evidence::EnrolmentRequest asks = request(host);
  asks.retain = true;
  ASSERT_TRUE(begin(asks));
  EXPECT_TRUE(row(host)->retains);
  // Nobody turns that off or on by beginning again.
  const auto begun = begin(request(host));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().reason, Reason::kEnrolmentKnown);
  EXPECT_TRUE(row(host)->retains);
}

// ---- keys -----------------------------------------------------------------------------------------------------------

TEST_F(EnrolmentTest, RefusesATpmThatNothingVouchesFor) {
  trust.any_tpm = false;
  EXPECT_EQ(refused(request(host)), "enrolment-tpm");
  const auto pin = good(enrol::ek_hashes(ek(1).public_area()));
  trust.pins = good(enrol::EkPins::parse(to_hex(pin.public_area.view())));
  EXPECT_EQ(refused(request(host)), "enrolment-tpm");
  EXPECT_EQ(row(host), std::nullopt);
  EXPECT_EQ(uses_left("good"), 5u);
  auto pinned = request(host);
  pinned.ek_public = ek(1).public_area();
  EXPECT_EQ(refused(pinned), "begun");
  EXPECT_EQ(row(host)->ek_check, "pinned");
}

TEST_F(EnrolmentTest, RefusesAnAttestationKeyThatDoesNotDo) {
  auto bad = request(host);
  bad.ak_public[2 + 4 + 1] ^= std::byte{1};  // TPMA_OBJECT, bit 16: restricted
  EXPECT_EQ(refused(bad), "enrolment-key");
  bad = request(host);
  bad.ak_public.resize(10);
  EXPECT_EQ(refused(bad), "enrolment-key");
  bad.ak_public.clear();
  EXPECT_EQ(refused(bad), "enrolment-key");
  EXPECT_EQ(row(host), std::nullopt);
  EXPECT_EQ(uses_left("good"), 5u);
}

TEST_F(EnrolmentTest, RefusesAnEndorsementKeyThatDoesNotDo) {
  auto bad = request(host);
  bad.ek_public = host.key.public_area();  // a signing key
  EXPECT_EQ(refused(bad), "enrolment-tpm");
  bad.ek_public = {std::byte{0}, std::byte{1}, std::byte{2}};
  EXPECT_EQ(refused(bad), "enrolment-tpm");
  bad.ek_public.clear();
  EXPECT_EQ(refused(bad), "enrolment-tpm");
  bad.ek_certificates = {Bytes(40, std::byte{1})};
  EXPECT_EQ(refused(bad), "enrolment-tpm");
  EXPECT_EQ(row(host), std::nullopt);
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

TEST_F(EnrolmentTest, NeedsATokenThatCounts) {
  EXPECT_TRUE(verifier.store.add_tenant({.tenant = "blue"}));
  add_token("once", 1);
  add_token("foreign", 5, Role::kEnrol, "blue");
  add_token("admin", 5, Role::kAdmin);
  auto with = request(host);
  for (const std::string token : {"", "nobody", "foreign", "admin"}) {
    with.token = token;
    EXPECT_EQ(refused(with), "enrolment-token") << token;
  }
  EXPECT_EQ(row(host), std::nullopt);
  with.token = "once";
  EXPECT_EQ(refused(with), "begun");
  EXPECT_EQ(uses_left("once"), 0u);
  auto second = request(other);
  second.token = "once";
  EXPECT_EQ(refused(second), "enrolment-token");
  EXPECT_EQ(row(other), std::nullopt);
  verifier.now += 1000;
  EXPECT_EQ(refused(request(other)), "enrolment-token");  // its time is over
  trust.token_required = false;
  EXPECT_EQ(refused(second), "begun");
}

TEST_F(EnrolmentTest, ARefusedRequestUsesNoTokenUp) {
  EXPECT_TRUE(verifier.store.add_tenant({.tenant = "blue"}));
  add_token("foreign", 5, Role::kEnrol, "blue");
  add_token("admin", 5, Role::kAdmin);
  auto with = request(host);
  with.token = "admin";
  EXPECT_EQ(refused(with), "enrolment-token");
  with.token = "foreign";
  EXPECT_EQ(refused(with), "enrolment-token");
  EXPECT_EQ(good(verifier.store.tokens("blue")).front().uses_left, 5u);
  EXPECT_EQ(uses_left("admin"), 5u);
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  auto other_tpm = request(host);
  other_tpm.ek_public = ek(1).public_area();
  EXPECT_EQ(refused(other_tpm), "enrolment-known");
  ASSERT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
  EXPECT_EQ(refused(request(host)), "enrolment-known");
  EXPECT_EQ(uses_left("good"), 4u);
}

// Somebody else adds a host of this name after the verifier has looked for one.
class OvertakenStore : public vstore::FaultyStore {
 public:
  explicit OvertakenStore(vstore::Store& inner) : FaultyStore(inner) {}
  Result<void> add_host(const vstore::HostRow& row) override {
    EXPECT_TRUE(FaultyStore::add_host(row));
    return FaultyStore::add_host(row);
  }
};

TEST_F(EnrolmentTest, GivesTheTokenBackIfTheHostIsNotKept) {
  OvertakenStore overtaken(verifier.store);
  const Judge judge{.settings = verifier.settings,
                    .store = overtaken,
                    .keys = verifier.keys,
                    .policies = verifier.policies,
                    .aks = verifier.aks,
                    .random = verifier.random};
  const auto begun = begin_enrolment(judge, trust, request(host), verifier.now);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().reason, Reason::kEnrolmentKnown);
  EXPECT_EQ(uses_left("good"), 5u);
  verifier.settings.default_policies = "none-such";
  EXPECT_FALSE(begin(request(other)));
  EXPECT_EQ(uses_left("good"), 5u);
}

TEST_F(EnrolmentTest, NeedsATenantThatIsThereAndEnabled) {
  trust.token_required = false;
  auto with = request(host);
  with.tenant = "blue";
  EXPECT_EQ(refused(with), "unknown-host");
  EXPECT_TRUE(verifier.store.add_tenant({.tenant = "blue", .disabled = true}));
  EXPECT_EQ(refused(with), "disabled");
  EXPECT_TRUE(verifier.store.set_tenant_disabled("blue", false));
  EXPECT_EQ(refused(with), "begun");
}

// ---- the secret -----------------------------------------------------------------------------------------------------

TEST_F(EnrolmentTest, RefusesAWrongSecretAndWaitsForTheRightOne) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  const Bytes secret = secret_of(*begun, host);
  const auto before = row(host);
  Bytes wrong = secret;
  wrong.back() ^= std::byte{1};
  EXPECT_EQ(completed(begun->enrolment, wrong), "enrolment-secret");
  EXPECT_EQ(completed(begun->enrolment, {}), "enrolment-secret");
  wrong = secret;
  wrong.push_back(std::byte{0});
  EXPECT_EQ(completed(begun->enrolment, wrong), "enrolment-secret");
  EXPECT_EQ(row(host), before);
  EXPECT_EQ(completed(begun->enrolment, secret), "enrolled");
}

TEST_F(EnrolmentTest, RefusesASecretThatIsTooOld) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  verifier.now += static_cast<std::int64_t>(verifier.settings.enrolment_lifetime_s);
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolment-secret");
  EXPECT_EQ(row(host)->status, HostStatus::kPending);
  verifier.now -= 1;
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
}

TEST_F(EnrolmentTest, RefusesTheSecretOfAnotherEnrolment) {
  const auto one = begin(request(host));
  const auto two = begin(request(other));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(completed(one->enrolment, secret_of(*two, other)), "enrolment-secret");
  // The host began once more: only the last secret counts.
  const auto again = begin(request(host));
  ASSERT_TRUE(again);
  EXPECT_EQ(completed(one->enrolment, secret_of(*one, host)), "enrolment-secret");
  EXPECT_EQ(row(host)->status, HostStatus::kPending);
  EXPECT_EQ(completed(again->enrolment, secret_of(*again, host)), "enrolled");
  EXPECT_EQ(row(other)->status, HostStatus::kPending);
}

TEST_F(EnrolmentTest, RefusesEnrolmentsThatNeverBegan) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  const Bytes secret = secret_of(*begun, host);
  for (const std::string enrolment : {"", "web-1", "7:default", "7:defaultweb-9", "99:defaultweb-1", ":web-1",
                                      "6:defaultweb-1", "-1:x", "99999999999999999999:x"}) {
    EXPECT_EQ(completed(enrolment, secret), "enrolment-secret") << enrolment;
  }
  EXPECT_EQ(row(host)->status, HostStatus::kPending);
}

// ---- names that are known -------------------------------------------------------------------------------------------

TEST_F(EnrolmentTest, RefusesTheNameOfAnEnrolledHost) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  ASSERT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
  for (const HostStatus status : {HostStatus::kEnrolled, HostStatus::kWaiting, HostStatus::kDisabled}) {
    ASSERT_TRUE(verifier.store.set_status(TestVerifier::key_of(host), status, std::nullopt));
    const auto before = row(host);
    auto second = request(host);
    second.ak_public = other.key.public_area();
    EXPECT_EQ(refused(second), "enrolment-known");
    EXPECT_EQ(row(host), before);
  }
}

TEST_F(EnrolmentTest, LetsNoOtherTpmDisturbAnEnrolmentThatBegan) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  const auto before = row(host);
  auto second = request(host);
  second.ek_public = ek(1).public_area();
  second.ak_public = other.key.public_area();
  EXPECT_EQ(refused(second), "enrolment-known");
  EXPECT_EQ(row(host), before);
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
}

TEST_F(EnrolmentTest, OfAHostThatWasRemovedBeginsAtAHigherEpoch) {
  ASSERT_TRUE(begin(request(host)));
  const auto epoch = row(host)->epoch;
  ASSERT_TRUE(verifier.store.remove_host(TestVerifier::key_of(host)));
  verifier.now += 1;
  ASSERT_TRUE(begin(request(host)));
  EXPECT_GT(row(host)->epoch, epoch);
}

// ---- approval, and a store that fails -------------------------------------------------------------------------------

TEST_F(EnrolmentTest, WaitsForApprovalIfTheOperatorWantsIt) {
  trust.approval_required = true;
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "waiting");
  EXPECT_EQ(row(host)->status, HostStatus::kWaiting);
  EXPECT_EQ(info(verifier.challenge(host).error().reason).name, "not-enrolled");
  ASSERT_TRUE(verifier.store.set_status(TestVerifier::key_of(host), HostStatus::kEnrolled, HostStatus::kWaiting));
  EXPECT_TRUE(verifier.attest(host));
}

// The store fails before or after each call. Whatever it left, the host begins again and is enrolled.
TEST_F(EnrolmentTest, AHostBeginsAgainAfterAFaultAtAnyCall) {
  constexpr std::uint64_t kCalls = 6;
  for (std::uint64_t fault = 0; fault < 2 * kCalls; ++fault) {
    SCOPED_TRACE("fault " + std::to_string(fault));
    const TestHost of("host-" + std::to_string(fault));
    add_token(of.name, 2);
    auto with = request(of);
    with.token = of.name;
    vstore::FaultyStore faulty(verifier.store);
    const Judge judge{.settings = verifier.settings,
                      .store = faulty,
                      .keys = verifier.keys,
                      .policies = verifier.policies,
                      .aks = verifier.aks,
                      .random = verifier.random};
    faulty.fail_at(fault / 2, fault % 2 == 0 ? vstore::FaultPoint::kBeforeEffect : vstore::FaultPoint::kAfterEffect);
    const auto first = begin_enrolment(judge, trust, with, verifier.now);
    std::string outcome = "store";
    if (first) outcome = completed_by(judge, *first, of);
    EXPECT_EQ(outcome, "store");
    // After the last effect the host is enrolled although nobody told it.
    if (row(of) && row(of)->status == HostStatus::kEnrolled) {
      EXPECT_EQ(fault, 2 * kCalls - 1);
      EXPECT_EQ(refused(with), "enrolment-known");
      EXPECT_TRUE(verifier.attest(of));
      continue;
    }
    const auto again = begin(with);
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(completed_by(verifier.judge, *again, of), "enrolled");
    EXPECT_EQ(row(of)->ak_public, of.key.public_area());
  }
}

TEST_F(EnrolmentTest, AnEnrolmentLivesByTheClockThatItBeganAt) {
  const auto begun = begin(request(host));
  ASSERT_TRUE(begun);
  verifier.now += 86'400;
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolment-secret");
  verifier.now -= 2 * 86'400;  // a secret of the future is as good as a young one
  EXPECT_EQ(completed(begun->enrolment, secret_of(*begun, host)), "enrolled");
  EXPECT_TRUE(verifier.attest(host));
}

TEST_F(EnrolmentTest, SaysIfTheStoreFailsAtAnyCall) {
  // Of begin_enrolment(): look at the token, look for the host, take the token, add the host.
  constexpr std::uint64_t kFirstCalls = 4;
  constexpr std::uint64_t kCalls = kFirstCalls + 2;
  for (std::uint64_t call = 0; call < kCalls; ++call) {
    static_cast<void>(verifier.store.remove_host(TestVerifier::key_of(host)));
    vstore::FaultyStore faulty(verifier.store);
    const Judge judge{.settings = verifier.settings,
                      .store = faulty,
                      .keys = verifier.keys,
                      .policies = verifier.policies,
                      .aks = verifier.aks,
                      .random = verifier.random};
    faulty.fail_at(call, vstore::FaultPoint::kBeforeEffect);
    const auto begun = begin_enrolment(judge, trust, request(host), verifier.now);
    if (!begun) {
      EXPECT_LT(call, kFirstCalls);
      EXPECT_EQ(begun.error().reason, Reason::kStore);
      EXPECT_EQ(row(host), std::nullopt);
      continue;
    }
    const auto status = complete_enrolment(
        judge, trust, {.enrolment = begun->enrolment, .secret = secret_of(*begun, host)}, verifier.now);
    ASSERT_FALSE(status) << call;
    EXPECT_EQ(status.error().reason, Reason::kStore);
    EXPECT_EQ(row(host)->status, HostStatus::kPending);
  }
}

}  // namespace enrolment_test
}  // namespace imakeep::verifier
