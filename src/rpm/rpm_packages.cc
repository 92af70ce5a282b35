// SPDX-License-Identifier: Apache-2.0
#include "rpm/rpm_packages.h"

#include <fcntl.h>
#include <rpm/rpmcli.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmts.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/freed_by.h"
#include "base/text.h"
#include "reference/file_hash.h"
#include "reference/path_links.h"

namespace imakeep::rpm {
namespace {

template <class T, auto Free>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, FreedBy<Free>>;
using TransactionSet = Owned<::rpmts, rpmtsFree>;
using Keyring = Owned<::rpmKeyring, rpmKeyringFree>;
using PublicKey = Owned<::rpmPubkey, rpmPubkeyFree>;
using File = Owned<::FD_t, Fclose>;
using PackageHeader = Owned<::Header, headerFree>;
using Files = Owned<::rpmfiles, rpmfilesFree>;

// RFC 4880, section 9.4.
std::optional<digest::Algorithm> algorithm_of(int openpgp_hash) {
  switch (openpgp_hash) {
    case 2:
      return digest::Algorithm::kSha1;
    case 8:
      return digest::Algorithm::kSha256;
    case 9:
      return digest::Algorithm::kSha384;
    case 10:
      return digest::Algorithm::kSha512;
    default:
      return std::nullopt;
  }
}

int say_nothing(rpmlogRec /*record*/, rpmlogCallbackData /*data*/) {
  return 0;
}

Result<Keyring> read_keyring(const std::string& path) {
  IMAKEEP_CHECK(open_file(path, O_RDONLY));
  PublicKey key(rpmPubkeyRead(path.c_str()));
  if (!key)
    return fail(ErrorCode::kMalformed, path + " holds no armored public key; give one, as rpm --import takes it");
  Keyring keyring(rpmKeyringNew());
  rpmKeyringAddKey(keyring.get(), key.get());
  // A certificate may sign by subkeys.
  int count = 0;
  rpmPubkey* const subkeys = rpmGetSubkeys(key.get(), &count);
  for (int i = 0; i < count; ++i) {
    const PublicKey subkey(subkeys[i]);
    rpmKeyringAddKey(keyring.get(), subkey.get());
  }
  std::free(subkeys);  // NOLINT(cppcoreguidelines-no-malloc): librpm allocated it
  return keyring;
}

Result<std::vector<std::string>> files_of(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::error_code failed;
    if (!std::filesystem::is_directory(name, failed)) {
      files.push_back(name);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(name, failed)) {
      if (entry.path().extension() == ".rpm") files.push_back(entry.path().string());
    }
    if (failed) return fail_errno(failed.value(), "cannot read " + name);
  }
  if (files.empty()) return fail(ErrorCode::kUsage, "no package is given; name files *.rpm, or a directory of them");
  std::sort(files.begin(), files.end());
  return files;
}

std::string text_tag(Header header, rpmTagVal tag) {
  const char* const text = headerGetString(header, tag);
  return text == nullptr ? "" : text;
}

reference::PackageId id_of(Header header) {
  std::string version = text_tag(header, RPMTAG_VERSION) + "-" + text_tag(header, RPMTAG_RELEASE);
  const std::uint64_t epoch = headerGetNumber(header, RPMTAG_EPOCH);
  if (epoch != 0) version = std::to_string(epoch) + ":" + version;
  return {.name = text_tag(header, RPMTAG_NAME), .version = version, .architecture = text_tag(header, RPMTAG_ARCH)};
}

class RpmReader {
 public:
  RpmReader(TransactionSet set, reference::Document& document) : set_(std::move(set)), document_(document) {}

