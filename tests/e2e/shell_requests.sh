#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shell_requests.sh IMAKEEP TESTDATA [ROUNDS] - a shell that writes a request and reads at once finds the file free,
# every time, though the kernel tells a FUSE server of a close only after it happened.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
rounds=${3:-1000}
start_list --banks sha1 --no-hash-table
staged=$mount/binary_runtime_measurements_staged
current=$mount/binary_runtime_measurements
record=$work/record
load() { "$imakeep" list load --control "$sock" "$1" >/dev/null; }
load "$2/linux-7.3.4/kexec/first-current/binary_runtime_measurements_sha1"
cat "$current" >"$record"

# Not cmp -s: it believes the size, which is 0 as on securityfs.
shows_record() { cmp "$1" "$record" >/dev/null 2>&1; }

refused=0
wrong=0
for ((i = 0; i < rounds / 20; i++)); do
  { echo A >"$staged"; } 2>/dev/null || refused=$((refused + 1))
  shows_record "$staged" || wrong=$((wrong + 1))
  { echo D >"$staged"; } 2>/dev/null || refused=$((refused + 1))
  [[ -z $(cat "$staged" 2>&1) ]] || wrong=$((wrong + 1))
  load "$record"
done
check_equal "A, read, D, read: requests refused" 0 "$refused"
check_equal "A, read, D, read: reads that failed or showed another list" 0 "$wrong"

# All but the first A are refused, with EEXIST: an open that was refused would say so.
busy=0
wrong=0
for ((i = 0; i < rounds; i++)); do
  said=$({ echo A >"$staged"; } 2>&1)
  cat "$staged" >"$work/read" 2>&1 || busy=$((busy + 1))
  shows_record "$work/read" || wrong=$((wrong + 1))
  [[ $i == 0 && -z $said || $said == *"File exists"* ]] || busy=$((busy + 1))
done
check_equal "echo A > f; cat f, $rounds times: files that were busy" 0 "$busy"
check_equal "echo A > f; cat f, $rounds times: lists that were not the staged one" 0 "$wrong"

exec 3<"$current"
check_refused "a writer while the list is read" 1 "busy" bash -c 'echo D >"$1"' _ "$staged"
exec 3<&-
check "a writer once it is not" bash -c 'echo D >"$1"' _ "$staged"

finish
