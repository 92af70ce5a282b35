#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# streams.sh IMAKEEP - standard streams that are closed or cannot be written: every command that prints says so by
# its exit code, and no file that is opened later takes the number of a standard stream.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
archive=$work/archive
keeper_sock=$work/keeper.sock
keeper=
end_all() {
  end_keeper KILL
  end_list
  rm -rf "$work"
}
trap end_all EXIT

start_list --banks sha1,sha256
"$imakeep" list add --control "$sock" /usr/bin/true /usr/bin/false >/dev/null
"$imakeep" list pcrs --control "$sock" >"$work/pcrs"
measured=$(cat "$mount/runtime_measurements_count")

start_keeper() {  # start_keeper REDIRECTION: a keeper whose streams are redirected so
  eval 'exec "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" \
    --pressure off --every 100ms --follow-every 50ms --view "$work/view" '"$1" &
  keeper=$!
  started "the keeper" "$keeper" /dev/null keeper_answers "$keeper_sock"
}
file_of() { readlink "/proc/$keeper/fd/$1"; }
file_of_mounter() { readlink "/proc/$(pgrep -P "$keeper" | head -n 1)/fd/$1"; }

start_keeper '<&- >&- 2>&-'
for number in 0 1 2; do
  check_equal "with all streams closed, $number of the keeper is" /dev/null "$(file_of $number)"
  check_equal "  and of the process that mounts" /dev/null "$(file_of_mounter $number)"
done
shows_all() { [[ $(cat "$work/view/runtime_measurements_count") == "$measured" ]]; }
check "it archives, and shows the whole list" soon shows_all
end_keeper
check_equal "and ends as asked" 0 "$ended"

start_keeper '2>/dev/null'
commands=(
  "status --control $keeper_sock"
  "status --control $keeper_sock --json"
  "status --control $keeper_sock --prometheus"
  "list pcrs --control $sock"
  "list stats --control $sock"
  "verify --archive $archive --pcrs $work/pcrs"
  "log --archive $archive --check"
  "log --archive $archive --stats"
  "log --archive $archive"
  "log --archive $archive --format binary --bank sha1"
  "doctor --ima-dir $mount --pcrs none"
  "--help"
  "--version"
)
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086  # words
  check_refused "$(cut -d / -f 1 <<<"$command") on a full disk" 3 "standard output" \
    bash -c 'exec "$0" "$@" >/dev/full' "$imakeep" $command
  # shellcheck disable=SC2086
  check_refused "  and closed" 3 "standard output" bash -c 'exec "$0" "$@" >&-' "$imakeep" $command
done
end_keeper
finish
