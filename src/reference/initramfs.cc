// SPDX-License-Identifier: Apache-2.0
#include "reference/initramfs.h"

#include <sys/stat.h>

#include <map>

#include "reference/file_hash.h"
#include "reference/newc.h"
#include "reference/path_links.h"
#include "reference/unpack.h"

namespace imakeep::reference {
namespace {

constexpr std::size_t kMostUnpackedBytes = std::size_t{2} << 30;
constexpr std::size_t kMostParts = 64;

class Image {
 public:
  explicit Image(const std::vector<digest::Algorithm>& algorithms) : hasher_(algorithms) {}

  // Takes the archives at the front. Returns the count of bytes that they have.
  Result<std::size_t> take(ByteView archives) {
    NewcReader reader(archives);
    for (;;) {
      IMAKEEP_TRY(const auto& entry, reader.next());
      if (!entry) break;
      if (S_ISLNK(entry->mode)) links_.add(entry->name, as_text(entry->data));
      if (S_ISREG(entry->mode)) take_file(*entry);
    }
    ++report_.archives;
    return reader.offset();
  }

  InitramfsReport finish(Document& document) {
    for (const auto& [path, file] : files_) {
      DigestSet digests = file;
      document.files()[measured_name(links_.resolved(path))].merge(digests);
    }
    return report_;
  }

 private:
  // Of the names of one file, only the last has the data in this form of archive.
  void take_file(const NewcEntry& entry) {
    ++report_.files;
    report_.bytes += entry.data.size();
    const std::string path = absolute_path(entry.name);
    hasher_.update(entry.data);
    const DigestSet digests = hasher_.finish();
    files_[path] = digests;
    if (entry.links < 2) return;
    std::vector<std::string>& names = names_[{report_.archives, entry.device, entry.inode}];
    names.push_back(path);
    if (entry.data.empty()) return;
    for (const std::string& name : names) files_[name] = digests;
  }

  ContentHasher hasher_;
  InitramfsReport report_;
  PathLinks links_;
  std::map<std::string, DigestSet> files_;  // a later archive replaces a file of an earlier one
  std::map<std::array<std::uint64_t, 3>, std::vector<std::string>> names_;
};

}  // namespace

Result<InitramfsReport> add_initramfs(ByteView image, const std::vector<digest::Algorithm>& algorithms,
                                      Document& document) {
  Image files(algorithms);
  std::size_t offset = 0;
  std::size_t parts = 0;
  for (;; ++parts) {
    while (offset < image.size() && image[offset] == std::byte{0}) ++offset;
    if (offset == image.size()) break;
    const ByteView rest = image.subspan(offset);
    const auto placed = [&](Error error) {
      error.offset = offset + error.offset.value_or(0);
      error.message += "; give an initramfs: cpio archives in the form newc, plain or compressed";
      return unexpected(std::move(error));
    };
    if (parts == kMostParts) return fail(ErrorCode::kUnsupported, "more than " + std::to_string(parts) + " archives");
    if (NewcReader::begins_entry(rest)) {
      const auto taken = files.take(rest);
      if (!taken) return placed(taken.error());
      offset += *taken;
      continue;
    }
    const auto unpacked = unpack(rest, kMostUnpackedBytes);
    if (!unpacked) return placed(unpacked.error());
    const auto taken = files.take(unpacked->bytes);
    // Offsets in unpacked bytes help nobody.
    if (!taken) return placed({.code = taken.error().code, .message = taken.error().message});
    if (*taken != unpacked->bytes.size() || unpacked->packed_bytes == 0) {
      return placed({.code = ErrorCode::kMalformed, .message = "compressed data that are no cpio archive"});
    }
    offset += unpacked->packed_bytes;
  }
  if (parts == 0) return fail(ErrorCode::kMalformed, "no initramfs: it holds no archive");
  state_algorithms(algorithms, document);
  return files.finish(document);
}

}  // namespace imakeep::reference
