// SPDX-License-Identifier: Apache-2.0
#include "signature/measured_key.h"

#include "support/key_tools.h"

namespace imakeep::signature {
namespace measured_key_test {

using imakeep::test::bytes_of_file;
using imakeep::test::KeyFiles;
using imakeep::test::kP256;
using imakeep::test::kRsa2048;
using imakeep::test::make_key;
using imakeep::test::must_run;
using imakeep::test::ScratchDirectory;

TEST(KeyInBuffer, FindsTheSameKeyInEveryForm) {
  const ScratchDirectory scratch;
  for (const char* const algorithm : {kRsa2048, kP256}) {
    const KeyFiles files = make_key(scratch, "key", algorithm);
    must_run("openssl pkey -in " + files.pair() + " -outform DER -out " + scratch.file("private.der"));
    must_run("openssl pkey -in " + files.pair() + " -pubout -outform DER -out " + scratch.file("public.der"));
    for (const std::string& form : {files.certificate(), files.certificate_der(), files.public_key(), files.pair(),
                                    scratch.file("private.der"), scratch.file("public.der")}) {
      const auto key = key_in_buffer(bytes_of_file(form));
      ASSERT_TRUE(key) << form;
      EXPECT_EQ(key->fingerprint(), files.key().fingerprint()) << form;
      EXPECT_TRUE(key->can_check()) << form;
    }
  }
}

TEST(KeyInBuffer, TakesNothingElseForAKey) {
  const ScratchDirectory scratch;
  const KeyFiles files = make_key(scratch, "key", kP256);
  Bytes longer = bytes_of_file(files.certificate_der());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(key_in_buffer(longer));
  EXPECT_FALSE(key_in_buffer({}));
  EXPECT_FALSE(key_in_buffer(as_bytes("root=/dev/sda1 ro")));
  EXPECT_FALSE(key_in_buffer(as_bytes("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")));
  EXPECT_FALSE(key_in_buffer(Bytes(kMaxMeasuredKeyBytes + 1, std::byte{0x30})));
}

TEST(KeyInBuffer, FindsAKeyThatCannotCheckSignatures) {
  const ScratchDirectory scratch;
  const KeyFiles files = make_key(scratch, "key", "-algorithm ED25519");
  const auto key = key_in_buffer(bytes_of_file(files.certificate_der()));
  ASSERT_TRUE(key);
  EXPECT_FALSE(key->can_check());
}

TEST(KeyInBuffer, AsksNobodyForAPassphrase) {
  const ScratchDirectory scratch;
  const KeyFiles files = make_key(scratch, "key", kP256);
  must_run("openssl pkey -in " + files.pair() + " -aes128 -passout pass:secret -out " + scratch.file("locked.pem"));
  EXPECT_FALSE(key_in_buffer(bytes_of_file(scratch.file("locked.pem"))));
}

}  // namespace measured_key_test
}  // namespace imakeep::signature
