#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# faults.sh IMAKEEP TESTDATA [PATTERN] - one thing that a keeper depends on breaks while it runs, and is mended: a file of the
# archive, its directory or disk, the list's server, the TPM, the process that mounts, what it writes to, what it may use.
# PATTERN chooses faults by name, as a regular expression.
#
# Each fault is a function fault_NAME. While it lasts, status, log, verify and a reader of the view answer within a limit; the
# one that fails says why in one line and by its exit code; SIGTERM ends the keeper in time. Once it is mended, every record
# is archived, once, and proven.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$(realpath "$1")"
pattern=${3:-.}
disk=$work/disk
archive=$disk/archive
keeper_sock=$work/keeper.sock
view=$work/view
bank=binary_runtime_measurements_sha256
keeper=
pcrs=

# Limits, in seconds: a second or more above what is promised, for a machine that is busy.
answer_s=20
end_s=6

end_all() {
  trap - EXIT
  [[ ! $swtpm ]] || kill -CONT "$swtpm" 2>/dev/null
  [[ ! $daemon ]] || kill -CONT "$daemon" 2>/dev/null
  end_keeper KILL
  end_list
  end_swtpm
  unmount_all
  rm -rf "$work"
}
unmount_all() {
  local at
  while read -r at; do umount -l "$at" 2>/dev/null; done < <(grep -oE " $work/[^ ]*" /proc/self/mountinfo | sort -ru | tr -d ' ')
}
trap end_all EXIT

# ---- a world: a list, a keeper with a view, records that it trimmed and records that it did not see yet

files=0
measured=0
next_launcher=()
# add N: measures N new files.
add() {
  local names=() i
  for ((i = 0; i < $1; ++i)); do
    files=$((files + 1))
    echo "$files" >"$work/files/f$files"
    names+=("$work/files/f$files")
  done
  timeout 10 "$imakeep" list add --control "$sock" "${names[@]}" >/dev/null 2>&1 || return
  measured=$((measured + $1))
}
count_is() { [[ $(timeout 5 cat "$1/runtime_measurements_count" 2>/dev/null) == "$2" ]]; }
begin_keeper() {
  "${launcher[@]}" "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs" --control "$keeper_sock" \
    --pressure off --every 100ms --follow-every 50ms --view "$view" </dev/null >"$keep_out" 2>"$keep_err" &
  keeper=$!
}
begin_world() {
  launcher=("${next_launcher[@]}")
  next_launcher=()
  keep_out=$work/keep.out
  keep_err=$work/keep.err
  : >"$keep_err"
  measured=0
  mkdir -p "$disk" "$work/files"
  "disk_${disk_kind:-plain}"
  local options=(--banks "sha1,sha256")
  pcrs=memory:$sock
  if [[ ${with_tpm:-} ]]; then
    # shellcheck disable=SC2119  # no other flags
    start_swtpm
    options=(--tcti "$tcti")
    pcrs=tcti:$tcti
  fi
  start_list "${options[@]}"
  add 20
  begin_keeper
  started "the view" "$keeper" "$keep_err" count_is "$view" 20
  check "$fault: before it, a keeper trims" soon count_is "$mount" 1
}
end_world() {
  end_keeper KILL
  end_list
  end_swtpm
  unmount_all
  rm -rf "$disk" "$view" "$work/files" "$sock" "$keeper_sock"
  files=0
}
disk_plain() { :; }
disk_tmpfs() { mount -t tmpfs -o size=4m tmpfs "$disk"; }
disk_ext4() {
  truncate -s 8M "$work/image"
  mkfs.ext4 -q -F -b "$1" "$work/image" && mount -o loop "$work/image" "$disk"
}
disk_ext4_1k() { disk_ext4 1024; }
disk_ext4_4k() { disk_ext4 4096; }
disk_overlay() {
  mkdir -p "$work/under"
  mount -t tmpfs -o size=4m tmpfs "$work/under"
  mkdir "$work/under/lower" "$work/under/upper" "$work/under/work"
  mount -t overlay -o "lowerdir=$work/under/lower,upperdir=$work/under/upper,workdir=$work/under/work" overlay "$disk"
}
list_has_at_least() { (($(cat "$mount/runtime_measurements_count") >= $1)); }
views_are_gone() { ! grep -qF " $view " /proc/self/mountinfo; }
# within SECONDS COMMAND...
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || { echo "not in time: $*; the keeper: $(tail -n 5 "$work/keep.err" 2>&1)"; return 1; }
    sleep 0.1
  done
}
mounter() { pgrep -P "$keeper" imakeep-mounts; }

