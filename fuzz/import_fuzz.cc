// SPDX-License-Identifier: Apache-2.0
// Input: a byte of options, then up to three binary lists of bank sha1, each after its length as a little-endian u16.
#include <algorithm>

#include "archive/archive_reader.h"
#include "archive/import.h"
#include "archive/memory/memory_store.h"
#include "fuzz/require.h"

namespace imakeep::fuzz {
namespace {

using archive::Archive;
using archive::ImportPart;

const digest::Bank kBank = *digest::parse_bank("sha1");

std::vector<ImportPart> parts_of(ByteView bytes) {
  std::vector<ImportPart> parts;
  while (parts.size() < 3 && bytes.size() >= 2) {
    const std::size_t size =
        std::min<std::size_t>(load<std::uint16_t>(bytes.data(), ByteOrder::kLittle), bytes.size() - 2);
    parts.push_back({.name = "part " + std::to_string(parts.size()), .list = bytes.subspan(2, size), .bank = kBank});
    bytes = bytes.subspan(2 + size);
  }
  return parts;
}

Bytes exported(Archive& archive, archive::ChainId number, std::uint64_t from, std::uint64_t to) {
  const auto chain = archive.chain(number);
  require(chain.has_value(), "the chain that was imported into is there");
  archive::ArchiveReader reader(archive.store(), *chain, from, to);
  Bytes list;
  for (;;) {
    const auto step = reader.next();
    require(step && !step->damage, "what was imported can be read");
    if (step->done()) return list;
    imalog::encode_record(list, step->record->record.content, shown_digest(kBank, step->record->record).view());
  }
}

// Every record of every part is where the report says. Digests aside: two parts may show another for the same record.
void check_report(Archive& archive, const std::vector<ImportPart>& parts, const archive::ImportReport& report) {
  require(report.parts.size() == parts.size(), "every part is reported");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const archive::PartReport& part = report.parts[i];
    const Bytes list = exported(archive, report.chain, part.first, part.first + part.records);
    imalog::ListReader given(parts[i].list, {.digest_bytes = 20, .order = kHostOrder});
    imalog::ListReader kept(list, {.digest_bytes = 20, .order = kHostOrder});
    for (;;) {
      const auto expected = given.next();
      const auto found = kept.next();
      require(expected && found && (*expected != nullptr) == (*found != nullptr), "as many records as were given");
      if (*expected == nullptr) break;
      require((*expected)->pcr == (*found)->pcr && (*expected)->template_name == (*found)->template_name &&
                  equal((*expected)->body, (*found)->body),
              "each record is where the report says");
    }
  }
}

}  // namespace
}  // namespace imakeep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  if (size == 0) return 0;
  const auto parts = fuzz::parts_of(std::as_bytes(std::span(data + 1, size - 1)));
  archive::MemoryStore store;
  archive::Archive archive(store);
  archive::ImportOptions options{.banks = {fuzz::kBank}, .no_repeats = (data[0] & 1) != 0};
  if ((data[0] & 2) != 0) {
    options.pcrs = {{.bank = fuzz::kBank, .pcr = 10, .value = digest::Digest(20)}};
  }
  const auto report = archive::import_lists(archive, parts, options);
  if (!report) {
    fuzz::require(archive.chains()->empty(), "what is refused adds nothing");
    return 0;
  }
  fuzz::check_report(archive, parts, *report);
  fuzz::require(archive.check()->empty(), "what was imported passes its check");
  const auto again = archive::import_lists(archive, parts, options);
  if (again) {
    for (const archive::PartReport& part : again->parts) fuzz::require(part.added == 0, "the same lists add nothing");
  }
  return 0;
}
