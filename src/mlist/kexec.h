// mlist/kexec.h - the measurement list's way over a kexec: the image one kernel writes and the next one starts with.
//
//   image  := version:u16=1  0:u16  0:u32  buffer_size:u64  count:u64  record*     host order
//   record := as in binary_runtime_measurements: sha1 template digests              (imalog/record.h)
// buffer_size counts the header. Staged records come before current ones. The segment's size is fixed when the new
// kernel is loaded, with 2 to 6 KiB to spare; of the list at kexec, what does not fit is lost. Linux writes the
// beginning of the first record that does not fit and counts it, and its next kernel stops there; imakeep leaves it
// out. If the policy measures critical data, loading and kexec each add an ima-buf record, "kexec_load" and
// "kexec_execute":
//   kexec_segment_size=%lu;ima_binary_runtime_size=%lu;ima_runtime_measurements_count=%ld;
// with the figures of the full list, its size counting a header.
//
// Source: ima_kexec.c, and ima_restore_measurement_list() in ima_template.c, of Linux 7.3.
// Threads: a KexecSaver belongs to one thread at a time; the functions have no shared state of their own.
#pragma once

#include <string>

#include "mlist/measurement_list.h"

namespace imakeep::mlist {

inline constexpr std::size_t kKexecHeaderBytes = 24;

struct KexecImage {
  Bytes bytes;
  std::uint64_t records = 0;
  std::uint64_t dropped = 0;  // records that the segment had no room for
};

class KexecSaver {
 public:
  // `pcr` and `hash` are those of IMA's own records. Keeps a reference to `list`.
  KexecSaver(MeasurementList& list, std::uint32_t pcr, bool measure_critical_data)
      : list_(list), pcr_(pcr), measure_critical_data_(measure_critical_data) {}

  // What kexec_file_load does: fixes the segment's size, then adds "kexec_load". Returns the size. kRefused as
  // append().
  Result<std::uint64_t> load();
  // What kexec does: adds "kexec_execute", suspends, writes the image; loads first if nobody did. kRefused once the
  // list is suspended.
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
  // Why Linux would have stopped before the last record, at Error::record: a record of the "ima" template, of an
  // unknown one, or one that the image's end cuts. The records before it are in the list.
  std::optional<Error> stopped = {};
};

// Starts `list`, to which nothing was appended yet, with the records of an image. Digests are recomputed; an all-zero
// one is a violation. Nothing is restored on an error:
//   kTruncated    shorter than its header says    kMalformed   a size, count or record that no kernel writes
//   kUnsupported  another version
Result<KexecRestored> restore_kexec_image(MeasurementList& list, ByteView image);

}  // namespace imakeep::mlist
