// digest/bank.h - a bank: the PCRs of one hash algorithm, and what IMA extends into it.
//
// Linux knows sha1, sha256, sha384, sha512 and sm3 as banks. For a TPM algorithm it does not know, IMA names its files
// "tpm_alg_HEX" and extends the record's sha1 template digest padded with zeros to the bank's size. It does the same in
// a bank that it can name, if the kernel was built without that hash: such a bank is written "sha384:padded" here.
// Source: ima_init_crypto(), ima_calc_field_array_hash() and create_securityfs_measurement_lists() in Linux 7.3.
// Threads: values.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "digest/algorithm.h"

namespace imakeep::digest {

struct Bank {
  Algorithm algorithm = Algorithm::kSha1;  // what the TPM extends with
  bool padded_sha1 = false;                // Linux lacks the hash: template digests are sha1 and zeros

  std::size_t digest_bytes() const { return digest::digest_bytes(algorithm); }
  std::string name() const;  // as Linux names its files: "sha256", "sm3", "tpm_alg_27"
  std::string spec() const;  // the name, and whether the bank is another than the name tells: "sha384:padded"

  friend bool operator==(const Bank&, const Bank&) = default;
};

// The bank that the TPM extends with that algorithm, as IMA fills it.
Bank bank_of(Algorithm algorithm);

// The bank of that name or spec(). kUsage lists the names there are.
Result<Bank> parse_bank(std::string_view name);

// The bank of a TPM_ALG_ID, as Linux takes it: padded_sha1 where Linux lacks the hash. Empty for an algorithm that
// imakeep does not know.
std::optional<Bank> bank_from_tpm_alg(std::uint16_t tpm_alg);

// A comma-separated list without repeats. kUsage for an empty list, a repeat or an unknown name.
Result<std::vector<Bank>> parse_banks(std::string_view names);

// What parse_banks() takes back: "sha1,sha384:padded".
std::string bank_names(const std::vector<Bank>& banks);

}  // namespace imakeep::digest
