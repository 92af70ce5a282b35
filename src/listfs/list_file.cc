// SPDX-License-Identifier: Apache-2.0
#include "listfs/list_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/mutex.h"
#include "listfs/position.h"
#include "mlist/request.h"

namespace imakeep::listfs {
namespace {

// runtime_measurements_count and violations: a number, formatted anew for every read.
class NumberFile : public OpenFile {
 public:
  NumberFile(const mlist::MeasurementList& list, ListNodeKind kind) : list_(list), kind_(kind) {}

  Result<Bytes> read(std::uint64_t offset, std::size_t count) override {
    const std::uint64_t number = kind_ == ListNodeKind::kCount ? list_.current_records() : list_.violations();
    const std::string text = std::to_string(number) + "\n";
    if (offset >= text.size()) return Bytes{};
    const ByteView rest = as_bytes(text).subspan(offset);
    const ByteView part = rest.first(std::min(count, rest.size()));
    return Bytes(part.begin(), part.end());
  }
  Result<void> write(std::uint64_t, std::string_view) override { return refuse(EINVAL, "not a file to write to"); }

 private:
  const mlist::MeasurementList& list_;
  const ListNodeKind kind_;
};

class ListFile : public OpenFile {
 public:
  ListFile(mlist::MeasurementList& list, const ListNode& node, int flags, mlist::OpenMediation& mediation)
      : list_(list),
        kind_(node.list),
        mediation_(mediation),
        writes_((flags & O_ACCMODE) != O_RDONLY),
        cursor_(list, node.list, node.form, list.shown_banks()[node.bank]) {}

  ~ListFile() override { writes_ ? mediation_.close_writer() : mediation_.close_reader(); }

  Result<Bytes> read(std::uint64_t offset, std::size_t count) override {
    const MutexLock lock(mutex_);
    Bytes bytes;
    IMAKEEP_CHECK(cursor_.read(position_.of_read(offset), count, bytes));
    position_.did_read(offset, bytes.size());
    return bytes;
  }

  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    const MutexLock lock(mutex_);
    if (!position_.plain_write(offset)) return refuse(ESPIPE, "no write at an offset");
    IMAKEEP_CHECK(mlist::carry_out(list_, kind_, bytes));
    position_.did_write(offset, bytes.size());
    return {};
  }

 private:
  mlist::MeasurementList& list_;
  const mlist::ListKind kind_;
  mlist::OpenMediation& mediation_;
  const bool writes_;
  Mutex mutex_;
  mlist::ListCursor cursor_ IMAKEEP_GUARDED_BY(mutex_);
  Position position_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<OpenFile>> ListFiles::open(std::size_t number, int flags, const Caller& caller) {
  const ListNode& node = directory_.shows[number];
  if (node.kind != ListNodeKind::kList) return std::make_unique<NumberFile>(list_, node.kind);
  if ((flags & O_ACCMODE) == O_RDONLY) {
    IMAKEEP_CHECK(mediation_.open_reader());
  } else {
    if (!caller.sys_admin) return refuse(EPERM, "opening for writing needs CAP_SYS_ADMIN");
    IMAKEEP_CHECK(mediation_.open_writer(caller.task));
  }
  return std::make_unique<ListFile>(list_, node, flags, mediation_);
}

}  // namespace imakeep::listfs
