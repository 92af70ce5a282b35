// SPDX-License-Identifier: Apache-2.0
// evidence/enrolment.h - the messages with which a host becomes known to a verifier, as JSON.
//
//   request    := {"version": 1, "tenant"?, "host", "ek_certificates"?: [B64...], "ek_public"?: B64, "ak_public": B64,
//                  "ak_certificates"?: [B64...], "token"?, "retain"?: BOOL}                        host to verifier
//   credential := {"version": 1, "enrolment", "credential": B64}                                   verifier to host
//   proof      := {"version": 1, "enrolment", "secret": B64}                                       host to verifier
//   result     := {"version": 1, "status": "enrolled" | "waiting-for-approval"}                    verifier to host
// B64 is base64 with padding. Certificates are DER, the host's own first, then those that lead to a trusted root.
// Public areas are TPM2B_PUBLIC. docs/formats/evidence.md explains each member. A reader ignores members that it does
// not know. It refuses another version, a member that is there twice, and a text of more than kMostEnrolmentBytes.
//
// Threads: no shared state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::evidence {

inline constexpr std::size_t kMostEnrolmentBytes = 256u << 10;
inline constexpr std::size_t kMostCertificates = 8;
inline constexpr std::size_t kMostCertificateBytes = 16u << 10;
// The size of a TPM2B_PUBLIC is a 16-bit number, and real ones have a few hundred bytes.
inline constexpr std::size_t kMostPublicBytes = 4096;
inline constexpr std::size_t kMostEnrolmentTokenBytes = 512;
inline constexpr std::size_t kMostEnrolmentIdBytes = 512;
inline constexpr std::size_t kMostCredentialBytes = 4096;
// TPM 2.0 Library, part 1, section 24: a credential is at most as long as a digest.
inline constexpr std::size_t kMostSecretBytes = 64;

struct EnrolmentRequest {
  std::string tenant = {};  // empty: the verifier's default tenant
  std::string host = {};
  // At least one of the three tells the TPM: certificates of the EK, its public area, or certificates of the AK.
  std::vector<Bytes> ek_certificates = {};
  Bytes ek_public = {};
  std::vector<Bytes> ak_certificates = {};
  Bytes ak_public = {};
  std::string token = {};  // of the operator; empty: none
  // The host has no archive: the verifier is to keep the records that it proves, from the first on.
  bool retain = false;

  friend bool operator==(const EnrolmentRequest&, const EnrolmentRequest&) = default;
};

struct EnrolmentCredential {
  std::string enrolment = {};  // the verifier's name of this enrolment: 1 or more of A-Z a-z 0-9 . _ - :
  Bytes credential = {};       // the file form of tpm2-tools: enrol/make_credential.h

  friend bool operator==(const EnrolmentCredential&, const EnrolmentCredential&) = default;
};

struct EnrolmentProof {
  std::string enrolment = {};
  Bytes secret = {};  // what TPM2_ActivateCredential gave

  friend bool operator==(const EnrolmentProof&, const EnrolmentProof&) = default;
};

enum class EnrolmentStatus : std::uint8_t { kEnrolled, kWaitingForApproval };

// The JSON without white space. kUsage if the counterpart would refuse it.
Result<std::string> make_enrolment_request(const EnrolmentRequest& request);
Result<std::string> make_enrolment_credential(const EnrolmentCredential& credential);
Result<std::string> make_enrolment_proof(const EnrolmentProof& proof);
Result<std::string> make_enrolment_result(EnrolmentStatus status);

// kMalformed, naming the member: not JSON, a member missing, twice, of another type or of an impossible size, a name of
// another form, a request that tells no TPM. kUnsupported: another version, another status, or a text that is too long.
// What the bytes are is not checked here.
Result<EnrolmentRequest> read_enrolment_request(std::string_view text);
Result<EnrolmentCredential> read_enrolment_credential(std::string_view text);
Result<EnrolmentProof> read_enrolment_proof(std::string_view text);
Result<EnrolmentStatus> read_enrolment_result(std::string_view text);

}  // namespace imakeep::evidence
