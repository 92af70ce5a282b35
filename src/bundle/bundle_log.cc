// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

namespace imakeep::bundle {

bool is_bundle(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const Bytes prefix = evidence::bundle_prefix();
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return false;
  Bytes front(prefix.size());
  std::size_t got = 0;
  while (got < front.size()) {
    const auto more = read_some(fd->get(), std::span(front).subspan(got), path);
    if (!more || *more == 0) return false;
    got += *more;
  }
  return equal(front, prefix);
}

Result<std::unique_ptr<BundleLog>> BundleLog::open(const std::string& path) {
  std::unique_ptr<BundleLog> log(new BundleLog(path));
  IMAKEEP_CHECK(log->rewind());
  log->header_ = log->reader_->header();
  for (;;) {
    const auto record = log->reader_->next();
    if (!record) return unexpected(named(record.error(), path));
    if (!*record) break;
  }
  IMAKEEP_CHECK(log->rewind());
  return log;
}

Result<void> BundleLog::rewind() {
  IMAKEEP_TRY(auto fd, open_file(path_, O_RDONLY));
  auto reader =
      evidence::BundleReader::open([path = path_, fd = std::make_shared<UniqueFd>(std::move(fd))](
                                       std::span<std::byte> room) { return read_some(fd->get(), room, path); });
  if (!reader) return unexpected(named(reader.error(), path_));
  reader_.emplace(std::move(*reader));
  next_ = 0;
  return {};
}

Result<std::optional<attest::LoggedRecord>> BundleLog::next() {
  const auto record = reader_->next();
  if (!record) return unexpected(named(record.error(), path_));
  if (!*record) return std::nullopt;
  ++next_;
  const digest::Bank bank = digest::bank_of(digest::Algorithm::kSha256);
  shown_ = imalog::shown_digest(bank, **record);
  return attest::LoggedRecord{.content = **record, .bank = bank, .shown = shown_.view(), .order = header_.byte_order};
}

}  // namespace imakeep::bundle
