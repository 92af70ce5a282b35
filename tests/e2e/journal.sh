#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# journal.sh IMAKEEP TESTDATA - what a keeper whose standard error is the journal says there, with fields; and what it
# says where it cannot be reached, or is not it. The journal is a systemd-journald of our own, in a private /run.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
journald=/lib/systemd/systemd-journald
if [[ ${2:-} != --inside ]]; then
  if [[ ! -x $journald || $(id -u) != 0 ]]; then
    echo "skipped: needs root and systemd-journald"
    exit 77
  fi
  exec unshare --mount --pid --fork --mount-proc --kill-child "$0" "$1" --inside "$2"
fi
begin "$1"
capture=$3/linux-7.3.4/templates/binary_runtime_measurements_sha1
archive=$work/archive
keeper_sock=$work/keeper.sock
keeper=

mount -t tmpfs tmpfs /run
mkdir -p /run/log/journal
"$journald" 2>"$work/journald.err" &
journal=$!
trap 'end_keeper; kill "$journal"; end_list; rm -rf "$work"' EXIT
for _ in $(seq 100); do
  [[ -S /run/systemd/journal/socket && -S /run/systemd/journal/stdout ]] && break
  sleep 0.05
done

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
# entries [MATCH...]: the journal's entries of imakeep, a field a line.
entries() { journalctl --sync && journalctl -D /run/log/journal -o export --no-pager SYSLOG_IDENTIFIER=imakeep "$@"; }
# told_soon MATCH...: until the journal has such an entry, 10 s at most.
told_soon() {
  for _ in $(seq 100); do
    [[ -n $(entries "$@") ]] && return 0
    sleep 0.1
  done
  entries
  return 1
}
# start_keeper STREAM: with standard error into the journal, which $JOURNAL_STREAM says if STREAM is "own".
start_keeper() {
  systemd-cat --identifier=stream bash -c 'stream=$(stat -L -c %d:%i /proc/self/fd/2)
    [[ $0 == own ]] || stream=1:1
    JOURNAL_STREAM=$stream exec "$@"' "$1" "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" \
    --control "$keeper_sock" --every 0 --pressure off --follow-every 50ms &
  keeper=$!
  (started "the keeper" "$keeper" /dev/null keeper_answers "$keeper_sock") || { entries && exit 1; }
}

# shellcheck disable=SC2119  # without options
start_list
"$imakeep" list load --control "$sock" "$capture" >/dev/null
marker=tattletale-5f1c
cp /bin/true "$work/$marker"
start_keeper own
check "that it keeps the list is an entry" told_soon IMAKEEP_EVENT=keeping
add "$work/$marker"
kill -USR1 "$keeper"
check "a trim is an entry" told_soon MESSAGE_ID=319b5d555be0462e8fc5da331c5a290b
entries IMAKEEP_EVENT=trimmed >"$work/trimmed"
check_equal "  one only" 1 "$(grep -c '^MESSAGE=' "$work/trimmed")"
for field in PRIORITY=6 IMAKEEP_CHAIN=1 IMAKEEP_FIRST=0 IMAKEEP_RECORDS=135 IMAKEEP_METHOD=count IMAKEEP_LIST_RECORDS=1; do
  check_equal "  with $field" 1 "$(grep -cx "$field" "$work/trimmed")"
done
for field in IMAKEEP_HOLD_USEC IMAKEEP_BYTES IMAKEEP_PROVEN_UNIX_SEC; do
  check_equal "  and $field" 1 "$(grep -cx "$field=[1-9][0-9]*" "$work/trimmed")"
done
check_equal "  that tells it in one line" 1 "$(grep -c '^MESSAGE=trimmed 135 records by count: 0 to 134 of chain 1, proven ' "$work/trimmed")"
exec 3<"$mount/binary_runtime_measurements"
add /bin/cat /bin/cp
kill -USR1 "$keeper"
check "who has the list open is a field" told_soon IMAKEEP_EVENT=busy PRIORITY=4 "IMAKEEP_HOLDER_PID=$$"
exec 3<&-
check "  and that it is free again an entry" told_soon IMAKEEP_EVENT=free
add /bin/mv /bin/rm
sleep 0.5
stop_keeper
add /bin/ls /bin/ln
trim_by_hand "$(($(cat "$mount/runtime_measurements_count") - 1))"
kill -CONT "$keeper"
check "records that are lost are an error" told_soon IMAKEEP_EVENT=found PRIORITY=3 IMAKEEP_DIAGNOSIS=gap
end_keeper TERM
check "that it ends is an entry" told_soon IMAKEEP_EVENT=ending
check_equal "nothing was printed but the entries" "" "$(journalctl -D /run/log/journal -o cat --no-pager _TRANSPORT=stdout)"
entries | grep -E '^(MESSAGE|IMAKEEP_[A-Z_]*)=' >"$work/told"
check_equal "all of it is there" 1 "$(($(grep -c '^MESSAGE=' "$work/told") > 5))"
check_equal "  and none tells what was measured" 0 "$(grep -cE "$marker|/(usr/)?bin/" "$work/told")"
check_equal "  nor a digest" 0 "$(grep -cE '[0-9a-f]{40}' "$work/told")"

# ---- a stream that is not the journal's, and a journal that cannot be reached

lines() { journalctl --sync && journalctl -D /run/log/journal -o export --no-pager _TRANSPORT=stdout; }
start_keeper another
end_keeper TERM
check_equal "told of another stream it says lines" 1 "$(lines | grep -c '^MESSAGE=imakeep: keeping ')"
rm -f "$archive"*
mv /run/systemd/journal/socket /run/systemd/journal/elsewhere
start_keeper own
sleep 0.5
end_keeper TERM
mv /run/systemd/journal/elsewhere /run/systemd/journal/socket
check_equal "without the journal's socket too" 2 "$(lines | grep -c '^MESSAGE=imakeep: keeping ')"
check_equal "  with their priority, which the journal takes off" 1 \
  "$(journalctl -D /run/log/journal -o cat --no-pager _TRANSPORT=stdout PRIORITY=3 | grep -c '^imakeep: chain 1: headless: ')"

finish
