// SPDX-License-Identifier: Apache-2.0
#include "archive/sqlite/schema.h"

namespace imakeep::archive {

// `data` is the last column of `segment`, so that SQLite can read the columns before it without the data.
const std::array<const char*, 5> kUpgrades = {R"(
CREATE TABLE chain (
  chain INTEGER PRIMARY KEY,
  banks TEXT NOT NULL,
  byte_order TEXT NOT NULL,
  start TEXT NOT NULL,
  first_kept INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  end_pcrs BLOB NOT NULL
) STRICT;
CREATE TABLE segment (
  chain INTEGER NOT NULL,
  first INTEGER NOT NULL,
  records INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  payload_bytes INTEGER NOT NULL,
  added_unix_s INTEGER NOT NULL,
  start_pcrs BLOB NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (chain, first)
) STRICT;
CREATE TABLE pending (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  chain INTEGER NOT NULL,
  method TEXT NOT NULL,
  first INTEGER NOT NULL,
  records INTEGER NOT NULL,
  since_unix_s INTEGER NOT NULL
) STRICT;
CREATE TABLE source (
  source INTEGER PRIMARY KEY,
  chain INTEGER NOT NULL,
  name TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  first INTEGER NOT NULL,
  records INTEGER NOT NULL,
  done INTEGER NOT NULL
) STRICT;
CREATE TABLE verifier (
  name TEXT NOT NULL,
  chain INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  PRIMARY KEY (name, chain)
) STRICT;
CREATE TABLE violation (
  chain INTEGER NOT NULL,
  number INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY (chain, number)
) STRICT;
)",
                                              R"(
CREATE TABLE anchor (
  chain INTEGER NOT NULL,
  number INTEGER NOT NULL,
  broken_at INTEGER NOT NULL,
  why TEXT NOT NULL,
  since_unix_s INTEGER NOT NULL,
  pcrs BLOB NOT NULL,
  before_pcrs BLOB NOT NULL,
  PRIMARY KEY (chain, number)
) STRICT;
CREATE TABLE list (
  chain INTEGER PRIMARY KEY,
  head INTEGER NOT NULL,
  holes TEXT NOT NULL,
  proven INTEGER NOT NULL,
  proven_unix_s INTEGER NOT NULL,
  trimmed INTEGER NOT NULL,
  trims INTEGER NOT NULL,
  trimmed_unix_s INTEGER NOT NULL,
  trimmed_by_others INTEGER NOT NULL,
  trims_by_others INTEGER NOT NULL,
  boot_id TEXT NOT NULL
) STRICT;
CREATE TABLE incident (
  incident INTEGER PRIMARY KEY,
  chain INTEGER NOT NULL,
  first INTEGER NOT NULL,
  records INTEGER,
  kind TEXT NOT NULL,
  what TEXT NOT NULL,
  since_unix_s INTEGER NOT NULL
) STRICT;
)",
                                              R"(
ALTER TABLE chain ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment RENAME TO unchecked_segment;
CREATE TABLE segment (
  chain INTEGER NOT NULL,
  first INTEGER NOT NULL,
  records INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  payload_bytes INTEGER NOT NULL,
  added_unix_s INTEGER NOT NULL,
  start_pcrs BLOB NOT NULL,
  data_checksum INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (chain, first)
) STRICT;
INSERT INTO segment
  SELECT chain, first, records, violations, payload_bytes, added_unix_s, start_pcrs, 0, 0, data FROM unchecked_segment;
DROP TABLE unchecked_segment;
ALTER TABLE pending ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verifier ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE violation ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE anchor ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE list ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
CREATE TABLE origin (
  chain INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  tpm_resets INTEGER,
  tpm_restarts INTEGER,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE seal (
  name TEXT NOT NULL,
  chain INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (name, chain)
) STRICT, WITHOUT ROWID;
)",
                                              R"(
ALTER TABLE verifier ADD COLUMN acknowledged_unix_s INTEGER NOT NULL DEFAULT 0;
)",
                                              R"(
CREATE TABLE quote (
  chain INTEGER NOT NULL,
  quote INTEGER NOT NULL,
  records INTEGER NOT NULL,
  added_unix_s INTEGER NOT NULL,
  statement BLOB NOT NULL,
  signature BLOB NOT NULL,
  ak_public BLOB NOT NULL,
  pcrs BLOB NOT NULL,
  boot_id TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (chain, quote)
) STRICT;
)"};

}  // namespace imakeep::archive
