// SPDX-License-Identifier: Apache-2.0
#include "vstore/sql/schema.h"

namespace imakeep::vstore {

// The key of each table about hosts begins with tenant_id, host_id, so that a database that is spread over several
// servers keeps the rows of a host together. `fillfactor` leaves room in each page for the next version of a row: an
// update then changes no index.
const std::vector<std::string>& schema_steps() {
  static const std::vector<std::string> steps = {R"(
CREATE TABLE tenant (
  tenant_id TEXT NOT NULL PRIMARY KEY,
  created_unix_s BIGINT NOT NULL,
  disabled BIGINT NOT NULL
) [|STRICT];
CREATE TABLE host (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  name TEXT NOT NULL,
  status BIGINT NOT NULL,
  ak_public BYTEA NOT NULL,
  ak_name BYTEA NOT NULL,
  ek_hash BYTEA NOT NULL,
  ek_check TEXT NOT NULL,
  secret_hash BYTEA NOT NULL,
  secret_until_unix_s BIGINT NOT NULL,
  policy_list TEXT NOT NULL,
  retains BIGINT NOT NULL,
  created_unix_s BIGINT NOT NULL,
  seen_unix_s BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  proven BIGINT NOT NULL,
  state BYTEA NOT NULL,
  nonce_hash BYTEA,
  answer BYTEA,
  PRIMARY KEY (tenant_id, host_id)
) [WITH (fillfactor = 70)|STRICT];
CREATE TABLE provisional (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  until_unix_s BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, host_id)
) [|STRICT];
CREATE TABLE finding (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  identity BYTEA NOT NULL,
  state BIGINT NOT NULL,
  count BIGINT NOT NULL,
  record BIGINT NOT NULL,
  path BYTEA NOT NULL,
  digest BYTEA NOT NULL,
  reason TEXT NOT NULL,
  rule BYTEA NOT NULL,
  policy BYTEA NOT NULL,
  first_seen_unix_s BIGINT NOT NULL,
  last_seen_unix_s BIGINT NOT NULL,
  acknowledged_by TEXT,
  acknowledged_unix_s BIGINT,
  acknowledged_why TEXT,
  PRIMARY KEY (tenant_id, host_id, identity)
) [|STRICT];
CREATE INDEX finding_by_state ON finding (tenant_id, state, host_id, identity);
CREATE TABLE policy (
  digest BYTEA NOT NULL PRIMARY KEY,
  created_unix_s BIGINT NOT NULL,
  content BYTEA NOT NULL
) [|STRICT];
CREATE TABLE policy_list (
  tenant_id TEXT NOT NULL,
  list TEXT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, list)
) [|STRICT];
CREATE TABLE policy_entry (
  tenant_id TEXT NOT NULL,
  list TEXT NOT NULL,
  position BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, list, position)
) [|STRICT];
CREATE INDEX policy_entry_by_digest ON policy_entry (digest);
CREATE TABLE verifier_key (
  kind BIGINT NOT NULL,
  id BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  created_unix_s BIGINT NOT NULL,
  retires_unix_s BIGINT,
  PRIMARY KEY (kind, id)
) [|STRICT];
CREATE TABLE token (
  hash BYTEA NOT NULL PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  role BIGINT NOT NULL,
  name TEXT NOT NULL,
  until_unix_s BIGINT,
  uses_left BIGINT
) [|STRICT];
CREATE TABLE history (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  at_unix_s BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  chain BIGINT NOT NULL,
  first BIGINT NOT NULL,
  proven BIGINT NOT NULL,
  findings BIGINT NOT NULL,
  quote_digest BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, host_id, at_unix_s, epoch)
) [PARTITION BY RANGE (at_unix_s)|STRICT];
[|CREATE INDEX history_by_time ON history (at_unix_s);]
CREATE TABLE host_record (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  chain BIGINT NOT NULL,
  number BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, host_id, chain, number)
) [|STRICT];
CREATE TABLE event (
  tenant_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  number BIGINT NOT NULL,
  created_unix_s BIGINT NOT NULL,
  kind TEXT NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, host_id, epoch, number)
) [|STRICT];
CREATE INDEX event_by_time ON event (created_unix_s, tenant_id, host_id, epoch, number);
)"};
  return steps;
}

Result<void> check_version(const std::string& name, std::int64_t version, std::size_t steps) {
  if (version < 0) {
    return fail(ErrorCode::kMalformed, name + " says that its version is " + std::to_string(version) +
                                           "; restore the verifier's database from a backup");
  }
  if (static_cast<std::uint64_t>(version) <= steps) return {};
  return fail(ErrorCode::kUnsupported, name + " is a verifier's database of version " + std::to_string(version) +
                                           "; this imakeep supports versions up to " + std::to_string(steps) +
                                           ": use the newer imakeep that made it");
}

}  // namespace imakeep::vstore
