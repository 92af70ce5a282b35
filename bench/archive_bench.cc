// SPDX-License-Identifier: Apache-2.0
// Archive: how fast records go in and come out, how large they are, and how soon any record is there. The records are
// those of a real list of files, which bench/run makes of /usr: IMAKEEP_BENCH_LIST names it. Run by bench/run, which
// makes the table.
#include <chrono>
#include <cstdlib>

#include <benchmark/benchmark.h>

#include "archive/archive_reader.h"
#include "archive/sqlite/sqlite_store.h"
#include "base/file.h"
#include "bench_records.h"
#include "imalog/list_reader.h"
#include "tests/support/scratch_directory.h"

namespace imakeep::bench {
namespace {

const digest::Bank kBank = *digest::parse_bank("sha256");
constexpr std::size_t kBatchRecords = 1u << 14;

struct List {
  Bytes bytes;
  std::vector<archive::IncomingView> records;
};

const List& list() {
  static const List kList = [] {
    List made;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread runs yet
    const char* const name = std::getenv("IMAKEEP_BENCH_LIST");
    made.bytes = must(read_file(name == nullptr ? "" : name));
    imalog::ListReader reader(made.bytes, {.digest_bytes = 32, .order = kHostOrder});
    while (const auto record = must(reader.next())) {
      made.records.push_back({.content = record->content(), .shown = record->digest});
    }
    return made;
  }();
  return kList;
}

struct Opened {
  explicit Opened(const std::string& path)
      : store(must(archive::SqliteStore::open(path, archive::OpenMode::kCreate))), archive(*store) {}

  std::unique_ptr<archive::SqliteStore> store;
  archive::Archive archive;
};

void fill(archive::Archive& archive, const std::vector<digest::Bank>& banks, std::size_t batch) {
  must(archive.begin_chain(banks, archive::ChainStart::kBoot));
  const auto& records = list().records;
  for (std::size_t at = 0; at < records.size(); at += batch) {
    const auto part = std::span(records).subspan(at, std::min(batch, records.size() - at));
    must(archive.append(archive::ChainId(1), at, part, kBank, 0));
  }
}

// Every batch is durable before the next begins.
void ingest(benchmark::State& state, const char* banks) {
  const auto parsed = *digest::parse_banks(banks);
  list();
  for (auto _ : state) {
    const test::ScratchDirectory directory;
    Opened opened(directory.file("archive"));
    const auto start = std::chrono::steady_clock::now();
    fill(opened.archive, parsed, kBatchRecords);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.counters["records"] = static_cast<double>(list().records.size());
}
BENCHMARK_CAPTURE(ingest, one_bank, "sha256")->Name("archive/ingest/1")->Iterations(3)->UseManualTime();
BENCHMARK_CAPTURE(ingest, two_banks, "sha1,sha256")->Name("archive/ingest/2")->Iterations(3)->UseManualTime();
BENCHMARK_CAPTURE(ingest, four_banks, "sha1,sha256,sha384,sha512")
    ->Name("archive/ingest/4")
    ->Iterations(3)
    ->UseManualTime();

// The hashing that taking a record in cannot do without: a template digest and an extend a bank.
void hashing(benchmark::State& state) {
  const auto banks = *digest::parse_banks("sha1,sha256");
  for (auto _ : state) {
    digest::PcrState pcrs(banks);
    for (const archive::IncomingView& record : list().records) imalog::extend(pcrs, record.content);
    benchmark::DoNotOptimize(pcrs);
  }
}
BENCHMARK(hashing)->Name("archive/hashing_alone")->Iterations(1);

class Filled {
 public:
  Filled() : opened_(directory_.file("archive")) {
    fill(opened_.archive, *digest::parse_banks("sha1,sha256"), kBatchRecords);
  }
  archive::Archive& archive() { return opened_.archive; }
  archive::Store& store() { return *opened_.store; }

 private:
  test::ScratchDirectory directory_;
  Opened opened_;
};

Filled& filled() {
  static Filled archive;
  return archive;
}

void sizes(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(filled().archive());
  const auto records = static_cast<double>(list().records.size());
  state.counters["records"] = records;
  state.counters["file_bytes"] = static_cast<double>(filled().store().file_bytes()) / records;
  std::size_t sha1_bytes = 0;
  for (const auto& record : list().records) sha1_bytes += imalog::encoded_bytes(record.content, 20);
  state.counters["list_bytes"] = static_cast<double>(sha1_bytes) / records;
}
BENCHMARK(sizes)->Name("archive/sizes")->Iterations(1);

// The whole chain as the kernel's file of the bank has it.
void export_binary(benchmark::State& state, const char* bank_name) {
  const digest::Bank bank = *digest::parse_bank(bank_name);
  const auto chain = must(filled().archive().chain(archive::ChainId(1)));
  std::size_t produced = 0;
  for (auto _ : state) {
    produced = 0;
    archive::ArchiveReader reader(filled().store(), chain, 0, chain.end);
    Bytes out;
    for (;;) {
      const auto step = must(reader.next());
      if (step.done()) break;
      out.clear();
      imalog::encode_record(out, step.record->record.content, shown_digest(bank, step.record->record).view());
      produced += out.size();
    }
  }
  state.counters["bytes"] = static_cast<double>(produced);
}
BENCHMARK_CAPTURE(export_binary, sha1, "sha1")->Name("archive/export/sha1")->Iterations(3);
BENCHMARK_CAPTURE(export_binary, sha256, "sha256")->Name("archive/export/sha256")->Iterations(3);

void first_record(benchmark::State& state) {
  const auto chain = must(filled().archive().chain(archive::ChainId(1)));
  std::uint64_t at = 0;
  for (auto _ : state) {
    at = (at + 999'331) % chain.end;
    archive::ArchiveReader reader(filled().store(), chain, at, chain.end);
    benchmark::DoNotOptimize(must(reader.next()));
  }
}
BENCHMARK(first_record)->Name("archive/first_record")->Iterations(1000);

void check(benchmark::State& state) {
  for (auto _ : state) {
    if (!must(filled().archive().check()).empty()) std::abort();
  }
}
BENCHMARK(check)->Name("archive/check")->Iterations(1);

}  // namespace
}  // namespace imakeep::bench
