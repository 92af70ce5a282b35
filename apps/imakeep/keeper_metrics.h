// keeper_metrics.h - a status (docs/formats/keeper-socket.md) in Prometheus' text exposition format, version 0.0.4.
//
// Every metric is in docs/metrics.md. What the status does not hold has no samples: without a keeper, say, or before it
// has read the list. Source: the format's page in Prometheus' documentation. Threads: no shared state.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace imakeep::app {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// `version` is imakeep's. Times since something are up to the status's `at_unix_s`.
std::string metrics_text(const nlohmann::json& status, const std::string& version);

}  // namespace imakeep::app
