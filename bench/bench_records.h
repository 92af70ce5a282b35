// SPDX-License-Identifier: Apache-2.0
// bench_records.h - what all benchmarks use; above all their records: ima-ng, 107 bytes of data.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "mlist/measurement_list.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::bench {

// A benchmark has nobody to report to: what fails ends it.
template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", describe(result.error()).c_str());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

// Makes one record after the other, each never seen before; only its bytes change, so it costs next to nothing.
class RecordMaker {
 public:
  RecordMaker();
  imalog::RecordContentView next();

 private:
  Bytes body_;
  std::size_t digest_at_ = 0;
  std::uint64_t serial_ = 0;
};

// A list with the first banks of sha1, sha256, sha384, sha512 and PCRs in memory.
struct BenchList {
  explicit BenchList(std::size_t banks, mlist::TableMode table = mlist::TableMode::kKept, bool extend = true);

  void fill(std::uint64_t records);

  tpm::SoftPcrBanks pcrs;
  mlist::MeasurementList list;
  RecordMaker maker;
};

}  // namespace imakeep::bench
