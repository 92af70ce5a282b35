// SPDX-License-Identifier: Apache-2.0
// enrol/certificate.h - certificates of endorsement keys (EK) and attestation keys (AK), and the roots that are
// trusted.
//
// A TPM's maker certifies its EK, and a cloud certifies the AK of its virtual TPMs. Revocation is not checked. Sources:
// TCG EK Credential Profile for TPM 2.0, version 2.3, section 3; RFC 5280. Threads: a certificate is a value, and
// copies share what is read only; a TrustStore may be used by several threads once it is no longer changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "enrol/make_credential.h"

struct x509_st;

namespace imakeep::enrol {

// What a certificate says of its TPM (subjectAltName): texts of the maker, as they are.
struct TpmIdentity {
  std::string manufacturer;  // "id:49465800"
  std::string model;
  std::string version;  // of the firmware: "id:00070055"

  friend bool operator==(const TpmIdentity&, const TpmIdentity&) = default;
};

class Certificate {
 public:
  // DER, which may be followed by zeros or by 0xff up to the end, as in a TPM's NV index. kMalformed for anything else.
  static Result<Certificate> parse(ByteView bytes);

  Bytes der() const;
  // RFC 2253 text, made of what the certificate says: show it by printable().
  std::string subject() const;
  // Empty if the certificate does not say all three.
  std::optional<TpmIdentity> tpm_identity() const;
  // The EK that this certificate is of, with the template that goes with its kind. kUnsupported: a key that OpenSSL
  // does not know, or as EndorsementKey::with_default_template().
  Result<EndorsementKey> endorsement_key() const;

 private:
  explicit Certificate(std::shared_ptr<x509_st> certificate) : certificate_(std::move(certificate)) {}
  friend class TrustStore;
  friend class CertificateView;

  std::shared_ptr<x509_st> certificate_;
};

enum class CertifiedKey : std::uint8_t { kEndorsement, kAttestation };

// The certificates that an operator trusts. A self-signed one is a root. Any other is an intermediate: it may lead to a
// root, and is believed only then.
class TrustStore {
 public:
  // A file of one certificate in DER or several in PEM. kMalformed, naming `file`, if it has none or a damaged one.
  Result<void> add(ByteView bytes, const std::string& file);
  std::size_t roots() const { return roots_.size(); }

  // Whether the certificate leads to a root, over `others` (from the host; they need no trust) and the intermediates.
  // `at_unix_s` is the time at which each certificate must be valid; empty: dates are not checked. Errors are
  // "certificate refused (REASON): ...", of code kMismatch:
  //   ca        it is a certificate of an authority, so no TPM's key
  //   purpose   it names purposes, and that of the key is not among them (tcg-kp-EKCertificate, tcg-kp-AIKCertificate)
  //   critical  it has a critical extension that is not known
  //   dates     a certificate of the chain is not valid at that time
  //   no-root   it leads to no trusted root
  //   weak      a signature below the root is over sha1 or md5, or an authority's key has less than 112 bits of
  //   security chain     any other fault of the chain, with OpenSSL's text
  Result<void> verify(const Certificate& certificate, CertifiedKey kind, std::span<const Certificate> others,
                      std::optional<std::int64_t> at_unix_s) const;

 private:
  std::vector<Certificate> roots_;
  std::vector<Certificate> intermediates_;
};

// kMismatch, as "certificate refused (other-key): ...", if the certificate is of another key than the public area
// (TPM2B_PUBLIC or TPMT_PUBLIC); errors of tpm::parse_public_key(). An RSA key that the certificate gives for OAEP only
// (id-RSAES-OAEP) is compared too.
Result<void> check_certified(const Certificate& certificate, ByteView public_area);

}  // namespace imakeep::enrol
