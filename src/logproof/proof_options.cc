// SPDX-License-Identifier: Apache-2.0
#include "logproof/proof_options.h"

namespace imakeep::logproof {

AddedOptions add_proof_options(const cli::Command& command, ProofOptions& options) {
  command.add_option("FILE", options.files,
                     "binary measurement lists, in order; - is standard input; or one evidence bundle");
  const cli::Option archive =
      command.add_option("--archive", options.archive, "archive instead of lists").value_name("FILE");
  command.add_count("--chain", options.chain, "chain of the archive (default: the last)")
      .value_name("C")
      .needs(archive);
  command.add_option("--bank", options.bank, "bank of the files' digests (default: detected)").value_name("ALG");
  const cli::Option pcrs =
      command
          .add_option(
              "--pcrs", options.pcrs,
              "PCR values: lines of ALG HEX or ALG INDEX HEX, tpm2_pcrread's output, PCR-INDEX: HEX as evmctl takes "
              "them (of sha1, sha256, sha384 or sha512, by size), or a TDX guest's directory of RTMRs; with --quote, "
              "of PCRs that the quote lacks or no record names")
          .value_name("FILE");
  command
      .add_option("--start", options.start,
                  "PCR values before the first record that is read, lines as for --pcrs (default: all zero)")
      .value_name("FILE");
  const cli::Option quote =
      command
          .add_option(
              "--quote", options.quote,
              "quote: tpm2_quote -m, FAPI's quote info (tss2_quote -q), or Keylime's, which contains its signature")
          .value_name("FILE");
  const cli::Option signature =
      command
          .add_option("--signature", options.signature,
                      "signature of the quote: tpm2_quote -s; TPMT_SIGNATURE, or plain (RSA bytes, ECDSA in DER)")
          .value_name("FILE");
  const cli::Option key =
      command
          .add_option(
              "--key", options.key,
              "key that signed: public keys or certificates in PEM, one of which signed; one in DER; TPMT_PUBLIC "
              "or TPM2B_PUBLIC")
          .value_name("FILE");
  quote.needs(key);
  signature.needs(quote);
  command
      .add_option("--hash", options.hash, "hash of a plain signature (default: that of FAPI's quote info, or sha256)")
      .value_name("ALG")
      .needs(quote);
  key.needs(quote);
  const cli::Option tpm =
      command
          .add_option("--tpm", options.tpm,
                      "TPM to read the PCRs from: this machine's, a TCTI, or a directory such as /sys/class/tpm/tpm0")
          .value_name("[TCTI]")
          .value_is_optional()
          .excludes(quote)
          .excludes(pcrs);
  command.add_option("--nonce", options.nonce, "nonce that the quote must carry, with or without 0x: tpm2_quote -q")
      .value_name("HEX")
      .value_may_be_empty()  // a quote may carry an empty nonce
      .needs(quote);
  command
      .add_option("--ak", options.ak,
                  "attestation keys of the host, one of which has to sign the quotes of a bundle; forms as for --key "
                  "(default: those of the bundle, which show nothing of the host)")
      .value_name("FILE")
      .excludes(key);
  command
      .add_option("--ek-roots", options.ek_roots,
                  "directory of the root certificates of TPM makers, for the EK certificate of a bundle")
      .value_name("DIR");
  return {.archive = archive, .quote = quote, .tpm = tpm};
}

}  // namespace imakeep::logproof
