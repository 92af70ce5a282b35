#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the seed corpus of archive_fuzz: small archives, made by imakeep of captures, on pages of 512 bytes so that they stay
# small. Only the times of import differ from one run to the next.
#
#   fuzz/make_archive_corpus.sh IMAKEEP       needs sqlite3
set -euo pipefail
imakeep=$(realpath "$1")
cd "$(dirname "$0")"

captures=../testdata/linux-7.3.4
mkdir -p corpus/archive_fuzz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# seed NAME: the archive $work/archive, shrunk.
seed() {
  sqlite3 "$work/archive" "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM" >/dev/null
  mv "$work/archive" "corpus/archive_fuzz/$1"
}

"$imakeep" log import --archive "$work/archive" --banks sha1,sha256 $captures/kexec/first-current/binary_runtime_measurements_sha1 >/dev/null
seed one-chain
"$imakeep" log import --archive "$work/archive" --banks sha1 $captures/staging/0-before/binary_runtime_measurements_sha256 >/dev/null
"$imakeep" log import --archive "$work/archive" --banks sha512 --new-chain $captures/templates/binary_runtime_measurements_sha512 >/dev/null
# changed SQL: the archive with rows of a keeper's, whose checksums match.
changed() {
  sqlite3 "$work/archive" "$1"
  ../tests/support/reseal.py "$work/archive"
}
# unchecked: what makes a file of version 2 of one of version 3.
unchecked="DROP TABLE seal; ALTER TABLE segment DROP COLUMN data_checksum;"
for table in chain segment pending source verifier violation anchor list incident; do
  unchecked+=" ALTER TABLE $table DROP COLUMN checksum;"
done
changed "INSERT INTO pending VALUES (1, 1, 'stage', 0, 5, 9, 0); INSERT INTO verifier VALUES ('fleet', 1, 40, 0)"
seed two-chains
cp corpus/archive_fuzz/two-chains "$work/archive"
sqlite3 "$work/archive" "$unchecked DROP TABLE anchor; DROP TABLE list; DROP TABLE incident; PRAGMA user_version=1"
seed version-1
cp corpus/archive_fuzz/two-chains "$work/archive"
changed "INSERT INTO anchor SELECT chain, \"end\", 30, 'gap', 9, end_pcrs, end_pcrs, 0 FROM chain WHERE chain = 1;
  INSERT INTO list VALUES (1, 20, '22-25', 40, 9, 20, 1, 9, 3, 1, 'b', 0);
  INSERT INTO incident VALUES (NULL, 1, 30, NULL, 'gap', 'Records are missing.', 9, 0)"
seed keeper
cp corpus/archive_fuzz/keeper "$work/archive"
sqlite3 "$work/archive" "$unchecked PRAGMA user_version=2"
seed version-2
# These match their checksums, so that they are refused for what they say.
cp corpus/archive_fuzz/keeper "$work/archive"
changed "UPDATE anchor SET number = 20, pcrs = x'00'; UPDATE list SET head = 72057594037927937;
  UPDATE incident SET records = -1"
seed bad-keeper
cp corpus/archive_fuzz/one-chain "$work/archive"
changed "UPDATE segment SET records = 72057594037927936; UPDATE chain SET \"end\" = 72057594037927936"
seed bad-numbers
cp corpus/archive_fuzz/one-chain "$work/archive"
changed "UPDATE chain SET end_pcrs = x'00', banks = 'sha1,md4'"
seed bad-chain
cp corpus/archive_fuzz/keeper "$work/archive"
sqlite3 "$work/archive" "UPDATE list SET head = 21; DELETE FROM incident"
seed bad-checksum
rm -f "$work/archive"
sqlite3 "$work/archive" "CREATE TABLE other (a)"
seed bad-other-program
