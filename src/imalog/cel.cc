// SPDX-License-Identifier: Apache-2.0
#include "imalog/cel.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "imalog/template_digest.h"

namespace imakeep::imalog {
namespace {

// Field numbers of TPMS_CEL_EVENT, for TLV and CBOR. In TLV the type of the content is its TLV type; in CBOR it is a
// separate field.
enum Field : std::uint8_t { kRecnum = 0, kPcr = 1, kDigests = 3, kContentType = 9, kContent = 10 };
constexpr std::uint8_t kImaTemplateContent = 7;
enum ImaField : std::uint8_t { kTemplateName = 0, kTemplateData = 1 };
enum HashField : std::uint8_t { kHashAlg = 0, kDigest = 1 };

std::uint16_t tpm_alg(const digest::Bank& bank) {
  return digest::info(bank.algorithm).tpm_alg;
}

Bytes template_data(const RecordContentView& content) {
  Bytes data(content.body.begin(), content.body.end());
  if (content.template_name != kImaTemplate) return data;
  const ImaMessage message = ima_message(content.body);
  data.assign(message.view().begin(), message.view().end());
  return data;
}

// ---- TLV ------------------------------------------------------------------------------------------------------------

void append_tlv(Bytes& out, std::uint8_t type, ByteView value) {
  out.push_back(std::byte{type});
  append_int(out, static_cast<std::uint32_t>(value.size()), ByteOrder::kBig);
  append_bytes(out, value);
}

// ---- CBOR -----------------------------------------------------------------------------------------------------------

// Written by hand, because nlohmann's writer does not support integer keys, and a record has only those. RFC 8949,
// section 3.
enum class Major : std::uint8_t { kUnsigned = 0, kBytes = 2, kText = 3, kArray = 4, kMap = 5 };

void append_head(Bytes& out, Major major, std::uint64_t argument) {
  const auto first = [&](std::uint8_t low) {
    out.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(major) << 5 | low));
  };
  if (argument < 24) {
    first(static_cast<std::uint8_t>(argument));
  } else if (argument <= 0xff) {
    first(24);
    out.push_back(static_cast<std::byte>(argument));
  } else if (argument <= 0xffff) {
    first(25);
    append_int(out, static_cast<std::uint16_t>(argument), ByteOrder::kBig);
  } else if (argument <= 0xffffffff) {
    first(26);
    append_int(out, static_cast<std::uint32_t>(argument), ByteOrder::kBig);
  } else {
    first(27);
    append_int(out, argument, ByteOrder::kBig);
  }
}

void append_unsigned(Bytes& out, std::uint64_t value) {
  append_head(out, Major::kUnsigned, value);
}

void append_string(Bytes& out, Major major, ByteView bytes) {
  append_head(out, major, bytes.size());
  append_bytes(out, bytes);
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

// TCG's names for hashes. Linux writes sm3 and sha3-256.
std::string hash_name(const digest::Bank& bank) {
  if (bank.algorithm == digest::Algorithm::kSm3_256) return "sm3_256";
  std::string name(digest::info(bank.algorithm).name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

std::vector<CelDigest> cel_digests(const RecordContentView& content, std::span<const digest::Bank> banks) {
  std::vector<CelDigest> digests;
  digests.reserve(banks.size());
  for (const digest::Bank& bank : banks) digests.push_back({.bank = bank, .digest = extended_digest(bank, content)});
  return digests;
}

void append_cel_tlv(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                    std::span<const CelDigest> digests) {
  std::array<std::byte, 8> number{};
  store(number.data(), recnum, ByteOrder::kBig);
  append_tlv(out, kRecnum, number);
  const auto pcr = static_cast<std::byte>(content.pcr);
  append_tlv(out, kPcr, {&pcr, 1});

  Bytes inner;
  for (const CelDigest& extended : digests) {
    append_tlv(inner, static_cast<std::uint8_t>(tpm_alg(extended.bank)), extended.digest.view());
  }
  append_tlv(out, kDigests, inner);
  inner.clear();
  append_tlv(inner, kTemplateName, as_bytes(content.template_name));
  append_tlv(inner, kTemplateData, template_data(content));
  append_tlv(out, kImaTemplateContent, inner);
}

void append_cel_cbor(Bytes& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests) {
  append_head(out, Major::kMap, 5);
  append_unsigned(out, kRecnum);
  append_unsigned(out, recnum);
  append_unsigned(out, kPcr);
  append_unsigned(out, content.pcr);
  append_unsigned(out, kDigests);
  append_head(out, Major::kArray, digests.size());
  for (const CelDigest& extended : digests) {
    append_head(out, Major::kMap, 2);
    append_unsigned(out, kHashAlg);
    append_unsigned(out, tpm_alg(extended.bank));
    append_unsigned(out, kDigest);
    append_string(out, Major::kBytes, extended.digest.view());
  }
  append_unsigned(out, kContentType);
  append_unsigned(out, kImaTemplateContent);
  append_unsigned(out, kContent);
  append_head(out, Major::kMap, 2);
  append_unsigned(out, kTemplateName);
  append_string(out, Major::kText, as_bytes(content.template_name));
  append_unsigned(out, kTemplateData);
  append_string(out, Major::kBytes, template_data(content));
}

void append_cel_cbor_begin(Bytes& out, std::uint64_t records) {
  append_head(out, Major::kArray, records);
}

void append_cel_json(std::string& out, std::uint64_t recnum, const RecordContentView& content,
                     std::span<const CelDigest> digests) {
  nlohmann::ordered_json named = nlohmann::ordered_json::array();
  for (const CelDigest& extended : digests) {
    named.push_back({{"hashAlg", hash_name(extended.bank)}, {"digest", to_hex(extended.digest.view())}});
  }
  const nlohmann::ordered_json record{
      {"recnum", recnum},
      {"pcr", content.pcr},
      {"digests", std::move(named)},
      {"content_type", "ima_template"},
      {"content", {{"template_name", content.template_name}, {"template_data", to_hex(template_data(content))}}}};
  out += record.dump();
}

}  // namespace imakeep::imalog
