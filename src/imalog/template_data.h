// imalog/template_data.h - makes a record's body from what was measured, field by field as Linux does.
//
//   d             sha1 digest, 20 bytes
//   d-ng          "ALG:" NUL digest                    d-ngv2     "TYPE:ALG:" NUL digest
//   n, n-ng       path NUL, spaces as '_'; n keeps at most 255 bytes of it
//   d-modsig      like d-ng, empty without a signature of its own
//   iuid igid     u32    imode  u16
//   xattrnames    names joined with '|', NUL           xattrlengths  u32 a name      xattrvalues  values joined
//   sig modsig evmsig buf                              bytes as they are
// A violation has zeros for its digest.
//
// Source: ima_event*_init() in security/integrity/ima/ima_template_lib.c. Threads: no shared state.
#pragma once

#include "digest/digest.h"
#include "imalog/template.h"

namespace imakeep::imalog {

struct XattrView {
  std::string_view name;
  ByteView value;
};

// What is known of one measured file or buffer. Borrowed.
struct EventView {
  std::string_view path;  // or the name of a buffer; without NUL
  digest::Algorithm algorithm = digest::Algorithm::kSha256;
  ByteView file_digest = {};             // by `algorithm`; empty for a violation
  ByteView sha1_file_digest = {};        // field d: IMA's old templates know nothing else; empty for a violation
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

// The body of a record of that template. Names that Template::find() knows, anything else is kUsage; kUsage too where
// a digest that the template needs has not its algorithm's size.
Result<Bytes> make_body(std::string_view template_name, const EventView& event, ByteOrder order = kHostOrder);

}  // namespace imakeep::imalog
