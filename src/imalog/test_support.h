// SPDX-License-Identifier: Apache-2.0
// imalog/test_support.h - for tests only: captured lists, records made by hand, and RapidCheck generators of records.
//
// Threads: no shared state.
#pragma once

#include <algorithm>
#include <array>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "base/file.h"
#include "imalog/list_reader.h"
#include "imalog/pcr_file.h"
#include "imalog/template.h"
#include "imalog/template_digest.h"

namespace imakeep::imalog::test {

// Returns the value, or throws an exception that fails the test with the error's text.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

inline digest::Bank bank(std::string_view name) {
  return must(digest::parse_bank(name));
}
inline std::vector<digest::Bank> banks(std::string_view names) {
  return must(digest::parse_banks(names));
}
inline RecordFormat format_of(const digest::Bank& of, ByteOrder order = ByteOrder::kLittle) {
  return {.digest_bytes = static_cast<std::uint8_t>(of.digest_bytes()), .order = order};
}

inline constexpr std::string_view kCapturedBanks = "sha1,sha256,sha384,sha512";

// ---- captures -------------------------------------------------------------------------------------------------------

// A folder of testdata/linux-7.3.4 that contains one list in every captured bank.
struct Capture {
  const char* folder;
  const char* suffix;  // "" or "_staged"
  std::uint64_t records;
};

inline constexpr std::array kCaptures = {
    Capture{"templates", "", 135},
    Capture{"staging/0-before", "", 51},
    Capture{"staging/1-staged", "_staged", 51},
    Capture{"staging/2-current-while-staged", "", 40},
    Capture{"staging/3-current-after-delete", "", 80},
    Capture{"staging/4-after-delete-7", "", 73},
    Capture{"staging/5-staged", "_staged", 73},
    Capture{"staging/6-final", "", 0},
    Capture{"flush/1-staged", "_staged", 51},
    Capture{"flush/2-staged", "_staged", 45},
    Capture{"flush/3-staged", "_staged", 45},
    Capture{"flush/4-final", "", 45},
    Capture{"kexec/first-deleted-1", "_staged", 54},
    Capture{"kexec/first-staged-2", "_staged", 40},
    Capture{"kexec/first-current", "", 40},
    Capture{"kexec/second", "", 148},
};

inline std::string captures_root() {
  return IMAKEEP_TESTDATA "/linux-7.3.4/";
}

inline Bytes captured(std::string_view folder, const std::string& file) {
  return must(read_file(captures_root() + std::string(folder) + "/" + file));
}

inline const Capture& capture(std::string_view folder) {
  return *std::find_if(kCaptures.begin(), kCaptures.end(), [&](const Capture& c) { return c.folder == folder; });
}

inline Bytes captured_binary(const Capture& from, const digest::Bank& of) {
  return captured(from.folder, "binary_runtime_measurements_" + of.name() + from.suffix);
}
inline Bytes captured_binary(std::string_view folder, const digest::Bank& of) {
  return captured_binary(capture(folder), of);
}

inline std::string captured_ascii(const Capture& from, const digest::Bank& of) {
  return std::string(as_text(captured(from.folder, "ascii_runtime_measurements_" + of.name() + from.suffix)));
}

inline std::vector<PcrValue> captured_pcrs(std::string_view folder) {
  return must(parse_pcr_file(as_text(captured(folder, "pcr10.txt"))));
}

// All records of a list. They point into it.
inline std::vector<RecordView> records_of(ByteView list, RecordFormat format) {
  std::vector<RecordView> records;
  ListReader reader(list, format);
  while (const auto record = must(reader.next())) records.push_back(*record);
  return records;
}

inline Bytes first_records(Bytes list, const digest::Bank& of, std::size_t count) {
  std::size_t bytes = 0;
  const auto records = records_of(list, format_of(of));
  for (std::size_t i = 0; i < count; ++i) bytes += records[i].encoded_bytes;
  list.resize(bytes);
  return list;
}

// The whole log since boot, its pieces joined as testdata/README.md says: "templates", "staging", "flush" or "kexec".
inline Bytes whole_log(std::string_view name, const digest::Bank& of) {
  if (name == "templates") return captured_binary(name, of);
  std::vector<Bytes> pieces;
  if (name == "staging") {
    pieces = {captured_binary("staging/1-staged", of),
              first_records(captured_binary("staging/3-current-after-delete", of), of, 7),
              captured_binary("staging/5-staged", of), captured_binary("staging/6-final", of)};
  } else if (name == "flush") {
    pieces = {captured_binary("flush/1-staged", of), captured_binary("flush/2-staged", of),
              captured_binary("flush/3-staged", of), captured_binary("flush/4-final", of)};
  } else {
    pieces = {captured_binary("kexec/first-deleted-1", of), captured_binary("kexec/second", of)};
  }
  Bytes joined;
  for (const Bytes& piece : pieces) append_bytes(joined, piece);
  return joined;
}

// ---- records made by hand -------------------------------------------------------------------------------------------

inline Bytes bytes_of(std::string_view text) {
  return Bytes(as_bytes(text).begin(), as_bytes(text).end());
}

// Owns the bytes that a RecordContentView borrows.
struct Content {
  std::uint32_t pcr = 10;
  std::string template_name = "ima-ng";
  Bytes body = {};
  bool violation = false;

