#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# keep.sh IMAKEEP TESTDATA - the keeper on a mounted list: once and for good, by both methods, asked and told to end; what
# it names the holder that blocks it; and everything that must leave the list untouched.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
capture=$2/linux-7.3.4/templates/binary_runtime_measurements_sha1
archive=$work/archive
keeper_sock=$work/keeper.sock
pcrs=memory:$sock
keeper=

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
load() { "$imakeep" list load --control "$sock" "$capture" >/dev/null; }
keep() { "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs" "$@"; }
once() { keep --once "$@"; }
status() { "$imakeep" status --control "$keeper_sock" "$@"; }
records_now() { cat "$mount/runtime_measurements_count"; }
field() { sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
# wait_for TEXT: until the keeper has said so, 10 s at most.
wait_for() {
  soon grep -q -- "$1" "$work/keep.err" && return
  echo "the keeper did not say '$1': $(cat "$work/keep.err")"
  return 1
}
said() { grep -c -- "$1" "$work/keep.err"; }
start_keeper() {
  : >"$work/keep.err"
  # Not through keep(): the signals are for the program itself.
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs" --control "$keeper_sock" --every 0 --pressure off \
    --follow-every 50ms "$@" >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
}
trap 'end_keeper KILL; end_list; rm -rf "$work"' EXIT
new_list() {
  end_list
  rm -f "$archive"*
  start_list "$@"
}
# Archive and list together are what was measured: every record once, by an independent replay in every bank.
proven() {
  "$imakeep" list pcrs --control "$sock" >"$work/pcrs"
  "$imakeep" verify --archive "$archive" --pcrs "$work/pcrs" | tail -n 1
}

# ---- records of another PCR than 10, as CONFIG_IMA_MEASURE_PCR_IDX=11 or a rule with pcr=11 makes them

mkdir -p "$work/zero-tpm/pcr-sha1" "$work/zero-tpm/pcr-sha256"
for pcr in 10 11; do
  printf '%040d\n' 0 >"$work/zero-tpm/pcr-sha1/$pcr"
  printf '%064d\n' 0 >"$work/zero-tpm/pcr-sha256/$pcr"
done
new_list --pcr 11
add /bin/ls /bin/cat /bin/true
check_refused "PCRs that are zero prove no record of PCR 11" 1 "nothing is deleted" once --pcrs "sysfs:$work/zero-tpm"
check_equal "  and the list is as it was" 3 "$(records_now)"
check_refused "  status does not say proven" 1 "" "$imakeep" status --archive "$archive"
rm -f "$archive"*
check "the TPM's own PCR 11 does" once
check_equal "  and the records go" 1 "$(records_now)"
check_equal "  and are proven by it" "3 of 3 records proven, 0 after the match" "$(proven)"

# ---- once

for how in "--method count" "--method stage" ""; do
  new_list
  load
  # shellcheck disable=SC2086  # no option when empty
  check "once ${how:-with the method left to it}" once $how
  check_equal "  everything is archived and proven" "135 of 135 records proven, 0 after the match" "$(proven)"
  # A number leaves the last record that is no violation, and the records after it: here two violations.
  [[ $how == *stage ]] && left=0 || left=3
  check_equal "  and all records that may be trimmed are trimmed" "$left" "$(records_now)"
  add /bin/ls /bin/cat
  # shellcheck disable=SC2086
  check "  and once more" once $how
  check_equal "  with what was added" "137 of 137 records proven, 0 after the match" "$(proven)"
  check "  the archive is whole" "$imakeep" log --archive "$archive" --check
done
new_list --flush-hash-table
load
check "once where the table is flushed" once
check_equal "  is staged" 0 "$(records_now)"
check_refused "  and by count says what to use" 3 "--method stage" once --method count
add /bin/ls
echo A >"$mount/binary_runtime_measurements_staged"
add /bin/cat
check "records that another has staged are archived and trimmed" once
check_equal "  all of it" "137 of 137 records proven, 0 after the match" "$(proven)"
check_equal "once with --json says what was done" 1 "$(add /bin/cp; once --json 2>/dev/null | grep -c '"event":"trimmed".*"records":[1-9]')"
check "an empty list is all right" bash -c '"$1" keep --once --ima-dir "$2" --archive "$3" --pcrs "$4" 2>&1 | grep "nothing was trimmed"' _ \
  "$imakeep" "$mount" "$archive" "$pcrs"
check_equal "status of the archive" proven "$("$imakeep" status --archive "$archive" --json | field state)"
add /bin/cp /bin/mv
check_equal "  that lacks records of the list is incomplete" incomplete "$("$imakeep" status --archive "$archive" --ima-dir "$mount" --json | field state)"
check_equal "  in words" 1 "$("$imakeep" status --archive "$archive" --ima-dir "$mount" | grep -c '^PCRs *not caught up: the list has records that are not archived yet')"
check_equal "  which the archive alone cannot tell" proven "$("$imakeep" status --archive "$archive" --json | field state)"
once
check_equal "  and proven once it was kept" proven "$("$imakeep" status --archive "$archive" --ima-dir "$mount" --json | field state)"
check "status of archive and list names both" bash -c '"$1" status --archive "$2" --ima-dir "$3" | grep -q "^list  *$3: [0-9]* records now, method"' _ \
  "$imakeep" "$archive" "$mount"

# ---- for good

new_list
load
start_keeper
check "it archives what is there" wait_for "keeping $mount; PCRs sha1,sha256, method count"
sleep 0.3
check_equal "status: what is archived" 135 "$(status --json | field records)"
check_equal "  and proven" proven "$(status --json | field state)"
check_equal "  and nothing is trimmed unasked" 135 "$(records_now)"
check "  in words" bash -c '"$1" status --control "$2" | grep -q "^table  *kept: .*786 to 790 bytes"' _ "$imakeep" "$keeper_sock"
check_refused "a second keeper" 3 "is being written by process $keeper" once
add /bin/ls
sleep 0.3
check_equal "it follows what is added" 136 "$(status --json | field records)"
ask() { python3 -c '
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(json.dumps({"op": sys.argv[2]}).encode() + b"\n")
print(s.makefile().readline())' "$keeper_sock" "$1"; }
check_equal "asked to trim, it does and answers" 135 "$(ask trim | grep -o '"records":[0-9]*' | cut -d: -f2)"
check_equal "  and the list is short" 1 "$(records_now)"
check "an unknown request is refused" bash -c 'grep -q "status, follow, trim, metrics, verified and verifiers" <<<"$1"' _ "$(ask dance)"
add /bin/cat /bin/cp
kill -USR1 "$keeper"
check "told by SIGUSR1, it trims" wait_for "trimmed 2 records by count"
check_equal "  and tells it in one line" 1 "$(grep -cE "trimmed 2 records by count: 135 to 136 of chain 1, proven 20[0-9: UTC-]*, holding the list for [0-9.]* ms; 1 record left, [0-9]* B of the list are gone$" "$work/keep.err")"

open_to_read() { { exec 4<"$mount/binary_runtime_measurements"; } 2>/dev/null; }

# start_holder OPEN: a process that has the list open as soon as OPEN can, as descriptor 4. It deletes as many as it is
# told by a line, and has no children, which would hold the list too.
start_holder() {
  coproc holder {
    soon "$1" >&2 || exit
    echo open
    while read -r count; do echo "$count" >&4; done
  }
  holder_pid=$!
  read -r -u "${holder[0]}"
}
end_holder() {
  local told_by=${holder[1]}
  exec {told_by}>&-
  wait "$holder_pid"
}

start_holder open_to_read
add /bin/mv
kill -USR1 "$keeper"
check "an agent that has the list open is named" wait_for "busy: pid $holder_pid (keep.sh) has binary_runtime_measurements_sha1 open for reading"
check "  by status too" bash -c '"$1" status --control "$2" | grep -q "^holder  *pid $3 "' _ "$imakeep" "$keeper_sock" "$holder_pid"
check "  and by doctor" bash -c '"$1" doctor --ima-dir "$2" --pcrs "$3" | grep -q "^warn  holders: pid $4 "' _ "$imakeep" "$mount" "$pcrs" "$holder_pid"
sleep 3
check_equal "  at the first, second and fourth time only" 1 "$(($(said 'is busy') <= 3))"
end_holder
check "once it is closed the trim is done" wait_for "the list is free again"
add /bin/rm /bin/touch
sleep 0.3
trim_by_hand 2
check "deletions by others are said" wait_for "trimmed-by-other: somebody else deleted"
check_equal "  with no process to name" 1 "$(said "deleted 2 records; they are archived; no process was seen to have the list open for writing")"
check_equal "  and counted" 1 "$(status --json | tr -d '\n ' | grep -c '"by_others":{"records":2,"times":1}')"
check "  and is no fault" status
add /bin/id /bin/join
sleep 0.3
start_holder open_list
add /bin/tty
check "who has it open for writing is named" wait_for "busy: pid $holder_pid (keep.sh) has binary_runtime_measurements_sha1 open for writing"
echo 2 >&"${holder[1]}"
end_holder
check "  and if records are gone then, again" wait_for "deleted 2 records; they are archived; last seen to hold the list, 20[0-9: UTC-]*: pid $holder_pid (keep.sh) has binary_runtime_measurements_sha1 open for writing"
check_equal "  by status too" 1 "$(status | grep -c "^keeper .*; last seen to hold the list, 20.* UTC: pid $holder_pid (keep.sh)")"
check_equal "  and in JSON" 1 "$(status --json | tr -d '\n ' | grep -c "\"last_writers\":{\"seen_unix_s\":[0-9]*,\"writers\":\[{[^]]*\"pid\":$holder_pid,")"
add /bin/stat
end_keeper TERM
check_equal "told to end it ends well" 0 "$ended"
check_equal "  having archived and trimmed the last records" "145 of 145 records proven, 0 after the match" "$(proven)"
check_equal "  but for what may not go" 1 "$(records_now)"
check "  its socket is gone" bash -c '! test -e "$1"' _ "$keeper_sock"

add /bin/ln
start_keeper --no-trim-at-exit
end_keeper INT
check_equal "told not to trim at the end it archives only" "146 of 146 records proven, 0 after the match, list 2" "$(proven), list $(records_now)"
start_keeper
# Requests without a reader for their answers: one always waits.
python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"{\"op\": \"follow\"}\n" * 5000)
time.sleep(20)' "$keeper_sock" &
asker=$!
sleep 0.5
(sleep 15; kill -KILL "$keeper") 2>/dev/null &
guard=$!
end_keeper
check_equal "told to end during a request it ends" 0 "$ended"
{ kill "$asker" "$guard" && wait "$asker" "$guard"; } 2>/dev/null

