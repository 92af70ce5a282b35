// SPDX-License-Identifier: Apache-2.0
#include "appraisal/keylime_line.h"

#include <array>
#include <optional>

#include "signature/header.h"

namespace imakeep::appraisal {
namespace {

constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kMd5Bytes = 16;
constexpr std::size_t kImaNameBytes = 256;

struct NamedForm {
  std::string_view name;
  KeylimeLine::Template form;
};
constexpr std::array<NamedForm, 4> kForms = {{{"ima", KeylimeLine::Template::kIma},
                                              {"ima-ng", KeylimeLine::Template::kImaNg},
                                              {"ima-sig", KeylimeLine::Template::kImaSig},
                                              {"ima-buf", KeylimeLine::Template::kImaBuf}}};

tl::unexpected<Error> bad_line(std::string message) {
  return fail(ErrorCode::kMalformed, std::move(message));
}

// The text up to the next space, which is taken too.
std::optional<std::string_view> take_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return word;
}

Result<void> read_digest(std::string_view text, KeylimeLine& into) {
  // What follows the first colon has to be hexadecimal, so a digest with a second colon is refused.
  const std::size_t colon = text.find(':');
  const std::string_view hex = colon == std::string_view::npos ? text : text.substr(colon + 1);
  IMAKEEP_TRY(into.digest, from_hex(hex));
  if (colon != std::string_view::npos) {
    into.algorithm = text.substr(0, colon);
    return {};
  }
  if (into.digest.size() != kSha1Bytes && into.digest.size() != kMd5Bytes) {
    return bad_line("the digest names no algorithm, and has neither 20 nor 16 bytes");
  }
  into.algorithm = into.digest.size() == kSha1Bytes ? "sha1" : "md5";
  return {};
}

// A signature whose header announces another size is taken as absent.
Bytes with_right_size(Bytes signature) {
  constexpr std::size_t kSizeAt = 7;
  if (signature.size() < signature::kSignatureHeaderBytes) return {};
  const std::size_t announced = load<std::uint16_t>(signature.data() + kSizeAt, ByteOrder::kBig);
  return announced + signature::kSignatureHeaderBytes == signature.size() ? signature : Bytes();
}

Result<void> read_rest(std::string_view rest, KeylimeLine& into) {
  const auto digest = take_word(rest);
  if (!digest) return bad_line("the line has no name");
  IMAKEEP_CHECK(read_digest(*digest, into));
  if (into.form == KeylimeLine::Template::kIma || into.form == KeylimeLine::Template::kImaNg) {
    into.name = rest;
    return {};
  }
  const auto name = take_word(rest);
  if (!name) return bad_line("the line has no third field");
  into.name = *name;
  IMAKEEP_TRY(auto bytes, from_hex(rest));
  if (into.form == KeylimeLine::Template::kImaSig) {
    into.signature = with_right_size(std::move(bytes));
  } else {
    into.buffer = std::move(bytes);
  }
  return {};
}

void append_sized(Bytes& data, ByteView bytes) {
  append_int(data, static_cast<std::uint32_t>(bytes.size()), ByteOrder::kLittle);
  append_bytes(data, bytes);
}

}  // namespace

Result<KeylimeLine> parse_keylime_line(std::string_view line) {
  const auto pcr = take_word(line);
  const auto hash = pcr ? take_word(line) : std::nullopt;
  const auto form = hash ? take_word(line) : std::nullopt;
  if (!form) return bad_line("the line has fewer than four parts");
  KeylimeLine parsed;
  parsed.pcr = *pcr;
  IMAKEEP_TRY(parsed.template_hash, from_hex(*hash));
  for (const NamedForm& known : kForms) {
    if (*form != known.name) continue;
    parsed.form = known.form;
    IMAKEEP_CHECK(read_rest(line, parsed));
    return parsed;
  }
  return fail(ErrorCode::kUnsupported, "Keylime has no template of this name");
}

Bytes template_data(const KeylimeLine& line) {
  Bytes data;
  if (line.form == KeylimeLine::Template::kIma) {
    append_bytes(data, line.digest);
    append_bytes(data, as_bytes(line.name));
    if (line.name.size() < kImaNameBytes) data.resize(line.digest.size() + kImaNameBytes);
    return data;
  }
  Bytes digest;
  append_bytes(digest, as_bytes(line.algorithm));
  append_bytes(digest, as_bytes(std::string_view(":\0", 2)));
  append_bytes(digest, line.digest);
  append_sized(data, digest);
  const std::string name = line.name + '\0';
  append_sized(data, as_bytes(name));
  if (line.form == KeylimeLine::Template::kImaSig) append_sized(data, line.signature);
  if (line.form == KeylimeLine::Template::kImaBuf) append_sized(data, line.buffer);
  return data;
}

bool is_violation(const KeylimeLine& line, digest::Algorithm log_hash) {
  return line.template_hash.size() == digest::digest_bytes(log_hash) && all_zero(line.template_hash);
}

}  // namespace imakeep::appraisal
