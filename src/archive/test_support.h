// SPDX-License-Identifier: Apache-2.0
// archive/test_support.h - for tests only: records to append, made from captured lists. Threads: no shared state.
#pragma once

#include "archive/archive_reader.h"
#include "imalog/test_support.h"

namespace imakeep::archive::test {

namespace imatest = imalog::test;

// A list, and its records as Archive::append() takes them. The records point into the list.
struct Incoming {
  Incoming(Bytes bytes, const digest::Bank& of) : list(std::move(bytes)), bank(of) {
    for (const imalog::RecordView& record : imatest::records_of(list, imatest::format_of(of))) {
      records.push_back({.content = record.content(), .shown = record.digest});
    }
  }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  Bytes list;
  digest::Bank bank;
  std::vector<IncomingView> records;
};

inline Incoming incoming(std::string_view log, std::string_view bank_name) {
  const digest::Bank bank = imatest::bank(bank_name);
  return {imatest::whole_log(log, bank), bank};
}

// `count` ima-ng records, each with a different path that begins with `prefix`. Every seventh is a violation.
inline Incoming made(std::string_view prefix, std::size_t count, std::string_view bank_name = "sha1") {
  std::vector<imatest::Content> contents;
  for (std::size_t i = 0; i < count; ++i) {
    contents.push_back(imatest::ima_ng(std::string(prefix) + std::to_string(i)));
    contents.back().violation = i % 7 == 6;
  }
  const digest::Bank bank = imatest::bank(bank_name);
  return {imatest::list_of(contents, bank), bank};
}

// The chain in the form of a kernel's file of that bank. Throws if a record cannot be read.
inline Bytes exported(Archive& archive, ChainId number, const digest::Bank& bank, std::uint64_t from = 0) {
  const Chain chain = imatest::must(archive.chain(number));
  ArchiveReader reader(archive.store(), chain, std::max(from, chain.first_kept), chain.end);
  Bytes list;
  for (;;) {
    const auto step = imatest::must(reader.next());
    if (step.done()) return list;
    if (step.damage) throw std::runtime_error("damaged: " + step.damage->what);
    imalog::encode_record(list, step.record->record.content, shown_digest(bank, step.record->record).view());
  }
}

}  // namespace imakeep::archive::test
