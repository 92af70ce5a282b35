// bench_records.h - the records that all benchmarks use: ima-ng, 107 bytes of data.
#pragma once

#include <memory>
#include <string>

#include "mlist/measurement_list.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::bench {

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
