// SPDX-License-Identifier: Apache-2.0
// The answer to each request, errno by errno. A refused request must change nothing: docs/protocol.md,
// "Files and requests".
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>

#include "base/file.h"
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

using namespace std::string_view_literals;

enum class Start : std::uint8_t { kEmpty, kRecords, kStaged, kStagedAlone };

constexpr std::uint64_t kStartRecords = 3;

Result<void> bring_to(Context& c, Start start) {
  switch (start) {
    case Start::kEmpty:
      return c.empty();
    case Start::kRecords:
      return c.have(kStartRecords);
    case Start::kStaged:
      return c.stage(kStartRecords, kStartRecords);
    case Start::kStagedAlone:
      return c.stage(kStartRecords, 0);
  }
  return {};
}

struct Sizes {
  std::uint64_t current = 0;
  std::uint64_t staged = 0;
};

Result<Sizes> sizes(Context& c) {
  Sizes sizes;
  IMAKEEP_TAKE(current, c.records(Part::kCurrent));
  sizes.current = current;
  if (!c.directory().has_staging()) return sizes;
  IMAKEEP_TAKE(staged, c.records(Part::kStaged));
  sizes.staged = staged;
  return sizes;
}

// Returns "" if nothing changed, else "; current 3 -> 2".
std::string change(const Sizes& before, const Sizes& after) {
  const auto one = [](const char* name, std::uint64_t from, std::uint64_t to) {
    return from == to ? std::string()
                      : "; " + std::string(name) + " " + std::to_string(from) + " -> " + std::to_string(to);
  };
  return one("current", before.current, after.current) + one("staged", before.staged, after.staged);
}

// Calls `send`. After that, `removed` records must be gone from the current list, and nothing else may have changed.
Result<Finding> try_request(Context& c, Start start, const std::string& answer, std::uint64_t removed,
                            const std::function<Result<std::string>()>& send) {
  IMAKEEP_CHECK(bring_to(c, start));
  IMAKEEP_TAKE(before, sizes(c));
  IMAKEEP_TAKE(found, send());
  IMAKEEP_TAKE(after, sizes(c));
  return compare(answer + change(before, {before.current - removed, before.staged}), found + change(before, after));
}

struct Row {
  const char* id;
  Part file;
  Start start;
  std::string_view bytes;
  const char* answer;
  std::uint64_t removed = 0;
};

constexpr std::array kStagedRows{
    Row{"request.newline-alone", Part::kStaged, Start::kRecords, "\n", "EINVAL"},
    Row{"request.A-without-newline", Part::kStaged, Start::kRecords, "A", "EINVAL"},
    Row{"request.AA-without-newline", Part::kStaged, Start::kRecords, "AA", "EINVAL"},
    Row{"request.lower-case", Part::kStaged, Start::kRecords, "a\n", "EINVAL"},
    Row{"request.other-letter", Part::kStaged, Start::kRecords, "B\n", "EINVAL"},
    Row{"request.A-two-newlines", Part::kStaged, Start::kRecords, "A\n\n", "EINVAL"},
    Row{"request.A-trailing-space", Part::kStaged, Start::kRecords, "A \n", "EINVAL"},
    Row{"request.A-leading-space", Part::kStaged, Start::kRecords, " A\n", "EINVAL"},
    Row{"request.A-and-D-in-one", Part::kStaged, Start::kRecords, "A\nD\n", "EINVAL"},
    Row{"request.A-with-NUL", Part::kStaged, Start::kRecords, "A\0\n"sv, "EINVAL"},
    Row{"request.A-22-bytes", Part::kStaged, Start::kRecords, "A                    \n", "EINVAL"},
    Row{"request.number-on-staged", Part::kStaged, Start::kStaged, "1\n", "EINVAL"},
    Row{"request.A-on-empty-list", Part::kStaged, Start::kEmpty, "A\n", "ENOENT"},
    Row{"request.A-while-staged", Part::kStaged, Start::kStagedAlone, "A\n", "EEXIST"},
    Row{"request.D-nothing-staged", Part::kStaged, Start::kRecords, "D\n", "ENOENT"},
};

