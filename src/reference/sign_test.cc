// SPDX-License-Identifier: Apache-2.0
#include "reference/sign.h"

#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "reference/test_support.h"
#include "support/scratch_directory.h"

namespace imakeep::reference {
namespace sign_test {

using ::testing::HasSubstr;

// Keys come from the openssl program, and it checks the signatures too.
class SignPolicy : public ::testing::Test {
 protected:
  void run(const std::string& command) {
    const std::string line = "cd " + scratch_.path() + " && " + command + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(line.c_str()), 0) << command;
  }
  Bytes file(const std::string& name) { return *read_file(scratch_.file(name)); }
  Bytes key(const std::string& curve) {
    run("openssl ecparam -name " + curve +
        " -genkey -noout -out key.pem && openssl pkey -in key.pem -pubout -out pub.pem");
    return file("key.pem");
  }
  void write(const std::string& name, std::string_view bytes) { std::ofstream(scratch_.file(name)) << bytes; }

  const test::ScratchDirectory scratch_;
  const std::string policy_ = write_document(full_document());
};

TEST_F(SignPolicy, GivesAnEnvelopeThatOurReaderVerifies) {
  for (const char* curve : {"prime256v1", "secp384r1", "secp521r1"}) {
    const Bytes private_key = key(curve);
    const auto envelope = sign_policy(as_bytes(policy_), private_key);
    ASSERT_TRUE(envelope) << envelope.error().message;
    const auto keys = policy::PolicyKey::parse(file("pub.pem"));
    ASSERT_TRUE(keys);
    const auto read = policy::parse_policy(as_bytes(*envelope), policy::Mode::kStrict, *keys);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(as_text(read->payload), policy_);
    EXPECT_EQ(write_document(*read_document(as_bytes(*envelope), *keys)), policy_);
    key(curve);
    EXPECT_FALSE(read_document(as_bytes(*envelope), *policy::PolicyKey::parse(file("pub.pem"))));
  }
}

TEST_F(SignPolicy, GivesASignatureThatOpensslVerifies) {
  const Bytes private_key = key("prime256v1");
  const auto envelope = nlohmann::json::parse(*sign_policy(as_bytes(policy_), private_key));
  write("signature.b64", envelope["signatures"][0]["sig"].get<std::string>());
  write("covered", as_text(policy::signed_bytes(policy::kPolicyPayloadType, as_bytes(policy_))));
  run("openssl base64 -d -A -in signature.b64 -out signature");
  run("openssl dgst -sha256 -verify pub.pem -signature signature covered");
  run("test \"$(sha256sum <pub.pem)\" = '" + envelope["signatures"][0]["keyid"].get<std::string>() + "  -'");
}

TEST_F(SignPolicy, AddsASignatureToAnEnvelope) {
  const auto once = sign_policy(as_bytes(policy_), key("prime256v1"));
  const auto first = policy::PolicyKey::parse(file("pub.pem"));
  auto twice = sign_policy(as_bytes(*once), key("secp384r1"));
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_TRUE(read_document(as_bytes(*twice), *first));
  EXPECT_TRUE(read_document(as_bytes(*twice), *policy::PolicyKey::parse(file("pub.pem"))));
  for (std::size_t i = 2; i < policy::kMostSignatures; ++i) twice = sign_policy(as_bytes(*twice), file("key.pem"));
  const auto more = sign_policy(as_bytes(*twice), file("key.pem"));
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message, HasSubstr("no more are allowed"));
}

TEST_F(SignPolicy, RefusesOtherKeysAndPolicies) {
  const auto error_of = [&](std::string_view policy, const Bytes& private_key) {
    const auto made = sign_policy(as_bytes(policy), private_key);
    return made ? "signed" : made.error().message;
  };
  EXPECT_THAT(error_of("{}", key("prime256v1")), HasSubstr("is missing"));
  EXPECT_THAT(error_of(policy_, file("pub.pem")), HasSubstr("no private key in PEM"));
  EXPECT_THAT(error_of(policy_, key("secp224r1")), HasSubstr("cannot sign a policy"));
  run("openssl genrsa -out key.pem 2048");
  EXPECT_THAT(error_of(policy_, file("key.pem")), HasSubstr("cannot sign a policy"));
  run("openssl ecparam -name prime256v1 -genkey -noout | openssl ec -aes128 -passout pass:x -out key.pem");
  EXPECT_THAT(error_of(policy_, file("key.pem")), HasSubstr("an encrypted one"));
}

}  // namespace sign_test
}  // namespace imakeep::reference
