// SPDX-License-Identifier: Apache-2.0
// imalog/template_data.h - builds a record's body from the measured values, field by field as Linux does.
//
//   d             sha1 digest, 20 bytes, or md5 digest, 16 bytes, under ima_hash=md5
//   d-ng          "ALG:" NUL digest                    d-ngv2     "TYPE:ALG:" NUL digest
//   n-ng          path NUL, spaces as '_'
//   n             the same up to 255 bytes; only the last component of a longer file path, only the first 255 bytes of
//                 another longer name
//   d-modsig      like d-ng, empty without a modsig signature
//   iuid igid     u32    imode  u16
//   xattrnames    names joined with '|', NUL           xattrlengths  u32 a name      xattrvalues  values joined
//   sig           security.ima if it is a signature, else security.evm if it is a portable signature
//   modsig evmsig buf                                  bytes unchanged
// The digest of a violation is zeros; 20 of them in field d, whatever ima_hash is.
//
// Linux does not limit the last component in field n. Nearly all file systems limit it to 255 bytes. In template "ima",
// whose digest has no room for more, this code cuts a longer component to 255 bytes. Source: ima_event*_init() and
// ima_eventname_init_common() in security/integrity/ima/ima_template_lib.c. Threads: no shared state.
#pragma once

#include "digest/digest.h"
#include "imalog/template.h"

namespace imakeep::imalog {

struct XattrView {
  std::string_view name;
  ByteView value;
};

// The known values of one measured file or buffer. All views are borrowed.
struct EventView {
  std::string_view path;  // path, or the name of an object that is not a file; without NUL
  bool is_file = true;    // false for a buffer and the boot aggregate
  digest::Algorithm algorithm = digest::Algorithm::kSha256;
  ByteView file_digest = {};             // by `algorithm`; empty for a violation
  ByteView plain_file_digest = {};       // field d: sha1 or md5; empty for a violation
  std::string_view digest_type = "ima";  // field d-ngv2: "ima", or "verity" for fs-verity's digest
  ByteView signature = {};               // security.ima, if it is a signature
  ByteView buffer = {};
  ByteView modsig_digest = {};  // by `algorithm`
  ByteView modsig = {};
  ByteView evm_signature = {};  // security.evm, if it is a portable signature
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint16_t mode = 0;
  std::span<const XattrView> xattrs = {};  // those that EVM protects
};

// Builds the body of a record of that template. kUsage for a name that Template::find() does not know, and for a digest
// whose size differs from that of its algorithm.
Result<Bytes> make_body(std::string_view template_name, const EventView& event, ByteOrder order = kHostOrder);

}  // namespace imakeep::imalog
