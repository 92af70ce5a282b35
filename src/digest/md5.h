// SPDX-License-Identifier: Apache-2.0
// digest/md5.h - MD5 of a stream, for files that IMA measures under ima_hash=md5. No bank and no template digest uses
// MD5.
//
// OpenSSL computes it. Threads: one thread at a time uses an object.
#pragma once

#include "base/result.h"
#include "digest/digest.h"

namespace imakeep::digest {

class Md5Hasher {
 public:
  // kEnvironment if OpenSSL has no MD5, as in FIPS mode.
  static Result<Md5Hasher> create();

  void update(ByteView bytes);
  Digest finish();  // 16 bytes; do not call update() afterwards

 private:
  struct ContextFree {
    void operator()(void* context) const;
  };
  explicit Md5Hasher(void* context) : context_(context) {}

  std::unique_ptr<void, ContextFree> context_;  // EVP_MD_CTX
};

}  // namespace imakeep::digest
