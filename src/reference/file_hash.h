// SPDX-License-Identifier: Apache-2.0
// reference/file_hash.h - the digests of one content by several algorithms, and the name under which IMA logs a file.
// Threads: one thread at a time uses a ContentHasher.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "digest/digest.h"
#include "reference/document.h"

namespace imakeep::reference {

class ContentHasher {
 public:
  // REQUIRES: each algorithm is available().
  explicit ContentHasher(const std::vector<digest::Algorithm>& algorithms);

  void update(ByteView bytes);
  DigestSet finish();  // afterwards the hasher starts again, empty

 private:
  std::vector<digest::Hasher> hashers_;
};

// The algorithms that the names give, for digests of files. kUsage: no names, an unknown name, an algorithm of which
// the policy cannot hold digests beside those of another one, since both have one length.
Result<std::vector<digest::Algorithm>> parse_algorithms(const std::vector<std::string>& names);

// States the algorithms in the member "imakeep"/"algorithms", if the length of a digest would tell others.
void state_algorithms(const std::vector<digest::Algorithm>& algorithms, Document& document);

// The name in the list: the kernel writes '_' for each space. Source: ima_eventname_init_common() and
// ima_write_template_field_data() in security/integrity/ima/ima_template_lib.c.
std::string measured_name(std::string_view path);

}  // namespace imakeep::reference
