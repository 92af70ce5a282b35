// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <vector>

#include <gtest/gtest.h>

namespace imakeep {
namespace base64_test {

TEST(ToBase64, GivesTheVectorsOfRfc4648) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(as_bytes(bytes)), text);
    EXPECT_EQ(to_base64url(as_bytes(bytes)), text.substr(0, text.find('=')));
  }
  EXPECT_EQ(to_base64url(*from_hex("fbffbf")), "-_-_");
}

TEST(FromBase64Url, DecodesWhatToBase64UrlGives) {
  Bytes bytes;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
    bytes.push_back(static_cast<std::byte>(i * 37));
  }
}

TEST(FromBase64Url, RefusesAnyOtherText) {
  for (const char* text : {"Zg==", "Zm9v\n", "Z", "Zm9vY", "Zm8=", "+/+/", "Zh", "Zm9"}) {
    EXPECT_FALSE(from_base64url(text)) << text;
  }
}

}  // namespace base64_test
}  // namespace imakeep
