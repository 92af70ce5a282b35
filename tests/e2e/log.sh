#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# log.sh IMAKEEP TESTDATA - archives made of a real kernel's lists come out as they went in, in every bank and form; what
# cannot be read or written is said in one line, and loses nothing.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
captures=$2/linux-7.3.4
binary=binary_runtime_measurements

log() { "$imakeep" log "$@"; }
import() { log import --archive "$@"; }
same() { cmp <(log --archive "$1" --format "$2" --bank "$3") "$4"; }
cut_records() { log --archive "$1" --format binary --bank "$2" --to "$3"; }

# ---- joined logs, as testdata/README.md joins them

check "import templates" import "$work/templates" "$captures/templates/${binary}_sha1"
check "import staging" import "$work/staging" --pcrs "$captures/staging/6-final/pcr10.txt" \
  "$captures/staging/1-staged/${binary}_sha256_staged" "$captures/staging/3-current-after-delete/${binary}_sha1" \
  "$captures/staging/5-staged/${binary}_sha512_staged" "$captures/staging/6-final/${binary}_sha1"
check "import flush" import "$work/flush" --pcrs "$captures/flush/4-final/pcr10.txt" \
  "$captures"/flush/[123]-staged/${binary}_sha384_staged "$captures/flush/4-final/${binary}_sha384"
check "import kexec" import "$work/kexec" --pcrs "$captures/kexec/second/pcr10.txt" \
  "$captures/kexec/first-deleted-1/${binary}_sha1_staged" "$captures/kexec/first-staged-2/${binary}_sha1_staged" \
  "$captures/kexec/first-current/${binary}_sha1" "$captures/kexec/second/${binary}_sha1"

for bank in sha1 sha256 sha384 sha512; do
  for form in binary ascii; do
    file=${form}_runtime_measurements_$bank
    check "import first 7 for $bank" import "$work/seven-$form-$bank" --bank "$bank" "$captures/staging/3-current-after-delete/${binary}_$bank"
    cat "$captures/staging/1-staged/${file}_staged" \
      <(log --archive "$work/seven-$form-$bank" --format "$form" --bank "$bank" --to 7) \
      "$captures/staging/5-staged/${file}_staged" "$captures/staging/6-final/$file" >"$work/joined-staging"
    cat "$captures"/flush/[123]-staged/"${file}"_staged "$captures/flush/4-final/$file" >"$work/joined-flush"
    cat "$captures/kexec/first-deleted-1/${file}_staged" "$captures/kexec/second/$file" >"$work/joined-kexec"
    check "templates comes out as it went in: $form $bank" same "$work/templates" "$form" "$bank" "$captures/templates/$file"
    for name in staging flush kexec; do
      check "$name comes out joined: $form $bank" same "$work/$name" "$form" "$bank" "$work/joined-$name"
    done
  done
done
check_equal "the same files again add nothing" 0 "$(import "$work/kexec" --pcrs "$captures/kexec/second/pcr10.txt" --json \
  "$captures/kexec/first-deleted-1/${binary}_sha1_staged" "$captures/kexec/second/${binary}_sha1" | grep -c '"added": [1-9]')"
check "the exported log matches the kernel's PCRs" bash -c '"$1" log --archive "$2" --format binary --bank sha256 >"$4" &&
  "$1" verify --pcrs "$3" "$4"' _ "$imakeep" "$work/kexec" "$captures/kexec/second/pcr10.txt" "$work/exported"
check "--check" log --archive "$work/flush" --check
check_equal "--stats counts records" 186 "$(log --archive "$work/flush" --stats --json | sed -n 's/.*"records": \([0-9]*\).*/\1/p')"
check_equal "JSON has a line a record" 135 "$(log --archive "$work/templates" --format json | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert [line["number"] for line in lines] == list(range(len(lines)))
assert sum(line["violation"] for line in lines) == 4
print(len(lines))')"
check_equal "--from and --to" "$(sed -n 11,20p "$captures/staging/1-staged/ascii_runtime_measurements_sha1_staged")" \
  "$(log --archive "$work/staging" --from 10 --to 20)"

# ---- follow

import "$work/followed" "$captures/kexec/first-deleted-1/${binary}_sha1_staged" >/dev/null
"$imakeep" log --archive "$work/followed" --follow --format binary >"$work/follow.out" &
follower=$!
sleep 0.5
import "$work/followed" --pcrs "$captures/kexec/second/pcr10.txt" "$captures/kexec/second/${binary}_sha1" >/dev/null
for _ in $(seq 100); do
  cmp -s "$work/follow.out" <(log --archive "$work/kexec" --format binary) && break
  sleep 0.1
