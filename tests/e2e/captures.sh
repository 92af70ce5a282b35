#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# captures.sh IMAKEEP TESTDATA - loads lists of a real kernel, and compares every file that imakeep shows of them, and
# the PCRs, with what that kernel showed. The lists that it staged and deleted go the same way here.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
captures=$2/linux-7.3.4
banks=sha1,sha256,sha384,sha512

load() { check "load ${1#"$captures"/}" "$imakeep" list load --control "$sock" "$1"; }

# binary FOLDER [_staged]: the folder's list in the bank whose turn it is.
next_bank=0
binary() {
  local names=(sha1 sha256 sha384 sha512)
  echo "$captures/$1/binary_runtime_measurements_${names[next_bank]}${2-}"
}
turn() { next_bank=$(((next_bank + 1) % 4)); }

size_of() { stat -c %s "$1"; }

# after FILE BYTES: the rest of a list, as a file.
after() {
  tail -c +$(($2 + 1)) "$1" >"$work/rest"
  echo "$work/rest"
}

request() { printf '%s\n' "$2" >"$mount/$1"; }

pcr10() { "$imakeep" list pcrs --control "$sock" | awk '$2 == 10 { print $1, tolower($3) }' | sort; }

# compare FOLDER: every file of the capture with the file of that name, and what else it recorded.
compare() {
  local folder=$captures/$1 file name
  for file in "$folder"/*_runtime_measurements_*; do
    name=$(basename "$file")
    check "$1/$name" cmp "$file" "$mount/$name"
  done
  for name in ascii binary; do
    file=$(ls "$folder"/${name}_runtime_measurements_sha1*)
    check "$1: ${name} link" cmp "$file" "$mount/$(basename "$file" | sed s/_sha1//)"
  done
  if [[ -e $folder/pcr10.txt ]]; then
    check_equal "$1/pcr10.txt" "$(awk '{ print $1, tolower($2) }' "$folder/pcr10.txt" | sort)" "$(pcr10)"
  fi
  if [[ -e $folder/violations ]]; then
    check_equal "$1/violations" "$(cat "$folder/violations")" "$(cat "$mount/violations")"
  fi
}

# ---- every list by itself, loaded from every bank

for folder in "$captures"/templates "$captures"/{staging,flush,kexec}/[0-9fs]*; do
  name=${folder#"$captures"/}
  staged=
  [[ -e $folder/binary_runtime_measurements_sha1_staged ]] && staged=_staged
  [[ -e $folder/binary_runtime_measurements_sha1$staged ]] || continue
  start_list --banks $banks
  load "$(binary "$name" $staged)"
  turn
  [[ -n $staged ]] && check "$name: A" request binary_runtime_measurements_staged A
  for file in "$folder"/*_runtime_measurements_*; do
    check "$name/$(basename "$file")" cmp "$file" "$mount/$(basename "$file")"
  done
  end_list
  check_equal "$name: the list ends cleanly" 0 "$ended"
done

# ---- templates: eight templates, two PCRs, violations

start_list --banks $banks
load "$(binary templates)"
compare templates
end_list

# ---- staging: A, D and 7, as that kernel was told

start_list --banks $banks
load "$(binary staging/0-before)"
compare staging/0-before
check "staging: A" request ascii_runtime_measurements_sha256_staged A
compare staging/1-staged
load "$(binary staging/2-current-while-staged)"
compare staging/2-current-while-staged
name=binary_runtime_measurements_sha512_staged
check "staging: what is staged stays" cmp "$captures/staging/1-staged/$name" "$mount/$name"
check "staging: D" request binary_runtime_measurements_sha1_staged D
load "$(after "$(binary staging/3-current-after-delete)" "$(size_of "$(binary staging/2-current-while-staged)")")"
compare staging/3-current-after-delete
check "staging: 7" request ascii_runtime_measurements 7
compare staging/4-after-delete-7
check "staging: A again" request binary_runtime_measurements_staged A
compare staging/5-staged
check "staging: D again" request binary_runtime_measurements_staged D
compare staging/6-final
check_equal "staging: all were counted" 131 "$("$imakeep" list stats --control "$sock" | awk '/^full/ { print $2 }')"
end_list

# ---- flush: groups that repeat records of those before

turn
start_list --banks $banks --flush-hash-table
for group in 1 2 3; do
  load "$(binary flush/$group-staged _staged)"
  check "flush: A" request binary_runtime_measurements_staged A
  compare flush/$group-staged
  check "flush: D" request binary_runtime_measurements_staged D
done
load "$(binary flush/4-final)"
compare flush/4-final
end_list

# ---- kexec: what is staged and current goes to the next list in an image

turn
start_list --banks $banks --no-critical-data
load "$(binary kexec/first-deleted-1 _staged)"
check "kexec: A" request binary_runtime_measurements_staged A
compare kexec/first-deleted-1
check "kexec: D" request binary_runtime_measurements_staged D
load "$(binary kexec/first-staged-2 _staged)"
check "kexec: A again" request binary_runtime_measurements_staged A
compare kexec/first-staged-2
load "$(binary kexec/first-current)"
compare kexec/first-current
"$imakeep" list pcrs --control "$sock" >"$work/pcrs"
check "kexec: save" "$imakeep" list save --control "$sock" "$work/image"
end_list
start_list --banks $banks --restore "$work/image" --start-pcrs "$work/pcrs"
carried=$(($(size_of "$(binary kexec/first-staged-2 _staged)") + $(size_of "$(binary kexec/first-current)")))
load "$(after "$(binary kexec/second)" $carried)"
compare kexec/second

finish
