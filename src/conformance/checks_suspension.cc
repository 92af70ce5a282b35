// SPDX-License-Identifier: Apache-2.0
// The answers of a list after measurement was suspended: docs/protocol.md, "Files and requests" and "Counters,
// suspension, kexec". run() has prepared and suspended the list before the first of these checks, so they prepare
// nothing.
#include "conformance/check.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

Result<Finding> adding(Context& c) {
  IMAKEEP_TAKE(before, c.directory().count());
  const auto answer = c.add(1);
  IMAKEEP_TAKE(after, c.directory().count());
  return compare("ENODEV, +0",
                 (answer ? "ok" : errno_name(answer.error().os_errno)) + ", +" + std::to_string(after - before));
}

struct SuspendedRequest {
  const char* id;
  const char* title;
  Part file;
  const char* request;
  const char* answer;
  unsigned needs;
};

constexpr SuspendedRequest kSuspendedRequests[] = {
    {"suspended.A", "A", Part::kStaged, "A\n", "EACCES", kSuspended | kStaging},
    {"suspended.D-nothing-staged", "D with nothing staged", Part::kStaged, "D\n", "ENOENT", kSuspended | kStaging},
    {"suspended.N", "N", Part::kCurrent, "1\n", "ESTALE", kSuspended | kCounting},
    {"suspended.N-too-many", "N greater than the number of records", Part::kCurrent, "18446744073709551615\n", "ENOENT",
     kSuspended | kCounting},
    {"suspended-staged.A", "A while something is staged", Part::kStaged, "A\n", "EEXIST", kSuspendedStaged | kStaging},
    {"suspended-staged.D", "D", Part::kStaged, "D\n", "ESTALE", kSuspendedStaged | kStaging},
    {"suspended-staged.N", "N while something is staged", Part::kCurrent, "1\n", "ESTALE",
     kSuspendedStaged | kCounting},
};

Check suspended_check(const SuspendedRequest& row) {
  return {.id = row.id,
          .title = std::string(row.title) + ", suspended",
          .needs = row.needs | kWriting,
          .run = [row](Context& c) -> Result<Finding> {
            const bool staged = row.file == Part::kStaged;
            IMAKEEP_TAKE(before, c.snapshot(Part::kCurrent));
            IMAKEEP_TAKE(answer, send_request(staged ? c.directory().staged() : c.directory().original(), row.request));
            IMAKEEP_TAKE(after, c.snapshot(Part::kCurrent));
            const std::string changed = difference(before, after);
            return compare(row.answer, changed.empty() ? answer : answer + ", and the list changed");
          }};
}

}  // namespace

std::vector<Check> suspension_checks() {
  std::vector<Check> checks{{"suspended.add", "adding, suspended", kWriting | kSource | kSuspended, adding},
                            {"suspended-staged.add", "adding while something is staged, suspended",
                             kWriting | kSource | kSuspendedStaged, adding}};
  for (const SuspendedRequest& row : kSuspendedRequests) checks.push_back(suspended_check(row));
  return checks;
}

}  // namespace imakeep::conformance
