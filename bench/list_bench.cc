// SPDX-License-Identifier: Apache-2.0
// Append, requests, memory and reading of the measurement list. Run by bench/run, which makes the table.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "bench_records.h"
#include "listfs/libfuse/mount.h"
#include "listfs/list_file.h"
#include "mlist/list_cursor.h"

namespace imakeep::bench {
namespace {

using mlist::Form;
using mlist::ListKind;
using mlist::TableMode;

constexpr std::size_t kReadBytes = 128u << 10;

// What append cannot do without: a template digest and an extend in each bank.
void hash_one(const std::vector<digest::Bank>& banks, digest::PcrState& state,
              const imalog::RecordContentView& content) {
  for (std::size_t bank = 0; bank < banks.size(); ++bank) {
    state.extend(bank, content.pcr, imalog::extended_digest(banks[bank], content));
  }
}

void hashing_alone(benchmark::State& state) {
  BenchList bench(2);
  digest::PcrState pcrs(bench.pcrs.banks());
  for (auto _ : state) hash_one(bench.pcrs.banks(), pcrs, bench.maker.next());
}
BENCHMARK(hashing_alone)->Name("append/hashing_alone")->Iterations(1'000'000);

void append(benchmark::State& state) {
  BenchList bench(2);
  bench.fill(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(bench.list.append(bench.maker.next()));
}
BENCHMARK(append)->Name("append/records_in_list")->Arg(0)->Arg(1'000'000)->Iterations(1'000'000);

// One request on a full list, timed by itself.
template <class Request>
void timed(benchmark::State& state, BenchList& bench, std::uint64_t records, Request request) {
  for (auto _ : state) {
    state.PauseTiming();
    bench.fill(records);
    state.ResumeTiming();
    const auto start = std::chrono::steady_clock::now();
    request(bench);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    state.PauseTiming();
    if (bench.list.delete_staged()) benchmark::ClobberMemory();
    state.ResumeTiming();
  }
}

void stage(benchmark::State& state) {
  BenchList bench(1, TableMode::kNone, false);
  timed(state, bench, static_cast<std::uint64_t>(state.range(0)), [](BenchList& b) {
    if (!b.list.stage()) std::abort();
  });
}
BENCHMARK(stage)
    ->Name("A/whole_request")
    ->Arg(1'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(3)
    ->UseManualTime();

void delete_staged(benchmark::State& state) {
  BenchList bench(1, TableMode::kNone, false);
  for (auto _ : state) {
    bench.fill(static_cast<std::uint64_t>(state.range(0)));
    if (!bench.list.stage()) std::abort();
    const auto start = std::chrono::steady_clock::now();
    if (!bench.list.delete_staged()) std::abort();
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}
BENCHMARK(delete_staged)
    ->Name("D/whole_request")
    ->Arg(1'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(3)
    ->UseManualTime();

void delete_first(benchmark::State& state) {
  BenchList bench(1, TableMode::kNone, false);
  const auto records = static_cast<std::uint64_t>(state.range(0));
  timed(state, bench, records, [records](BenchList& b) {
    if (!b.list.delete_first(records)) std::abort();
  });
}
BENCHMARK(delete_first)
    ->Name("N/whole_request")
    ->Arg(1'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(3)
    ->UseManualTime();

// Resident memory of this process, which is what an operator sees.
double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double all = 0;
  double resident = 0;
  statm >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

void memory(benchmark::State& state) {
  constexpr std::uint64_t kRecords = 1'000'000;
  constexpr TableMode kModes[] = {TableMode::kKept, TableMode::kFlushed, TableMode::kNone};
  const TableMode mode = kModes[state.range(0)];
  for (auto _ : state) {
    const double before = resident_bytes();
    BenchList bench(2, mode);
    bench.fill(kRecords);
    const double full = resident_bytes();
    if (!bench.list.stage() || !bench.list.delete_staged()) std::abort();
    const double after = resident_bytes();
    const auto body = static_cast<double>(bench.maker.next().body.size());
    state.counters["data"] = body;
    state.counters["beyond_data"] = (full - before) / kRecords - body;
    state.counters["after_D"] = (after - before) / kRecords;
  }
}
BENCHMARK(memory)->Name("memory/kept_flushed_none")->DenseRange(0, 2)->Iterations(1);

void count_bytes(benchmark::State& state, std::uint64_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["list_bytes"] = static_cast<double>(bytes) / static_cast<double>(state.iterations());
}

void read_in_process(benchmark::State& state, Form form, const char* bank) {
  BenchList bench(2, TableMode::kNone, false);
  bench.fill(static_cast<std::uint64_t>(state.range(0)));
  Bytes buffer;
  std::uint64_t total = 0;
  for (auto _ : state) {
    mlist::ListCursor cursor(bench.list, ListKind::kCurrent, form, *digest::parse_bank(bank));
    std::uint64_t offset = 0;
    do {
      buffer.clear();
      if (!cursor.read(offset, kReadBytes, buffer)) std::abort();
      offset += buffer.size();
    } while (!buffer.empty());
    total += offset;
  }
  count_bytes(state, total);
}
#define READ_SIZES Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond)
BENCHMARK_CAPTURE(read_in_process, binary_sha1, Form::kBinary, "sha1")->Name("read/process/binary_sha1")->READ_SIZES;
BENCHMARK_CAPTURE(read_in_process, binary_sha256, Form::kBinary, "sha256")
    ->Name("read/process/binary_sha256")
    ->READ_SIZES;
BENCHMARK_CAPTURE(read_in_process, ascii_sha256, Form::kAscii, "sha256")->Name("read/process/ascii_sha256")->READ_SIZES;

// A mount in a directory of its own for as long as it lives.
class MountedList {
 public:
  explicit MountedList(mlist::MeasurementList& list) : files_(list) {
    char name[] = "/tmp/imakeep-bench-XXXXXX";
    directory_ = ::mkdtemp(name);
    auto mount = listfs::Mount::mount(files_, directory_);
    if (!mount) std::abort();
    mount_ = std::move(*mount);
    server_ = std::thread([this] {
      if (!mount_->run()) std::abort();
    });
  }
  ~MountedList() {
    mount_->stop();
    server_.join();
    mount_.reset();
    ::rmdir(directory_.c_str());
  }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

 private:
  listfs::ListFiles files_;
  std::string directory_;
  std::unique_ptr<listfs::Mount> mount_;
  std::thread server_;
};

void read_through_fuse(benchmark::State& state, const char* file) {
  BenchList bench(2, TableMode::kNone, false);
  bench.fill(static_cast<std::uint64_t>(state.range(0)));
  const MountedList mounted(bench.list);
  Bytes buffer(kReadBytes);
  std::uint64_t total = 0;
  for (auto _ : state) {
    const auto fd = open_file(mounted.path(file), O_RDONLY);
    if (!fd) std::abort();
    for (ssize_t got = 1; got > 0; total += static_cast<std::uint64_t>(got)) {
      got = ::read(fd->get(), buffer.data(), buffer.size());
      if (got < 0) std::abort();
    }
  }
  count_bytes(state, total);
}
BENCHMARK_CAPTURE(read_through_fuse, binary_sha1, "binary_runtime_measurements_sha1")
    ->Name("read/fuse/binary_sha1")
    ->READ_SIZES->UseRealTime();
BENCHMARK_CAPTURE(read_through_fuse, binary_sha256, "binary_runtime_measurements_sha256")
    ->Name("read/fuse/binary_sha256")
    ->READ_SIZES->UseRealTime();
BENCHMARK_CAPTURE(read_through_fuse, ascii_sha256, "ascii_runtime_measurements_sha256")
    ->Name("read/fuse/ascii_sha256")
    ->READ_SIZES->UseRealTime();

}  // namespace
}  // namespace imakeep::bench
