// SPDX-License-Identifier: Apache-2.0
#include "debian/deb_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <memory>

#include "debian/deb822.h"
#include "reference/file_hash.h"
#include "reference/path_links.h"

namespace imakeep::debian {
namespace {

struct ReaderFreed {
  void operator()(archive* object) const { archive_read_free(object); }
};
using Reader = std::unique_ptr<archive, ReaderFreed>;

constexpr std::size_t kBlockBytes = 1u << 16;
constexpr std::size_t kMostControlBytes = 1u << 20;

unexpected<Error> damaged(archive* object, const std::string& member) {
  const char* const reason = archive_error_string(object);
  return fail(ErrorCode::kMalformed, member + ": " + (reason == nullptr ? "damaged" : reason));
}

// Hands the bytes of the outer archive's entry to the inner archive.
struct Member {
  archive* outer = nullptr;
  Bytes block = Bytes(kBlockBytes);
};

la_ssize_t read_member(archive* inner, void* data, const void** block) {
  auto* const member = static_cast<Member*>(data);
  *block = member->block.data();
  const la_ssize_t got = archive_read_data(member->outer, member->block.data(), member->block.size());
  if (got < 0) archive_set_error(inner, EIO, "%s", archive_error_string(member->outer));
  return got;
}

// Calls `take` for each entry of the tar that is the current member of `outer`.
template <class Take>
Result<void> each_entry(archive* outer, const std::string& name, const Take& take) {
  const Reader tar(archive_read_new());
  archive_read_support_filter_gzip(tar.get());
  archive_read_support_filter_xz(tar.get());
  archive_read_support_filter_zstd(tar.get());
  archive_read_support_filter_bzip2(tar.get());
  archive_read_support_filter_lzma(tar.get());
  archive_read_support_format_tar(tar.get());
  Member member{.outer = outer};
  if (archive_read_open(tar.get(), &member, nullptr, read_member, nullptr) != ARCHIVE_OK) {
    return damaged(tar.get(), name);
  }
  for (std::size_t entries = 0;; ++entries) {
    archive_entry* entry = nullptr;
    const int got = archive_read_next_header(tar.get(), &entry);
    if (got == ARCHIVE_EOF) return {};
    if (got < ARCHIVE_WARN) return damaged(tar.get(), name);
    if (entries == kMostEntries) return fail(ErrorCode::kMalformed, name + ": too many entries");
    const char* const path = archive_entry_pathname(entry);
    if (path == nullptr) return fail(ErrorCode::kMalformed, name + ": an entry without a name");
    IMAKEEP_CHECK(take(tar.get(), entry, reference::absolute_path(path)));
  }
}

// Reads the content of the entry; `also` takes a copy of it, if it is given.
Result<reference::DigestSet> hash_entry(archive* tar, const std::string& path, reference::ContentHasher& hasher,
                                        std::string* also = nullptr) {
  Bytes block(kBlockBytes);
  for (;;) {
    const la_ssize_t got = archive_read_data(tar, block.data(), block.size());
    if (got < 0) return damaged(tar, path);
    if (got == 0) return hasher.finish();
    const ByteView bytes = ByteView(block).first(static_cast<std::size_t>(got));
    hasher.update(bytes);
    if (also == nullptr) continue;
    if (also->size() + bytes.size() > kMostControlBytes) return fail(ErrorCode::kMalformed, path + " is too large");
    *also += as_text(bytes);
  }
}

class DebReader {
 public:
  explicit DebReader(const std::vector<digest::Algorithm>& algorithms) : hasher_(algorithms) {}

