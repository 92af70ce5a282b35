#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# damage.sh IMAKEEP TESTDATA - rows of an archive that were altered or are missing: log --check names them, the keeper
# deletes nothing on the word of one, and what does not need them goes on.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
command -v sqlite3 >/dev/null || { echo "skipped: needs sqlite3"; exit 77; }
archive=$work/archive

log() { "$imakeep" log --archive "$archive" "$@"; }
once() { "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" "$@"; }
add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
records_now() { cat "$mount/runtime_measurements_count"; }
# damaged SQL: the archive as it was, with that done to it.
damaged() {
  rm -f "$archive"*
  cp "$work/whole" "$archive" && sqlite3 "$archive" "$1"
}
# flipped TABLE COLUMN: one bit of the column's number in the table's last row.
flipped() { damaged "UPDATE $1 SET $2 = ($2 | 2) - ($2 & 2) WHERE rowid = (SELECT max(rowid) FROM $1)"; }

# shellcheck disable=SC2119  # its options are not those of this script
start_list
add /bin/ls /bin/cat /bin/true
check "a keeper makes an archive" once
check "  with a verifier" sqlite3 "$archive" "INSERT INTO verifier VALUES ('fleet', 1, 2, 0, 0)"
check "  whose checksums are computed as the format's page says" "$(dirname "$0")/../support/reseal.py" "$archive"
check "  and which is whole" log --check
cp "$archive" "$work/whole"
add /bin/sh /bin/mkdir
held=$(records_now)

# Rows that the keeper continues from.
for column in first_kept '"end"'; do
  check "chain, $column" flipped chain "$column"
  check_refused "  is named by log --check" 1 "the row of table chain, chain 1 does not match its checksum" log --check
  check_refused "  is not gone on from" 1 "table chain, chain 1 does not match" once
  check_equal "  and nothing is trimmed" "$held" "$(records_now)"
done
for column in head proven trimmed; do
  check "list, $column" flipped list $column
  check_refused "  is named by log --check" 1 "the row of table list, chain 1 does not match its checksum" log --check
  check_refused "  is not gone on from" 1 "table list, chain 1 does not match" once
  check_equal "  and nothing is trimmed" "$held" "$(records_now)"
  check "  the records can be read" log
done
for row in "DELETE FROM list" "INSERT INTO pending VALUES (1, 1, 'count', 0, 3, 0, 0)" "INSERT INTO anchor SELECT chain, 1, 1, 'gap', 0, end_pcrs, end_pcrs, 0 FROM chain"; do
  check "$row" damaged "$row"
  check_refused "  is named by log --check" 1 "missing or duplicated|does not match its checksum" log --check
  check_refused "  is not gone on from" 1 "damaged" once
  check_equal "  and nothing is trimmed" "$held" "$(records_now)"
done
check_refused "status says so" 1 "damaged" "$imakeep" status --archive "$archive"

# Rows that it does not need.
check "verifier, acknowledged" flipped verifier acknowledged
check_refused "  is named by log --check" 1 "the row of table verifier, name fleet, chain 1 does not match its checksum" log --check
check_refused "  no record is retired for it" 1 "table verifier" "$imakeep" log retire --archive "$archive" --before 1 --running
check "  the keeper goes on" once
check_equal "  and trims" 1 "$(records_now)"
check_equal "  every record is there" 5 "$(log --format binary | "$imakeep" verify --json - | sed -n 's/.*"records": *\([0-9]*\).*/\1/p')"

finish
