// SPDX-License-Identifier: Apache-2.0
// monitor/keeper_metrics.h - a status in Prometheus' text exposition format, version 0.0.4.
//
// docs/metrics.md describes every metric. A value that the status does not hold has no sample, for example without a
// keeper, or before the keeper has read the list. Source: the format's page in Prometheus' documentation. Threads: no
// shared state.
#pragma once

#include <string>

#include "monitor/status.h"

namespace imakeep::monitor {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// `version` is imakeep's version. Durations since an event end at the status's `at_unix_s`.
std::string metrics_text(const Status& status, const std::string& version);

}  // namespace imakeep::monitor