start_keeper --records 5
add /bin/chmod /bin/chown /bin/dd /bin/mkdir
check "a limit of records trims" wait_for "trimmed 4 records"
end_keeper
start_keeper --every 200ms
add /bin/df
check "an interval trims" wait_for "trimmed 1 record by count"
end_keeper
start_keeper --bytes 600
add /bin/dir /bin/echo /bin/false /bin/sync /bin/true
check "a limit of bytes trims" wait_for "trimmed"
end_keeper KILL
add /bin/sleep
check "after kill -9 the next one goes on" once
check_equal "  with every record once" "157 of 157 records proven, 0 after the match" "$(proven)"

# ---- configuration

cat >"$work/good.toml" <<END
ima_dir = "$mount"
archive = "$archive"
pcrs = "$pcrs"
method = "stage"
END
check "a file configures it" "$imakeep" keep --config "$work/good.toml" --once
check_equal "  and the command line overrides it" 1 "$(add /bin/uname; "$imakeep" keep --config "$work/good.toml" --once --method count 2>&1 | grep -c 'method count')"
printf 'archive = "/a"\nevery = 60\n' >"$work/bad.toml"
check_refused "a value of the wrong type" 2 "$work/bad.toml:2:9: every takes" "$imakeep" keep --config "$work/bad.toml"
printf '\n  spam = 1\n' >"$work/bad.toml"
check_refused "an unknown key" 2 "$work/bad.toml:2:3: unknown option spam" "$imakeep" keep --config "$work/bad.toml"
check_refused "a file that is not there" 3 "$work/none" "$imakeep" keep --config "$work/none"
check_refused "a value that makes no sense" 2 "--every: 'soon' is not a duration" once --every soon
check_refused "no archive" 2 "--archive" "$imakeep" keep --once
# shellcheck disable=SC2016  # the inner shell's
check_refused "status where no service runs" 3 "/run/imakeep/imakeep.sock" unshare --mount sh -c 'mount -t tmpfs none /run && exec "$0" status' "$imakeep"
check_refused "status of a socket that is not served" 3 "$work/none" "$imakeep" status --control "$work/none"

