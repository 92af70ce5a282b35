// SPDX-License-Identifier: Apache-2.0
// reference/test_support.h - documents for tests. Threads: no shared state.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "reference/document.h"

namespace imakeep::reference {

// A digest as text: `digits` times the digit.
inline std::string digits_of(char digit, std::size_t digits = 64) {
  return std::string(digits, digit);
}

// A document with something in every member.
inline Document full_document() {
  Document document;
  document.release = 7;
  document.files() = {{"/usr/bin/ls", {digits_of('a'), digits_of('b')}}, {"/etc/\"quoted\"\n", {digits_of('c', 40)}}};
  document.map(policy::DigestMap::kKeyrings) = {{".ima", {digits_of('d')}}};
  document.map(policy::DigestMap::kBuffers) = {{"kexec-cmdline", {digits_of('e')}}};
  document.map(policy::DigestMap::kVerity) = {{"/usr/bin/v", {digits_of('f')}}};
  document.excludes = {"/tmp/.*", "/var/log/.*"};
  document.ignored_keyrings = {".platform"};
  document.verification_keys = R"({"keyids": [1], "pubkeys": ["AAAA"]})";
  document.any_path = {digits_of('1')};
  document.boot_aggregates = {digits_of('2')};
  document.packages = {{{.name = "coreutils", .version = "9.1-1", .architecture = "amd64"}, {digits_of('a')}},
                       {{.name = "local", .version = "1", .architecture = ""}, {digits_of('b')}}};
  document.rules = {{"violations", R"({"paths":["/var/lib/journal"]})"}, {"records", R"({"pcrs":[10]})"}};
  document.further = {{"site", R"({"owner":"lab"})"}};
  return document;
}

inline Document read_back(const std::string& text) {
  auto document = read_document(as_bytes(text));
  EXPECT_TRUE(document) << document.error().message;
  return document ? *document : Document();
}

}  // namespace imakeep::reference
