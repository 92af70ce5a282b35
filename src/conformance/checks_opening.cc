// SPDX-License-Identifier: Apache-2.0
// Which task may open which file while one is already open: docs/protocol.md, "Opening".
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "conformance/check.h"
#include "conformance/open_actor.h"
#include "conformance/request.h"

namespace imakeep::conformance {

namespace {

constexpr std::array kModes{O_RDONLY, O_WRONLY, O_RDWR};
constexpr std::array kActors{Who::kSameTask, Who::kOtherThread, Who::kOtherProcess};

std::string mode_name(int flags) {
  return flags == O_RDONLY ? "reader" : flags == O_WRONLY ? "writer" : "read-writer";
}

std::string expected_answer(int first, int second, Who who) {
  if (first == O_RDONLY && second == O_RDONLY) return "ok";
  const bool both_write = first != O_RDONLY && second != O_RDONLY;
  return both_write && who == Who::kSameTask ? "ok" : "EBUSY";
}

using PathOf = std::string (*)(const ImaDirectory&);

struct Pair {
  PathOf first_path;
  int first;
  Who who;
  PathOf second_path;
  int second;
};

Result<Finding> open_both(Context& c, const Pair& pair) {
  IMAKEEP_TAKE(other, OpenActor::start(pair.who));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  if (const int failed = self->open(pair.first_path(c.directory()), pair.first); failed != 0) {
    return fail_errno(failed, "the first open");
  }
  const std::string found = errno_name(other->try_open(pair.second_path(c.directory()), pair.second));
  return compare(expected_answer(pair.first, pair.second, pair.who), found);
}

std::string original(const ImaDirectory& d) {
  return d.original();
}
std::string staged(const ImaDirectory& d) {
  return d.staged();
}
std::string ascii(const ImaDirectory& d) {
  return d.list_path(Form::kAscii, d.first_bank(), Part::kCurrent);
}
std::string ascii_staged(const ImaDirectory& d) {
  return d.list_path(Form::kAscii, d.first_bank(), Part::kStaged);
}
std::string other_bank(const ImaDirectory& d) {
  return d.list_path(Form::kBinary, d.banks().back(), Part::kCurrent);
}
std::string by_link(const ImaDirectory& d) {
  return d.link_path(Form::kBinary, Part::kCurrent);
}

Check matrix_check(int first, int second, Who who) {
  const bool reads_only = first == O_RDONLY && second == O_RDONLY;
  return {.id = "open." + mode_name(first) + "-then-" + mode_name(second) + "-" + std::string(who_name(who)),
          .title = "while a " + mode_name(first) + " has a file open, a " + mode_name(second) + " opens it",
          .needs = reads_only ? unsigned{kReading} : unsigned{kWriting},
          .run = [=](Context& c) {
            return open_both(c, {original, first, who, original, second});
          }};
}

struct AcrossRow {
  const char* id;
  PathOf first_path;
  int first;
  PathOf second_path;
  int second;
  unsigned needs;
};

// One lock protects all files.
constexpr std::array kAcross{
    AcrossRow{"open.across-ascii", original, O_RDONLY, ascii, O_RDWR, kWriting},
    AcrossRow{"open.across-banks", original, O_WRONLY, other_bank, O_RDONLY, kWriting},
    AcrossRow{"open.across-link", original, O_WRONLY, by_link, O_RDONLY, kWriting},
    AcrossRow{"open.across-original-staged", original, O_RDONLY, staged, O_RDWR, kWriting | kStaging},
    AcrossRow{"open.across-staged-original", staged, O_RDWR, original, O_RDONLY, kWriting | kStaging},
    AcrossRow{"open.across-staged-reader", staged, O_RDONLY, original, O_WRONLY, kWriting | kStaging},
    AcrossRow{"open.across-staged-ascii", staged, O_RDWR, ascii_staged, O_RDONLY, kWriting | kStaging},
};

Check across_check(const AcrossRow& row) {
  return {.id = row.id, .title = "all files share one lock", .needs = row.needs, .run = [row](Context& c) {
            return open_both(c, {row.first_path, row.first, Who::kOtherProcess, row.second_path, row.second});
          }};
}

Result<Finding> writer_in_another_thread(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  if (const int failed = other->open(c.directory().original(), O_RDWR); failed != 0) return fail_errno(failed, "open");
  const std::string reads = errno_name(self->try_open(c.directory().original(), O_RDONLY));
  const std::string writes = errno_name(self->try_open(c.directory().original(), O_WRONLY));
  return compare("EBUSY EBUSY", reads + " " + writes);
}

// Each task opens and closes in turn, with nothing between a close and the next open.
Result<Finding> free_after_close(Context& c) {
  IMAKEEP_TAKE(process, OpenActor::start(Who::kOtherProcess));
  IMAKEEP_TAKE(thread, OpenActor::start(Who::kOtherThread));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    for (OpenActor* actor : {self.get(), process.get(), thread.get()}) {
      for (const int flags : {O_WRONLY, O_RDONLY, O_RDWR}) {
        const int failed = actor->try_open(c.directory().original(), flags);
        if (failed != 0) return compare("ok", errno_name(failed) + " in round " + std::to_string(round));
      }
    }
  }
  return compare("ok", "ok");
}

Result<Finding> a_refused_open_holds_nothing(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  const std::string path = c.directory().original();
  if (const int failed = self->open(path, O_RDONLY); failed != 0) return fail_errno(failed, "open");
  for (int i = 0; i < 3; ++i) other->try_open(path, O_WRONLY);
  self->close();
  return compare("ok ok", errno_name(other->try_open(path, O_RDWR)) + " " + errno_name(self->try_open(path, O_RDWR)));
}

// One task opens two descriptors and closes them one after the other. The lock must be released with the last one.
Result<Finding> held_until_the_last_close(Context& c, int held, int wanted) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  const std::string path = c.directory().original();
  for (int i = 0; i < 2; ++i) {
    if (const int failed = self->open(path, held); failed != 0) return fail_errno(failed, "open");
  }
  std::string found;
  for (int i = 0; i < 2; ++i) {
    self->close();
    found += (i == 0 ? "" : " ") + errno_name(other->try_open(path, wanted));
  }
  return compare("EBUSY ok", found);
}

