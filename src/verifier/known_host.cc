// SPDX-License-Identifier: Apache-2.0
#include "verifier/known_host.h"

#include <algorithm>

namespace imakeep::verifier {

using attest::PcrSet;

Judged<KnownHost> known_host(vstore::Store& store, const Settings& settings, const std::string& tenant,
                             const std::string& host, std::int64_t now_unix_s) {
  const vstore::HostKey key{.tenant = tenant.empty() ? settings.default_tenant : tenant, .host = host};
  auto row = store.host(key, now_unix_s);
  if (!row) return unexpected(store_refusal(row.error()));
  if (!*row) return refuse(Reason::kUnknownHost, "no host has this name; enrol it first");
  switch ((*row)->status) {
    case vstore::HostStatus::kPending:
      return refuse(Reason::kNotEnrolled, "the enrolment is not complete; enrol the host again");
    case vstore::HostStatus::kWaiting:
      return refuse(Reason::kNotEnrolled, "nobody has approved the host yet; ask its administrator");
    case vstore::HostStatus::kDisabled:
      return refuse(Reason::kDisabled, "an administrator has disabled the host");
    case vstore::HostStatus::kEnrolled:
      break;
  }
  auto state = load_host_state((*row)->state);
  if (!state) return unexpected(Refusal{.reason = Reason::kStore, .detail = state.error().message});
  return KnownHost{.row = std::move(**row), .state = std::move(*state)};
}

PcrSet pcrs_to_quote(const Settings& settings, const HostState& state) {
  return settings.pcrs | state.open_pcrs | state.chain.pcrs.touched_pcrs();
}

std::vector<digest::Algorithm> banks_to_quote(const Settings& settings, const HostState& state,
                                              const std::vector<digest::Algorithm>& of_tpm) {
  std::vector<digest::Algorithm> banks;
  for (const digest::Bank& bank : state.chain.pcrs.banks()) banks.push_back(bank.algorithm);
  if (!banks.empty()) return banks;
  for (const digest::Algorithm bank : settings.banks) {
    if (of_tpm.empty() || std::ranges::find(of_tpm, bank) != of_tpm.end()) return {bank};
  }
  return {};
}

std::vector<std::uint32_t> pcr_list(PcrSet pcrs) {
  std::vector<std::uint32_t> list;
  for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
    if (attest::holds(pcrs, pcr)) list.push_back(pcr);
  }
  return list;
}

Judged<void> check_selection(const Settings& settings, const HostState& state, const tpm::Quote& quote) {
  const std::vector<std::uint32_t> wanted = pcr_list(pcrs_to_quote(settings, state));
  const auto& chain_banks = state.chain.pcrs.banks();
  std::size_t banks = 0;
  for (const tpm::PcrSelection& selection : quote.selections) {
    if (selection.pcrs.empty()) continue;
    ++banks;
    const auto algorithm = selection.bank.algorithm;
    const bool allowed = chain_banks.empty() ? std::ranges::find(settings.banks, algorithm) != settings.banks.end()
                                             : digest::find_bank(chain_banks, algorithm) != nullptr;
    if (!allowed) {
      return refuse(Reason::kQuotePcrs, "the quote covers bank " + selection.bank.name() + ", which was not asked for");
    }
    if (selection.pcrs != wanted) {
      return refuse(Reason::kQuotePcrs,
                    "in bank " + selection.bank.name() + " the quote covers other PCRs than asked for");
    }
  }
  if (banks == 0) return refuse(Reason::kQuotePcrs, "the quote covers no PCR");
  if (!chain_banks.empty() && banks != chain_banks.size()) {
    return refuse(Reason::kQuotePcrs, "the quote covers fewer banks than asked for");
  }
  return {};
}

}  // namespace imakeep::verifier
