// SPDX-License-Identifier: Apache-2.0
// imalog/template_digest.h - recomputes the digest that IMA extends into a bank for a record from the record's body.
//
//   H(data)                                    any template but "ima"
//   H(file_digest || path padded to 256)       "ima"
//   sha1 of the above, padded with zeros       a padded bank
//
// imalog/extend_rule.h tells which banks are padded, and what is extended in place of a template digest.
//
// Source: ima_calc_field_array_hash_tfm() in security/integrity/ima/ima_crypto.c.
// Threads: no shared state.
#pragma once

#include <array>

#include "digest/bank.h"
#include "digest/digest.h"
#include "imalog/record.h"

namespace imakeep::imalog {

// The bytes that the digest of an "ima" record is computed over. decode_record() must accept the body.
struct ImaMessage {
  std::array<std::byte, kImaFileDigestBytes + kMaxImaPathBytes + 1> bytes{};
  std::size_t size = 0;

  ByteView view() const { return ByteView(bytes).first(size); }
};
ImaMessage ima_message(ByteView body);

// The hash of a bank's template digests; and such a digest in the bank's form, padded if the bank is padded.
digest::Algorithm hash_of(const digest::Bank& bank);
digest::Digest in_bank(const digest::Bank& bank, const digest::Digest& hash);

// The digest of the record's body, even for a violation. decode_record() must accept the body.
digest::Digest template_digest(const digest::Bank& bank, std::string_view template_name, ByteView body);

// The digest that the list shows for the record in that bank: zeros for a violation.
digest::Digest shown_digest(const digest::Bank& bank, const RecordContentView& content);

// True if the list should show this digest.
bool digest_matches(const digest::Bank& bank, const RecordContentView& content, ByteView shown);

// The digest that was extended into that bank for the record.
digest::Digest extended_digest(const digest::Bank& bank, const RecordContentView& content);

// Whether the given bytes are a whole list or only its front.
enum class Extent : std::uint8_t { kWhole, kFront };

// Finds the bank of a binary list: one of the list's first records must show the digest that it has in that bank.
// Returns sha1 for an empty list. Errors:
// - kMalformed: no bank matches, or other_kind() knows the kind of the file; the message names it
// - kTruncated and kWhole: the list ends within its first record, with Error::record and Error::offset; if the offset
//   differs between banks, that of the bank that decodes furthest
// - kTruncated and kFront: these bytes do not decide the bank; call again with more
// - kUnsupported: every record is a violation, and several banks have digests of this size
Result<digest::Bank> detect_bank(ByteView list, ByteOrder order, Extent extent = Extent::kWhole);

// The format of a binary list: its bank and byte order, which determine the RecordFormat.
struct ListFormat {
  digest::Bank bank;
  ByteOrder order = kHostOrder;

  RecordFormat record_format() const {
    return {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = order};
  }
};

// Finds the byte order of a list whose bank is known. A PCR's index is below 24, so the first four bytes decide, except
// for PCR 0. For PCR 0 the length of the template's name decides, which is 1 to 255. Returns kHostOrder if the bytes
// are not a list or are too few.
ByteOrder detect_order(ByteView list, const digest::Bank& bank);

// Finds both: the byte order for which detect_bank() finds a bank. Errors: those of detect_bank().
Result<ListFormat> detect_format(ByteView list, Extent extent = Extent::kWhole);
// The same if the user may have named the bank; an empty name means that the user did not. Errors: those of
// detect_format(), parse_bank() and check_kind().
Result<ListFormat> format_of(ByteView list, std::string_view bank_name);

// Checks whether `front` can be the beginning of a binary list. Errors: those of format_of(), and that of the first
// record that cannot be decoded.
Result<void> check_front(ByteView front, std::string_view bank_name);

}  // namespace imakeep::imalog
