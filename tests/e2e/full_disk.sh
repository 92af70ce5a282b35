#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# full_disk.sh IMAKEEP TESTDATA - archives on ext4 file systems of 1, 2 and 4 KiB blocks that are full: each command
# says so and ends with code 3, no record is lost, and everything continues once the disk has space.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
disk=$work/disk
mkdir "$disk"
keeper=
trap 'end_keeper KILL; umount "$disk" 2>/dev/null; end_list; rm -rf "$work"' EXIT

# mount_disk BLOCK_BYTES: an empty file system of 8 MB on $disk. Fails if loop mounts are impossible.
mount_disk() {
  truncate -s 0 "$work/image" && truncate -s 8M "$work/image" && mkfs.ext4 -q -b "$1" "$work/image" &&
    mount -o loop "$work/image" "$disk"
}
mount_disk 1024 >"$work/mount.out" 2>&1 || { echo "skipped: no loop mount: $(tail -n 1 "$work/mount.out")"; exit 77; }
umount "$disk"

fill() {
  dd if=/dev/zero of="$disk/filler" bs=4096 status=none 2>/dev/null
  dd if=/dev/zero of="$disk/filler-of-rest" bs=512 status=none 2>/dev/null
}
free_space() { rm -f "$disk"/filler*; }

archive=$disk/archive.imk
keep=("$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --pressure off --method count)
add_records() {
  rm -rf "$work/measured" && mkdir "$work/measured"
  for i in $(seq "$1"); do echo "$RANDOM $RANDOM $i" >"$work/measured/$i"; done
  "$imakeep" list add --control "$sock" "$work/measured"/* >/dev/null
}
archived() { json_of 'sum(chain["records"] for chain in result["chains"])' "$imakeep" log --archive "$archive" --stats --json; }
# sparse_index: FILE-shm as SQLite leaves it where a block is smaller than 4 KiB.
sparse_index() {
  truncate -s 32768 "$archive-shm"
  for i in {1..8}; do printf '\0' | dd of="$archive-shm" bs=1 seek=$((i * 4096 - 1)) conv=notrunc status=none; done
}

full='archive.imk: the disk is full; committed records are safe; free space and run again'
for block in 1024 2048 4096; do
  echo "# blocks of $block bytes"
  mount_disk $block
  start_list --banks sha1,sha256
  add_records 20
  check "records are archived" "${keep[@]}" --once
  leftovers=(no-index)
  ((block == 4096)) || leftovers+=(sparse-index)
  for left in "${leftovers[@]}"; do
    rm -f "$archive-shm"
    [[ $left == no-index ]] || sparse_index
    fill
    before=$(stat -c %s "$archive")
    for command in "log --check" "status" "verify" "log"; do
      # shellcheck disable=SC2086
      check_refused "$left: $command" 3 "$full" "$imakeep" $command --archive "$archive"
    done
    check_refused "$left: keep --once" 3 "$full" "${keep[@]}" --once
    check_equal "  leave the archive as it is" "$before" "$(stat -c %s "$archive")"
    free_space
    check "with space again, all is read" "$imakeep" log --archive "$archive" --check
    check_equal "  and nothing is lost" 20 "$(archived)"
  done

  "${keep[@]}" --follow-every 100ms >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
  archive_has() { [[ $(archived) == "$1" ]]; }
  add_records 5
  check "a keeper archives" soon archive_has 25
  fill
  add_records 300
  check "while the disk is full, it says so" soon grep -q "$full" "$work/keep.err"
  free_space
  check "with space again, it goes on" soon archive_has 325
  end_keeper TERM
  check_equal "  and ends well" 0 "$ended"
  check "nothing is lost" "$imakeep" log --archive "$archive" --check
  end_list
  umount "$disk"
done
finish
