// SPDX-License-Identifier: Apache-2.0
// digest/bank.h - a bank: the PCRs of one hash algorithm, and the rule by which a kernel's IMA extends it.
//
// Linux knows sha1, sha256, sha384, sha512 and sm3 as banks. For a TPM algorithm that it does not know, IMA names its
// files "tpm_alg_HEX". A bank is written as that name. A suffix follows the name if the kernel extends the bank in an
// unusual way: "sha384:padded". imalog/extend_rule.h describes each way.
// Source: create_securityfs_measurement_lists() in Linux 7.3.
// Threads: plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::digest {

// The digest that a kernel extends into a bank. imalog/extend_rule.h lists the digests, kernels and functions.
enum class Fill : std::uint8_t {
  kOwnHash,          // the bank's own hash
  kPaddedSha1,       // ":padded": sha1, then zeros; a violation is 0xff over the bank's size
  kPaddedSha1Short,  // ":padded-short": sha1, then zeros; a violation is 20 bytes 0xff, then zeros
  kInvalidated,      // ":invalidated": 0xfe over the bank's size for every record
};

struct Bank {
  Algorithm algorithm = Algorithm::kSha1;  // the TPM's algorithm for extends
  Fill fill = Fill::kOwnHash;

  // True if template digests are sha1 followed by zeros.
  bool padded() const { return fill == Fill::kPaddedSha1 || fill == Fill::kPaddedSha1Short; }

  std::size_t digest_bytes() const { return digest::digest_bytes(algorithm); }
  std::string name() const;  // name in Linux's file names: "sha256", "sm3", "tpm_alg_27"
  std::string spec() const;  // the name; with a suffix if this is not bank_of(algorithm): "sha384:padded"

  friend bool operator==(const Bank&, const Bank&) = default;
};

// The bank of that TPM algorithm, with the fill of today's Linux that has all of its hashes.
Bank bank_of(Algorithm algorithm);

// Returns the bank with that name or spec(). kUsage lists the known names.
Result<Bank> parse_bank(std::string_view name);

// bank_of() for that TPM_ALG_ID. Empty for an algorithm that imakeep does not know.
std::optional<Bank> bank_from_tpm_alg(std::uint16_t tpm_alg);

// Parses a comma-separated list. kUsage for an empty list, a repeated bank or an unknown name.
Result<std::vector<Bank>> parse_banks(std::string_view names);

// The suffix without its colon: "padded", "padded-short", "invalidated"; "native" for kOwnHash. parse_fill() fails with
// kUsage for other names.
std::string_view fill_name(Fill fill);
Result<Fill> parse_fill(std::string_view name);
// Returns the bank with another fill. kUsage if no kernel extends the bank that way: sha1 is never padded, and a bank
// that Linux cannot name has neither its own hash nor the long violations.
Result<Bank> with_fill(Bank bank, Fill fill);

// The bank of that algorithm among `banks`, or null. Points into `banks`.
const Bank* find_bank(const std::vector<Bank>& banks, Algorithm algorithm);
// `banks`, each with the fill that it has in `others`. A bank that `others` does not have stays as it is.
std::vector<Bank> with_fills_of(std::vector<Bank> banks, const std::vector<Bank>& others);

// A text that parse_banks() accepts: "sha1,sha384:padded".
std::string bank_names(const std::vector<Bank>& banks);

}  // namespace imakeep::digest
