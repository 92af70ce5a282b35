// SPDX-License-Identifier: Apache-2.0
#include "conformance/exemptions.h"

#include <algorithm>
#include <array>

namespace imakeep::conformance {

namespace {

constexpr std::array kExemptions{
    Exemption{"request.zero-bytes", "FUSE answers a write of no bytes itself, with 0"},
    Exemption{"request.writev-is-one-request-each", "FUSE joins the parts of a writev() into one write"},
    Exemption{"request.pwrite-read-write", "FUSE can refuse pwrite() only together with pread(), which readers need"},
    Exemption{"read.seek-end", "FUSE answers SEEK_END itself, from the file's size"},
    Exemption{"read.seek-write-only", "FUSE can refuse pwrite() only together with lseek()"},
    Exemption{"read.seek-end-write-only", "FUSE answers SEEK_END itself, from the file's size"},
};

}  // namespace

std::span<const Exemption> exemptions() {
  return kExemptions;
}

const Exemption* find_exemption(std::string_view id) {
  const auto found = std::ranges::find(kExemptions, id.substr(0, id.find(':')), &Exemption::id);
  return found == kExemptions.end() ? nullptr : &*found;
}

}  // namespace imakeep::conformance
