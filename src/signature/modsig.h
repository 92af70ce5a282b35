// SPDX-License-Identifier: Apache-2.0
// signature/modsig.h - a signature appended to a module or a kernel image, as field `modsig` of a record holds it.
//
// The field is a CMS SignedData in DER with one signer and without content. The content is the file before its
// signature; field `d-modsig` is the hash over it. Without signed attributes (as the kernel's sign-file writes it) the
// key signs that hash. With signed attributes the hash is the attribute messageDigest, and the key signs the
// attributes. Then Linux puts the hash over the attributes into `d-modsig`, after it compared messageDigest with the
// file; this library takes either.
//
// The kernel does not check a certificate's dates, nor use the certificates in the blob without a trusted one above
// them. This library uses keys of keyrings alone.
// Source: RFC 5652, 5.3 and 5.4; ima_read_modsig() and ima_collect_modsig() in the kernel's ima/ima_modsig.c,
// pkcs7_digest() in crypto/asymmetric_keys/pkcs7_verify.c, scripts/sign-file.c. Threads: a Modsig is a constant value.
#pragma once

#include "signature/check.h"

namespace imakeep::signature {

inline constexpr std::size_t kMaxModsigBytes = 1u << 20;

class Modsig {
 public:
  // Parses the whole field. Errors:
  //   kMalformed    empty, cut short, longer than its DER says or than kMaxModsigBytes, no CMS SignedData, with
  //                 content, or with signed attributes that RFC 5652 forbids
  //   kUnsupported  none or several signers, or a hash that Linux does not have
  static Result<Modsig> parse(ByteView field);

  HashAlgorithm algorithm() const;
  // "key identifier 0123…" or "issuer CN=x, serial 01": how the blob names its key.
  const std::string& wanted_key() const;
  bool has_signed_attributes() const;
  std::size_t certificates() const;  // count of those in the blob, which nothing uses

 private:
  struct Parts;
  friend SignatureCheck check_modsig(const Modsig&, const FileDigestView&, const Keyrings&, const CheckOptions&);
  explicit Modsig(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
};

// `digest` is that of field d-modsig. A key without a certificate is found only by its key identifier.
SignatureCheck check_modsig(const Modsig& modsig, const FileDigestView& digest, const Keyrings& keyrings,
                            const CheckOptions& options = {});

}  // namespace imakeep::signature
