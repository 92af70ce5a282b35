// SPDX-License-Identifier: Apache-2.0
// verifier/known_host.h - what the verifier knows of a host that asks, and what the host's quote has to cover.
//
// Threads: no shared state.
#pragma once

#include "attest/expected.h"
#include "attest/quote_check.h"
#include "verifier/host_state.h"
#include "verifier/refusal.h"
#include "verifier/settings.h"
#include "vstore/store.h"

namespace imakeep::verifier {

struct KnownHost {
  vstore::HostRow row;
  HostState state;
};

// The host, if it may attest. `tenant` may be empty: the default one.
Judged<KnownHost> known_host(vstore::Store& store, const Settings& settings, const std::string& tenant,
                             const std::string& host, std::int64_t now_unix_s);

// The PCRs of the set, ascending.
std::vector<std::uint32_t> pcr_list(attest::PcrSet pcrs);
attest::PcrSet pcrs_to_quote(const Settings& settings, const HostState& state);
// The chain's bank, or the one that Settings prefers among those of the TPM; none if the TPM has no such bank.
std::vector<digest::Algorithm> banks_to_quote(const Settings& settings, const HostState& state,
                                              const std::vector<digest::Algorithm>& of_tpm);
// Whether the quote covers the PCRs that the challenge asked for, in banks that it may have asked for.
Judged<void> check_selection(const Settings& settings, const HostState& state, const tpm::Quote& quote);

}  // namespace imakeep::verifier
