// SPDX-License-Identifier: Apache-2.0
// imalog/extend_rule.h - the ways in which kernels extend a bank for a record, and the strength of a match by each.
//
//   fill              a record                          a violation                    strength
//   kOwnHash          H(data), H being the bank's hash  0xff over the bank's size      H's
//   kPaddedSha1       sha1(data), then zeros            0xff over the bank's size      sha1's
//   kPaddedSha1Short  sha1(data), then zeros            20 bytes 0xff, then zeros      sha1's
//   kInvalidated      0xfe over the bank's size         0xfe over the bank's size      none: all records alike
//
//   kOwnHash          Linux since 5.8, if the kernel has the hash: ima_calc_field_array_hash()
//   kPaddedSha1       Linux since 5.8, if the kernel can name the bank (its crypto_id is known) but lacks the hash,
//                     such as sha384 or sm3 as a module: ima_calc_field_array_hash(), ima_init_digests()
//   kPaddedSha1Short  Linux since 5.8, a bank that it cannot name: tpm_alg_HEX (the same functions); Linux before 5.8,
//                     every bank but sha1: ima_pcr_extend() from 5.1 on, tpm_pcr_extend() before
//   kInvalidated      a proposal, in no release: "ima: invalidate unsupported PCR banks" (linux-integrity, March 2025),
//                     CONFIG_IMA_COMPAT_FALLBACK_TPM_EXTEND=n. Banks whose hash the kernel lacks, including sha1
//
// The template digest is computed over data: imalog/template_digest.h. A PCR starts at zero unless somebody extended it
// before IMA did; the caller supplies such a start value (Replay's state). A match by a padded fill proves only as much
// as sha1 does. If a list has no violation, the two padded fills give the same values.
//
// Source: security/integrity/ima/ima_crypto.c and ima_queue.c of Linux 5.4, 5.8 and 7.3. Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "digest/bank.h"
#include "digest/digest.h"

namespace imakeep::imalog {

// How strongly a match in a bank proves the records.
enum class Strength : std::uint8_t {
  kNone,  // proves nothing
  kSha1,  // proves as much as sha1 does, which is weak
  kFull,  // proves as much as the bank's own hash does
};
Strength strength_of(const digest::Bank& bank);

// The digest that a violation extends into the bank.
digest::Digest violation_digest(const digest::Bank& bank);
// The digest that every record extends into a bank with fill kInvalidated.
digest::Digest invalid_digest(const digest::Bank& bank);

// The bank with every other fill that a kernel may have used, the most likely first. Empty if `bank` is not bank_of()
// its algorithm: then the caller has chosen the fill.
std::vector<digest::Bank> other_fills(const digest::Bank& bank);

// The ways in which a kernel may have extended several banks, besides the way in which every bank keeps its given fill.
// Each bank takes its fills from other_fills(). Each entry has one bank for each of `banks`, in the same order. A
// kernel before 5.8 pads every bank except sha1. A later one pads or invalidates the banks whose hashes it lacks. For
// up to four banks the result covers every set of such banks; for more banks, each bank alone and all together.
std::vector<std::vector<digest::Bank>> other_fills_together(const std::vector<digest::Bank>& banks);

// The banks, each padded one with the other padded fill, if it has one. Until a list has its first violation, both lead
// to the same PCR values.
std::vector<digest::Bank> with_other_padding(std::vector<digest::Bank> banks);

// "padded sha1, as Linux before 5.8 does"; empty for the bank's own hash. `either_padding`: the list has no violation,
// so the two ways of padding cannot be told apart.
std::string fill_text(const digest::Bank& bank, bool either_padding = false);

}  // namespace imakeep::imalog
