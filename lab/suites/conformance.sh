# SPDX-License-Identifier: Apache-2.0
# `imakeep conformance --destructive` on Linux's list, in the modes that its table of digests has, with two banks and with four;
# and on imakeep's own list in the same mode. Their answers must be the same, check by check.
# shellcheck shell=bash disable=SC2154

suite_conformance() {
  compare_lists kept sha1,sha256 "" ""
  compare_lists flushed sha1,sha256 ima_flush_htable --flush-hash-table
  compare_lists "kept, four banks" sha1,sha256,sha384,sha512 "" ""
}

# compare_lists NAME BANKS BOOT_OPTION OPTION: the option is that of `imakeep list serve` for what the boot option does.
compare_lists() {
  local name=$1 banks=$2 linux=$work/linux.json ours=$work/ours.json
  rm -f "$work/share/linux.json"
  new_tpm "$banks"
  boot "$1" run "$3"
  mv "$work/share/linux.json" "$linux" 2>/dev/null
  # shellcheck disable=SC2086  # no option when empty
  start_list --banks "$banks" $4
  as_many_records "$(cat "$work/share/records")"
  "$imakeep" conformance --ima-dir "$mount" --control "$sock" --destructive --json >"$ours" 2>"$work/ours.err"
  check "$name: imakeep's own list conforms" test $? == 0
  end_list
  check "$name: Linux's list and imakeep's answer the same" \
    python3 "$tree/lab/compare_conformance.py" "$linux" "$ours" "$tree/docs/fuse-differences.md"
  [[ $(tail -n 1 "$work/check.out") != *results* ]] || echo "      $(tail -n 1 "$work/check.out")"
}

# as_many_records N: what some checks find is a number of records, so our list begins with as many as Linux's did.
as_many_records() {
  local i
  mkdir -p "$work/files"
  for ((i = $(cat "$mount/runtime_measurements_count"); i < $1; ++i)); do
    echo "$i" >"$work/files/$i"
    "$imakeep" list add --control "$sock" "$work/files/$i" >/dev/null
  done
  check_equal "the lists begin with as many records" "$1" "$(cat "$mount/runtime_measurements_count")"
}
