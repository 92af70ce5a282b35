// SPDX-License-Identifier: Apache-2.0
// tpm/esys/esys_attestation_tpm.h - a TPM 2.0 that attests, through tpm2-tss's ESYS over any TCTI.
//
// If the TPM has a storage key at handle 0x81000001, it becomes the parent of new AKs; otherwise a primary key of the
// owner's hierarchy does. The owner's and the endorsement hierarchy and that storage key must have empty passwords, as
// on machines whose operator set none. Every key and session that a call makes is flushed before the call returns, also
// after an error, unless the connection itself is lost. Waits are bounded; see connection.h.
// Threads: one thread at a time.
#pragma once

#include "tpm/attestation_tpm.h"
#include "tpm/esys/esys_pcr_banks.h"

namespace imakeep::tpm {

class EsysAttestationTpm : public AttestationTpm {
 public:
  // Opens the TPM that a TCTI string names. Errors: those of EsysPcrBanks::open().
  static Result<std::unique_ptr<EsysAttestationTpm>> open(const std::string& tcti, const EsysOptions& options = {});

  PcrBanks& pcrs() override { return *pcrs_; }
  Result<SavedKey> make_key() override;
  // kEnvironment also if a certificate in NV memory cannot be read, kMalformed if what is there is none.
  Result<EndorsementKey> endorsement_key() override;
  Result<Bytes> activate(const SavedKey& key, EkKind ek, const Credential& credential) override;
  Result<SignedQuote> quote(const SavedKey& key, ByteView nonce, const std::vector<PcrSelection>& selections) override;

 private:
  EsysAttestationTpm(std::shared_ptr<Connection> connection, std::unique_ptr<EsysPcrBanks> pcrs)
      : connection_(std::move(connection)), pcrs_(std::move(pcrs)) {}

  const std::shared_ptr<Connection> connection_;
  const std::unique_ptr<EsysPcrBanks> pcrs_;
};

}  // namespace imakeep::tpm