# ---- what must leave the list untouched

new_list
load
chmod 0755 "$work"
mkdir "$work/nobody"
chown 65534 "$work/nobody"
cp "$imakeep" "$work/imakeep"
untouched() { check_equal "  and the list is untouched" 135 "$(records_now)"; }
mkdir "$work/empty"
check_refused "a directory that is no IMA directory" 3 "$work/empty is not an IMA directory" \
  "$imakeep" keep --once --ima-dir "$work/empty" --archive "$archive" --pcrs none
check_refused "a directory that is not there" 3 "$work/none" "$imakeep" keep --once --ima-dir "$work/none" --archive "$archive" --pcrs none
check "  and no archive is made" bash -c '! test -e "$1"' _ "$archive"
check_refused "an archive in no directory" 3 "$work/none/a" "$imakeep" keep --once --ima-dir "$mount" --archive "$work/none/a" --pcrs "$pcrs"
check_refused "PCRs that are not served" 3 "$work/none" once --pcrs "memory:$work/none"
untouched
check_refused "a user who may not read the list" 3 "Permission denied.*run as root" \
  setpriv --reuid 65534 --regid 65534 --clear-groups "$work/imakeep" keep --once --ima-dir "$mount" --archive "$work/nobody/a" --pcrs none
check_refused "a user without CAP_SYS_ADMIN" 3 "CAP_SYS_ADMIN" setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
  "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs"
