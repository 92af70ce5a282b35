// SPDX-License-Identifier: Apache-2.0
#include "evidence/pcr_map.h"

#include <algorithm>
#include <tuple>

#include "evidence/cbor_item.h"

namespace imakeep::evidence {
namespace {

bool before(const imalog::PcrValue& a, const imalog::PcrValue& b) {
  return std::tie(a.bank.algorithm, a.pcr) < std::tie(b.bank.algorithm, b.pcr);
}

}  // namespace

Result<void> check_pcrs(const std::vector<imalog::PcrValue>& pcrs, const std::string& what) {
  auto sorted = pcrs;
  std::sort(sorted.begin(), sorted.end(), before);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const imalog::PcrValue& each = sorted[i];
    const std::string name = what + ": PCR " + std::to_string(each.pcr) + " of bank " + each.bank.name();
    if (each.pcr >= digest::kPcrCount) return fail(ErrorCode::kMalformed, name + ": a TPM has PCRs 0 to 23");
    if (each.value.size() != each.bank.digest_bytes()) {
      return fail(ErrorCode::kMalformed, name + ": its value has " + std::to_string(each.value.size()) +
                                             " bytes instead of " + std::to_string(each.bank.digest_bytes()));
    }
    if (i > 0 && !before(sorted[i - 1], each)) return fail(ErrorCode::kMalformed, name + " is there twice");
  }
  return {};
}

void put_pcrs(Bytes& out, std::vector<imalog::PcrValue> pcrs) {
  std::sort(pcrs.begin(), pcrs.end(), before);
  const auto end_of_bank = [&pcrs](std::size_t i) {
    std::size_t end = i;
    while (end < pcrs.size() && pcrs[end].bank.algorithm == pcrs[i].bank.algorithm) ++end;
    return end;
  };
  std::size_t banks = 0;
  for (std::size_t i = 0; i < pcrs.size(); i = end_of_bank(i)) ++banks;
  put_map(out, banks);
  for (std::size_t i = 0; i < pcrs.size();) {
    const std::size_t end = end_of_bank(i);
    put_text(out, digest::info(pcrs[i].bank.algorithm).name);
    put_map(out, end - i);
    for (; i < end; ++i) {
      put_number(out, pcrs[i].pcr);
      put_bytes(out, pcrs[i].value.view());
    }
  }
}

}  // namespace imakeep::evidence
