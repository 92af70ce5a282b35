// SPDX-License-Identifier: Apache-2.0
#include "digest/md5.h"

#include <gtest/gtest.h>

namespace imakeep::digest {
namespace md5_test {

// RFC 1321, appendix A.5.
TEST(Md5Hasher, GivesTheDigestsOfRfc1321InOnePieceAndInTwo) {
  auto whole = Md5Hasher::create();
  auto pieces = Md5Hasher::create();
  if (!whole || !pieces) GTEST_SKIP() << "no MD5 in OpenSSL";
  whole->update(as_bytes("message digest"));
  pieces->update(as_bytes("message "));
  pieces->update(as_bytes("digest"));
  EXPECT_EQ(to_hex(whole->finish().view()), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(to_hex(pieces->finish().view()), "f96b697d7cb7938d525a2f31aaf161d0");
}

}  // namespace md5_test
}  // namespace imakeep::digest