  Result<void> add(const std::string& path) {
    IMAKEEP_CHECK(verify(path));
    const File file(Fopen(path.c_str(), "r.ufdio"));
    Header read = nullptr;
    const rpmRC code = rpmReadPackageFile(set_.get(), file.get(), path.c_str(), &read);
    const PackageHeader header(read);
    if (code != RPMRC_OK || !header) return fail(ErrorCode::kMismatch, path + ": no RPM package, or a damaged one");
    const reference::PackageId id = id_of(header.get());
    if (!reference::fits_json(id.name + id.version + id.architecture)) {
      return fail(ErrorCode::kMalformed, path + ": its name or version is not UTF-8");
    }
    const Files files(rpmfilesNew(nullptr, header.get(), RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
    const int count = static_cast<int>(rpmfilesFC(files.get()));
    for (int i = 0; i < count; ++i) take(files.get(), i, id);
    ++report_.packages;
    return {};
  }

  RpmReport finish() {
    for (const Placed& file : files_) {
      const std::string resolved = links_.resolved(file.path);
      document_.files()[reference::measured_name(file.path)].insert(file.digest);
      document_.files()[reference::measured_name(resolved)].insert(file.digest);
    }
    return std::move(report_);
  }

 private:
  struct Placed {
    std::string path;
    std::string digest;
  };

  // librpm checks the signature of the header, and the digests of header and payload.
  Result<void> verify(const std::string& path) const {
    const File file(Fopen(path.c_str(), "r.ufdio"));
    if (!file || Ferror(file.get()) != 0) return fail_errno(errno, "cannot open " + path);
    rpmQVKArguments_s unused{};  // librpm refuses a null pointer
    if (rpmVerifySignatures(&unused, set_.get(), file.get(), path.c_str()) == 0) return {};
    return fail(
        ErrorCode::kMismatch,
        path + ": no key of the keyring signed it, or it was altered; get it again, or give the key of its maker");
  }

  void take(::rpmfiles files, int index, const reference::PackageId& id) {
    char* const name = rpmfilesFN(files, index);
    const std::string path(name == nullptr ? "" : name);
    std::free(name);  // NOLINT(cppcoreguidelines-no-malloc): librpm allocated it
    const rpm_mode_t mode = rpmfilesFMode(files, index);
    if (S_ISLNK(mode)) links_.add(path, rpmfilesFLink(files, index));
    if (!S_ISREG(mode) || (rpmfilesFFlags(files, index) & RPMFILE_GHOST) != 0) return;
    int hash = 0;
    std::size_t size = 0;
    const unsigned char* const digest = rpmfilesFDigest(files, index, &hash, &size);
    const auto algorithm = algorithm_of(hash);
    if (digest == nullptr || !algorithm || digest::digest_bytes(*algorithm) != size || !reference::fits_json(path)) {
      report_.left_out.push_back(printable(path) + ": no digest that a policy can hold, or a name that is not UTF-8");
      return;
    }
    std::size_t signature_bytes = 0;
    if (rpmfilesFSignature(files, index, &signature_bytes) != nullptr && signature_bytes > 0) ++report_.signed_files;
    std::string hex = to_hex({reinterpret_cast<const std::byte*>(digest), size});
    document_.packages[id].insert(hex);
    files_.push_back({.path = path, .digest = std::move(hex)});
    ++report_.files;
  }

  TransactionSet set_;
  reference::Document& document_;
  reference::PathLinks links_;
  std::vector<Placed> files_;
  RpmReport report_;
};

}  // namespace

Result<RpmReport> add_rpms(const RpmOptions& options, reference::Document& document) {
  IMAKEEP_TRY(const auto& files, files_of(options.packages));
  rpmlogSetCallback(say_nothing, nullptr);  // librpm would print what it finds
  if (rpmReadConfigFiles(nullptr, nullptr) != 0) {
    return fail(ErrorCode::kEnvironment, "librpm cannot read its configuration; install the package rpm-common");
  }
  IMAKEEP_TRY(const auto& keyring, read_keyring(options.keyring));
  TransactionSet set(rpmtsCreate());
  rpmtsSetKeyring(set.get(), keyring.get());
  rpmtsSetVfyLevel(set.get(), RPMSIG_SIGNATURE_TYPE | RPMSIG_DIGEST_TYPE);
  RpmReader reader(std::move(set), document);
  for (const std::string& file : files) IMAKEEP_CHECK(reader.add(file));
  return reader.finish();
}

}  // namespace imakeep::rpm
