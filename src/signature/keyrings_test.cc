// SPDX-License-Identifier: Apache-2.0
#include "signature/keyrings.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "support/key_tools.h"

namespace imakeep::signature {
namespace keyrings_test {

using test::must;
using test::must_run;
using test::ScratchDirectory;

TEST(Keyrings, FindAKeyInEveryKeyringThatHasIt) {
  const ScratchDirectory scratch;
  const Key rsa = test::make_key(scratch, "rsa", test::kRsa2048).key();
  const Key ec = test::make_key(scratch, "ec", test::kP256).key();
  Keyrings keyrings;
  EXPECT_TRUE(must(keyrings.add("vendor", rsa)));
  EXPECT_TRUE(must(keyrings.add(".ima", rsa)));
  EXPECT_TRUE(must(keyrings.add(".ima", ec)));
  EXPECT_FALSE(must(keyrings.add(".ima", rsa))) << "it is there already";

  const auto found = keyrings.find(rsa.id());
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].keyring, ".ima");
  EXPECT_EQ(found[1].keyring, "vendor");
  EXPECT_EQ(found[1].key->fingerprint(), rsa.fingerprint());
  EXPECT_EQ(keyrings.find(ec.id()).size(), 1u);
  EXPECT_TRUE(keyrings.find(rsa.id() ^ 1).empty());
  EXPECT_EQ(keyrings.all().size(), 3u);
}

TEST(Keyrings, FindAKeyByTheIdThatAListStates) {
  const ScratchDirectory scratch;
  const Key key = test::make_key(scratch, "key", test::kP256).key();
  Keyrings keyrings;
  EXPECT_TRUE(must(keyrings.add("vendor", key, key.id() ^ 1)));
  EXPECT_TRUE(keyrings.find(key.id()).empty());
  EXPECT_EQ(keyrings.find(key.id() ^ 1).size(), 1u);
}

TEST(Keyrings, KeepAllKeysOfOneKeyId) {
  const ScratchDirectory scratch;
  const std::string same_id = "-days 30 -addext subjectKeyIdentifier=00000000";
  Keyrings keyrings;
  must(keyrings.add("a", test::make_key(scratch, "first", test::kP256, same_id).certified_key()));
  must(keyrings.add("a", test::make_key(scratch, "second", test::kP256, same_id).certified_key()));
  const auto found = keyrings.find(0);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].key->certificate()->subject, "CN=first,O=imakeep");
  EXPECT_EQ(found[1].key->certificate()->subject, "CN=second,O=imakeep");
}

TEST(Keyrings, RefuseNamesAndNumbersBeyondTheLimits) {
  const ScratchDirectory scratch;
  const Key key = test::make_key(scratch, "ec", test::kP256).key();
  Keyrings keyrings;
  for (const std::string& name : {std::string(), std::string(kMaxKeyringNameBytes + 1, 'x')}) {
    EXPECT_EQ(keyrings.add(name, key).error().code, ErrorCode::kUsage);
  }
  for (std::size_t i = 0; i < kMaxKeyrings; ++i) ASSERT_TRUE(keyrings.add("k" + std::to_string(i), key));
  EXPECT_EQ(keyrings.add("one more", key).error().code, ErrorCode::kUsage);
  EXPECT_FALSE(must(keyrings.add("k0", key))) << "a known keyring is no new one";
}

TEST(ReadKeyDirectory, TakesEveryKeyAndNamesEveryOtherFile) {
  const ScratchDirectory scratch;
  std::filesystem::create_directories(scratch.file("keys/below"));
  test::make_key(scratch, "rsa", test::kRsa2048);
  must_run("cd " + scratch.path() + " && cp rsa.pub keys/b.pem && cp rsa.der keys/a.der && cp rsa.key keys/c.key");
  const auto directory = must(read_key_directory(scratch.file("keys")));
  ASSERT_EQ(directory.keys.size(), 2u);
  EXPECT_TRUE(directory.keys[0].certificate()) << "a.der comes first";
  ASSERT_EQ(directory.unusable.size(), 1u);
  EXPECT_EQ(directory.unusable[0].message,
            scratch.file("keys/c.key") + ": PEM, but neither a public key nor a certificate");
}

TEST(ReadKeyDirectory, NamesADirectoryThatIsMissing) {
  const ScratchDirectory scratch;
  const auto missing = read_key_directory(scratch.file("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(missing.error().message.find(scratch.file("missing")), std::string::npos);
}

TEST(ReadKeyFile, RefusesAFileBeyondTheLimit) {
  const ScratchDirectory scratch;
  test::write_file(scratch.file("big"), Bytes(kMaxKeyFileBytes + 1));
  EXPECT_EQ(read_key_file(scratch.file("big")).error().code, ErrorCode::kMalformed);
}

}  // namespace keyrings_test
}  // namespace imakeep::signature
