// SPDX-License-Identifier: Apache-2.0
// The part of attestation.h that gives a challenge.
#include <algorithm>

#include "verifier/attestation.h"
#include "verifier/known_host.h"

namespace imakeep::verifier {

Judged<evidence::Challenge> challenge(const Judge& judge, const evidence::ChallengeRequest& request,
                                      std::int64_t now_unix_s) {
  auto known = known_host(judge.store, judge.settings, request.tenant, request.host, now_unix_s);
  if (!known) return unexpected(known.error());
  const Settings& settings = judge.settings;
  const HostState& state = known->state;
  const auto banks = banks_to_quote(settings, state, request.banks);
  if (banks.empty()) {
    return refuse(Reason::kQuotePcrs, "the TPM has no bank that the verifier accepts; enable sha256 in the firmware");
  }
  const auto key = judge.keys.nonce_key(now_unix_s);
  if (!key) return unexpected(store_refusal(key.error()));
  std::array<std::byte, evidence::kTokenRandomBytes> random{};
  judge.random(random);
  const evidence::NonceScope scope{
      .tenant = known->row.key.tenant, .host = known->row.key.host, .epoch = known->row.epoch};
  const auto nonce = evidence::make_nonce(*key, scope, static_cast<std::uint64_t>(now_unix_s), random);
  if (!nonce) return unexpected(store_refusal(nonce.error()));
  evidence::Challenge made{.nonce = Bytes(nonce->nonce.begin(), nonce->nonce.end()),
                           .token = Bytes(nonce->token.begin(), nonce->token.end()),
                           .chain = state.chain.chain,
                           .first = state.chain.proven,
                           .most_records = settings.most_records,
                           .most_bytes = settings.most_bytes,
                           .interval_s = settings.interval_s,
                           .retains = known->row.retains};
  if (state.chain.chain != 0) made.reset_count = state.chain.reset_count;
  for (const digest::Algorithm bank : banks) {
    made.pcrs.push_back({.bank = bank, .pcrs = pcr_list(pcrs_to_quote(settings, state))});
  }
  std::ranges::sort(made.pcrs, {}, &evidence::PcrChoice::bank);
  if (known->row.policy_list.empty()) return made;
  const auto list = judge.store.policy_list(known->row.key.tenant, known->row.policy_list);
  if (!list) return unexpected(store_refusal(list.error()));
  if (*list) {
    for (const Bytes& digest : (*list)->policies) made.policies.push_back("sha256:" + to_hex(digest));
  }
  return made;
}

}  // namespace imakeep::verifier
