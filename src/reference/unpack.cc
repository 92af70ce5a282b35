// SPDX-License-Identifier: Apache-2.0
#include "reference/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <zstd.h>

#include <memory>

namespace imakeep::reference {
namespace {

struct ArchiveFreed {
  void operator()(archive* object) const { archive_read_free(object); }
};
using ArchiveOwner = std::unique_ptr<archive, ArchiveFreed>;

constexpr std::size_t kBlockBytes = 1u << 16;

struct Input {
  ByteView rest;
};

// Blocks, so that the count of consumed bytes is exact whatever the filters read ahead.
la_ssize_t read_block(archive* /*object*/, void* data, const void** block) {
  auto* const input = static_cast<Input*>(data);
  const std::size_t size = std::min(kBlockBytes, input->rest.size());
  *block = input->rest.data();
  input->rest = input->rest.subspan(size);
  return static_cast<la_ssize_t>(size);
}

unexpected<Error> unpack_failed(archive* object, const char* what) {
  const char* const reason = archive_error_string(object);
  return fail(ErrorCode::kMalformed, std::string(what) + (reason == nullptr ? "" : std::string(": ") + reason));
}

// libarchive takes whatever follows a zstd frame for another one. Returns the frames at the front, or everything.
ByteView frames_of(ByteView packed) {
  std::size_t frames = 0;
  for (ByteView rest = packed; !rest.empty(); rest = packed.subspan(frames)) {
    const std::size_t frame = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
    if (ZSTD_isError(frame) != 0) break;
    frames += frame;
  }
  return frames == 0 ? packed : packed.first(frames);
}

}  // namespace

Result<Unpacked> unpack(ByteView packed, std::size_t most_bytes) {
  const ArchiveOwner object(archive_read_new());
  archive_read_support_filter_gzip(object.get());
  archive_read_support_filter_xz(object.get());
  archive_read_support_filter_lzma(object.get());
  archive_read_support_filter_zstd(object.get());
  archive_read_support_filter_bzip2(object.get());
  archive_read_support_filter_lz4(object.get());
  archive_read_support_format_raw(object.get());
  Input input{.rest = frames_of(packed)};
  archive_entry* entry = nullptr;
  if (archive_read_open(object.get(), &input, nullptr, read_block, nullptr) != ARCHIVE_OK ||
      archive_read_next_header(object.get(), &entry) != ARCHIVE_OK) {
    return unpack_failed(object.get(), "no compressed data");
  }
  if (archive_filter_count(object.get()) < 2) return fail(ErrorCode::kMalformed, "no compressed data of a known form");
  Unpacked result;
  Bytes block(kBlockBytes);
  for (;;) {
    const la_ssize_t got = archive_read_data(object.get(), block.data(), block.size());
    if (got < 0) return unpack_failed(object.get(), "the compressed data are damaged");
    if (got == 0) break;
    if (result.bytes.size() + static_cast<std::size_t>(got) > most_bytes) {
      return fail(ErrorCode::kUnsupported, "more than " + std::to_string(most_bytes) + " bytes when it is unpacked");
    }
    append_bytes(result.bytes, ByteView(block).first(static_cast<std::size_t>(got)));
  }
  const la_int64_t consumed = archive_filter_bytes(object.get(), archive_filter_count(object.get()) - 1);
  result.packed_bytes = static_cast<std::size_t>(consumed);
  return result;
}

}  // namespace imakeep::reference