done
kill "$follower"
wait "$follower" 2>/dev/null
check "--follow prints what is added" cmp "$work/follow.out" <(log --archive "$work/kexec" --format binary)

# ---- retention

cp "$work/kexec" "$work/retired"
check_refused "retire wants to know what" 2 "--before" log retire --archive "$work/retired"
check_refused "records that no verifier acknowledged are not retired" 3 "records from 0 on .* because none is registered; --unacknowledged retires them" log retire --archive "$work/retired" --keep-bytes 0
before=$(sha256sum <"$work/retired")
check_says "a dry run tells chain, records, size and dates" \
  'chain 1: 134 records would be retired, 0 to 133, [0-9.]+ [KM]?B on disk, archived from 20.* UTC to 20.* UTC; [0-9]+ violations among them would be kept' \
  log retire --archive "$work/retired" --keep-bytes 0 --unacknowledged --dry-run
check_equal "  as JSON too" "True 1 0 134" "$(json_of '*(result[key] for key in ("dry_run", "chain", "first", "records"))' \
  log retire --archive "$work/retired" --keep-bytes 0 --unacknowledged --dry-run --json)"
check_refused "  refuses what a retirement would" 3 "records from 0 on .* because none is registered" \
  log retire --archive "$work/retired" --keep-bytes 0 --dry-run
check_equal "  and leaves the archive as it is" "$before" "$(sha256sum <"$work/retired")"
check_equal "all but the last segment are retired if that is allowed" "134 records retired" \
  "$(log retire --archive "$work/retired" --keep-bytes 0 --unacknowledged | cut -d, -f1)"
check "what is kept is the end of the log" bash -c 'cmp <("$1" log --archive "$2" --format binary) <("$1" log --archive "$3" --format binary --from 134)' _ \
  "$imakeep" "$work/retired" "$work/kexec"
import "$work/violating" "$captures/templates/${binary}_sha1" >/dev/null
check_equal "--violations prints the four of templates" 4 "$(log --archive "$work/violating" --violations | grep -c ' 0\{40\} ')"
log --archive "$work/violating" --violations >"$work/violations"
cut_records "$work/violating" sha1 134 >"$work/first-hundred"
check "retired violations stay" bash -c '"$1" log import --archive "$2" --no-repeats "$3" "$4" >/dev/null && "$1" log retire --archive "$2" --keep-bytes 0 --unacknowledged && cmp <("$1" log --archive "$2" --violations) "$5"' _ \
  "$imakeep" "$work/violating-twice" "$work/first-hundred" "$captures/templates/${binary}_sha1" "$work/violations"
check_refused "what was retired is not there" 2 "retired" log --archive "$work/retired" --from 5
check "--check of what is kept" log --archive "$work/retired" --check
check_refused "what is kept is not proven by the archive's own word" 1 "records .0, 134. were retired, so nothing is proven" \
  "$imakeep" verify --archive "$work/retired" --pcrs "$captures/kexec/second/pcr10.txt"
cut_records "$work/kexec" sha1 134 >"$work/first-134"
"$imakeep" verify "$work/first-134" >"$work/start"
check_equal "it is from the PCR values before it" "68 of 68 records proven, 0 after the match" \
  "$("$imakeep" verify --archive "$work/retired" --start "$work/start" --pcrs "$captures/kexec/second/pcr10.txt" | tail -n 1)"
check_equal "  by its numbers in the chain" "sha256    PCR 10 matches after record 202" \
  "$("$imakeep" verify --archive "$work/retired" --start "$work/start" --pcrs "$captures/kexec/second/pcr10.txt" | grep sha256)"
check "the list that was retired is known" import "$work/retired" "$captures/kexec/first-deleted-1/${binary}_sha1_staged"

# ---- bad input

check_refused "an archive that is missing" 3 "$work/none" log --archive "$work/none"
check_refused "no archive named" 2 "archive" log
check_refused "a text file for an archive" 1 "no archive" log --archive "$captures/templates/pcr10.txt"
check_refused "an archive for a list" 1 "$work/kexec: " import "$work/new" "$work/kexec"
nothing_left() { check "  leaves nothing" bash -c '! ls "$1"* 2>/dev/null' _ "$work/new"; }
nothing_left
check_refused "an archive in no directory" 3 "$work/none/new" import "$work/none/new" "$captures/templates/${binary}_sha1"
check_refused "an unknown chain" 2 "chain 2" log --archive "$work/kexec" --chain 2
check_refused "  nor for --stats" 2 "chain 2" log --archive "$work/kexec" --chain 2 --stats
check_refused "  nor for --check" 2 "chain 2" log --archive "$work/kexec" --chain 2 --check
check_refused "records after the end" 2 "record 202" log --archive "$work/kexec" --from 500
check_refused "--to before --from" 2 "before --from" log --archive "$work/kexec" --from 5 --to 4
check_refused "an unknown format" 2 "format" log --archive "$work/kexec" --format xml
check_refused "an unknown bank" 2 "md4" log --archive "$work/kexec" --bank md4
check_refused "lists of two boots" 1 "another boot" import "$work/templates" "$captures/staging/1-staged/${binary}_sha1_staged"
check_refused "a list of another bank than told" 1 "${binary}_sha1: .*bank" import "$work/new" --bank sha256 "$captures/templates/${binary}_sha1"
check_refused "lists that could join in two ways" 1 "pcrs" import "$work/new" "$captures"/flush/[12]-staged/${binary}_sha1_staged
nothing_left
check_refused "PCRs that no way of joining matches" 1 "matches the PCRs" import "$work/new2" \
  --pcrs "$captures/templates/pcr10.txt" "$captures/staging/1-staged/${binary}_sha1_staged"