constexpr std::array kOriginalRows{
    Row{"request.A-on-original", Part::kCurrent, Start::kRecords, "A\n", "EINVAL"},
    Row{"request.D-on-original", Part::kCurrent, Start::kRecords, "D\n", "EINVAL"},
    Row{"request.N-one-byte", Part::kCurrent, Start::kRecords, "1", "EINVAL"},
    Row{"request.N-without-newline", Part::kCurrent, Start::kRecords, "01", "EINVAL"},
    Row{"request.two-newlines", Part::kCurrent, Start::kRecords, "\n\n", "EINVAL"},
    Row{"request.text", Part::kCurrent, Start::kRecords, "one\n", "EINVAL"},
    Row{"request.N-trailing-letter", Part::kCurrent, Start::kRecords, "1x\n", "EINVAL"},
    Row{"request.N-trailing-space", Part::kCurrent, Start::kRecords, "1 \n", "EINVAL"},
    Row{"request.N-leading-space", Part::kCurrent, Start::kRecords, " 1\n", "EINVAL"},
    Row{"request.N-three-newlines", Part::kCurrent, Start::kRecords, "1\n\n\n", "EINVAL"},
    Row{"request.N-hexadecimal", Part::kCurrent, Start::kRecords, "0x1\n", "EINVAL"},
    Row{"request.N-negative", Part::kCurrent, Start::kRecords, "-1\n", "EINVAL"},
    Row{"request.N-two-signs", Part::kCurrent, Start::kRecords, "++1\n", "EINVAL"},
    Row{"request.N-sign-alone", Part::kCurrent, Start::kRecords, "+\n", "EINVAL"},
    Row{"request.N-zero", Part::kCurrent, Start::kRecords, "0\n", "EINVAL"},
    Row{"request.N-22-bytes", Part::kCurrent, Start::kRecords, "000000000000000000001\n", "EINVAL"},
};

// Only for a table that is not flushed.
constexpr std::array kNumberRows{
    Row{"request.N-one", Part::kCurrent, Start::kRecords, "1\n", "ok", 1},
    Row{"request.N-while-staged", Part::kCurrent, Start::kStaged, "2\n", "ok", 2},
    Row{"request.N-all", Part::kCurrent, Start::kStaged, "3\n", "ok", 3},
    Row{"request.N-plus-sign", Part::kCurrent, Start::kRecords, "+1\n", "ok", 1},
    Row{"request.N-leading-zeros", Part::kCurrent, Start::kRecords, "002\n", "ok", 2},
    Row{"request.N-one-more-newline", Part::kCurrent, Start::kRecords, "1\n\n", "ok", 1},
    Row{"request.N-with-NUL", Part::kCurrent, Start::kRecords, "1\0\n"sv, "ok", 1},
    Row{"request.N-21-bytes", Part::kCurrent, Start::kRecords, "00000000000000000001\n", "ok", 1},
    Row{"request.N-overflow", Part::kCurrent, Start::kRecords, "18446744073709551616\n", "ERANGE"},
};

std::string shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += c == '\n' ? "\\n" : c == '\0' ? "\\0" : std::string(1, c);
  }
  return text;
}

Check request_check(const Row& row, unsigned needs) {
  const bool on_staged = row.file == Part::kStaged;
  if (on_staged || row.start == Start::kStaged) needs |= kStaging;
  return {.id = row.id,
          .title = "\"" + shown(row.bytes) + "\" to " + (on_staged ? "a _staged file" : "an original file"),
          .needs = needs | kWriting,
          .run = [row](Context& c) {
            const ImaDirectory& directory = c.directory();
            const std::string path = row.file == Part::kStaged ? directory.staged() : directory.original();
            return try_request(c, row.start, row.answer, row.removed, [&] { return send_request(path, row.bytes); });
          }};
}

// Sends a request in another way than by one write() of a few bytes.
using Sender = std::string (*)(int fd);

struct SenderRow {
  const char* id;
  const char* title;
  const char* answer;
  Sender send;
  int flags = O_WRONLY;
};

// Sends a request that every file refuses, so that nothing happens even if the list treats pwrite() as write().
std::string send_by_pwrite(int fd) {
  const std::string first = answer_name(::pwrite(fd, "x\n", 2, 0), 2);
  return first + " " + answer_name(::pwrite(fd, "x\n", 2, 4096), 2);
}

constexpr std::array kSenders{
    SenderRow{"request.zero-bytes", "a write of no bytes", "EINVAL", [](int fd) { return send_request(fd, ""); }},
    SenderRow{"request.bad-address", "a write from an address that is not mapped", "EFAULT",
              [](int fd) {
                // No page is ever mapped there. The variable is volatile, so that the compiler does not see the invalid
                // address.
                const volatile std::uintptr_t nowhere = 16;
                return answer_name(::write(fd, reinterpret_cast<const void*>(std::uintptr_t{nowhere}), 2), 2);
              }},
    SenderRow{"request.pwrite", "pwrite() at 0 and at 4096", "ESPIPE ESPIPE", send_by_pwrite},
    SenderRow{"request.pwrite-read-write", "pwrite() on a descriptor that can read", "ESPIPE ESPIPE", send_by_pwrite,
              O_RDWR},
    SenderRow{"request.writev-is-one-request-each", "writev() of \"A\" and \"\\n\" is two requests", "EINVAL",
              [](int fd) {
                char a = 'A';
                char newline = '\n';
                const std::array<iovec, 2> parts{iovec{&a, 1}, iovec{&newline, 1}};
                return answer_name(::writev(fd, parts.data(), 2), 2);
              }},
};

