// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"

namespace imakeep::monitor {
namespace {

Result<void> write_new(const std::string& path, std::string_view text) {
  IMAKEEP_TRY(auto fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  // Set the mode explicitly, because the service may have any umask.
  if (::fchmod(fd.get(), 0644) != 0) return fail_errno(errno, "cannot set the mode of " + path);
  return write_all(fd.get(), as_bytes(text), path);
}

}  // namespace

Result<void> MetricsFile::check(const std::string& path) {
  if (std::filesystem::path(path).extension() == ".prom") {
    return check_replaceable(path, as_bytes("# HELP imakeep_"), "metrics file of imakeep's");
  }
  return fail(ErrorCode::kUsage,
              "'" + path + "' does not end in .prom: the node exporter's textfile collector reads no other files");
}

Result<void> MetricsFile::write(std::string_view text) const {
  const std::string temporary = path_ + ".partial-" + std::to_string(::getpid());
  auto written = write_new(temporary, text);
  if (written && ::rename(temporary.c_str(), path_.c_str()) != 0) {
    written = fail_errno(errno, "cannot rename " + temporary + " to " + path_);
  }
  if (!written) ::unlink(temporary.c_str());
  return written;
}

void MetricsFile::remove() const {
  ::unlink(path_.c_str());
}

}  // namespace imakeep::monitor
