#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# names.sh IMAKEEP TESTDATA - durability does not depend on names: files next to the archive that are removed or replaced
# while a keeper runs, an archive under a second name, one name for two things, a saved copy taken for a list.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
capture=$2/linux-7.3.4/templates/binary_runtime_measurements_sha1
archive=$work/dir/archive
keeper_sock=$work/keeper.sock
keeper=
bound=
end_all() {
  end_keeper KILL
  end_list
  [[ -z $bound ]] || umount -l "$bound"
  rm -rf "$work"
}
trap end_all EXIT

files=0
# add N: measures N new files.
add() {
  local names=()
  for _ in $(seq "$1"); do
    files=$((files + 1))
    echo "$files" >"$work/f$files"
    names+=("$work/f$files")
  done
  "$imakeep" list add --control "$sock" "${names[@]}" >/dev/null
}
list_is() { [[ $(cat "$mount/runtime_measurements_count") == "$1" ]]; }
once() { "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" "$@"; }
start_keeper() {
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" --pressure off \
    --every 100ms --follow-every 50ms --no-trim-at-exit >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
}
archived() { "$imakeep" log --archive "$archive" --format binary --bank sha1 2>/dev/null | wc -c; }
verified() { "$imakeep" verify --archive "$archive" --pcrs <("$imakeep" list pcrs --control "$sock") | tail -n 1; }

# ---- files next to the archive --------------------------------------------------------------------------------------

for gone in -wal "-wal -shm" -shm .lock; do
  mkdir -p "$work/dir"
  start_list --banks sha1,sha256
  start_keeper
  add 10
  check "a keeper trims" soon list_is 1
  for suffix in $gone; do rm "$archive$suffix"; done
  add 10
  check "  and trims on without $gone" soon list_is 1
  end_keeper KILL
  check_equal "  and has every record after a crash" "20 of 20 records proven, 0 after the match" "$(verified)"
  end_list
  rm -rf "$work/dir"
done

mkdir "$work/dir"
start_list --banks sha1,sha256
start_keeper
add 10
soon list_is 1
mv "$archive" "$work/dir/moved"
add 10
soon grep -q 'removed' "$work/keep.err"
check_equal "nothing is deleted once the archive is gone from under its name" 11 "$(cat "$mount/runtime_measurements_count")"
end_keeper KILL
mv "$work/dir/moved" "$archive"
check "  and all is well once it is back" once
check_equal "  with every record" "20 of 20 records proven, 0 after the match" "$(verified)"
end_list

# ---- a second name, a second keeper ---------------------------------------------------------------------------------

start_list --banks sha1,sha256
mkdir "$work/inside"
: >"$work/inside/archive"
bound=$work/inside/archive
mount --bind "$archive" "$bound"
check_refused "an archive that is a mount point" 3 "the mount point of a single file: .*mount the archive's directory" \
  "$imakeep" keep --once --ima-dir "$mount" --archive "$bound" --pcrs "memory:$sock"
umount "$bound"
bound=
rm -rf "$work/dir"
mkdir "$work/dir"
start_keeper
check_refused "a second keeper of the same list" 3 "is kept by another imakeep already" \
  "$imakeep" keep --once --ima-dir "$mount" --archive "$work/dir/other" --pcrs "memory:$sock"
end_keeper
add 3
check "  which may keep it once the first has ended" once

touch "$work/dir/theirs"
chown 1234:1234 "$work/dir/theirs"
"$imakeep" keep --once --ima-dir "$mount" --archive "$work/dir/theirs" --pcrs none >/dev/null 2>&1
check_equal "the lock that root makes belongs to the archive's owner" 1234 "$(stat -c %u "$work/dir/theirs.lock")"

# ---- one name for two things ----------------------------------------------------------------------------------------

before=$(sha1sum <"$archive")
cp "$archive" "$work/dir/copy.prom"
check_refused "a metrics file that is an archive" 2 "is no metrics file of imakeep's, so it is not replaced" \
  once --metrics-file "$work/dir/copy.prom"
check "  is left as it was" cmp "$archive" "$work/dir/copy.prom"
check_refused "a new file named for two things" 2 "is both the archive and the metrics file" \
  "$imakeep" keep --once --ima-dir "$mount" --archive "$work/dir/new.prom" --metrics-file "$work/dir/./new.prom" --pcrs none
check_refused "a saved image over an archive" 2 "is no saved image, so it is not replaced" \
  "$imakeep" list save --control "$sock" "$archive"
check_equal "  leaves it as it was" "$before" "$(sha1sum <"$archive")"
check "a saved image in a new file" "$imakeep" list save --control "$sock" "$work/image"
check "  and over an earlier one" "$imakeep" list save --control "$sock" "$work/image"
end_list

# ---- a saved copy ---------------------------------------------------------------------------------------------------

mkdir -p "$work/saved" "$work/folder/pcr-sha1"
cp "$capture" "$work/saved/binary_runtime_measurements"
echo 200 >"$work/saved/runtime_measurements_count"
echo 0 >"$work/saved/violations"
chmod 0640 "$work/saved"/*
check_refused "a saved copy is not written to" 3 "but a copy of a list: a request would overwrite it" \
  "$imakeep" keep --once --unproven --ima-dir "$work/saved" --archive "$work/dir/of-saved" --pcrs none
check "  and is as it was" cmp "$capture" "$work/saved/binary_runtime_measurements"

check_refused "nor by conformance" 3 "but a copy of a list: a request would overwrite it" \
  "$imakeep" conformance --destructive --ima-dir "$work/saved"
check "  which leaves it as it was" cmp "$capture" "$work/saved/binary_runtime_measurements"

# ---- a file that is no archive

echo text >"$work/text"
check_refused "a file that is no archive" 1 "text: no archive" "$imakeep" keep --once --ima-dir "$work/saved" --pcrs none \
  --archive "$work/text"
check_equal "  is left as it is, and no file is made next to it" "text" "$(cd "$work" && echo text*)"

finish_checks
