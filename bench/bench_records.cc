// SPDX-License-Identifier: Apache-2.0
#include "bench_records.h"

#include <cstdlib>

#include "imalog/template_data.h"

namespace imakeep::bench {
namespace {

std::vector<digest::Bank> first_banks(std::size_t count) {
  auto banks = *digest::parse_banks("sha1,sha256,sha384,sha512");
  banks.resize(count);
  return banks;
}

}  // namespace

RecordMaker::RecordMaker() {
  const digest::Digest file_digest = digest::Digest::filled(32, std::byte{0x5a});
  const std::string path = "/usr/lib/x86_64-linux-gnu/libexample-programs-2.so.14.0.1";
  body_ = *imalog::make_body("ima-ng", {.path = path, .file_digest = file_digest.view()});
  digest_at_ = 4 + std::string("sha256:").size() + 1;
}

imalog::RecordContentView RecordMaker::next() {
  store(body_.data() + digest_at_, ++serial_);
  return {.pcr = 10, .template_name = "ima-ng", .body = body_};
}

BenchList::BenchList(std::size_t banks, mlist::TableMode table, bool extend)
    : pcrs(digest::PcrState(first_banks(banks))),
      list({.banks = first_banks(banks), .table = table, .extend = [this, extend](std::uint32_t pcr, auto digests) {
              return extend ? pcrs.extend(pcr, digests) : Result<void>();
            }}) {}

void BenchList::fill(std::uint64_t records) {
  for (std::uint64_t i = 0; i < records; ++i) {
    if (!list.append(maker.next())) std::abort();
  }
}

}  // namespace imakeep::bench
