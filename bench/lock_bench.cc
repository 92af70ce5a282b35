// SPDX-License-Identifier: Apache-2.0
// How long the locks are held that an appender or a reader may have to wait for, while 1,000,000 records are staged,
// deleted and cut, and one thread goes on adding. Run by bench/run.
//
// The lock between requests is the outermost one that A, D and N take; nobody but another request waits for it, so it
// does not count.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench_records.h"

namespace imakeep::bench {
namespace {

thread_local std::vector<double>* held_ns = nullptr;
thread_local int counted_from = 0;  // locks inside of this many others

void note(std::chrono::nanoseconds held, int outer_locks) {
  if (held_ns != nullptr && outer_locks >= counted_from) held_ns->push_back(static_cast<double>(held.count()));
}

// Notes what this thread's locks do while it lives.
class Noted {
 public:
  Noted(std::vector<double>& held, int from) {
    held_ns = &held;
    counted_from = from;
    on_lock_held = note;
  }
  ~Noted() { on_lock_held = nullptr; }
};

void report(benchmark::State& state, const char* name, std::vector<double> held) {
  if (held.empty()) std::abort();
  std::sort(held.begin(), held.end());
  const auto at = [&](double part) {
    return held[static_cast<std::size_t>(part * static_cast<double>(held.size() - 1))];
  };
  state.counters[std::string(name) + "_median_ns"] = at(0.5);
  state.counters[std::string(name) + "_p999_ns"] = at(0.999);
  state.counters[std::string(name) + "_longest_ns"] = held.back();
  state.counters[std::string(name) + "_count"] = static_cast<double>(held.size());
}

void locks(benchmark::State& state) {
  constexpr std::uint64_t kRecords = 1'000'000;
  constexpr int kRounds = 20;
  constexpr std::uint64_t kRoundRecords = 50'000;
  for (auto _ : state) {
    BenchList bench(2);
    bench.fill(kRecords);
    std::vector<double> append_held;
    append_held.reserve(64u << 20 >> 3);
    std::vector<double> stage_held;
    std::vector<double> delete_held;
    std::vector<double> count_held;
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> added = 0;
    std::thread adder([&] {
      const Noted noted(append_held, 0);
      for (; !stop; ++added) {
        if (!bench.list.append(bench.maker.next())) std::abort();
      }
    });
    for (int round = 0; round < kRounds; ++round) {
      {
        const Noted noted(stage_held, 1);
        if (!bench.list.stage()) std::abort();
      }
      {
        const Noted noted(delete_held, 1);
        if (!bench.list.delete_staged()) std::abort();
      }
      const std::uint64_t seen = added;
      while (added < seen + 2 * kRoundRecords) std::this_thread::yield();
      const Noted noted(count_held, 1);
      if (!bench.list.delete_first(kRoundRecords)) std::abort();
    }
    stop = true;
    adder.join();
    report(state, "append", std::move(append_held));
    report(state, "A", std::move(stage_held));
    report(state, "D", std::move(delete_held));
    report(state, "N", std::move(count_held));
  }
}
BENCHMARK(locks)->Name("locks")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace imakeep::bench