untouched
check_equal "  but archived" "135 of 135 records proven, 0 after the match" "$(proven)"
mkdir -p "$work/other-tpm/pcr-sha1" "$work/other-tpm/pcr-sha256"
for pcr in 10 11; do  # those that the capture's records name
  printf '%040d\n' 7 >"$work/other-tpm/pcr-sha1/$pcr"
  printf '%064d\n' 7 >"$work/other-tpm/pcr-sha256/$pcr"
done
rm -f "$archive"*
check_refused "PCRs that never match" 1 "start-not-zero: .*nothing is deleted" once --pcrs "sysfs:$work/other-tpm"
untouched
check_refused "  nor do they the second time" 1 "nothing is deleted" once --pcrs "sysfs:$work/other-tpm"
untouched
check_refused "  status says so" 1 "" "$imakeep" status --archive "$archive"
check_equal "  by name" "does not match" "$("$imakeep" status --archive "$archive" --json | field state)"
rm -f "$archive"*
check "without PCRs it archives only" bash -c '"$1" keep --once --ima-dir "$2" --archive "$3" --pcrs none 2>&1 | grep -q -- "--unproven"' _ \
  "$imakeep" "$mount" "$archive"
untouched
check "  unless told otherwise" once --pcrs none --unproven
check_equal "  when it trims" 3 "$(records_now)"

