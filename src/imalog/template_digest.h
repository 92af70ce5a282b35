// imalog/template_digest.h - the digest that IMA extends into a bank for a record, recomputed from its body.
//
//   H(data)                                    any template but "ima"
//   H(file_digest:20 || path padded to 256)    "ima"
//   sha1 of the above, padded with zeros       a bank whose hash Linux lacks
//
// Source: ima_calc_field_array_hash_tfm() in security/integrity/ima/ima_crypto.c.
// Threads: no shared state.
#pragma once

#include <array>

#include "digest/bank.h"
#include "digest/digest.h"
#include "imalog/record.h"

namespace imakeep::imalog {

// What the digest of an "ima" record is computed over. The body is as decode_record() accepts it.
using ImaMessage = std::array<std::byte, kImaFileDigestBytes + kMaxImaPathBytes + 1>;
ImaMessage ima_message(ByteView body);

// That bank's digest of what is hashed for a record, its hash being H, or sha1 where Linux lacks H.
digest::Algorithm hash_of(const digest::Bank& bank);
digest::Digest in_bank(const digest::Bank& bank, const digest::Digest& hash);

// The digest of what the record says, violation or not. The body is as decode_record() accepts it.
digest::Digest template_digest(const digest::Bank& bank, std::string_view template_name, ByteView body);

// What the list shows for the record in that bank: zeros for a violation.
digest::Digest shown_digest(const digest::Bank& bank, const RecordContentView& content);

// Whether that is what the list should show.
bool digest_fits(const digest::Bank& bank, const RecordContentView& content, ByteView shown);

// What was extended into that bank for the record.
digest::Digest extended_digest(const digest::Bank& bank, const RecordContentView& content);

// The bank whose digests a binary list carries: the one in which one of its first records has the digest it shows; sha1
// for an empty list. kMalformed if no bank fits, kUnsupported if every record is a violation and several banks of the
// digest's size exist.
Result<digest::Bank> detect_bank(ByteView list, ByteOrder order);

}  // namespace imakeep::imalog
