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
#include "imalog/template_data.h"
#include "imalog/template_digest.h"

namespace imakeep::control {
namespace {

// enum evm_ima_xattr_type, the first byte of security.ima and security.evm.
constexpr std::byte kImaSignature{0x03};
constexpr std::byte kEvmPortableSignature{0x05};
constexpr std::byte kImaVeritySignature{0x06};

// What EVM protects unless told otherwise, in its order: evm_config_default_xattrnames[].
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
  digest::Digest sha1;
};

Result<FileDigests> hash_file(int fd, const std::string& path, digest::Algorithm hash) {
  digest::Hasher by_hash(hash);
  digest::Hasher sha1(digest::Algorithm::kSha1);
  Bytes piece(256u << 10);
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got == 0) return FileDigests{.by_hash = by_hash.finish(), .sha1 = sha1.finish()};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + path);
    const ByteView bytes = ByteView(piece).first(static_cast<std::size_t>(got));
    by_hash.update(bytes);
    sha1.update(bytes);
  }
}

Result<void> add_record(Bytes& list, const imalog::EventView& event, bool violation, const MeasureOptions& options) {
  const auto body = imalog::make_body(options.template_name, event);
  if (!body) return unexpected(body.error());
  const imalog::RecordContentView content{
      .pcr = options.pcr, .template_name = options.template_name, .body = *body, .violation = violation};
  imalog::encode_record(list, content, imalog::shown_digest(kMadeBank, content).view());
  return {};
}

}  // namespace

Result<void> measure_file(Bytes& list, const std::string& path, const MeasureOptions& options) {
  const auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd) return unexpected(fd.error());
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return fail_errno(errno, "cannot look at " + path);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::kEnvironment, path + " is no regular file; only those are measured");
  std::error_code failed;
  const std::filesystem::path canonical = std::filesystem::canonical(path, failed);
  if (failed) return fail_errno(failed.value(), "cannot resolve " + path);
  const auto digests = hash_file(fd->get(), path, options.hash);
  if (!digests) return unexpected(digests.error());

  const Bytes ima = read_xattr(fd->get(), "security.ima");
  const Bytes evm = read_xattr(fd->get(), "security.evm");
  const bool signed_file = !ima.empty() && (ima[0] == kImaSignature || ima[0] == kImaVeritySignature);
  std::vector<Bytes> values;
  std::vector<imalog::XattrView> xattrs;
  values.reserve(kProtectedXattrs.size());
  for (const char* name : kProtectedXattrs) {
    values.push_back(read_xattr(fd->get(), name));
    if (!values.back().empty()) xattrs.push_back({.name = name, .value = values.back()});
  }
  const std::string shown_path = canonical.string();
  return add_record(list,
                    {.path = shown_path,
                     .algorithm = options.hash,
                     .file_digest = digests->by_hash.view(),
                     .sha1_file_digest = digests->sha1.view(),
                     .signature = signed_file ? ByteView(ima) : ByteView(),
                     .evm_signature = !evm.empty() && evm[0] == kEvmPortableSignature ? ByteView(evm) : ByteView(),
                     .uid = status.st_uid,
                     .gid = status.st_gid,
                     .mode = static_cast<std::uint16_t>(status.st_mode),
                     .xattrs = xattrs},
                    false, options);
}

Result<void> record_violation(Bytes& list, const std::string& path, const MeasureOptions& options) {
  std::error_code failed;
  const std::string absolute = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (failed) return fail_errno(failed.value(), "no path to record: '" + path + "'");
  return add_record(list, {.path = absolute, .algorithm = options.hash}, true, options);
}

}  // namespace imakeep::control
