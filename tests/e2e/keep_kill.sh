#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# keep_kill.sh IMAKEEP TESTDATA - a keeper that is killed again and again while the list grows and is extended into a TPM;
# then together with two agents that save and delete for themselves. IMAKEEP_KILLS says how often (default: 25).
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
command -v swtpm >/dev/null || { echo "skipped: needs swtpm"; exit 77; }
kills=${IMAKEEP_KILLS:-25}
archive=$work/archive
files=$work/files
saved=$work/saved
mkdir "$files" "$saved"
background=()
trap 'end_background; end_list; end_swtpm; rm -rf "$work"' EXIT

end_background() {
  touch "$work/stop"
  for pid in "${background[@]}"; do wait "$pid" 2>/dev/null; done
  background=()
  rm -f "$work/stop"
}

# Measures new files until told to stop, each of another name.
grow() {  # grow NAME
  local i=0 j batch
  while [[ ! -e $work/stop ]]; do
    batch=()
    for j in 1 2 3 4 5; do
      echo "$1 $i $j" >"$files/$1-$i-$j-end"
      batch+=("$files/$1-$i-$j-end")
    done
    "$imakeep" list add --control "$sock" "${batch[@]}" >/dev/null || return 1
    i=$((i + 1))
    sleep 0.02
  done
}
names() { grep -aoE "(grown|shared)-[0-9]+-[0-9]+-end" | sort; }
# A single process, so that it can be killed.
keep() { exec "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "tcti:$tcti" --pressure off "$@"; }
archived() { "$imakeep" log --archive "$archive" --format ascii | names; }

# ---- killed again and again

start_swtpm not-need-init,startup-clear
start_list --tcti "$tcti"
grow grown &
background+=($!)
for ((kill = 0; kill < kills; ++kill)); do
  method=$((kill % 3))
  (keep --every 50ms --follow-every 20ms --method "$([[ $method == 0 ]] && echo stage || echo auto)" 2>>"$work/keep.err") &
  keeper=$!
  sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
  { kill -KILL "$keeper" && wait "$keeper"; } 2>/dev/null
  ended=$?
  # A process that ends by itself is a failure.
  [[ $ended == 137 ]] || check_equal "the keeper was running before kill $kill: $(tail -n 1 "$work/keep.err")" 137 "$ended"
done
end_background
check "after $kills kills, once more" bash -c '"$@"' _ "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "tcti:$tcti"
check "the archive is sound" "$imakeep" log --archive "$archive" --check
check "the TPM proves it in every bank" "$imakeep" verify --archive "$archive" --tpm "$tcti"
find "$files" -type f -printf '%f\n' | names >"$work/measured"
check_equal "every record once" "" "$(archived | diff - "$work/measured" | head -n 5)"
check_equal "others are not blamed" 0 "$("$imakeep" status --archive "$archive" --json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["trimmed"]["by_others"]["records"])')"
check "records were trimmed" bash -c '(($1 < $2))' _ "$(cat "$mount/runtime_measurements_count")" "$(wc -l <"$work/measured")"
check_equal "nothing mismatches" 0 "$(grep -cE 'gap|extend|headless|altered|ahead' "$work/keep.err")"

# ---- together with two agents that delete what they have saved

# With the list to itself, saves what it then deletes.
agent() {  # agent NAME
  local round=0 count
  while [[ ! -e $work/stop ]]; do
    round=$((round + 1))
    if { exec 3<>"$mount/binary_runtime_measurements"; } 2>/dev/null; then
      count=$(cat "$mount/runtime_measurements_count")
      cat <&3 >"$saved/$1-$round"
      { echo "$count" >&3; } 2>/dev/null
      exec 3>&-
    fi
    sleep "0.$((RANDOM % 4))"
  done
}
grow shared &
background+=($!)
agent one &
background+=($!)
agent two &
background+=($!)
(keep --every 100ms --follow-every 20ms 2>"$work/shared.err") &
keeper=$!
sleep 6
end_background
kill "$keeper"
wait "$keeper"
code=$?
check_equal "the keeper ends as told" 0 "$code$( ((code == 0)) || tail -n 3 "$work/shared.err")"
"$imakeep" list add --control "$sock" /etc/hostname >/dev/null
"$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "tcti:$tcti" 2>>"$work/shared.err"
check "the archive is sound" "$imakeep" log --archive "$archive" --check
find "$files" -type f -printf '%f\n' | names >"$work/measured"
archived >"$work/archived"
check_equal "nothing is archived twice" "" "$(uniq -d "$work/archived" | head -n 5)"
check_equal "what is not archived, the agents have" "" \
  "$(cat "$saved"/* | names | sort -u - "$work/archived" | diff - "$work/measured" | head -n 5)"
if [[ $(wc -l <"$work/archived") == $(wc -l <"$work/measured") ]]; then
  check_equal "and nothing was lost" "" "$(diff "$work/archived" "$work/measured" | head -n 5)"
else
  check "what is lost is said to be" grep -qE "gap" "$work/shared.err"
fi
check "deletions by others are said" grep -qE "somebody else" "$work/shared.err"
finish
