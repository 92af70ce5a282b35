// SPDX-License-Identifier: Apache-2.0
// The effect of A, D and N on the lists, byte for byte in every bank and form, and the counts after them:
// docs/protocol.md, "Files and requests" and 2.4.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

// Sends a request that the list must accept.
Result<void> must(const std::string& path, std::string_view request) {
  IMAKEEP_TAKE(answer, send_request(path, request));
  if (answer == "ok") return {};
  return fail(ErrorCode::kMismatch, std::string(request.substr(0, request.size() - 1)) + " answers " + answer);
}

Result<Finding> a_moves_the_whole_list(Context& c) {
  IMAKEEP_CHECK(c.have(5));
  IMAKEEP_TAKE(before, c.snapshot(Part::kCurrent));
  IMAKEEP_CHECK(must(c.directory().staged(), "A\n"));
  IMAKEEP_TAKE(staged, c.snapshot(Part::kStaged));
  return expect_same("the list before A", difference(before, staged));
}

Result<Finding> a_leaves_nothing(Context& c) {
  IMAKEEP_CHECK(c.stage(5, 0));
  IMAKEEP_TAKE(current, c.records(Part::kCurrent));
  return compare("0 records", std::to_string(current) + " records");
}

Result<Finding> nothing_is_staged_at_first(Context& c) {
  IMAKEEP_CHECK(c.have(1));
  IMAKEEP_TAKE(staged, c.snapshot(Part::kStaged));
  const bool none =
      std::ranges::all_of(staged.banks, [](const BankSnapshot& b) { return b.binary.empty() && b.ascii.empty(); });
  return compare("every _staged file is empty", none ? "every _staged file is empty" : "one is not");
}

Result<Finding> links_show_what_is_staged(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 0));
  for (const Form form : kForms) {
    IMAKEEP_TAKE(file, read_file(c.directory().list_path(form, c.directory().first_bank(), Part::kStaged)));
    IMAKEEP_TAKE(through_link, read_file(c.directory().link_path(form, Part::kStaged)));
    const std::string wrong = difference(file, through_link);
    if (!wrong.empty()) return expect_same("the bytes of sha1's files", wrong);
  }
  return expect_same("the bytes of sha1's files", {});
}

Result<Finding> staged_list_stays(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 0));
  IMAKEEP_TAKE(before, c.snapshot(Part::kStaged));
  IMAKEEP_CHECK(c.add(4));
  IMAKEEP_TAKE(after, c.snapshot(Part::kStaged));
  return expect_same("the records that were staged", difference(before, after));
}

Result<Finding> added_goes_to_current(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 4));
  IMAKEEP_TAKE(current, c.records(Part::kCurrent));
  return compare("4 records", std::to_string(current) + " records");
}

Result<Finding> d_empties_staged(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 2));
  IMAKEEP_CHECK(must(c.directory().staged(), "D\n"));
  IMAKEEP_TAKE(staged, c.records(Part::kStaged));
  return compare("0 records", std::to_string(staged) + " records");
}

Result<Finding> d_leaves_current(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 2));
  IMAKEEP_TAKE(before, c.snapshot(Part::kCurrent));
  IMAKEEP_CHECK(must(c.directory().staged(), "D\n"));
  IMAKEEP_TAKE(after, c.snapshot(Part::kCurrent));
  return expect_same("the current list before D", difference(before, after));
}

Result<Finding> second_round(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 2));
  IMAKEEP_CHECK(must(c.directory().staged(), "D\n"));
  return a_moves_the_whole_list(c);
}

Result<Finding> n_removes_the_first(Context& c, bool while_staged) {
  IMAKEEP_CHECK(while_staged ? c.stage(3, 6) : c.have(6));
  IMAKEEP_TAKE(before, c.snapshot(Part::kCurrent));
  IMAKEEP_TAKE(expected, drop_first(before, 4));
  IMAKEEP_CHECK(must(c.directory().original(), "4\n"));
  IMAKEEP_TAKE(after, c.snapshot(Part::kCurrent));
  return expect_same("the list without its first 4 records", difference(expected, after));
}