mkdir "$work/old-kernel"
cp "$capture" "$work/old-kernel/binary_runtime_measurements"
echo 135 >"$work/old-kernel/runtime_measurements_count"
chmod 0440 "$work"/old-kernel/*
rm -f "$archive"*
old_kernel() { "$imakeep" keep --once --ima-dir "$work/old-kernel" --archive "$archive" --pcrs none; }
check "a kernel that deletes no records is followed" old_kernel
check "  and says so" bash -c '"$1" keep --once --ima-dir "$2" --archive "$3" --pcrs none 2>&1 | grep -q "older than Linux 7.2"' _ \
  "$imakeep" "$work/old-kernel" "$archive"
check_equal "  its records are archived" 135 "$("$imakeep" status --archive "$archive" --json | field records)"

# ---- doctor

rm -f "$archive"*
doctor() { "$imakeep" doctor --ima-dir "$mount" --pcrs "$pcrs" --archive "$archive" "$@"; }
printf 'dont_measure fowner=65534\ndont_measure fsmagic=0x65735546\nmeasure func=FILE_CHECK uid=0\n' >"$work/policy"
printf 'measure func=FILE_CHECK uid=0\n' >"$work/bad-policy"
check "doctor finds nothing wrong" doctor --policy "$work/policy"
check_equal "  in JSON too" 0 "$(doctor --policy "$work/policy" --json | grep -c FAIL)"
check_equal "a policy that measures FUSE" 1 "$(doctor --policy "$work/bad-policy" | grep -c '^FAIL  policy: .*fsmagic=0x65735546')"
check_refused "  is a failure" 1 "" doctor --policy "$work/bad-policy"
printf 'measure func=BPRM_CHECK\nmeasure func=FILE_MMAP mask=MAY_EXEC\nmeasure func=MODULE_CHECK uid=0\n' >"$work/exec-policy"
check_equal "a policy that measures nothing that is read" 2 "$(doctor --policy "$work/exec-policy" | grep -c '^ok    policy: .* is not measured')"
check "  needs no rule" doctor --policy "$work/exec-policy"
head -c 4096 "$imakeep" >"$work/no-policy"
check_equal "a file that is no policy" 1 "$(doctor --policy "$work/no-policy" | grep -c '^FAIL  policy: .*/no-policy is not an IMA policy: line 1 is not a rule')"
check_equal "  is not called a good one" 0 "$(doctor --policy "$work/no-policy" | grep -c '^ok    policy')"
check_equal "no such directory" 1 "$("$imakeep" doctor --ima-dir "$work/none" --pcrs none | grep -c '^FAIL  IMA directory')"
check_equal "a kernel that deletes no records is a warning" 1 "$("$imakeep" doctor --ima-dir "$work/old-kernel" --pcrs none | grep -c '^warn  trimming')"
check_equal "PCRs of no bank of the list" 1 "$(rm -rf "$work/other-tpm/pcr-sha1" "$work/other-tpm/pcr-sha256"; mkdir -p "$work/other-tpm/pcr-sha512"
  "$imakeep" doctor --ima-dir "$mount" --pcrs "sysfs:$work/other-tpm" | grep -c '^FAIL  PCRs')"
check_equal "an archive that is none" 1 "$(echo text >"$work/text"; chmod 600 "$work/text"; "$imakeep" doctor --ima-dir "$mount" --pcrs "$pcrs" --archive "$work/text" | grep -c '^FAIL  archive')"
check_equal "a directory for the archive that is missing is to be made" 1 \
  "$("$imakeep" doctor --ima-dir "$mount" --pcrs "$pcrs" --archive "$work/none/a" | grep -c "^FAIL  archive: $work/none does not exist; remedy: create it: install -d ")"
