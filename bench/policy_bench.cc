// SPDX-License-Identifier: Apache-2.0
// A policy of a million digests: reading, compiling, memory, and look-ups, compared with std::unordered_map.
//
// Paths and digests are made up: 100 files in each directory, and one digest for each file. $IMAKEEP_BENCH_DIGESTS
// gives another number of digests.
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>

#include <benchmark/benchmark.h>

#include "bench_records.h"
#include "policy/compiled_policy.h"

namespace imakeep::bench {
namespace {

using policy::CompiledPolicy;
using policy::Mode;

std::size_t digest_count() {
  const char* const text = std::getenv("IMAKEEP_BENCH_DIGESTS");
  return text == nullptr ? 1'000'000 : std::strtoull(text, nullptr, 10);
}

// About as long as those of Debian's files.
std::string path_of(std::size_t i) {
  return "/usr/share/package-" + std::to_string(i / 100) + "/modules/component-" + std::to_string(i % 100) + ".so";
}

digest::Digest digest_of(std::size_t i) {
  return digest::hash(digest::Algorithm::kSha256, as_bytes(std::to_string(i)));
}

struct Files {
  Files() {
    for (std::size_t i = 0; i < digest_count(); ++i) {
      paths.push_back(path_of(i));
      digests.push_back(digest_of(i));
    }
    text = R"({"meta": {"version": 1, "generator": 3}, "release": 0, "excludes": ["/tmp/.*"], "keyrings": {},
      "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": null}, "ima-buf": {},
      "verification-keys": "", "digests": {)";
    for (std::size_t i = 0; i < paths.size(); ++i) {
      text += (i == 0 ? "\"" : ",\n\"") + paths[i] + "\": [\"" + to_hex(digests[i].view()) + "\"]";
    }
    text += "}}";
  }

  std::vector<std::string> paths;
  std::vector<digest::Digest> digests;
  std::string text;
};

const Files& files() {
  static const Files made;
  return made;
}

// The text has more than the 100 MB that are allowed unless the caller says otherwise.
constexpr policy::Limits kLimits = {.most_bytes = std::size_t{1} << 30};

const policy::Policy& parsed() {
  static const policy::Policy policy = must(policy::parse_policy(as_bytes(files().text), Mode::kStrict, kLimits));
  return policy;
}

const CompiledPolicy& compiled() {
  static const CompiledPolicy policy = must(CompiledPolicy::compile(parsed()));
  return policy;
}

void parse(benchmark::State& state) {
  static_cast<void>(files());
  for (auto _ : state) {
    benchmark::DoNotOptimize(must(policy::parse_policy(as_bytes(files().text), Mode::kStrict, kLimits)));
  }
  state.counters["digests"] = static_cast<double>(digest_count());
  state.counters["text_bytes"] = static_cast<double>(files().text.size());
}

void compile(benchmark::State& state) {
  static_cast<void>(parsed());
  for (auto _ : state) benchmark::DoNotOptimize(must(CompiledPolicy::compile(parsed())));
  state.counters["digests"] = static_cast<double>(digest_count());
}

// What a process pays that finds the blob.
void open_blob(benchmark::State& state) {
  const ByteView blob = compiled().blob();
  for (auto _ : state) {
    state.PauseTiming();
    Bytes copy(blob.begin(), blob.end());
    state.ResumeTiming();
    benchmark::DoNotOptimize(must(CompiledPolicy::from_blob(std::move(copy))));
  }
}

void memory(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(compiled());
  std::size_t own_bytes = 0;
  for (const digest::Digest& digest : files().digests) own_bytes += digest.size();
  const auto count = static_cast<double>(digest_count());
  state.counters["blob_bytes_per_digest"] = static_cast<double>(compiled().blob().size()) / count;
  state.counters["beyond_digest"] = static_cast<double>(compiled().blob().size() - own_bytes) / count;
}

// Names and digests as a reader of a list has them: in memory that it has just read, in an order that has nothing to do
// with that of the policy.
struct Query {
  std::string_view name;
  digest::Digest digest;
};

class Queries {
 public:
  Queries() {
    std::vector<std::size_t> order(files().paths.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
    std::size_t bytes = 0;
    for (const std::string& path : files().paths) bytes += path.size();
    text_.reserve(bytes);
    for (const std::size_t i : order) {
      const std::size_t at = text_.size();
      text_ += files().paths[i];
      all_.push_back({std::string_view(text_).substr(at), files().digests[i]});
    }
  }

  const Query& next() {
    at_ = at_ + 1 == all_.size() ? 0 : at_ + 1;
    return all_[at_];
  }

 private:
  std::string text_;
  std::vector<Query> all_;
  std::size_t at_ = 0;
};

void look_up(benchmark::State& state) {
  static_cast<void>(compiled());
  Queries queries;
  for (auto _ : state) {
    const Query& query = queries.next();
    const policy::Answer answer = compiled().look_up({.map = policy::DigestMap::kFiles,
                                                      .name = query.name,
                                                      .algorithm = digest::Algorithm::kSha256,
                                                      .digest = query.digest.view()});
    if (answer.verdict != policy::Verdict::kAccepted) std::abort();
  }
}

void look_up_unordered_map(benchmark::State& state) {
  std::unordered_map<std::string_view, std::vector<digest::Digest>> map;
  for (std::size_t i = 0; i < files().paths.size(); ++i) map[files().paths[i]].push_back(files().digests[i]);
  Queries queries;
  for (auto _ : state) {
    const Query& query = queries.next();
    const auto found = map.find(query.name);
    if (found == map.end() || !(found->second.front() == query.digest)) std::abort();
  }
}

BENCHMARK(parse)->Name("policy/parse")->Unit(benchmark::kMillisecond);
BENCHMARK(compile)->Name("policy/compile")->Unit(benchmark::kMillisecond);
BENCHMARK(open_blob)->Name("policy/open_blob")->Unit(benchmark::kMillisecond);
BENCHMARK(memory)->Name("policy/memory")->Iterations(1);
BENCHMARK(look_up)->Name("policy/look_up");
BENCHMARK(look_up_unordered_map)->Name("policy/look_up_unordered_map");

}  // namespace
}  // namespace imakeep::bench
