// SPDX-License-Identifier: Apache-2.0
#include "control/measure_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "digest/digest.h"
#include "digest/md5.h"
#include "imalog/template_data.h"
#include "imalog/template_digest.h"

namespace imakeep::control {
namespace {

// enum evm_ima_xattr_type, the first byte of security.ima and security.evm.
constexpr std::byte kImaSignature{0x03};
constexpr std::byte kEvmPortableSignature{0x05};
constexpr std::byte kImaVeritySignature{0x06};

// The attributes that EVM protects by default, in its order: evm_config_default_xattrnames[].
constexpr std::array<const char*, 8> kProtectedXattrs = {
    "security.selinux",     "security.SMACK64",  "security.SMACK64EXEC", "security.SMACK64TRANSMUTE",
    "security.SMACK64MMAP", "security.apparmor", "security.ima",         "security.capability"};

Bytes read_xattr(int fd, const char* name) {
  const ssize_t size = ::fgetxattr(fd, name, nullptr, 0);
  if (size <= 0) return {};
  Bytes value(static_cast<std::size_t>(size));
  const ssize_t got = ::fgetxattr(fd, name, value.data(), value.size());
  value.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return value;
}

struct FileDigests {
  digest::Digest by_hash;
  digest::Digest plain;  // sha1 or md5, for field d
};

// Calls `take` with each piece of the file's bytes, in order.
template <class Take>
Result<void> read_pieces(int fd, const std::string& path, Take take) {
  Bytes piece(256u << 10);
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + path);
    take(ByteView(piece).first(static_cast<std::size_t>(got)));
  }
}

Result<FileDigests> hash_file(int fd, const std::string& path, digest::Algorithm hash) {
  digest::Hasher by_hash(hash);
  digest::Hasher sha1(digest::Algorithm::kSha1);
  IMAKEEP_CHECK(read_pieces(fd, path, [&](ByteView bytes) {
    by_hash.update(bytes);
    sha1.update(bytes);
  }));
  return FileDigests{.by_hash = by_hash.finish(), .plain = sha1.finish()};
}

Result<FileDigests> md5_file(int fd, const std::string& path) {
  IMAKEEP_TRY(auto md5, digest::Md5Hasher::create());
  IMAKEEP_CHECK(read_pieces(fd, path, [&](ByteView bytes) { md5.update(bytes); }));
  return FileDigests{.by_hash = {}, .plain = md5.finish()};
}

// The inode's attributes, as Linux puts them into a record.
struct FileAttributes {
  struct stat status {};
  Bytes ima;
  Bytes evm;
  std::vector<Bytes> values;  // the values that `xattrs` borrows
  std::vector<imalog::XattrView> xattrs;

  bool has_signature() const { return !ima.empty() && (ima[0] == kImaSignature || ima[0] == kImaVeritySignature); }

  void put_into(imalog::EventView& event) const {
    event.evm_signature = !evm.empty() && evm[0] == kEvmPortableSignature ? ByteView(evm) : ByteView();
    event.uid = status.st_uid;
    event.gid = status.st_gid;
    event.mode = static_cast<std::uint16_t>(status.st_mode);
    event.xattrs = xattrs;
  }
};

Result<FileAttributes> attributes_of(int fd, const std::string& path) {
  FileAttributes found;
  if (::fstat(fd, &found.status) != 0) return fail_errno(errno, "cannot stat " + path);
  found.ima = read_xattr(fd, "security.ima");
  found.evm = read_xattr(fd, "security.evm");
  found.values.reserve(kProtectedXattrs.size());
  for (const char* name : kProtectedXattrs) {
    found.values.push_back(read_xattr(fd, name));
    if (!found.values.back().empty()) found.xattrs.push_back({.name = name, .value = found.values.back()});
  }
  return found;
}

Result<void> add_record(Bytes& list, const imalog::EventView& event, bool violation, const MeasureOptions& options) {
  if (options.md5 && options.template_name != imalog::kImaTemplate) {
    return fail(ErrorCode::kUsage,
                "ima_hash=md5 works with template ima only, not with '" + options.template_name + "'");
  }
  IMAKEEP_TRY(const auto& body, imalog::make_body(options.template_name, event, options.order));
  const imalog::RecordContentView content{
      .pcr = options.pcr, .template_name = options.template_name, .body = body, .violation = violation};
  imalog::encode_record(list, content, imalog::shown_digest(kMadeBank, content).view(), options.order);
  return {};
}

}  // namespace

Result<void> measure_file(Bytes& list, const std::string& path, const MeasureOptions& options) {
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDONLY | O_NONBLOCK));
  IMAKEEP_TRY(const auto& attributes, attributes_of(fd.get(), path));
  if (!S_ISREG(attributes.status.st_mode))
    return fail(ErrorCode::kEnvironment, path + " is not a regular file; only regular files are measured");
  std::error_code failed;
  const std::filesystem::path canonical = std::filesystem::canonical(path, failed);
  if (failed) return fail_errno(failed.value(), "cannot resolve " + path);
  IMAKEEP_TRY(const auto& digests, options.md5 ? md5_file(fd.get(), path) : hash_file(fd.get(), path, options.hash));

  const std::string shown_path = canonical.string();
  imalog::EventView event{.path = shown_path,
                          .algorithm = options.hash,
                          .file_digest = digests.by_hash.view(),
                          .plain_file_digest = digests.plain.view(),
                          .signature = attributes.has_signature() ? ByteView(attributes.ima) : ByteView()};
  attributes.put_into(event);
  return add_record(list, event, false, options);
}

Result<void> record_violation(Bytes& list, const std::string& path, const MeasureOptions& options) {
  std::error_code failed;
  const std::string absolute = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (failed) return fail_errno(failed.value(), "no path to record: '" + path + "'");
  imalog::EventView event{.path = absolute, .algorithm = options.hash};
  // Linux has the inode at hand. Here the file may be gone; then its attributes are unknown.
  const auto fd = std::filesystem::is_regular_file(absolute, failed)
                      ? open_file(absolute, O_RDONLY | O_NONBLOCK)
                      : Result<UniqueFd>(fail(ErrorCode::kEnvironment, "not a regular file"));
  IMAKEEP_TRY(const auto& attributes, fd ? attributes_of(fd->get(), path) : Result<FileAttributes>(FileAttributes()));
  attributes.put_into(event);
  return add_record(list, event, true, options);
}

}  // namespace imakeep::control