Check sender_check(const SenderRow& row) {
  return {.id = row.id, .title = row.title, .needs = kWriting | kStaging, .run = [row](Context& c) {
            return try_request(c, Start::kRecords, row.answer, 0, [&]() -> Result<std::string> {
              IMAKEEP_TAKE(fd, open_file(c.directory().staged(), row.flags));
              return row.send(fd.get());
            });
          }};
}

// Requests one record more than the list has, and the largest possible number.
Result<Finding> more_than_there_is(Context& c) {
  return try_request(c, Start::kRecords, "ENOENT ENOENT", 0, [&]() -> Result<std::string> {
    IMAKEEP_TAKE(current, c.records(Part::kCurrent));
    IMAKEEP_TAKE(one_more, send_request(c.directory().original(), std::to_string(current + 1) + "\n"));
    IMAKEEP_TAKE(most, send_request(c.directory().original(), "18446744073709551615\n"));
    return one_more + " " + most;
  });
}

// If the table is flushed, Linux checks that before it checks the number.
Result<Finding> numbers_are_refused(Context& c) {
  return try_request(c, Start::kRecords, "EINVAL EINVAL EINVAL", 0, [&]() -> Result<std::string> {
    std::string found;
    for (const char* number : {"1\n", "+1\n", "1000000000\n"}) {
      IMAKEEP_TAKE(answer, send_request(c.directory().original(), number));
      found += (found.empty() ? "" : " ") + answer;
    }
    return found;
  });
}

// Returns every name of a part: all forms, banks and links.
std::vector<std::string> all_names(const ImaDirectory& directory, Part part) {
  std::vector<std::string> names;
  for (const Form form : kForms) {
    names.push_back(directory.link_path(form, part));
    for (const digest::Bank& bank : directory.banks()) names.push_back(directory.list_path(form, bank, part));
  }
  return names;
}

Result<Finding> every_staged_file_takes_requests(Context& c) {
  for (const std::string& path : all_names(c.directory(), Part::kStaged)) {
    IMAKEEP_CHECK(c.have(1));
    IMAKEEP_TAKE(stage, send_request(path, "A\n"));
    IMAKEEP_TAKE(drop, send_request(path, "D\n"));
    if (stage != "ok" || drop != "ok") return compare("A ok, D ok", path + ": A " + stage + ", D " + drop);
  }
  return compare("A ok, D ok", "A ok, D ok");
}

Result<Finding> every_original_file_takes_numbers(Context& c) {
  for (const std::string& path : all_names(c.directory(), Part::kCurrent)) {
    IMAKEEP_CHECK(c.have(1));
    IMAKEEP_TAKE(answer, send_request(path, "1\n"));
    if (answer != "ok") return compare("ok", path + ": " + answer);
  }
  return compare("ok", "ok");
}

Result<Finding> counters_take_no_writes(Context& c) {
  std::string found;
  for (const std::string& path : {c.directory().count_path(), c.directory().violations_path()}) {
    const auto fd = open_file(path, O_WRONLY);
    found += (found.empty() ? "" : " ") + (fd ? send_request(fd->get(), "0\n") : errno_name(fd.error().os_errno));
  }
  return compare("EINVAL EINVAL", found);
}

}  // namespace

std::vector<Check> request_checks() {
  std::vector<Check> checks;
  checks.reserve(64);
  for (const Row& row : kStagedRows) checks.push_back(request_check(row, kReading));
  for (const SenderRow& row : kSenders) checks.push_back(sender_check(row));
  for (const Row& row : kOriginalRows) checks.push_back(request_check(row, kReading));
  for (const Row& row : kNumberRows) checks.push_back(request_check(row, kCounting));
  checks.push_back({"request.N-more-than-there-is", "one more than the list has, and ULONG_MAX", kWriting | kCounting,
                    more_than_there_is});
  checks.push_back(
      {"request.N-when-flushing", "numbers when the hash table is flushed", kWriting | kFlushing, numbers_are_refused});
  checks.push_back({"request.every-staged-file", "A and D to each _staged name", kWriting | kStaging | kSource,
                    every_staged_file_takes_requests});
  checks.push_back({"request.every-original-file", "N to each original name", kWriting | kCounting | kSource,
                    every_original_file_takes_numbers});
  checks.push_back({"request.counters", "writing to the counters", kWriting, counters_take_no_writes});
  return checks;
}

}  // namespace imakeep::conformance
