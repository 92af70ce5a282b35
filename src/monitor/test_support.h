// SPDX-License-Identifier: Apache-2.0
// monitor/test_support.h - a status for tests. Threads: no shared state.
#pragma once

#include "monitor/keeper_stats.h"
#include "monitor/status.h"

namespace imakeep::monitor::test {

// As a keeper makes it, with every part.
inline Status full_status() {
  KeeperStats stats(1'800'000'000);
  stats.took_out(240, 18'000);
  stats.took_out(3'000'000, 2'000);
  stats.trim_failed(1'000, true);
  Status status;
  status.at_unix_s = 1'800'000'100;
  status.archive = {.file = "/var/lib/imakeep/archive.imk",
                    .file_bytes = 40'960,
                    .records = 135,
                    .chains = 2,
                    .free_bytes = 5'000'000'000,
                    .filesystem_bytes = 9'000'000'000,
                    .totals = ArchiveTotals{.payload_bytes = 14'000, .violations = 3}};
  status.chain = ChainStatus{.chain = archive::ChainId(2),
                             .from_boot = true,
                             .first_kept = 0,
                             .end = 135,
                             .banks = {"sha1"},
                             .broken = {{.first = 10, .end = 14, .why = "gap", .since_unix_s = 1}},
                             .anchors = {{.record = 14, .broken_at = 10, .why = "gap"}},
                             .trimmed = {.records = 100,
                                         .times = 4,
                                         .last_unix_s = 1'800'000'050,
                                         .records_by_others = 5,
                                         .times_by_others = 1},
                             .proven = {.records = 130, .last_unix_s = 1'800'000'060}};
  status.pcrs = {.state = PcrsState::kMismatch,
                 .diagnosis = "gap",
                 .what = "4 records are lost",
                 .found_at = FoundAt{.chain = archive::ChainId(2), .first = 10, .records = 4}};
  status.pending = PendingStatus{
      .chain = archive::ChainId(2), .method = "count", .first = 90, .records = 7, .since_unix_s = 1'800'000'070};
  status.incidents = {{.chain = archive::ChainId(2),
                       .first = 10,
                       .records = std::nullopt,
                       .kind = "gap",
                       .what = "records are lost",
                       .since_unix_s = 1'800'000'040}};
  status.incident_counts = {{"gap", 2}, {"odd\"one\\", 1}};
  status.verifiers = {{.name = "audit", .records = 110, .last_unix_s = 1'800'000'058},
                      {.name = "fleet", .records = 0, .last_unix_s = 0}};
  status.archived_in_list = 30;
  status.list = ListStatus{.directory = "/sys/kernel/security/ima",
                           .current_records = 30,
                           .error = {},
                           .violations = 6,
                           .method = "count",
                           .no_method = {},
                           .table = "kept",
                           .table_costs = "much"};
  const auto holder = [](std::int64_t pid, bool writes) {
    return HolderStatus{.pid = pid, .command = "agent", .file = "f", .writes = writes, .text = "an agent has f open"};
  };
  status.holders = {holder(5, false), holder(7, true), holder(8, false)};
  status.view = ViewStatus{.directory = "/run/imakeep/view",
                           .mounted = true,
                           .chain = archive::ChainId(2),
                           .covers_list = false,
                           .error = {}};
  status.keeper = stats.status(3'500);
  status.keeper->pid = 4711;
  status.keeper->trim_after = "verified";
  status.keeper->held_back = "verifier fleet has proven nothing";
  status.keeper->held_back_records = 30;
  status.keeper->look =
      LookStatus{.list_records = 32, .staged_records = 2, .lag = 1, .found = {{"gap", std::uint64_t{1}}}};
  status.keeper->last_writers = LastWritersStatus{.seen_unix_s = 1'800'000'020, .writers = {holder(7, true)}};
  return status;
}

}  // namespace imakeep::monitor::test
