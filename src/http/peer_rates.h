// SPDX-License-Identifier: Apache-2.0
// http/peer_rates.h - how many requests each peer may make: a token bucket for each address, with a bound on the
// memory.
//
// Threads: safe from any thread.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"

namespace imakeep::http {

class PeerRates {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `a_second`: requests that a peer may make on average; up to `burst` times as many at once. 0: any number. Of more
  // than `most_peers`, the one that was idle for longest is forgotten.
  explicit PeerRates(double a_second, double burst = 10, std::size_t most_peers = 100'000)
      : a_second_(a_second), full_(a_second * burst), most_peers_(most_peers) {}

  // Whether the peer may make a request now. Counts it if so.
  bool take(std::string_view peer, Time now);

 private:
  struct Bucket {
    std::string peer;
    double left = 0;
    Time since;
  };

  const double a_second_;
  const double full_;
  const std::size_t most_peers_;
  Mutex mutex_;
  std::list<Bucket> buckets_ IMAKEEP_GUARDED_BY(mutex_);  // the last used first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> of_peer_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::http
