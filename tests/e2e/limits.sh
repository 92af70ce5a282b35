#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limits.sh IMAKEEP TESTDATA - with too few descriptors, or a limit on the size of files, each command says so and ends
# with code 3. It is ended by no signal, leaves nothing mounted and loses no record.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
list=$2/linux-7.3.4/templates/binary_runtime_measurements_sha1
archive=$work/archive
view=$work/view
mkdir "$view"
trap 'umount -l "$view" 2>/dev/null; end_list; rm -rf "$work"' EXIT
start_list --banks sha1,sha256
"$imakeep" list load --control "$sock" "$list" >/dev/null
"$imakeep" log import --archive "$archive" "$list" >/dev/null

# within LIMIT N COMMAND...: under `ulimit LIMIT N`.
within() { (ulimit "$1" "$2" && exec timeout -k 1 20 "${@:3}"); }
keep=("$imakeep" keep --ima-dir "$mount" --archive "$work/kept" --pcrs "memory:$sock" --pressure off)

# ---- a limit of file sizes, in KiB

too_large='raise the limit \(ulimit -f, LimitFSIZE=\) and run again|File too large'
for kib in 0 1 16; do
  for command in log status verify; do
    check_refused "files of $kib KiB: $command" 3 "archive: .*($too_large)" \
      within -f $kib "$imakeep" $command --archive "$archive"
  done
  check_refused "files of $kib KiB: log import" 3 "$work/imported.*($too_large)" \
    within -f $kib "$imakeep" log import --archive "$work/imported" "$list"
  check_refused "files of $kib KiB: log retire" 3 "archive.*($too_large)" \
    within -f $kib "$imakeep" log retire --archive "$archive" --before 10 --unacknowledged
  check_refused "files of $kib KiB: keep --once" 3 "$work/kept.*($too_large)" within -f $kib "${keep[@]}" --once
  check_refused "files of $kib KiB: keep" 3 "$work/kept.*($too_large)" within -f $kib "${keep[@]}"
done
check "the archive is whole" "$imakeep" log --archive "$archive" --check

# ---- a limit of descriptors

few='Too many open files|too many open files|no descriptor or memory is left'
for count in 4 5; do
  for command in log status verify; do
    check_refused "$count descriptors: $command" 3 "$few" within -n $count "$imakeep" $command --archive "$archive"
  done
  check_refused "$count descriptors: list serve" 3 "$few" \
    within -n $count "$imakeep" list serve --mount "$view" --control "$work/other"
done
for count in 4 5 6 7; do
  check_refused "$count descriptors: log import" 3 "$few" \
    within -n $count "$imakeep" log import --archive "$work/imported" "$list"
done
for count in {4..12}; do
  check_refused "$count descriptors: keep --once" 3 "$few" within -n "$count" "${keep[@]}" --once
done
for count in {4..18}; do
  check_refused "$count descriptors: keep with a view" 3 "$few" \
    within -n "$count" "${keep[@]}" --view "$view" --control "$work/keeper" --metrics "$work/metrics"
  check "  leaves no mount" bash -c '! mountpoint -q "$1"' _ "$view"
done
check "with enough of both, nothing is missing" "${keep[@]}" --once
check_equal "  in the archive" 135 "$(json_of 'result["chains"][0]["records"]' "$imakeep" log --archive "$work/kept" --stats --json)"
check_refused "an image without space on the disk" 3 "$work/image.*File too large" \
  within -f 0 "$imakeep" list save --control "$sock" "$work/image"
finish
