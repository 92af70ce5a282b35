// SPDX-License-Identifier: Apache-2.0
// daemon/keep_requests.h - answers the requests to a keeper's control socket (docs/formats/keeper-socket.md).
//
// Threads: the caller's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keeper/keeper.h"
#include "monitor/status.h"

namespace imakeep::control {
struct Message;
}

namespace imakeep::daemon {

// What a keeper can be asked for. An error becomes the answer.
class KeepOperations {
 public:
  virtual ~KeepOperations() = default;

  virtual Result<monitor::Status> tell_status() = 0;
  virtual Result<std::string> tell_metrics() = 0;  // in Prometheus' format
  virtual Result<keeper::FollowResult> follow_now() = 0;

  struct Trimmed {
    keeper::TrimResult result;
    std::uint64_t list_records = 0;  // left in the list
  };
  // kUnsupported if this keeper may not trim.
  virtual Result<Trimmed> trim_now() = 0;

  // A verifier has proven the chain's first `records`. Returns whether it was not registered yet. Errors: those of
  // archive::Archive::acknowledge(), which also keeps the quote.
  virtual Result<bool> verified(const std::string& verifier, archive::ChainId chain, std::uint64_t records,
                                const std::optional<archive::AcceptedQuote>& quote) = 0;
  // The registered verifiers, and what they have proven of the host's chain.
  struct Verifiers {
    std::optional<archive::ChainId> chain;  // empty: the archive has none of this host
    std::vector<archive::Verifier> verifiers;
  };
  virtual Result<Verifiers> tell_verifiers() = 0;
  // kUsage if it is not registered.
  virtual Result<void> remove_verifier(const std::string& verifier) = 0;
};

// An unknown operation is refused with kUsage.
control::Message answer_request(const control::Message& request, KeepOperations& keeper);

}  // namespace imakeep::daemon
