// SPDX-License-Identifier: Apache-2.0
#include "mlist/kexec.h"

#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "imalog/ascii.h"
#include "imalog/list_reader.h"
#include "imalog/template.h"
#include "imalog/template_data.h"
#include "mlist/list_walk.h"

namespace imakeep::mlist {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kSpareBytes = kPageBytes / 2;
constexpr std::size_t kMaxRestoredNameBytes = 79;  // MAX_TEMPLATE_NAME_LEN
constexpr std::uint8_t kDigestBytes = 20;
constexpr digest::Bank kSha1{.algorithm = digest::Algorithm::kSha1};

unexpected<Error> bad(ErrorCode code, std::string message, std::size_t offset) {
  return unexpected<Error>(Error{.code = code, .message = std::move(message), .offset = offset});
}

void append_header(Bytes& out, std::uint64_t buffer_size, std::uint64_t count, ByteOrder order) {
  append_int(out, std::uint16_t{1}, order);
  append_int(out, std::uint16_t{0}, order);
  append_int(out, std::uint32_t{0}, order);
  append_int(out, buffer_size, order);
  append_int(out, count, order);
}

void append_records(KexecImage& image, const MeasurementList& list, ListKind kind, std::uint64_t segment_bytes) {
  ListWalk walk(list, list.snapshot(kind));
  while (const auto content = walk.next()) {
    const bool fits = image.bytes.size() + imalog::encoded_bytes(*content, kDigestBytes) <= segment_bytes;
    if (!fits || image.dropped > 0) {
      ++image.dropped;
      continue;
    }
    imalog::encode_record(image.bytes, *content, imalog::shown_digest(kSha1, *content).view(), list.options().order);
    ++image.records;
  }
}

}  // namespace

Result<void> KexecSaver::add_critical_data(std::string_view event) {
  if (!measure_critical_data_) return {};
  const Extent full = list_.counters().full;
  char text[160];
  const int length = std::snprintf(text, sizeof text,
                                   "kexec_segment_size=%" PRIu64 ";ima_binary_runtime_size=%" PRIu64
                                   ";ima_runtime_measurements_count=%" PRIu64 ";",
                                   segment_bytes_, full.counted_bytes + kKexecHeaderBytes, full.records);
  const ByteView buffer = as_bytes({text, static_cast<std::size_t>(length)});
  const digest::Algorithm hash = list_.options().hash;
  const digest::Digest buffer_digest = digest::hash(hash, buffer);
  IMAKEEP_TRY(const auto& body,
              imalog::make_body(
                  "ima-buf", {.path = event, .algorithm = hash, .file_digest = buffer_digest.view(), .buffer = buffer},
                  list_.options().order));
  const auto appended = list_.append({.pcr = pcr_, .template_name = "ima-buf", .body = body});
  // If a reboot has begun, the list is suspended already. Linux, too, then continues without the record.
  if (!appended && appended.error().os_errno != ENODEV) return unexpected(appended.error());
  return {};
}

Result<std::uint64_t> KexecSaver::load() {
  const ListCounters counters = list_.counters();
  const std::uint64_t needed = counters.current.counted_bytes + kKexecHeaderBytes + counters.staged.counted_bytes +
                               kKexecHeaderBytes + kSpareBytes;
  segment_bytes_ = (needed + kPageBytes - 1) / kPageBytes * kPageBytes;
  IMAKEEP_CHECK(add_critical_data("kexec_load"));
  return segment_bytes_;
}

Result<KexecImage> KexecSaver::save() {
  if (segment_bytes_ == 0) IMAKEEP_CHECK(load());
  IMAKEEP_CHECK(add_critical_data("kexec_execute"));
  list_.suspend();

  KexecImage image;
  append_header(image.bytes, 0, 0, list_.options().order);
  append_records(image, list_, ListKind::kStaged, segment_bytes_);
  append_records(image, list_, ListKind::kCurrent, segment_bytes_);
  Bytes header;
  append_header(header, image.bytes.size(), image.records, list_.options().order);
  std::copy(header.begin(), header.end(), image.bytes.begin());
  return image;
}

