// SPDX-License-Identifier: Apache-2.0
#include "monitor/metrics_publisher.h"

#include <limits>

namespace imakeep::monitor {

MetricsPublisher::MetricsPublisher(const std::string& file, MetricsSnapshot* snapshot) : snapshot_(snapshot) {
  if (!file.empty()) file_.emplace(file);
}

std::int64_t MetricsPublisher::due_ms() const {
  if (!file_ && snapshot_ == nullptr) return std::numeric_limits<std::int64_t>::max();
  return changed_ ? 0 : published_ms_ + kEveryMs;
}

Result<void> MetricsPublisher::publish(Result<std::string> text, std::int64_t now_ms) {
  changed_ = false;
  published_ms_ = now_ms;
  if (!text) return unexpected(text.error());
  auto written = file_ ? file_->write(*text) : Result<void>();
  if (snapshot_ != nullptr) snapshot_->set(std::move(*text));
  return written;
}

void MetricsPublisher::end() {
  if (file_) file_->remove();
}

}  // namespace imakeep::monitor