  Result<DebContents> read(archive* ar) {
    bool has_control = false;
    bool has_data = false;
    for (;;) {
      archive_entry* entry = nullptr;
      const int got = archive_read_next_header(ar, &entry);
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_WARN) return damaged(ar, "ar archive");
      const char* const pathname = archive_entry_pathname(entry);
      const std::string name = pathname == nullptr ? "" : pathname;
      if (name.starts_with("control.tar") && !has_control) {
        has_control = true;
        IMAKEEP_CHECK(read_control(ar, name));
      } else if (name.starts_with("data.tar") && has_control && !has_data) {
        has_data = true;
        IMAKEEP_CHECK(read_data(ar, name));
      } else if (name.starts_with("control.tar") || name.starts_with("data.tar")) {
        return fail(ErrorCode::kMalformed, name + ": a member twice, or in another order");
      }
    }
    if (!has_control || !has_data) {
      return fail(ErrorCode::kMalformed,
                  std::string("no .deb: ") + (has_control ? "data.tar" : "control.tar") + " is missing");
    }
    return std::move(contents_);
  }

 private:
  Result<void> read_control(archive* ar, const std::string& name) {
    std::string control;
    IMAKEEP_CHECK(
        each_entry(ar, name, [&](archive* tar, archive_entry* entry, const std::string& path) -> Result<void> {
          if (archive_entry_filetype(entry) != S_IFREG) return {};
          const bool is_control = path == "/control";
          IMAKEEP_TRY(auto digests, hash_entry(tar, path, hasher_, is_control ? &control : nullptr));
          if (!is_control) contents_.control.push_back({.path = path.substr(1), .digests = std::move(digests)});
          return {};
        }));
    Deb822Reader reader(control);
    IMAKEEP_TRY(const auto* paragraph, reader.next());
    if (paragraph == nullptr) return fail(ErrorCode::kMalformed, name + " has no control file");
    contents_.package = {.name = std::string(paragraph->value("Package")),
                         .version = std::string(paragraph->value("Version")),
                         .architecture = std::string(paragraph->value("Architecture"))};
    contents_.one_for_each_architecture = paragraph->value("Multi-Arch") == "same";
    return {};
  }

  Result<void> read_data(archive* ar, const std::string& name) {
    std::map<std::string, reference::DigestSet, std::less<>> by_path;  // for hard links
    return each_entry(ar, name, [&](archive* tar, archive_entry* entry, const std::string& path) -> Result<void> {
      if (const char* const linked = archive_entry_hardlink(entry)) {
        const auto target = by_path.find(reference::absolute_path(linked));
        if (target == by_path.end()) {
          return fail(ErrorCode::kMalformed, name + ": " + path + " is a hard link to a file that does not precede it");
        }
        contents_.files.push_back({.path = path, .digests = target->second});
        by_path[path] = target->second;
        return {};
      }
      if (archive_entry_filetype(entry) == S_IFLNK) {
        const char* const target = archive_entry_symlink(entry);
        if (target != nullptr) contents_.links.push_back({.path = path, .target = target});
        return {};
      }
      if (archive_entry_filetype(entry) != S_IFREG) return {};
      IMAKEEP_TRY(auto digests, hash_entry(tar, path, hasher_));
      by_path[path] = digests;
      contents_.files.push_back({.path = path, .digests = std::move(digests)});
      return {};
    });
  }

  reference::ContentHasher hasher_;
  DebContents contents_;
};

Reader ar_reader() {
  Reader ar(archive_read_new());
  archive_read_support_format_ar(ar.get());
  return ar;
}

}  // namespace

Result<DebContents> read_deb(ByteView deb, const std::vector<digest::Algorithm>& algorithms) {
  const Reader ar = ar_reader();
  if (archive_read_open_memory(ar.get(), deb.data(), deb.size()) != ARCHIVE_OK) return damaged(ar.get(), "no .deb");
  return DebReader(algorithms).read(ar.get());
}

Result<DebContents> read_deb_file(const std::string& path, const std::vector<digest::Algorithm>& algorithms) {
  const Reader ar = ar_reader();
  if (archive_read_open_filename(ar.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK)
    return damaged(ar.get(), "no .deb");
  return DebReader(algorithms).read(ar.get());
}

}  // namespace imakeep::debian
