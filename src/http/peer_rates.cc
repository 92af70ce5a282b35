// SPDX-License-Identifier: Apache-2.0
#include "http/peer_rates.h"

#include <algorithm>

namespace imakeep::http {

bool PeerRates::take(std::string_view peer, Time now) {
  if (a_second_ <= 0) return true;
  const MutexLock lock(mutex_);
  auto found = of_peer_.find(peer);
  if (found == of_peer_.end()) {
    if (buckets_.size() >= most_peers_) {
      of_peer_.erase(buckets_.back().peer);
      buckets_.pop_back();
    }
    buckets_.push_front({.peer = std::string(peer), .left = full_, .since = now});
    found = of_peer_.emplace(buckets_.front().peer, buckets_.begin()).first;
  } else {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
  }
  Bucket& bucket = *found->second;
  const std::chrono::duration<double> passed = std::max(now - bucket.since, PeerRates::Time::duration::zero());
  bucket.left = std::min(full_, bucket.left + passed.count() * a_second_);
  bucket.since = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

}  // namespace imakeep::http
