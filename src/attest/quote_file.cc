// SPDX-License-Identifier: Apache-2.0
#include "attest/quote_file.h"

#include <algorithm>
#include <array>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "digest/pcr_state.h"

namespace imakeep::attest {
namespace {

using nlohmann::json;

// ---- Keylime --------------------------------------------------------------------------------------------------------

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_keylime(std::string_view text) {
  return text.starts_with('r') && text.find(':') != std::string_view::npos &&
         text.substr(1).find_first_not_of(std::string(kBase64) + "=:") == std::string_view::npos;
}

Result<QuoteFile> parse_keylime(std::string_view text) {
  const std::vector<std::string_view> parts = split(text.substr(1), ":");
  if (parts.size() != 3) {
    return fail(ErrorCode::kMalformed, "Keylime's quote, but of " + std::to_string(parts.size()) +
                                           " parts; it has quote, signature and PCR values");
  }
  auto statement = from_base64(parts[0]);
  auto signature = from_base64(parts[1]);
  if (!statement || !signature || statement->empty() || signature->empty()) {
    return fail(ErrorCode::kMalformed, "Keylime's quote, but a part is not base64");
  }
  return QuoteFile{.statement = std::move(*statement), .signature = std::move(*signature)};
}

// ---- FAPI -----------------------------------------------------------------------------------------------------------

unexpected<Error> bad_field(const std::string& name) {
  return fail(ErrorCode::kMalformed, "FAPI's quote info, but its " + name + " is missing or not as FAPI writes it");
}

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> number_of(const json* value, std::uint64_t most) {
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  const auto number = value->get<std::uint64_t>();
  return number <= most ? std::optional(number) : std::nullopt;
}

constexpr std::uint64_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();

// A number, or for a large number an array of its upper and lower half.
std::optional<std::uint64_t> u64_of(const json* value) {
  if (value == nullptr || !value->is_array()) return number_of(value, std::numeric_limits<std::uint64_t>::max());
  if (value->size() != 2) return std::nullopt;
  const auto upper = number_of(&(*value)[0], kMaxU32);
  const auto lower = number_of(&(*value)[1], kMaxU32);
  if (!upper || !lower) return std::nullopt;
  return *upper << 32 | *lower;
}

std::string text_of(const json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<Bytes> bytes_of(const json* value) {
  constexpr std::size_t kMaxSized = 0xffff;
  if (value == nullptr || !value->is_string()) return std::nullopt;
  auto bytes = from_hex(value->get<std::string>());
  if (!bytes || bytes->size() > kMaxSized) return std::nullopt;
  return std::move(*bytes);
}

// "SHA256" before tpm2-tss 4, "sha256" since; "SM3_256".
Result<digest::Algorithm> algorithm_of(const json* value, const std::string& field) {
  std::string name = text_of(value);
  if (name.empty()) return bad_field(field);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  if (name.starts_with("sha3_")) name[4] = '-';
  const auto algorithm = digest::algorithm_from_name(name);
  if (!algorithm) return fail(ErrorCode::kUnsupported, "FAPI's quote info: the hash '" + name + "' is not supported");
  return *algorithm;
}

void append_u8(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::byte>(value));
}

void append_sized(Bytes& out, const Bytes& bytes) {
  append_int(out, static_cast<std::uint16_t>(bytes.size()), ByteOrder::kBig);
  append_bytes(out, bytes);
}

// One TPMS_PCR_SELECTION.
Result<void> append_selection(Bytes& out, const json& selection) {
  IMAKEEP_TRY(const auto& hash, algorithm_of(member(selection, "hash"), "pcrSelect"));
  const json* const pcrs = member(selection, "pcrSelect");
  if (pcrs == nullptr || !pcrs->is_array()) return bad_field("pcrSelect");
  std::array<std::uint8_t, digest::kPcrCount / 8> bits{};
  for (const json& pcr : *pcrs) {
    const auto index = number_of(&pcr, digest::kPcrCount - 1);
    if (!index) return bad_field("pcrSelect");
    bits[*index / 8] = static_cast<std::uint8_t>(bits[*index / 8] | 1u << *index % 8);
  }
  append_int(out, digest::info(hash).tpm_alg, ByteOrder::kBig);
  append_u8(out, bits.size());
  for (const std::uint8_t byte : bits) append_u8(out, byte);
  return {};
}

// TPMS_QUOTE_INFO: the selections and the digest.
Result<void> append_attested(Bytes& out, const json* attested) {
  const json* const selections = attested == nullptr ? nullptr : member(*attested, "pcrSelect");
  if (selections == nullptr || !selections->is_array()) return bad_field("pcrSelect");
  append_int(out, static_cast<std::uint32_t>(selections->size()), ByteOrder::kBig);
  for (const json& selection : *selections) IMAKEEP_CHECK(append_selection(out, selection));
  const auto digest = bytes_of(member(*attested, "pcrDigest"));
  if (!digest) return bad_field("pcrDigest");
  append_sized(out, *digest);
  return {};
}

Result<void> append_clock(Bytes& out, const json* clock) {
  if (clock == nullptr) return bad_field("clockInfo");
  const auto time_ms = u64_of(member(*clock, "clock"));
  const auto resets = number_of(member(*clock, "resetCount"), kMaxU32);
  const auto restarts = number_of(member(*clock, "restartCount"), kMaxU32);
  const std::string safe = text_of(member(*clock, "safe"));
  if (!time_ms || !resets || !restarts || (safe != "YES" && safe != "NO")) return bad_field("clockInfo");
  append_int(out, *time_ms, ByteOrder::kBig);
  append_int(out, static_cast<std::uint32_t>(*resets), ByteOrder::kBig);
  append_int(out, static_cast<std::uint32_t>(*restarts), ByteOrder::kBig);
  append_u8(out, safe == "YES" ? 1 : 0);
  return {};
}

Result<Bytes> statement_of(const json& attest) {
  if (text_of(member(attest, "magic")) != "VALUE") return bad_field("magic");
  if (text_of(member(attest, "type")) != "ATTEST_QUOTE") return bad_field("type");
  const auto signer = bytes_of(member(attest, "qualifiedSigner"));
  const auto extra = bytes_of(member(attest, "extraData"));
  const auto firmware = u64_of(member(attest, "firmwareVersion"));
  if (!signer) return bad_field("qualifiedSigner");
  if (!extra) return bad_field("extraData");
  if (!firmware) return bad_field("firmwareVersion");
  Bytes out;
  append_int(out, std::uint32_t{0xff544347}, ByteOrder::kBig);
  append_int(out, std::uint16_t{0x8018}, ByteOrder::kBig);
  append_sized(out, *signer);
  append_sized(out, *extra);
  IMAKEEP_CHECK(append_clock(out, member(attest, "clockInfo")));
  append_int(out, *firmware, ByteOrder::kBig);
  IMAKEEP_CHECK(append_attested(out, member(attest, "attested")));
  return out;
}

Result<QuoteFile> parse_fapi(std::string_view text) {
  const json file = json::parse(text, nullptr, false);
  const json* const attest = member(file, "attest");
  const json* const scheme = member(file, "sig_scheme");
  if (attest == nullptr || scheme == nullptr) {
    return fail(ErrorCode::kMalformed,
                "JSON, but not FAPI's quote info; give the TPMS_ATTEST (tpm2_quote -m), or what tss2_quote -q writes");
  }
  const json* const details = member(*scheme, "details");
  IMAKEEP_TRY(const auto& hash, algorithm_of(details == nullptr ? nullptr : member(*details, "hashAlg"), "hashAlg"));
  IMAKEEP_TRY(auto statement, statement_of(*attest));
  return QuoteFile{.statement = std::move(statement), .plain_hash = hash};
}

}  // namespace

Result<QuoteFile> parse_quote_file(ByteView file) {
  const std::string_view text = trimmed(as_text(file));
  if (is_keylime(text)) return parse_keylime(text);
  if (text.starts_with('{')) return parse_fapi(text);
  return QuoteFile{.statement = Bytes(file.begin(), file.end())};
}

}  // namespace imakeep::attest