  RecordContentView view() const {
    return {.pcr = pcr, .template_name = template_name, .body = body, .violation = violation};
  }
};

// Writes each field after its length.
inline Bytes data_of(const std::vector<Bytes>& fields, ByteOrder order = ByteOrder::kLittle) {
  Bytes data;
  for (const Bytes& field : fields) {
    append_int(data, static_cast<std::uint32_t>(field.size()), order);
    append_bytes(data, field);
  }
  return data;
}

inline Bytes ima_body(ByteView file_digest, std::string_view path, ByteOrder order = ByteOrder::kLittle) {
  Bytes body(file_digest.begin(), file_digest.end());
  append_int(body, static_cast<std::uint32_t>(path.size()), order);
  append_bytes(body, as_bytes(path));
  return body;
}

inline Content ima_ng(std::string_view path, std::uint32_t pcr = 10) {
  Bytes digest = bytes_of(std::string_view("sha256:\0", 8));
  append_bytes(digest, digest::hash(digest::Algorithm::kSha256, as_bytes(path)).view());
  Bytes name = bytes_of(path);
  name.push_back(std::byte{0});
  return {.pcr = pcr, .template_name = "ima-ng", .body = data_of({digest, name})};
}

// Appends the record as a file of that bank shows it, with its true digest.
inline void append_record(Bytes& list, const Content& content, const digest::Bank& of,
                          ByteOrder order = ByteOrder::kLittle) {
  encode_record(list, content.view(), shown_digest(of, content.view()).view(), order);
}

inline Bytes list_of(const std::vector<Content>& contents, const digest::Bank& of,
                     ByteOrder order = ByteOrder::kLittle) {
  Bytes list;
  for (const Content& content : contents) append_record(list, content, of, order);
  return list;
}

// ---- generators -----------------------------------------------------------------------------------------------------

inline rc::Gen<Bytes> any_bytes() {
  return rc::gen::map(rc::gen::arbitrary<std::vector<std::uint8_t>>(), [](const std::vector<std::uint8_t>& values) {
    const ByteView bytes = std::as_bytes(std::span(values));
    return Bytes(bytes.begin(), bytes.end());
  });
}

inline rc::Gen<Bytes> bytes_of_size(std::size_t size) {
  return rc::gen::map(rc::gen::container<std::vector<std::uint8_t>>(size, rc::gen::arbitrary<std::uint8_t>()),
                      [](const std::vector<std::uint8_t>& values) {
                        const ByteView bytes = std::as_bytes(std::span(values));
                        return Bytes(bytes.begin(), bytes.end());
                      });
}

inline rc::Gen<ByteOrder> any_order() {
  return rc::gen::element(ByteOrder::kLittle, ByteOrder::kBig);
}

inline rc::Gen<digest::Bank> any_bank() {
  return rc::gen::elementOf(banks("sha1,sha256,sha384,sha512,sm3,tpm_alg_27,tpm_alg_28,tpm_alg_29"));
}

inline rc::Gen<std::string> any_template_name() {
  const auto printable = rc::gen::map(rc::gen::inRange(0x21, 0x7f), [](int c) { return static_cast<char>(c); });
  const auto unknown = rc::gen::map(rc::gen::container<std::string>(printable), [](std::string name) {
    name.resize(std::min<std::size_t>(name.size(), kMaxNameBytes));
    return name.empty() ? std::string("x") : name;
  });
  return rc::gen::oneOf(rc::gen::element<std::string>("ima", "ima-ng", "ima-ngv2", "ima-sig", "ima-sigv2", "ima-buf",
                                                      "ima-modsig", "evm-sig", "d-ng|n-ng", "d-ng|n-ng|iuid|igid"),
                        unknown);
}

inline rc::Gen<std::uint32_t> any_pcr() {
  return rc::gen::inRange<std::uint32_t>(0, kPcrCount);
}

// A record that decode_record() accepts. Its data need not split into the template's fields.
inline rc::Gen<Content> any_content(ByteOrder order) {
  return rc::gen::exec([order] {
    Content content;
    content.pcr = *any_pcr();
    content.template_name = *any_template_name();
    content.violation = *rc::gen::weightedElement<bool>({{1, true}, {5, false}});
    if (content.template_name == kImaTemplate) {
      std::string path = *rc::gen::container<std::string>(rc::gen::nonZero<char>());
      path.resize(std::min<std::size_t>(path.size(), kMaxImaPathBytes));
      // A digest is not a small number. A path after a digest of 16 bytes is so long that the record can be decoded
      // without knowing whether the list ends with it (RecordFormat::ends).
      digest::Digest digest = digest::hash(digest::Algorithm::kSha1, *any_bytes());
      const bool md5 = path.size() >= 4 && *rc::gen::arbitrary<bool>();
      content.body = ima_body(digest.view().first(md5 ? kImaMd5FileDigestBytes : kImaFileDigestBytes), path, order);
    } else {
      content.body = *any_bytes();
    }
    return content;
  });
}

// RapidCheck shows a counterexample with this.
inline void showValue(const Content& content, std::ostream& to) {
  to << content.pcr << ' ' << content.template_name << (content.violation ? " violation " : " ")
     << to_hex(content.body);
}

}  // namespace imakeep::imalog::test