Result<Finding> n_leaves_staged(Context& c) {
  IMAKEEP_CHECK(c.stage(3, 6));
  IMAKEEP_TAKE(before, c.snapshot(Part::kStaged));
  IMAKEEP_CHECK(must(c.directory().original(), "4\n"));
  IMAKEEP_TAKE(after, c.snapshot(Part::kStaged));
  return expect_same("the records that were staged", difference(before, after));
}

Result<Finding> added_comes_last(Context& c) {
  IMAKEEP_CHECK(c.have(3));
  IMAKEEP_TAKE(before, c.snapshot(Part::kCurrent));
  IMAKEEP_CHECK(c.add(2));
  IMAKEEP_TAKE(now, c.snapshot(Part::kCurrent));
  IMAKEEP_TAKE(records, record_count(before));
  IMAKEEP_TAKE(tail, drop_first(now, records));
  IMAKEEP_TAKE(added, record_count(tail));
  if (added != 2) return compare("2 records more", std::to_string(added) + " records more");
  return expect_same("the list before, and 2 records", difference(join(before, tail), now));
}

// Staging, reading and deleting through one descriptor: docs/protocol.md, "By stage".
Result<Finding> read_after_request(Context& c) {
  IMAKEEP_CHECK(c.have(4));
  IMAKEEP_TAKE(before, read_file(c.directory().original()));
  IMAKEEP_TAKE(fd, open_file(c.directory().staged(), O_RDWR));
  const std::string answer = send_request(fd.get(), "A\n");
  if (answer != "ok") return compare("ok", answer);
  IMAKEEP_TAKE(staged, read_all(fd.get(), c.directory().staged()));
  return expect_same("the list, from its first byte", difference(before, staged));
}

Result<Finding> pread_after_request(Context& c) {
  IMAKEEP_CHECK(c.have(4));
  IMAKEEP_TAKE(before, read_file(c.directory().original()));
  IMAKEEP_TAKE(fd, open_file(c.directory().staged(), O_RDWR));
  const std::string answer = send_request(fd.get(), "A\n");
  if (answer != "ok") return compare("ok", answer);
  Bytes start(64);
  const ssize_t got = ::pread(fd.get(), start.data(), start.size(), 0);
  if (got < 0) return compare("ok", errno_name(errno));
  start.resize(static_cast<std::size_t>(got));
  return expect_same("the list's first bytes",
                     difference(ByteView(before).first(std::min<std::size_t>(64, before.size())), start));
}

Result<Finding> one_descriptor(Context& c) {
  IMAKEEP_CHECK(c.have(2));
  IMAKEEP_TAKE(fd, open_file(c.directory().staged(), O_RDWR));
  std::string found = send_request(fd.get(), "A\n");
  IMAKEEP_TAKE(staged, read_all(fd.get(), c.directory().staged()));
  found += staged.empty() ? " nothing" : " records";
  found += " " + send_request(fd.get(), "D\n");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "cannot seek");
  IMAKEEP_TAKE(rest, read_all(fd.get(), c.directory().staged()));
  found += rest.empty() ? " nothing" : " records";
  return compare("ok records ok nothing", found);
}

// Records the count after each step. The number of violations must not change.
Result<Finding> counts(Context& c) {
  IMAKEEP_CHECK(c.empty());
  IMAKEEP_TAKE(violations_before, c.directory().violations());
  std::string found;
  const auto note = [&]() -> Result<void> {
    IMAKEEP_TAKE(count, c.directory().count());
    found += (found.empty() ? "" : " ") + std::to_string(count);
    return {};
  };
  IMAKEEP_CHECK(note());
  IMAKEEP_CHECK(c.add(3));
  IMAKEEP_CHECK(note());
  IMAKEEP_CHECK(must(c.directory().staged(), "A\n"));
  IMAKEEP_CHECK(note());
  IMAKEEP_CHECK(c.add(2));
  IMAKEEP_CHECK(note());
  IMAKEEP_CHECK(must(c.directory().staged(), "D\n"));
  IMAKEEP_CHECK(note());
  IMAKEEP_TAKE(violations_after, c.directory().violations());
  return compare("0 3 0 2 2, violations +0",
                 found + ", violations +" + std::to_string(violations_after - violations_before));
}

