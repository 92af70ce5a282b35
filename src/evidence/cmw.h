// SPDX-License-Identifier: Apache-2.0
// evidence/cmw.h - RATS conceptual message wrapper (CMW), record form: a message together with its type.
//
//   JSON: ["TYPE", "BASE64URL", INDICATOR?]
//   CBOR: [TYPE or CONTENT-FORMAT, bytes, INDICATOR?]
// TYPE is a media type, CONTENT-FORMAT a number of CoAP's registry. Bits of the indicator: 0 reference values,
// 1 endorsements, 2 evidence, 3 attestation results, 4 appraisal policy. Collections, the tag form and the signed forms
// are refused. In CBOR the array and the bytes have a definite length.
//
// Source: RFC 9999, sections 3.1 and 3.2. Threads: no shared state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"

namespace imakeep::evidence {

inline constexpr std::uint32_t kCmwReferenceValues = 1u << 0;
inline constexpr std::uint32_t kCmwEndorsements = 1u << 1;
inline constexpr std::uint32_t kCmwEvidence = 1u << 2;
inline constexpr std::uint32_t kCmwResults = 1u << 3;
inline constexpr std::uint32_t kCmwPolicy = 1u << 4;

inline constexpr std::size_t kMostTypeBytes = 255;

using MediaType = std::string;        // 1 to kMostTypeBytes printable characters of ASCII, with a '/'
using ContentFormat = std::uint16_t;  // only in CBOR

struct Cmw {
  std::variant<MediaType, ContentFormat> type = MediaType();
  Bytes value = {};
  std::optional<std::uint32_t> indicator = std::nullopt;  // not 0

  friend bool operator==(const Cmw&, const Cmw&) = default;
};

// kUsage for a type of another form, an indicator of 0 or, in JSON, a content format.
Result<std::string> make_cmw_json(const Cmw& cmw);
Result<Bytes> make_cmw_cbor(const Cmw& cmw);

// `most_bytes` is the limit of the whole input. kUnsupported: longer than that, a collection, another form that RFC
// 9999 has; kMalformed: anything else that is no record.
Result<Cmw> read_cmw_json(std::string_view text, std::size_t most_bytes);
Result<Cmw> read_cmw_cbor(ByteView bytes, std::size_t most_bytes);

}  // namespace imakeep::evidence
