#!/bin/bash
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
check "the exported log leads to the kernel's PCRs" bash -c '"$1" log --archive "$2" --format binary --bank sha256 >"$4" &&
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

# ---- bad input

check_refused "an archive that is missing" 3 "$work/none" log --archive "$work/none"
check_refused "no archive named" 2 "archive" log
check_refused "a text file for an archive" 1 "no archive" log --archive "$captures/templates/pcr10.txt"
check_refused "an archive for a list" 1 "$work/kexec: " import "$work/new" "$work/kexec"
check "a list that was refused makes no archive" test ! -e "$work/new"
check_refused "an archive in no directory" 3 "$work/none/new" import "$work/none/new" "$captures/templates/${binary}_sha1"
check_refused "a chain that there is not" 2 "chain 2" log --archive "$work/kexec" --chain 2
check_refused "records behind the end" 2 "record 202" log --archive "$work/kexec" --from 500
check_refused "--to before --from" 2 "before --from" log --archive "$work/kexec" --from 5 --to 4
check_refused "an unknown format" 2 "format" log --archive "$work/kexec" --format xml
check_refused "an unknown bank" 2 "md4" log --archive "$work/kexec" --bank md4
check_refused "lists of two boots" 1 "another boot" import "$work/templates" "$captures/staging/1-staged/${binary}_sha1_staged"
check_refused "a list of another bank than told" 1 "${binary}_sha1: .*bank" import "$work/new" --bank sha256 "$captures/templates/${binary}_sha1"
check_refused "lists that could join in two ways" 1 "pcrs" import "$work/new" "$captures"/flush/[12]-staged/${binary}_sha1_staged
check_refused "PCRs that no way of joining leads to" 1 "leads to the PCRs" import "$work/new2" \
  --pcrs "$captures/templates/pcr10.txt" "$captures/staging/1-staged/${binary}_sha1_staged"
cp "$captures/templates/${binary}_sha1" "$work/bad-altered"
printf '\x7e' | dd of="$work/bad-altered" bs=1 seek=60 conv=notrunc status=none
check_refused "an altered record is kept and named" 1 "$work/bad-altered: record 0 .*kept" import "$work/altered" "$work/bad-altered"
check "and comes out as it went in" same "$work/altered" binary sha1 "$work/bad-altered"
sqlite3 "$work/altered" "PRAGMA user_version=9"
check_refused "an archive of a newer version" 1 "version 9" log --archive "$work/altered"
sqlite3 "$work/altered" "PRAGMA user_version=1; UPDATE segment SET data = zeroblob(10)"
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