Result<Finding> count_after_number(Context& c) {
  IMAKEEP_CHECK(c.have(3));
  IMAKEEP_TAKE(before, c.directory().count());
  IMAKEEP_CHECK(must(c.directory().original(), "2\n"));
  IMAKEEP_TAKE(after, c.directory().count());
  return compare(std::to_string(before - 2), std::to_string(after));
}

// The list must count a violation, and show it with zeros in every bank.
Result<Finding> a_violation_is_counted(Context& c) {
  IMAKEEP_CHECK(c.empty());
  IMAKEEP_TAKE(before, c.directory().violations());
  IMAKEEP_CHECK(c.source()->add_violation());
  IMAKEEP_TAKE(after, c.directory().violations());
  IMAKEEP_TAKE(list, c.snapshot(Part::kCurrent));
  bool shown = true;
  for (const BankSnapshot& bank : list.banks) {
    IMAKEEP_TAKE(records, decode_list(bank.binary, bank.bank));
    shown = shown && std::ranges::any_of(records, [](const auto& r) { return all_zero(r.digest); });
  }
  if (!shown && after == before) return fail(ErrorCode::kUnsupported, "the record source added an ordinary record");
  return compare("+1, zeros in every bank",
                 "+" + std::to_string(after - before) + (shown ? ", zeros in every bank" : ", no zeros"));
}

}  // namespace

std::vector<Check> staging_checks() {
  const unsigned stages = kWriting | kStaging | kSource;
  const unsigned counts_out = kWriting | kCounting | kSource;
  return {
      {"stage.A-moves-all", "A stages the whole list, in every bank and form", stages, a_moves_the_whole_list},
      {"stage.A-leaves-nothing", "the current list is empty after A", stages, a_leaves_nothing},
      {"stage.nothing-at-first", "_staged files are empty while nothing is staged", kWriting | kStaging,
       nothing_is_staged_at_first},
      {"stage.links", "the _staged links read as sha1's files", stages, links_show_what_is_staged},
      {"stage.adding-leaves-staged", "records added while some are staged do not change the staged list", stages,
       staged_list_stays},
      {"stage.adding-goes-to-current", "records added while some are staged go into the current list", stages,
       added_goes_to_current},
      {"stage.D-empties-staged", "D deletes the staged records", stages, d_empties_staged},
      {"stage.D-leaves-current", "D does not change the current list", stages, d_leaves_current},
      {"stage.second-round", "A after D stages the records added meanwhile", stages, second_round},
      {"stage.read-after-A", "a read after A on the same descriptor starts at 0", stages, read_after_request},
      {"stage.pread-after-A", "pread() at 0 after A on the same descriptor", stages, pread_after_request},
      {"stage.one-descriptor", "A, read, D, read on one descriptor", stages, one_descriptor},
      {"number.removes-the-first", "N deletes the first N, in every bank and form", counts_out,
       [](Context& c) { return n_removes_the_first(c, false); }},
      {"number.while-staged", "N deletes the first N of the current list while something is staged",
       counts_out | kStaging, [](Context& c) { return n_removes_the_first(c, true); }},
      {"number.leaves-staged", "N does not change the staged list", counts_out | kStaging, n_leaves_staged},
      {"count.by-step", "the count at first, after add 3, A, add 2, D", stages, counts},
      {"count.after-N", "the count after N", counts_out, count_after_number},
      {"count.added-last", "added records come last", kWriting | kSource, added_comes_last},
      {"count.violation", "a violation is counted, and its digest is zeros", kWriting | kSource,
       a_violation_is_counted},
  };
}

}  // namespace imakeep::conformance
