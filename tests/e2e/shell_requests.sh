#!/bin/bash
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
"$imakeep" list load --control "$sock" "$2/linux-7.3.4/kexec/first-current/binary_runtime_measurements_sha1" >/dev/null
cat "$current" >"$record"

busy=0
wrong=0
for ((i = 0; i < rounds; i++)); do
  { echo A >"$staged"; } 2>/dev/null || busy=$((busy + 1))
  cmp -s "$staged" "$record" || wrong=$((wrong + 1))
  { echo D >"$staged"; } 2>/dev/null || busy=$((busy + 1))
  [[ -z $(cat "$staged" 2>&1) ]] || wrong=$((wrong + 1))
  "$imakeep" list load --control "$sock" "$record" >/dev/null || wrong=$((wrong + 1))
done
check_equal "A, read, D, read: requests refused in $rounds rounds" 0 "$busy"
check_equal "A, read, D, read: reads that failed or showed another list" 0 "$wrong"

busy=0
for ((i = 0; i < rounds; i++)); do
  { echo x >"$current"; } 2>/dev/null && busy=$((busy + 1))
  read -r count <"$mount/runtime_measurements_count"
  { cat "$current" >/dev/null && cat "$staged" >/dev/null; } 2>/dev/null || busy=$((busy + 1))
done
check_equal "a refused request leaves the files free" 0 "$busy"
check_equal "and the list as it was" 40 "$count"

exec 3<"$current"
check_refused "a writer while the list is read" 1 "busy" bash -c 'echo 1 >"$1"' _ "$current"
exec 3<&-
check "a writer once it is not" bash -c 'echo 1 >"$1"' _ "$current"

finish