once >"$work/once.out" 2>&1
for mode in "0606 FAIL" "0620 FAIL" "0604 warn" "0640 ok"; do
  read -r bits word <<<"$mode"
  chmod "$bits" "$archive"
  check_equal "an archive of mode $bits: $word" 1 "$(doctor | grep -ic "^$word *archive:")"
done
chmod 0600 "$archive"
mkdir -m 0777 "$work/open"
cp "$archive" "$work/open/archive"
check_equal "an archive in a directory of everybody" 1 \
  "$("$imakeep" doctor --ima-dir "$mount" --pcrs none --archive "$work/open/archive" | grep -c "^FAIL  archive: everybody can replace files in $work/open")"
chmod 0700 "$work/open"
chown 12345 "$work/open/archive"
check_equal "an archive of another user than its directory" 0 \
  "$("$imakeep" doctor --ima-dir "$mount" --pcrs none --archive "$work/open/archive" | grep -c "^FAIL  archive")"
chown 12346 "$work/open"
check_equal "  where the directory is not root's" 1 \
  "$("$imakeep" doctor --ima-dir "$mount" --pcrs none --archive "$work/open/archive" | grep -c "^FAIL  archive: .* belongs to another user than $work/open")"
check "an archive that nobody writes" bash -c '! "$1" doctor --ima-dir "$2" --pcrs none --archive "$3" | grep "is writing it"' _ "$imakeep" "$mount" "$archive"
start_keeper
check_equal "  and one that a keeper writes" 1 "$(doctor | grep -c "^ok    archive: .*; process $keeper is writing it")"
end_keeper
check_refused "PCRs that are named wrongly" 2 "--pcrs" doctor --pcrs tpm

# ---- trims after the verifiers

# request JSON: the keeper's answer.
request() { python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
print(s.makefile().readline())' "$keeper_sock" "$1"; }
check_refused "trims after verifiers need PCRs" 2 "exclude each other" once --trim-after verified --unproven
new_list
add /bin/ls /bin/cat /bin/true /bin/sh
start_keeper --trim-after verified
check_equal "without a verifier nothing is trimmed" 0 "$(ask trim | grep -o '"records":[0-9]*' | cut -d: -f2)"
check_equal "  status says why" 1 "$(status | grep -c '^held back .*no verifier is registered')"
check_equal "  and doctor too" 1 "$(doctor --trim-after verified | grep -c '^warn  verifiers: .*no verifier is registered')"
held=$(records_now)
check "a verifier registers" grep -q '"new":true' <<<"$(request '{"op": "verified", "verifier": "fleet", "chain": 1, "n": 3}')"
check "  which is logged" wait_for "verifier fleet is new; it has proven 3 records of chain 1"
check_equal "  a trim deletes below its number" 2 "$(request '{"op": "trim"}' | grep -o '"records":[0-9]*' | cut -d: -f2)"
check_equal "  and nothing else" $((held - 2)) "$(records_now)"
check_equal "  status shows it" 1 "$(status | grep -c '^verifier  *fleet has proven the records before 3, .* s ago')"
check_equal "  as metrics do" 1 "$("$imakeep" status --control "$keeper_sock" --prometheus | grep -c '^imakeep_verifier_records{verifier="fleet"} 3$')"
check "  fewer than before are refused" grep -q "never decreases" <<<"$(request '{"op": "verified", "verifier": "fleet", "chain": 1, "n": 2}')"
check "  it can be removed" grep -q '"verifiers":\[\]' <<<"$(request '{"op": "verifiers", "remove": "fleet"}')"
end_keeper

# ---- a last look that fails

new_list --banks sha1,sha256
load
start_keeper
end_list
end_keeper TERM
check_equal "a keeper whose list is gone when it ends says so by its exit code" 3 "$ended"
check_equal "  and in words" 1 "$(grep -c "cannot .*$mount" "$work/keep.err" | sed 's/[2-9]/1/')"
new_list --banks sha1,sha256
start_keeper
end_keeper TERM
check_equal "one whose list is there ends well" 0 "$ended"

finish