ln -s "$work/kexec" "$work/link"
check "an archive is read through a link" same "$work/link" binary sha1 "$work/follow.out"
(flock 9; sleep 20) 9>"$work/kexec.lock" &
holder=$!
sleep 0.2
check_refused "and is locked through it" 3 "is being written" import "$work/link" "$captures/templates/${binary}_sha1"
kill "$holder"
sqlite3 "$work/seven-binary-sha1" "CREATE TRIGGER t BEFORE INSERT ON segment BEGIN DELETE FROM segment; END"
check "a trigger in an archive does nothing" import "$work/seven-binary-sha1" --pcrs "$captures/staging/6-final/pcr10.txt" --new-chain \
  "$captures/staging/1-staged/${binary}_sha1_staged" "$captures/staging/3-current-after-delete/${binary}_sha1" "$captures/staging/5-staged/${binary}_sha1_staged"
check "all of the first chain is there" log --archive "$work/seven-binary-sha1" --chain 1 --check
cp "$work/kexec" "$work/one-bad"
import "$work/one-bad" --new-chain "$captures/templates/${binary}_sha1" >/dev/null
sqlite3 "$work/one-bad" "UPDATE chain SET end_pcrs = x'00' WHERE chain = 1"
check_refused "a damaged chain is named" 1 "chain 1" log --archive "$work/one-bad" --check
check "and another is read all the same" bash -c 'cmp <("$1" log --archive "$2" --chain 2 --format binary) "$3"' _ \
  "$imakeep" "$work/one-bad" "$captures/templates/${binary}_sha1"
sqlite3 "$work/one-bad" "UPDATE chain SET chain = 9 WHERE chain = 1"
check_refused "segments without a chain are named" 1 "chain 1, which has no row" log --archive "$work/one-bad" --check
cp "$captures/templates/${binary}_sha1" "$work/bad-altered"
printf '\x7e' | dd of="$work/bad-altered" bs=1 seek=60 conv=notrunc status=none
check_refused "an altered record is kept and named" 1 "$work/bad-altered: record 0 .*archived as it is" import "$work/altered" "$work/bad-altered"
check "and comes out as it went in" same "$work/altered" binary sha1 "$work/bad-altered"
sqlite3 "$work/altered" "PRAGMA user_version=9"
check_refused "an archive of a newer version" 1 "version 9" log --archive "$work/altered"
sqlite3 "$work/altered" "PRAGMA user_version=5; UPDATE segment SET data = zeroblob(10)"
check_refused "a damaged segment is named by --check" 1 "records 0 to 134" log --archive "$work/altered" --check
check_refused "and by what it leaves out" 1 "left out records 0 to 134" log --archive "$work/altered"
flock "$work/flush.lock" sleep 20 &
holder=$!
sleep 0.2
check_refused "an archive that is being written" 3 "is being written" import "$work/flush" "$captures/flush/4-final/${binary}_sha1"
check "can be read meanwhile" log --archive "$work/flush" --stats
kill "$holder"

mkdir "$work/small"
if mount -t tmpfs -o size=64k tmpfs "$work/small" 2>/dev/null; then
  check_refused "a full disk" 3 "disk is full" import "$work/small/archive" "$captures/templates/${binary}_sha1"
  umount "$work/small"
fi
mkdir "$work/read-only"
cp "$work/kexec" "$work/read-only/archive"
if mount --bind "$work/read-only" "$work/read-only" && mount -o remount,ro,bind "$work/read-only"; then
  check "an archive on a read-only medium is read" same "$work/read-only/archive" binary sha1 "$work/follow.out"
  check_refused "and not written" 3 "Read-only" import "$work/read-only/archive" "$captures/templates/${binary}_sha1"
  umount "$work/read-only"
fi

finish
