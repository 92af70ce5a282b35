// SPDX-License-Identifier: Apache-2.0
// mlist/kexec.h - carries the measurement list over a kexec: the image that one kernel writes and the next one reads.
//
//   image  := version:u16=1  0:u16  0:u32  buffer_size:u64  count:u64  record*     host order
//   record := as in binary_runtime_measurements: sha1 template digests              (imalog/record.h)
// buffer_size counts the header. Staged records come before current ones. The segment's size is fixed when the new
// kernel is loaded, with 2 to 6 KiB to spare. At kexec, records that do not fit are lost. Linux writes the beginning of
// the first record that does not fit and counts that record, and its next kernel stops there. imakeep omits that
// record. If the policy measures critical data, the load and the kexec each add an ima-buf record, "kexec_load" and
// "kexec_execute":
//   kexec_segment_size=%lu;ima_binary_runtime_size=%lu;ima_runtime_measurements_count=%ld;
// with the figures of the full list; its size includes a header.
//
// Source: ima_kexec.c, and ima_restore_measurement_list() in ima_template.c, of Linux 7.3.
// Threads: one thread at a time uses a KexecSaver; the functions have no shared state of their own.
#pragma once

#include <string>

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

inline constexpr std::size_t kKexecHeaderBytes = 24;

struct KexecImage {
  Bytes bytes;
  std::uint64_t records = 0;
  std::uint64_t dropped = 0;  // records for which the segment had no room
};

class KexecSaver {
 public:
  // `pcr` is that of IMA's own records. Keeps a reference to `list`.
  KexecSaver(MeasurementList& list, std::uint32_t pcr, bool measure_critical_data)
      : list_(list), pcr_(pcr), measure_critical_data_(measure_critical_data) {}

  // Does what kexec_file_load does: fixes the segment's size, then adds "kexec_load". Returns the size in bytes.
  // kRefused like append(), except that a suspended list is not an error.
  Result<std::uint64_t> load();
  // Does what kexec does: adds "kexec_execute", suspends the list, and writes the image. Calls load() first if nobody
  // did. Same errors as load().
  Result<KexecImage> save();

 private:
  Result<void> add_critical_data(std::string_view event);

  MeasurementList& list_;
  const std::uint32_t pcr_;
  const bool measure_critical_data_;
  std::uint64_t segment_bytes_ = 0;
};

struct KexecRestored {
  std::uint64_t records = 0;
  // The reason why Linux would have stopped before the last record, at record index Error::record: a record of the
  // "ima" template, of an unknown template, or cut by the image's end. The records before it are in the list.
  std::optional<Error> stopped = {};
};

// Checks whether an image may begin with `front`, which has at least 24 bytes. Errors: those of restore_kexec_image().
Result<void> check_kexec_header(ByteView front, ByteOrder order);

// Starts `list` with the records of an image. Recomputes their digests; an all-zero digest means a violation.
// REQUIRES: nothing was appended to `list`. Except after kRefused, an error leaves `list` empty:
//   kTruncated    shorter than its header says
//   kMalformed    a size, count or record that no kernel writes, or data that do not split into their template's fields
//   kUnsupported  another version
//   kRefused      ENOMEM; the records before the failure stay in the list
Result<KexecRestored> restore_kexec_image(MeasurementList& list, ByteView image);

}  // namespace imakeep::mlist
