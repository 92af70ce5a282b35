// SPDX-License-Identifier: Apache-2.0
// Keeper: how long a trim holds the list for itself, by both methods and at several lengths, compared with what
// the hold has to contain: reading the staged list, and one durable commit. Run by bench/run, which makes the table.
#include <benchmark/benchmark.h>

#include "archive/sqlite/sqlite_store.h"
#include "bench_records.h"
#include "keeper/keeper.h"
#include "keeper/memory/memory_ima_source.h"
#include "tests/support/scratch_directory.h"

namespace imakeep::bench {
namespace {

// A list of `records`, all of them archived.
struct Kept {
  Kept(std::uint64_t records, keeper::Method method) {
    const auto banks = *digest::parse_banks("sha1,sha256");
    pcrs = std::make_unique<tpm::SoftPcrBanks>(digest::PcrState(banks));
    ima.list = std::make_unique<mlist::MeasurementList>(mlist::ListOptions{
        .banks = banks, .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) {
          return pcrs->extend(pcr, digests);
        }});
    RecordMaker maker;
    for (std::uint64_t i = 0; i < records; ++i) must(ima.list->append(maker.next()));
    store = must(archive::SqliteStore::open(directory.file("archive"), archive::OpenMode::kCreate));
    archive = std::make_unique<archive::Archive>(*store);
    source = std::make_unique<keeper::MemoryImaSource>(ima, 1, ima.list->shown_banks()[1]);
    keeper =
        std::make_unique<keeper::Keeper>(*source, *archive, pcrs.get(), clock, keeper::KeeperOptions{.method = method});
    must(keeper->follow());
  }

  keeper::MemoryIma ima;
  std::unique_ptr<tpm::SoftPcrBanks> pcrs;
  const test::ScratchDirectory directory;
  std::unique_ptr<archive::SqliteStore> store;
  std::unique_ptr<archive::Archive> archive;
  std::unique_ptr<keeper::MemoryImaSource> source;
  SystemClock clock;
  std::unique_ptr<keeper::Keeper> keeper;
};

void hold(benchmark::State& state, keeper::Method method) {
  const auto records = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    Kept kept(records, method);
    const keeper::TrimResult trimmed = must(kept.keeper->trim());
    state.SetIterationTime(static_cast<double>(trimmed.hold_us) / 1e6);
    state.counters["trimmed"] = static_cast<double>(trimmed.records);
  }
}

// What the hold of a staged trim cannot do without.
void reading_and_one_commit(benchmark::State& state) {
  const auto records = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    Kept kept(records, keeper::Method::kStage);
    must(kept.source->open_to_read());
    const std::int64_t since = kept.clock.monotonic_us();
    keeper::ListStream stream(*kept.source, {keeper::ListPart::kCurrent});
    while (must(stream.next())) {
    }
    must(kept.archive->set_pending({.chain = archive::ChainId(1), .method = "stage", .first = 0, .records = records}));
    state.SetIterationTime(static_cast<double>(kept.clock.monotonic_us() - since) / 1e6);
    kept.source->close();
  }
}

// What that of a trim by count cannot do without.
void one_commit_and_n(benchmark::State& state) {
  const auto records = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    Kept kept(records, keeper::Method::kCount);
    must(kept.source->open_to_write(keeper::ListPart::kCurrent));
    const std::int64_t since = kept.clock.monotonic_us();
    must(kept.archive->set_pending(
        {.chain = archive::ChainId(1), .method = "count", .first = 0, .records = records - 1}));
    must(kept.source->request(std::to_string(records - 1) + "\n"));
    kept.source->close();
    state.SetIterationTime(static_cast<double>(kept.clock.monotonic_us() - since) / 1e6);
  }
}

constexpr std::int64_t kLengths[] = {10'000, 100'000, 1'000'000};

void lengths(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t length : kLengths) bench->Arg(length);
  bench->Iterations(3)->UseManualTime();
}

BENCHMARK_CAPTURE(hold, stage, keeper::Method::kStage)->Apply(lengths);
BENCHMARK_CAPTURE(hold, count, keeper::Method::kCount)->Apply(lengths);
BENCHMARK(reading_and_one_commit)->Apply(lengths);
BENCHMARK(one_commit_and_n)->Apply(lengths);

}  // namespace
}  // namespace imakeep::bench