# ---- what is looked at

# answers NAME CODES COMMAND...: it ends in time, with one of these codes; where it fails, one line says why.
answers() {
  local name=$1 codes=$2 code lines
  shift 2
  timeout -k 1 $answer_s "$@" >"$work/said.out" 2>"$work/said.err"
  code=$?
  lines=$(grep -v "imakeep: keeping " "$work/said.err" | grep -c .)
  checks=$((checks + 1))
  if [[ " $codes " == *" $code "* ]] && { ((code == 0 || code == 1)) || ((lines == 1)); }; then
    echo "ok    $fault: $name (exit $code)"
    return
  fi
  printf 'FAIL  %s: %s\n      expected exit %s and one line\n      found exit %s and %s\n' "$fault" "$name" "$codes" "$code" \
    "$(head -c 600 "$work/said.err")"
  failed
}
# reads NAME CODES: the view's counts and all of a list. 0: all of it; 5: an error, in time.
reads() {
  local name=$1 codes=$2 code=0
  timeout -k 1 $answer_s cat "$view/runtime_measurements_count" "$view/$bank" >/dev/null 2>"$work/said.err"
  code=$?
  ((code == 0 || code == 124 || code == 137)) || code=5
  check_equal "$fault: $name" yes "$([[ " $codes " == *" $code "* ]] && echo yes || echo "exit $code: $(<"$work/said.err")")"
}
# ends NAME CODES: SIGTERM ends the keeper in time.
ends() {
  local name=$1 codes=$2 begun=$SECONDS code
  if kill -0 "$keeper" 2>/dev/null; then
    kill -TERM "$keeper"
    for ((i = 0; i < end_s * 20; ++i)); do kill -0 "$keeper" 2>/dev/null || break; sleep 0.05; done
    check_equal "$fault: $name in time" gone "$(kill -0 "$keeper" 2>/dev/null && echo "there after $((SECONDS - begun)) s" || echo gone)"
    kill -KILL "$keeper" 2>/dev/null
  fi
  wait "$keeper" 2>/dev/null
  code=$?
  keeper=
  check_equal "$fault: $name by the exit code" yes "$([[ " $codes " == *" $code "* ]] && echo yes || echo "exit $code: $(tail -n 3 "$work/keep.err")")"
}

# broken_by COMMAND...: what breaks it has to be there.
broken_by() { check "$fault: it is broken" "$@"; }

# status_is CODES: `status` ends in time with one of these codes.
status_is() {
  timeout -k 1 $answer_s "$imakeep" status --control "$keeper_sock" >"$work/said.out" 2>"$work/said.err"
  [[ " $1 " == *" $? "* ]]
}
# broken STATUS LOG VERIFY VIEW: what each of them ends with while it is broken, as lists of exit codes; "-" is not run.
# The keeper may notice the fault only at its next look, so `status` gets some time.
broken() {
  [[ $1 == - ]] || within 20 status_is "$1"
  [[ $1 == - ]] || answers "status" "$1" "$imakeep" status --control "$keeper_sock"
  [[ $2 == - ]] || answers "log" "$2" "$imakeep" log --archive "$archive" --stats
  [[ $3 == - ]] || answers "verify" "$3" "$imakeep" verify --archive "$archive"
  [[ $4 == - ]] || reads "a reader of the view" "$4"
}
says() { check "$fault: the keeper says so" soon grep -qE -- "$1" "$work/keep.err"; }
# whole: another keeper goes on, and every record is there, once, and proven.
whole() {
  check "$fault: the view is not left mounted" views_are_gone
  check "$fault: then a keeper goes on" timeout 30 "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs"
  [[ ${proof[0]} == --tpm ]] || "$imakeep" list pcrs --control "$sock" >"$work/pcrs"
  check_equal "$fault: and every record is there, once" "$measured of $measured records proven, 0 after the match" \
    "$("$imakeep" verify --archive "$archive" "${proof[@]}" 2>&1 | tail -n 1)"
}

# ---- the archive's files