namespace {

struct Header {
  std::uint64_t buffer_size;
  std::uint64_t count;
};

// `image` may be only the front of an image.
Result<Header> decode_front(ByteView image, ByteOrder order) {
  if (image.size() < kKexecHeaderBytes)
    return bad(ErrorCode::kTruncated, "kexec image cut short in its header", image.size());
  const auto version = load<std::uint16_t>(image.data(), order);
  if (version != 1) {
    return bad(ErrorCode::kUnsupported, "kexec image of version " + std::to_string(version) + " (only 1 is known)", 0);
  }
  const Header header{.buffer_size = load<std::uint64_t>(image.data() + 8, order),
                      .count = load<std::uint64_t>(image.data() + 16, order)};
  if (header.buffer_size < kKexecHeaderBytes) {
    return bad(ErrorCode::kMalformed, "kexec image whose size leaves no room for its own header", 8);
  }
  return header;
}

Result<Header> decode_header(ByteView image, ByteOrder order) {
  auto front = decode_front(image, order);
  if (!front) return front;
  const Header& header = *front;
  if (header.buffer_size > image.size()) {
    return bad(ErrorCode::kTruncated,
               "kexec image of " + std::to_string(image.size()) + " bytes; its header says " +
                   std::to_string(header.buffer_size),
               8);
  }
  return header;
}

// Linux does not restore a record whose template it cannot rebuild.
bool restorable(std::string_view template_name) {
  return template_name != imalog::kImaTemplate && template_name.size() <= kMaxRestoredNameBytes &&
         imalog::Template::find(template_name).has_value();
}

}  // namespace

Result<void> check_kexec_header(ByteView front, ByteOrder order) {
  const auto header = decode_front(front, order);
  if (!header) return unexpected(header.error());
  return {};
}

Result<KexecRestored> restore_kexec_image(MeasurementList& list, ByteView image) {
  IMAKEEP_TRY(const auto& header, decode_header(image, list.options().order));
  const ByteView records = image.subspan(kKexecHeaderBytes, header.buffer_size - kKexecHeaderBytes);

  // Check all records before restoring the first.
  std::vector<imalog::RecordContentView> contents;
  KexecRestored restored;
  imalog::ListReader reader(records, {.digest_bytes = kDigestBytes, .order = list.options().order});
  std::string line;
  while (contents.size() < header.count) {
    const std::size_t offset = reader.offset();
    const auto record = reader.next();
    if (record && !*record) {
      return bad(ErrorCode::kMalformed,
                 "kexec image counts " + std::to_string(header.count) + " records and holds " +
                     std::to_string(contents.size()),
                 16);
    }
    Error error;
    if (!record) {
      error = record.error();
      *error.offset += kKexecHeaderBytes;
      if (error.code != ErrorCode::kTruncated) return unexpected(std::move(error));
    } else if (restorable((*record)->template_name)) {
      contents.push_back((*record)->content());
      line.clear();
      const auto shown = imalog::append_ascii(line, contents.back(), (*record)->digest, list.options().order,
                                              list.options().templates);
      if (!shown) {
        return unexpected(Error{.code = ErrorCode::kMalformed,
                                .message = shown.error().message,
                                .offset = kKexecHeaderBytes + offset,
                                .record = contents.size() - 1});
      }
      continue;
    } else {
      error = Error{.code = ErrorCode::kUnsupported,
                    .message = "Linux restores no record of template '" + std::string((*record)->template_name) + "'",
                    .record = contents.size()};
    }
    restored.stopped = std::move(error);
    break;
  }
  if (!restored.stopped && reader.offset() != records.size()) {
    return bad(ErrorCode::kMalformed,
               "kexec image with " + std::to_string(records.size() - reader.offset()) + " bytes after its last record",
               kKexecHeaderBytes + reader.offset());
  }
  for (const auto& content : contents) IMAKEEP_CHECK(list.restore(content));
  restored.records = contents.size();
  return restored;
}

}  // namespace imakeep::mlist
