// SPDX-License-Identifier: Apache-2.0
// Input: an archive file. Whatever is in it, it is opened or refused, checked, and read from end to end, in bounded
// time.
#include <fcntl.h>

#include <cstdlib>

#include "archive/archive_reader.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"
#include "fuzz/require.h"
#include "tests/support/scratch_directory.h"

namespace imakeep::fuzz {
namespace {

void read_chain(archive::Archive& archive, const archive::Chain& chain) {
  archive::ArchiveReader reader(archive.store(), chain, chain.first_kept, chain.end);
  std::uint64_t next = chain.first_kept;
  for (;;) {
    const auto step = reader.next();
    if (!step || step->done()) break;
    const std::uint64_t first = step->damage ? step->damage->first : step->record->number;
    require(first == next, "nothing is passed over in silence, nothing comes twice");
    next += step->damage ? step->damage->records : 1;
    if (step->damage) require(step->damage->records > 0, "damage is of some record");
  }
  require(next <= chain.end, "nothing comes after the end");
  static_cast<void>(archive.state_at(chain, chain.first_kept + (chain.end - chain.first_kept) / 2));
  static_cast<void>(archive.stats(chain.chain));
  static_cast<void>(archive.list(chain.chain));
  const auto anchors = archive.anchors(chain);
  const auto start = archive.replay_start(chain);
  if (!anchors) return;
  for (const archive::Anchor& anchor : *anchors) {
    require(anchor.broken_at <= anchor.number && anchor.number <= chain.end, "an anchor lies within its chain");
  }
  if (start) require(start->number >= chain.first_kept && start->number <= chain.end, "replay starts at what is kept");
}

void read_archive(const std::string& path) {
  const auto store = archive::SqliteStore::open(path, archive::OpenMode::kRead);
  if (!store) return;
  archive::Archive archive(**store);
  static_cast<void>(archive.check());
  static_cast<void>(archive.pending());
  static_cast<void>(archive.incidents());
  static_cast<void>((*store)->sources());
  static_cast<void>(archive.acknowledged(archive::ChainId(1)));
  const auto chains = archive.chains();
  if (!chains) return;
  for (const archive::Chain& chain : *chains) read_chain(archive, chain);
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  static const test::ScratchDirectory directory(test::ScratchDirectory::in_memory());
  const std::string path = directory.file("archive");
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(path + suffix);
  const auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file || !write_all(file->get(), std::as_bytes(std::span(data, size)), path)) std::abort();
  fuzz::read_archive(path);
  return 0;
}