fault_wal_removed() { begin_world; broken_by rm "$archive-wal"; goes_on_with_files; }
fault_wal_replaced() {
  begin_world
  echo other >"$archive-new"
  broken_by mv "$archive-new" "$archive-wal"
  goes_on_with_files
}
fault_shm_removed() { begin_world; broken_by rm "$archive-shm"; goes_on_with_files; }
fault_lock_removed() { begin_world; broken_by rm "$archive.lock"; goes_on_with_files; }
# goes_on_with_files: the keeper trims on, and a crash loses nothing, whatever became of the files next to the archive.
goes_on_with_files() {
  add 10
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  broken 0 0 0 0
  end_keeper KILL
  soon views_are_gone
  whole
}

# The archive itself is away for a while.
fault_main_moved() {
  begin_world
  broken_by mv "$archive" "$archive.away"
  without_archive
  mv "$archive.away" "$archive"
  comes_back
}
fault_main_replaced() {
  begin_world
  mv "$archive" "$archive.away"
  broken_by cp "$archive.away" "$archive"
  without_archive
  mv "$archive.away" "$archive"
  comes_back
}
fault_directory_moved() {
  disk=$work/disk/inner archive=$work/disk/inner/archive
  begin_world
  broken_by mv "$disk" "$work/disk/away"
  without_archive
  rm -rf "$disk"
  mv "$work/disk/away" "$disk"
  comes_back
  disk=$work/disk
  archive=$disk/archive
}
# without_archive: nothing is trimmed, since the archive's name is not that of the file that the keeper writes.
without_archive() {
  add 10
  says "removed, moved or replaced"
  broken 1 - - "0 5"
  for _ in {1..5}; do reads "a reader of the view, again" "0 5"; done
  check "$fault: nothing is trimmed" list_has_at_least 10
}
comes_back() {
  broken "0 1" 0 0 "0 5"
  ends "SIGTERM ends the keeper" "0 3"
  whole
}

# ---- the disk

fault_full_tmpfs() { disk_kind=tmpfs; full_disk; }
fault_full_ext4_1k() { disk_kind=ext4_1k; full_disk; }
fault_full_ext4_4k() { disk_kind=ext4_4k; full_disk; }
fault_full_overlay() { disk_kind=overlay; full_disk; }
full_disk() {
  begin_world
  fill
  for _ in {1..60}; do add 25; done
  says "disk is full|No space left"
  broken 1 0 0 "0 5"
  ends "SIGTERM ends the keeper" 3
  answers "another keeper says so" 3 "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs"
  rm -f "$disk"/filler*
  whole
}
fill() {
  local bytes
  for bytes in 65536 4096 1024 1; do
    dd if=/dev/zero of="$disk/filler$bytes" bs=$bytes 2>/dev/null
  done
}
fault_readonly_ext4() {
  disk_kind=ext4_4k
  begin_world
  end_keeper KILL
  soon views_are_gone
  add 10
  mount -o remount,ro "$disk"
  answers "a keeper says so" 3 "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "$pcrs"
  broken - 0 0 -
  mount -o remount,rw "$disk"
  whole
}

# ---- processes

fault_list_stopped() {
  begin_world
  add 5
  kill -STOP "$daemon"
  broken 3 0 0 0
  ends "SIGTERM ends the keeper" 3
  kill -CONT "$daemon"
  whole
}
fault_list_stopped_and_back() {
  begin_world
  kill -STOP "$daemon"
  broken 3 0 0 0
  kill -CONT "$daemon"
  add 10
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  broken 0 0 0 0
  ends "SIGTERM ends the keeper" 0
  whole
}
fault_list_killed() {
  begin_world
  kill -KILL "$daemon"
  says "cannot read|not connected"
  broken 1 0 0 "0 5"
  ends "SIGTERM ends the keeper" 3
  check_equal "$fault: and what was trimmed is there" 20 "$("$imakeep" log --archive "$archive" --format ascii | grep -c "$work/files/")"
  daemon=
}
fault_tpm_stopped() {
  with_tpm=1
  begin_world
  kill -STOP "$swtpm"
  kill -USR1 "$keeper"
  broken 3 0 0 0
  ends "SIGTERM ends the keeper" 3
  kill -CONT "$swtpm"
  tpm_proof
}
fault_tpm_stopped_and_back() {
  with_tpm=1
  begin_world
  kill -STOP "$swtpm"
  kill -USR1 "$keeper"
  check "$fault: the keeper says so" within 100 grep -q "TPM" "$work/keep.err"
  kill -CONT "$swtpm"
  add 10
  check "$fault: the keeper trims on" within 70 count_is "$mount" 1
  ends "SIGTERM ends the keeper" 0
  tpm_proof
}
tpm_proof() {
  proof=(--tpm "$tcti")
  whole
}
fault_mounter_killed() { begin_world; broken_by kill -KILL "$(mounter)"; another_mounts; }
fault_mounter_stopped() { begin_world; broken_by kill -STOP "$(mounter)"; another_mounts; }
another_mounts() {
  add 10
  says "the keeper started another one"
  broken 0 0 0 0
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  kill -KILL "$(mounter)"
  ends "SIGTERM ends the keeper" 0
  check "$fault: nothing is left mounted" soon views_are_gone
  whole
}
fault_mounter_then_keeper_killed() {
  begin_world
  kill -KILL "$(mounter)"
  says "the keeper started another one"
  end_keeper KILL
  check "$fault: nothing is left mounted" soon views_are_gone
  whole
}

