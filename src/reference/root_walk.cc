// SPDX-License-Identifier: Apache-2.0
#include "reference/root_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "policy/patterns.h"
#include "reference/file_hash.h"

namespace imakeep::reference {
namespace {

constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::size_t kMostDepth = 512;  // each level holds a descriptor

struct DirectoryClosed {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class Walk {
 public:
  Walk(const RootOptions& options, policy::Patterns excludes, const std::function<Result<void>(RootFile)>& take)
      : options_(options), excludes_(std::move(excludes)), take_(take), hasher_(options.algorithms) {
    buffer_.resize(kReadBytes);
  }

  Result<RootReport> run() {
    IMAKEEP_TRY(auto root, open_file(options_.directory, O_RDONLY | O_DIRECTORY));
    struct stat status {};
    if (::fstat(root.get(), &status) != 0) return fail_errno(errno, "cannot examine " + options_.directory);
    device_ = status.st_dev;
    IMAKEEP_CHECK(enter(std::move(root), "", 0));
    return std::move(report_);
  }

 private:
  std::string shown(const std::string& path) const { return printable(options_.directory + path); }

  bool skipped(const std::string& path) const {
    const auto is_path = [&](std::string_view one) { return one == path; };
    return std::any_of(kSkippedDirectories.begin(), kSkippedDirectories.end(), is_path) ||
           std::any_of(options_.skipped.begin(), options_.skipped.end(), is_path);
  }

  // Whether files in this directory, or in one below it, are wanted.
  bool wanted(const std::string& path) const {
    if (options_.under.empty()) return true;
    return std::any_of(options_.under.begin(), options_.under.end(), [&](const std::string& one) {
      return path == one || path.starts_with(one + "/") || one.starts_with(path + "/");
    });
  }

  bool below(const std::string& path) const {
    return options_.under.empty() || std::any_of(options_.under.begin(), options_.under.end(),
                                                 [&](const std::string& one) { return path.starts_with(one + "/"); });
  }

  Result<void> enter(UniqueFd directory, const std::string& path, std::size_t depth) {
    if (depth > kMostDepth) {
      return fail(ErrorCode::kUnsupported, shown(path) + " is deeper than " + std::to_string(kMostDepth) +
                                               " directories; leave it out with --skip");
    }
    IMAKEEP_TRY(const auto& names, names_in(directory.get(), path));
    for (const std::string& name : names) {
      IMAKEEP_CHECK(visit(directory.get(), name, std::string(path).append("/").append(name), depth));
    }
    return {};
  }

  Result<std::vector<std::string>> names_in(int directory, const std::string& path) const {
    const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return fail_errno(errno, "cannot open " + shown(path));
    const std::unique_ptr<DIR, DirectoryClosed> stream(::fdopendir(copy));
    if (!stream) return fail_errno(errno, "cannot read " + shown(path));
    std::vector<std::string> names;
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): each stream is read by one thread
    while (const dirent* const entry = ::readdir(stream.get())) {
      const std::string_view name(static_cast<const char*>(entry->d_name));
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return fail_errno(errno, "cannot read " + shown(path));
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> visit(int directory, const std::string& name, const std::string& path, std::size_t depth) {
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return {};
      return fail_errno(errno, "cannot examine " + shown(path));
    }
    if (status.st_dev != device_ && !options_.other_file_systems) return {};
    if (S_ISREG(status.st_mode)) return below(path) ? visit_file(directory, name, path) : Result<void>();
    if (!S_ISDIR(status.st_mode) || skipped(path) || !wanted(path)) return {};
    UniqueFd inner(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner.valid()) return fail_errno(errno, "cannot open " + shown(path) + "; run as root, or use --skip");
    return enter(std::move(inner), path, depth + 1);
  }

  Result<void> visit_file(int directory, const std::string& name, const std::string& path) {
    if (!fits_json(path)) {
      report_.not_utf8.push_back(printable(path));
      return {};
    }
    if (excludes_.match(measured_name(path))) {
      ++report_.excluded;
      return {};
    }
    // A pipe in place of the file must not block.
    const UniqueFd file(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid()) return fail_errno(errno, "cannot open " + shown(path) + "; run as root, or use --exclude");
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot examine " + shown(path));
    if (!S_ISREG(status.st_mode)) return {};
    RootFile found{.path = path};
    for (;;) {
      IMAKEEP_TRY(const std::size_t got, read_some(file.get(), buffer_, shown(path)));
      if (got == 0) break;
      hasher_.update(ByteView(buffer_).first(got));
      found.bytes += got;
    }
    found.digests = hasher_.finish();
    ++report_.files;
    report_.bytes += found.bytes;
    return take_(std::move(found));
  }

  const RootOptions& options_;
  const policy::Patterns excludes_;
  const std::function<Result<void>(RootFile)>& take_;
  ContentHasher hasher_;
  Bytes buffer_;
  dev_t device_ = 0;
  RootReport report_;
};

}  // namespace

Result<RootReport> walk_root(const RootOptions& options, const std::function<Result<void>(RootFile)>& take) {
  for (const std::string& pattern : options.excludes) {
    if (auto good = policy::check_pattern(pattern, policy::Mode::kStrict); !good) {
      return fail(ErrorCode::kUsage, "--exclude: " + good.error().message);
    }
  }
  IMAKEEP_TRY(auto excludes, policy::Patterns::compile(options.excludes, policy::Mode::kStrict));
  return Walk(options, std::move(excludes), take).run();
}

Result<RootReport> add_root(const RootOptions& options, Document& document) {
  for (const std::string& pattern : options.excludes) add_exclude(document, pattern);
  state_algorithms(options.algorithms, document);
  return walk_root(options, [&](RootFile file) -> Result<void> {
    document.files()[measured_name(file.path)].merge(file.digests);
    return {};
  });
}

}  // namespace imakeep::reference
