// SPDX-License-Identifier: Apache-2.0
// Replaying lists, compared with the limit that the chain of PCR extends sets: each has to wait for the one before it.
//
// $IMAKEEP_BENCH_SHA1 and $IMAKEEP_BENCH_SHA256 name the same list as the files of the two banks show it.
#include <cstdlib>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "bench_records.h"
#include "digest/implementation.h"
#include "digest/sha_ni.h"
#include "imalog/replay.h"

namespace imakeep::bench {
namespace {

using imalog::PcrState;
using imalog::Replay;

Bytes read_list(const char* variable) {
  const char* const path = std::getenv(variable);
  if (path == nullptr) {
    std::fprintf(stderr, "$%s names no list\n", variable);
    std::exit(2);
  }
  return must(read_file(path));
}

// The first records of the list of that bank.
ByteView list_of(const digest::Bank& bank, std::uint64_t records) {
  static const Bytes kSha1 = read_list("IMAKEEP_BENCH_SHA1");
  static const Bytes kSha256 = read_list("IMAKEEP_BENCH_SHA256");
  const ByteView whole = bank.algorithm == digest::Algorithm::kSha1 ? kSha1 : kSha256;
  imalog::ListReader reader(whole, {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes())});
  while (reader.records_read() < records) {
    if (!must(reader.next())) std::exit(2);
  }
  return whole.first(reader.offset());
}

void count_records(benchmark::State& state, ByteView list) {
  state.counters["records"] = static_cast<double>(state.range(0));
  state.counters["list_bytes"] = static_cast<double>(list.size());
}

// Two blocks of SHA-256 a record, one after the other, and nothing else.
void chain_limit(benchmark::State& state) {
  if (digest::implementations().size() < 2) return state.SkipWithError("the processor has no SHA extensions");
  const auto records = static_cast<std::uint64_t>(state.range(0));
  std::byte block[64] = {}, padding[64] = {std::byte{0x80}};
  padding[62] = std::byte{2};
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < records; ++i) {
      std::uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
      digest::sha_ni::sha256(words, block, 1);
      digest::sha_ni::sha256(words, padding, 1);
      std::memcpy(block, words, sizeof words);
    }
    benchmark::DoNotOptimize(block);
  }
  count_records(state, {});
}

// By the fastest implementation, unless one is named.
void replay(benchmark::State& state, const char* banks, const char* shown, const char* implementation, bool search) {
  const std::string_view fastest = digest::implementation_name(digest::implementations().back());
  if (const auto used = digest::use_implementation(implementation == nullptr ? fastest : implementation); !used)
    return state.SkipWithError(used.error().message.c_str());
  const digest::Bank bank = *digest::parse_bank(shown);
  const ByteView list = list_of(bank, static_cast<std::uint64_t>(state.range(0)));
  Replay first(PcrState(*digest::parse_banks(banks)));
  must(first.add_list(list, bank));
  for (auto _ : state) {
    Replay replay(PcrState(*digest::parse_banks(banks)));
    for (std::size_t i = 0; search && i < first.state().banks().size(); ++i) {
      must(replay.expect(
          imalog::PcrValue{.bank = first.state().banks()[i], .pcr = 10, .value = first.state().value(i, 10)}));
    }
    must(replay.add_list(list, bank));
    if (!(replay.state() == first.state()) || (search && !replay.all_found_at())) std::abort();
  }
  must(digest::use_implementation(fastest));
  count_records(state, list);
}

#define LENGTHS Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond)
BENCHMARK(chain_limit)->Name("replay/chain_limit")->LENGTHS;
BENCHMARK_CAPTURE(replay, sha256, "sha256", "sha256", nullptr, false)->Name("replay/sha256")->LENGTHS;
BENCHMARK_CAPTURE(replay, sha256_sha_ni, "sha256", "sha256", "sha-ni", false)->Name("replay/sha256_sha_ni")->LENGTHS;
BENCHMARK_CAPTURE(replay, sha256_portable, "sha256", "sha256", "portable", false)
    ->Name("replay/sha256_portable")
    ->LENGTHS;
BENCHMARK_CAPTURE(replay, two, "sha1,sha256", "sha1", nullptr, false)->Name("replay/sha1_sha256")->LENGTHS;
BENCHMARK_CAPTURE(replay, two_searched, "sha1,sha256", "sha1", nullptr, true)
    ->Name("replay/sha1_sha256_searched")
    ->LENGTHS;
BENCHMARK_CAPTURE(replay, four, "sha1,sha256,sha384,sha512", "sha1", nullptr, false)
    ->Name("replay/four_banks")
    ->LENGTHS;

}  // namespace
}  // namespace imakeep::bench