fault_mounter_stopped_then_keeper_killed() {
  begin_world
  kill -STOP "$(mounter)"
  end_keeper KILL
  check "$fault: nothing is left mounted" soon views_are_gone
  whole
}

# ---- streams

fault_stderr_closed() { begin_without 2; }
fault_stdout_closed() { begin_without 1; }
begin_without() {
  # shellcheck disable=SC2016  # it is the other shell's
  next_launcher=(bash -c 'stream=$1 && shift && eval "exec $stream>&-" && exec "$@"' _ "$1")
  begin_world
  add 10
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  broken 0 0 0 0
  ends "SIGTERM ends the keeper" 0
  whole
}
# Nobody reads what the keeper says: its loop waits for that, and SIGTERM ends it by force.
fault_stderr_full() {
  mkfifo "$work/fifo"
  sleep 600 <>"$work/fifo" &
  local reader=$!
  # shellcheck disable=SC2016  # it is the other shell's
  next_launcher=(bash -c 'exec 2>"$1" && shift && exec "$@"' _ "$work/fifo")
  begin_world
  dd if=/dev/zero of="$work/fifo" bs=1024 oflag=nonblock 2>/dev/null
  add 10
  within 20 keeper_hangs
  broken 3 0 0 0
  ends "SIGTERM ends the keeper" 3
  { kill "$reader" && wait "$reader"; } 2>/dev/null
  rm "$work/fifo"
  whole
}
# keeper_hangs: in a write(2) that does not come back.
keeper_hangs() { grep -q pipe_write "/proc/$keeper/wchan"; }

# ---- what it may use

fault_descriptors() {
  begin_world
  prlimit --pid "$keeper" --nofile=3:1024
  add 10
  says "Too many open files"
  broken "1 3" 0 0 "0 5"
  prlimit --pid "$keeper" --nofile=1024
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  broken 0 0 0 0
  ends "SIGTERM ends the keeper" 0
  whole
}
fault_file_size() {
  begin_world
  prlimit --pid "$keeper" --fsize=4096:unlimited
  for _ in {1..10}; do add 25; done
  says "too large|disk"
  broken "1 3" 0 0 "0 5"
  prlimit --pid "$keeper" --fsize=unlimited
  check "$fault: the keeper trims on" soon count_is "$mount" 1
  ends "SIGTERM ends the keeper" 0
  whole
}
fault_memory() {
  begin_world
  prlimit --pid "$keeper" --as=1000000:unlimited
  for _ in {1..10}; do add 25; done
  sleep 2
  prlimit --pid "$keeper" --as=unlimited
  if kill -0 "$keeper" 2>/dev/null; then
    check "$fault: the keeper trims on" within 30 count_is "$mount" 1
  fi
  ends "SIGTERM ends the keeper" "0 3"
  soon views_are_gone
  whole
}

mapfile -t faults < <(declare -F | sed -n 's/^declare -f fault_//p')
for fault in "${faults[@]}"; do
  [[ $fault =~ $pattern ]] || continue
  with_tpm='' disk_kind=plain
  proof=(--pcrs "$work/pcrs")
  start=$SECONDS
  "fault_$fault"
  end_world
  echo "      $fault: $((SECONDS - start)) s"
done
finish_checks
