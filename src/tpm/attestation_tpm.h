// SPDX-License-Identifier: Apache-2.0
// tpm/attestation_tpm.h - interface to a TPM that attests: its endorsement key, an attestation key, quotes and PCRs.
//
// The attestation key (AK) signs only statements of its own TPM. It is a child of the owner's storage key, so that the
// TPM keeps nothing of it: the caller keeps SavedKey, which is of use in this TPM alone. The endorsement key (EK) shows
// which TPM it is; it opens a credential that a verifier made for EK and AK, and so proves that both are in one TPM.
// No call leaves a key or a session in the TPM.
//
// Since the AK is no key of the endorsement hierarchy, the TPM adds a constant of the AK's own to both counts of its
// quotes. Compare them with those of other quotes by this key, never with PcrBanks::reset_counts().
// Source: TPM 2.0 Library, part 1, sections 24 (credentials) and 36.7 (obfuscated counts); TCG EK Credential Profile
// for TPM Family 2.0, annex B (templates, NV indices).
//
// Errors of all calls, whose messages say what was tried:
//   kUnsupported  the TPM lacks what is needed
//   kEnvironment  the TPM refuses now, or a hierarchy has a password: the message says what to change
//   kMismatch     the TPM does not accept the key or the credential: they are of another TPM, or altered
//   kIo           the TPM failed, or its answer never came
// Threads: one thread at a time.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "tpm/credential_file.h"
#include "tpm/pcr_banks.h"
#include "tpm/quote.h"

namespace imakeep::tpm {

// The numbers are in saved files and never change.
enum class KeyParent : std::uint8_t {
  kPersistent = 1,  // the storage key that the TPM keeps at handle 0x81000001
  kEccPrimary = 2,  // the primary key of the owner's hierarchy by TCG's template for a storage key, on P-256
  kRsaPrimary = 3,  // the same with RSA 2048
};

struct SavedKey {
  KeyParent parent = KeyParent::kPersistent;
  Bytes public_area = {};   // TPM2B_PUBLIC
  Bytes private_area = {};  // TPM2B_PRIVATE: encrypted by the TPM

  friend bool operator==(const SavedKey&, const SavedKey&) = default;
};

enum class EkKind : std::uint8_t { kRsa2048, kEccP256 };

struct EndorsementKey {
  EkKind kind = EkKind::kRsa2048;
  Bytes public_area = {};  // TPM2B_PUBLIC
  Bytes certificate = {};  // DER, from the TPM's NV memory; empty: it has none for this kind
};

struct SignedQuote {
  Bytes quote = {};      // TPMS_ATTEST
  Bytes signature = {};  // TPMT_SIGNATURE
};

class AttestationTpm {
 public:
  virtual ~AttestationTpm() = default;

  // The PCRs, in every bank that the TPM has allocated and imakeep knows. Lives as long as this object.
  virtual PcrBanks& pcrs() = 0;

  // Makes an AK: restricted, signing, fixedTPM, fixedParent, sensitiveDataOrigin. ECDSA P-256 with SHA-256 if the TPM
  // has that, otherwise RSASSA 2048 with SHA-256.
  virtual Result<SavedKey> make_key() = 0;

  // The EK that has a certificate: RSA before ECC. If neither has one, RSA if the TPM has RSA 2048. Its public area is
  // that of TCG's default template.
  virtual Result<EndorsementKey> endorsement_key() = 0;

  // TPM2_ActivateCredential: the secret that a verifier hid in the credential. kMismatch also if the credential is for
  // another EK or AK.
  virtual Result<Bytes> activate(const SavedKey& key, EkKind ek, const Credential& credential) = 0;

  // TPM2_Quote over the PCRs of each bank; `nonce` has at most 64 bytes. The hash of the PCR digest is SHA-256.
  virtual Result<SignedQuote> quote(const SavedKey& key, ByteView nonce,
                                    const std::vector<PcrSelection>& selections) = 0;
};

}  // namespace imakeep::tpm
