// SPDX-License-Identifier: Apache-2.0
// Every bank and form must have the same content: docs/protocol.md, "Records and PCRs". If the list grows meanwhile,
// the common part is compared.
#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

// The content of a file, with an open reader that keeps others from deleting records.
struct Read {
  UniqueFd guard;
  Bytes binary;
};

Result<Read> read_binary(Context& c, const digest::Bank& bank, Part part) {
  Read read;
  IMAKEEP_TAKE(guard, open_file(c.directory().original(), O_RDONLY));
  read.guard = std::move(guard);
  IMAKEEP_TAKE(binary, read_file(c.directory().list_path(Form::kBinary, bank, part)));
  read.binary = std::move(binary);
  return read;
}

Result<void> prepare(Context& c, Part part) {
  return part == Part::kStaged ? c.stage(3, 2) : Result<void>();
}

using PartFinding = Result<Finding> (*)(Context&, Part);

Result<Finding> binary_decodes(Context& c, Part part) {
  IMAKEEP_CHECK(prepare(c, part));
  IMAKEEP_TAKE(read, read_binary(c, c.bank(), part));
  const auto records = decode_list(read.binary, c.bank());
  if (!records) return Finding{"whole records", describe(records.error()), false};
  return Finding{"whole records", std::to_string(records->size()) + " records", true};
}

Result<Finding> digests_fit(Context& c, Part part) {
  IMAKEEP_CHECK(prepare(c, part));
  IMAKEEP_TAKE(read, read_binary(c, c.bank(), part));
  IMAKEEP_TAKE(wrong, digest_difference(read.binary, c.bank()));
  return expect_same("the digests of the data, zeros for violations", wrong);
}

Result<Finding> same_as_sha1(Context& c, Part part) {
  IMAKEEP_CHECK(prepare(c, part));
  IMAKEEP_TAKE(read, read_binary(c, c.bank(), part));
  IMAKEEP_TAKE(sha1, read_binary(c, c.directory().first_bank(), part));
  IMAKEEP_TAKE(records, decode_list(read.binary, c.bank()));
  IMAKEEP_TAKE(expected, decode_list(sha1.binary, c.directory().first_bank()));
  for (std::size_t i = 0; i < std::min(records.size(), expected.size()); ++i) {
    const std::string wrong = content_difference(expected[i], records[i]);
    if (!wrong.empty()) return expect_same("the records of sha1", "record " + std::to_string(i) + ": " + wrong);
  }
  // The sha1 file was read later, so only that one may be longer.
  return expect_same("the records of sha1", records.size() <= expected.size() ? "" : "more records than sha1");
}

Result<Finding> ascii_fits(Context& c, Part part) {
  IMAKEEP_CHECK(prepare(c, part));
  IMAKEEP_TAKE(read, read_binary(c, c.bank(), part));
  IMAKEEP_TAKE(ascii, read_file(c.directory().list_path(Form::kAscii, c.bank(), part)));
  IMAKEEP_TAKE(rendered, render_list(read.binary, c.bank()));
  const std::string wrong = prefix_difference(as_bytes(rendered), ascii);
  return expect_same("the binary list, rendered", ascii.size() >= rendered.size() ? wrong : "it ends early");
}

Result<Finding> count_fits(Context& c) {
  const ImaDirectory& directory = c.directory();
  const auto guard = open_file(directory.original(), O_RDONLY);
  if (!guard) return unexpected(guard.error());
  IMAKEEP_TAKE(before, directory.count());
  IMAKEEP_TAKE(records, c.records(Part::kCurrent));
  IMAKEEP_TAKE(after, directory.count());
  const bool between = before <= records && records <= after;
  return Finding{std::to_string(before), std::to_string(records), between};
}

struct ContentRow {
  const char* id;
  const char* title;
  PartFinding run;
};

constexpr ContentRow kRows[] = {
    {"binary", "the binary list consists of whole records", binary_decodes},
    {"digests", "each record shows its template digest in this bank", digests_fit},
    {"same-as-sha1", "the bank has the records of sha1", same_as_sha1},
    {"ascii", "the ASCII list is the rendered binary list", ascii_fits},
};

}  // namespace

std::vector<Check> content_checks() {
  std::vector<Check> checks;
  for (const Part part : {Part::kCurrent, Part::kStaged}) {
    const unsigned needs = part == Part::kStaged ? unsigned{kPerBank | kWriting | kStaging | kSource} : kPerBank;
    for (const ContentRow& row : kRows) {
      checks.push_back({"content." + std::string(part_name(part)) + "-" + row.id, row.title, needs,
                        [row, part](Context& c) { return row.run(c, part); }});
    }
  }
  checks.push_back({"content.count", "runtime_measurements_count is the number of records", kReading, count_fits});
  return checks;
}

}  // namespace imakeep::conformance