// A shell that runs a command with the file open does this. The task that opened the file lives on, and closes it last.
Result<Finding> an_inherited_close_keeps_the_lock(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  const int fd = ::open(c.directory().original().c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fail_errno(errno, "open");
  const UniqueFd held(fd);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::close(fd));
  if (child < 0) return fail_errno(errno, "fork");
  ::waitpid(child, nullptr, 0);
  return compare("EBUSY", errno_name(other->try_open(c.directory().original(), O_RDONLY)));
}

Result<Finding> a_duplicate_keeps_the_lock(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  UniqueFd first(::open(c.directory().original().c_str(), O_RDWR | O_CLOEXEC));
  if (!first.valid()) return fail_errno(errno, "open");
  const UniqueFd second(::fcntl(first.get(), F_DUPFD_CLOEXEC, 0));
  first = UniqueFd();
  return compare("EBUSY", errno_name(other->try_open(c.directory().original(), O_RDONLY)));
}

Result<Finding> counters_are_free(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kOtherThread));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  if (const int failed = self->open(c.directory().original(), O_RDWR); failed != 0) return fail_errno(failed, "open");
  return compare("ok ok", errno_name(other->try_open(c.directory().count_path(), O_RDONLY)) + " " +
                              errno_name(other->try_open(c.directory().violations_path(), O_RDONLY)));
}

// The user stays the same, so the file permissions allow the open. Only the capability is missing.
Result<Finding> without_capability(Context& c) {
  IMAKEEP_TAKE(other, OpenActor::start(Who::kWithoutCapability));
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  const std::string path = c.directory().original();
  std::string found = errno_name(other->try_open(path, O_WRONLY)) + " " + errno_name(other->try_open(path, O_RDWR));
  if (const int failed = self->open(path, O_RDONLY); failed != 0) return fail_errno(failed, "open");
  found += " " + errno_name(other->try_open(path, O_WRONLY)) + " " + errno_name(other->try_open(path, O_RDONLY));
  return compare("EPERM EPERM EPERM ok", found);
}

Result<Finding> opens_as_a_shell_does(Context& c) {
  IMAKEEP_TAKE(self, OpenActor::start(Who::kSameTask));
  return compare("ok", errno_name(self->try_open(c.directory().original(), O_WRONLY | O_CREAT | O_TRUNC)));
}

}  // namespace

std::vector<Check> opening_checks() {
  std::vector<Check> checks;
  for (const int first : kModes) {
    for (const int second : kModes) {
      for (const Who who : kActors) checks.push_back(matrix_check(first, second, who));
    }
  }
  for (const AcrossRow& row : kAcross) checks.push_back(across_check(row));
  const auto add = [&checks](const char* id, const char* title, Result<Finding> (*run)(Context&)) {
    checks.push_back({id, title, kWriting, run});
  };
  add("open.writer-in-thread", "a writer in another thread excludes this thread", writer_in_another_thread);
  add("open.free-after-close", "a close frees the files at once, for any task", free_after_close);
  add("open.refused-holds-nothing", "an open that was refused holds nothing", a_refused_open_holds_nothing);
  add("open.two-writers", "two descriptors of a writer: held until both are closed",
      [](Context& c) { return held_until_the_last_close(c, O_WRONLY, O_RDONLY); });
  add("open.two-readers", "two readers: held until both are closed",
      [](Context& c) { return held_until_the_last_close(c, O_RDONLY, O_WRONLY); });
  add("open.inherited-close", "a child that closes an inherited descriptor frees nothing",
      an_inherited_close_keeps_the_lock);
  add("open.duplicate", "a duplicated descriptor keeps the files held", a_duplicate_keeps_the_lock);
  add("open.counters", "the counters can be read while a writer holds the lists", counters_are_free);
  add("open.without-capability", "without CAP_SYS_ADMIN: O_WRONLY, O_RDWR, O_WRONLY while a reader is open, O_RDONLY",
      without_capability);
  add("open.truncating", "O_CREAT and O_TRUNC, as a shell's redirection sets them", opens_as_a_shell_does);
  return checks;
}

}  // namespace imakeep::conformance
