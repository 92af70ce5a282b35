// imalog/cel.h - writes records in TCG's Canonical Event Log format: as TLV, CBOR and JSON.
//
//   TLV    record := {0: recnum:u64} {1: pcr:u8} {3: digest*} {7: {0: template_name} {1: template_data}}
//          digest := {TPM_ALG_ID: bytes};  {t: v} is t:u8 length:u32 v, integers big-endian; a log is its records
//          joined
//   CBOR   record := {0: recnum, 1: pcr, 3: [{0: TPM_ALG_ID, 1: bytes}*], 9: 7, 10: {0: text, 1: bytes}}
//          a log is an array of definite length; everything as short as it can be, keys ascending (RFC 8949, 4.2.1)
//   JSON   record := {"recnum", "pcr", "digests": [{"hashAlg", "digest": hex}*], "content_type": "ima_template",
//                     "content": {"template_name", "template_data": hex}};  a log is an array
//
// `digests` are what was extended, so a violation has 0xff.. and not the zeros that the list shows. `recnum` counts in
// each PCR by itself. `template_data` is what the digest is over: the record's data, and for the template "ima" the
// file digest and the path padded to 256 bytes, for its body in the list has a length between them that was not hashed.
//
// Source: TCG Canonical Event Log Format 1.0 r0.41 and 1.1, sections 4.2 (fields) and 5 (encodings), as the writers and
// readers compared in docs/formats/cel.md have them; where they disagree, that page says which we follow.
// Threads: no shared state; a CelNumbering belongs to one thread at a time.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "imalog/record.h"

namespace imakeep::imalog {

// Gives each record its recnum: from 0 in each PCR.
class CelNumbering {
 public:
  std::uint64_t next(std::uint32_t pcr) { return next_[pcr]++; }

 private:
  std::array<std::uint64_t, kPcrCount> next_{};
};

// What was extended into a bank.
struct CelDigest {
  digest::Bank bank;
  digest::Digest digest;
};

// What the record's data says was extended into each bank.
std::vector<CelDigest> cel_digests(const RecordContentView& content, std::span<const digest::Bank> banks);

// Each appends one record with these digests, at least one. Nothing of the record is checked;
// `content` is as decode_record() accepts it.
void append_cel_tlv(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                    std::span<const CelDigest> digests);
void append_cel_cbor(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests);
void append_cel_json(std::string& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests);

// What makes records a log. TLV needs nothing. CBOR begins with how many records follow.
void append_cel_cbor_begin(Bytes& out, std::uint64_t records);
inline constexpr std::string_view kCelJsonBegin = "[\n";
inline constexpr std::string_view kCelJsonBetween = ",\n";
inline constexpr std::string_view kCelJsonEnd = "\n]\n";

}  // namespace imakeep::imalog
