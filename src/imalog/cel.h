// SPDX-License-Identifier: Apache-2.0
// imalog/cel.h - writes records in TCG's Canonical Event Log format: TLV, CBOR and JSON.
//
//   TLV    record := {0: recnum:u64} {1: pcr:u8} {3: digest*} {7: {0: template_name} {1: template_data}}
//          digest := {TPM_ALG_ID: bytes};  {t: v} is t:u8 length:u32 v, integers big-endian; a log is its records
//          joined
//   CBOR   record := {0: recnum, 1: pcr, 3: [{0: TPM_ALG_ID, 1: bytes}*], 9: 7, 10: {0: text, 1: bytes}}
//          a log is an array of definite length; shortest encodings, keys ascending (RFC 8949, 4.2.1)
//   JSON   record := {"recnum", "pcr", "digests": [{"hashAlg", "digest": hex}*], "content_type": "ima_template",
//                     "content": {"template_name", "template_data": hex}};  a log is an array
//
// `digests` are the extended digests, so a violation has 0xff.. and not the zeros that the list shows. `recnum` counts
// separately in each PCR. The digest is computed over `template_data`. That is the record's data; for template "ima" it
// is the file digest and the path padded to 256 bytes, without the length that the list has between them.
//
// Source: TCG Canonical Event Log Format 1.0 r0.41 and 1.1, sections 4.2 (fields) and 5 (encodings), as implemented by
// the writers and readers that docs/formats/cel.md compares. Where they disagree, that page says which one we follow.
// Threads: no shared state; one thread at a time uses a CelNumbering.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "imalog/record.h"

namespace imakeep::imalog {

// Numbers the records: recnum starts at 0 in each PCR.
class CelNumbering {
 public:
  std::uint64_t next(std::uint32_t pcr) { return next_[pcr]++; }

 private:
  std::array<std::uint64_t, kPcrCount> next_{};
};

// A digest that was extended into a bank.
struct CelDigest {
  digest::Bank bank;
  digest::Digest digest;
};

// The digest that each bank was extended with, computed from the record's data.
std::vector<CelDigest> cel_digests(const RecordContentView& content, std::span<const digest::Bank> banks);

// Each appends one record with these digests. REQUIRES: at least one digest, and `content` as decode_record() accepts
// it. Does not check the record.
void append_cel_tlv(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                    std::span<const CelDigest> digests);
void append_cel_cbor(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests);
void append_cel_json(std::string& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests);

// Bytes before, between and after the records of a log. TLV needs none. CBOR begins with the count of records.
void append_cel_cbor_begin(Bytes& out, std::uint64_t records);
inline constexpr std::string_view kCelJsonBegin = "[\n";
inline constexpr std::string_view kCelJsonBetween = ",\n";
inline constexpr std::string_view kCelJsonEnd = "\n]\n";

}  // namespace imakeep::imalog
