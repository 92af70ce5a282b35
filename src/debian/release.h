// SPDX-License-Identifier: Apache-2.0
// debian/release.h - the signed index of a suite: InRelease.
//
// gpgv, which apt uses too, checks the signature. The text that is read is what gpgv wrote after it had checked it, so
// text outside of the signature is never seen. Source: https://wiki.debian.org/DebianRepository/Format; the status
// lines in doc/DETAILS of GnuPG. Threads: no shared state; verify_release() runs a child process and waits for it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::debian {

struct IndexFile {
  std::string sha256;  // hexadecimal, lower case
  std::uint64_t bytes = 0;
};

struct Release {
  std::string suite;
  std::string codename;
  bool by_hash = false;
  std::vector<std::string> architectures;  // empty if the release does not name them
  bool all_has_packages = true;            // packages of architecture "all" may have an index of their own
  std::optional<std::int64_t> valid_until_unix_s;
  std::map<std::string, IndexFile, std::less<>> files;  // by path below the directory of the suite
};

// Returns the text that one of the keys signed. `keyring` is a file of public keys, binary or armored. Errors:
// kMismatch: no key of the keyring signed it, or one of its signatures is bad; the message says which keys signed it.
// kEnvironment: gpgv or the keyring is missing. kMalformed: no signed text.
Result<std::string> verify_release(ByteView in_release, const std::string& keyring);

// kMalformed: no Release file, or one without SHA256.
Result<Release> parse_release(std::string_view text);

// Whether the index of this architecture may be used. Some mirrors have one for "all" that nobody updates: then the
// release does not name that architecture, or says No-Support-for-Architecture-all.
bool has_index(const Release& release, std::string_view architecture);

// The hours, minutes and zone of "Sat, 11 Jul 2026 10:16:37 UTC" as seconds since 1970. Empty for any other text.
std::optional<std::int64_t> parse_date(std::string_view text);

// kMismatch if the release is that of another suite, or if its time is over.
Result<void> check_release(const Release& release, std::string_view suite, std::int64_t now_unix_s);

}  // namespace imakeep::debian
