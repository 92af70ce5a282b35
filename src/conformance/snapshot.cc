// SPDX-License-Identifier: Apache-2.0
#include "conformance/snapshot.h"

#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "imalog/ascii.h"
#include "imalog/template_digest.h"

namespace imakeep::conformance {

namespace {

imalog::RecordFormat format_of(const digest::Bank& bank) {
  return {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = kHostOrder};
}

Bytes tail_of(const Bytes& bytes, std::size_t from) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from, bytes.size())), bytes.end()};
}

Result<BankSnapshot> drop_first(const BankSnapshot& list, std::uint64_t records) {
  IMAKEEP_TRY(const auto& decoded, decode_list(list.binary, list.bank));
  if (decoded.size() < records) return fail(ErrorCode::kMismatch, "the list has too few records");
  const auto cut = decoded.begin() + static_cast<std::ptrdiff_t>(records);
  const std::size_t binary_bytes = std::accumulate(
      decoded.begin(), cut, std::size_t{0}, [](std::size_t sum, const auto& r) { return sum + r.encoded_bytes; });
  IMAKEEP_TRY(const auto& lines, render_list(ByteView(list.binary).first(binary_bytes), list.bank));
  return BankSnapshot{list.bank, tail_of(list.binary, binary_bytes), tail_of(list.ascii, lines.size())};
}

std::string record_name(std::size_t index) {
  return "record " + std::to_string(index);
}

}  // namespace

Result<Snapshot> take_snapshot(const ImaDirectory& directory, Part part) {
  Snapshot snapshot;
  for (const digest::Bank& bank : directory.banks()) {
    IMAKEEP_TRY(auto binary, read_file(directory.list_path(Form::kBinary, bank, part)));
    IMAKEEP_TRY(auto ascii, read_file(directory.list_path(Form::kAscii, bank, part)));
    snapshot.banks.push_back({bank, std::move(binary), std::move(ascii)});
  }
  return snapshot;
}

Result<std::vector<imalog::RecordView>> decode_list(ByteView binary, const digest::Bank& bank) {
  std::vector<imalog::RecordView> records;
  imalog::ListReader reader(binary, format_of(bank));
  for (;;) {
    IMAKEEP_TRY(const auto& record, reader.next());
    if (!record) return records;
    records.push_back(*record);
  }
}

Result<std::uint64_t> record_count(const Snapshot& snapshot) {
  IMAKEEP_TRY(const auto& records, decode_list(snapshot.banks.front().binary, snapshot.banks.front().bank));
  return records.size();
}

Result<Snapshot> drop_first(const Snapshot& snapshot, std::uint64_t records) {
  Snapshot rest;
  for (const BankSnapshot& list : snapshot.banks) {
    IMAKEEP_TRY(auto cut, drop_first(list, records));
    rest.banks.push_back(std::move(cut));
  }
  return rest;
}

Snapshot join(Snapshot head, const Snapshot& tail) {
  for (std::size_t i = 0; i < head.banks.size(); ++i) {
    append_bytes(head.banks[i].binary, tail.banks[i].binary);
    append_bytes(head.banks[i].ascii, tail.banks[i].ascii);
  }
  return head;
}

std::string difference(ByteView expected, ByteView found) {
  const auto [at, _] = std::ranges::mismatch(expected, found);
  const auto offset = static_cast<std::size_t>(at - expected.begin());
  if (offset < std::min(expected.size(), found.size())) return "byte " + std::to_string(offset) + " differs";
  if (expected.size() == found.size()) return {};
  return std::to_string(found.size()) + " bytes, not " + std::to_string(expected.size());
}

std::string difference(const Snapshot& expected, const Snapshot& found) {
  for (std::size_t i = 0; i < expected.banks.size(); ++i) {
    const std::string bank = expected.banks[i].bank.name();
    const std::string binary = difference(expected.banks[i].binary, found.banks[i].binary);
    if (!binary.empty()) return "binary " + bank + ": " + binary;
    const std::string ascii = difference(expected.banks[i].ascii, found.banks[i].ascii);
    if (!ascii.empty()) return "ascii " + bank + ": " + ascii;
  }
  return {};
}

std::string prefix_difference(ByteView a, ByteView b) {
  const std::size_t common = std::min(a.size(), b.size());
  return difference(a.first(common), b.first(common));
}

std::string content_difference(const imalog::RecordView& a, const imalog::RecordView& b) {
  if (a.pcr != b.pcr) return "another PCR";
  if (a.template_name != b.template_name) return "another template";
  if (!equal(a.body, b.body)) return "other data";
  if (all_zero(a.digest) != all_zero(b.digest)) return "a violation in one bank only";
  return {};
}

Result<std::string> render_list(ByteView binary, const digest::Bank& bank) {
  IMAKEEP_TRY(const auto& records, decode_list(binary, bank));
  std::string text;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const imalog::RecordView& record = records[i];
    if (auto line = imalog::append_ascii(text, record.content(), record.digest); !line) {
      Error error = line.error();
      error.record = i;
      return unexpected(error);
    }
  }
  return text;
}

Result<std::string> digest_difference(ByteView binary, const digest::Bank& bank) {
  IMAKEEP_TRY(const auto& records, decode_list(binary, bank));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const imalog::RecordView& record = records[i];
    if (!imalog::digest_matches(bank, record.content(), record.digest)) {
      return record_name(i) + " shows " + to_hex(record.digest);
    }
  }
  return std::string();
}

}  // namespace imakeep::conformance
