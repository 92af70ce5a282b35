#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bad_input.sh IMAKEEP TESTDATA - what a wrong command, a damaged file or an unfit machine gets: a message that names
# it, the exit code that the command line promises, and nothing added or left.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
good=$2/linux-7.3.4/templates/binary_runtime_measurements_sha1
other_mount=$work/other
mkdir "$other_mount"

list() { "$imakeep" list "$@"; }
stats() { list stats --control "$sock"; }
not_mounted() { ! mountpoint -q "$1"; }

# ---- where to mount

# The time limit ends a list that should not have been served.
serve() { timeout 20 "$imakeep" list serve "$@"; }
serve_on() { serve --mount "$1" --control "${2-$sock}"; }

check_refused "a mount point that is missing" 3 "$work/none does not exist" serve_on "$work/none"
touch "$work/file"
check_refused "a mount point that is a file" 3 "$work/file is not a directory" serve_on "$work/file"
mkdir "$work/full" && touch "$work/full/precious"
check_refused "a mount point that is not empty" 3 "$work/full is not empty" serve_on "$work/full"
check "its files are left alone" test -e "$work/full/precious"
check "no socket is left" test ! -e "$sock"

start_list --banks sha1,sha256
check_refused "a mount point that is mounted already" 3 "$mount is a mount point already" serve_on "$mount" "$work/sock2"
check "the list served there goes on" stats
mkdir "$work/bound" "$work/source"
mount --bind "$work/source" "$work/bound"
check_refused "a mount point that is a bind mount" 3 "$work/bound is a mount point already, .* bind mount" \
  serve_on "$work/bound" "$work/sock2"

# ---- the control socket

check_refused "a control socket in use" 3 "$sock is in use" serve_on "$other_mount"
check "that mount point is free again" not_mounted "$other_mount"
check "the list that uses the socket goes on" stats
check_refused "a control socket's name that is a file" 3 "$work/file exists and is not a socket" \
  serve_on "$other_mount" "$work/file"
check "the file is still there" test -f "$work/file"
check_refused "a control socket in no directory" 3 "$work/none/sock" serve_on "$other_mount" "$work/none/sock"
check_refused "a control socket of a name too long" 3 "control socket" \
  serve_on "$other_mount" "$work/$(printf 'x%.0s' {1..200})"
check "no failed start leaves a mount" not_mounted "$other_mount"
check_refused "a list that is not served" 3 "$work/none" list stats --control "$work/none"

# ---- options

check_refused "an unknown bank" 2 "md4" serve --mount "$other_mount" --control "$work/s" --banks sha1,md4
check_refused "a bank named twice" 2 "sha1" serve --mount "$other_mount" --control "$work/s" --banks sha1,sha1
check_refused "an unknown hash" 2 "md4" serve --mount "$other_mount" --control "$work/s" --hash md4
check_refused "an unknown template" 2 "no-such" serve --mount "$other_mount" --control "$work/s" --template no-such
check_refused "a PCR that no TPM has" 2 "24" serve --mount "$other_mount" --control "$work/s" --pcr 24
check_refused "two table modes at once" 2 "excludes" \
  serve --mount "$other_mount" --control "$work/s" --flush-hash-table --no-hash-table
retire() { "$imakeep" log retire --archive "$work/none" "$@"; }
check_refused "a count below 0" 2 "--before: '-1' is not a count; give a whole number from 0 to" retire --before -1
check_refused "a count above the largest number" 2 "--chain: '18446744073709551616' is too large" retire --chain 18446744073709551616
check_refused "a count that may be octal" 2 "--before: '050' has a leading zero" retire --before 050
check_refused "an age without unit" 2 "--older-than: '90' has no unit; give a number with ms, s, m, min, h, d or w" \
  retire --older-than 90
check_refused "an age without number" 2 "--older-than: 'd' has no number" retire --older-than d
check_refused "a size without number" 2 "--keep-bytes: 'MB' has no number; give bytes, or a whole number" retire --keep-bytes MB
check_refused "no options at all" 2 "required" serve
check_refused "an unknown command" 2 "" list frobnicate
check "no failed start leaves a mount or socket" bash -c '! mountpoint -q "$1" && test ! -e "$2"' _ "$other_mount" "$work/s"

# ---- lists to load

load() { list load --control "$sock" "$@"; }
before=$(stats)
adds_nothing() { check_equal "  adds nothing" "$before" "$(stats)"; }
size=$(stat -c %s "$good")

head -c $((size - 5)) "$good" >"$work/bad-cut"
check_refused "a list cut short" 1 "$work/bad-cut: .*record 134, byte offset [0-9]+" load "$work/bad-cut"
adds_nothing
cat "$good" <(printf 'trailing') >"$work/bad-trailing"
check_refused "a list with bytes after its last record" 1 "$work/bad-trailing: .*record 135, byte offset [0-9]+" \
  load "$work/bad-trailing"
adds_nothing
check_refused "a list of another bank than told" 1 "$good: .*record 0" load --bank sha256 "$good"
adds_nothing
check_refused "a list of another bank with digests of the same size" 1 "${good%_sha1}_sha256: .*sm3.*record 0" \
  load --bank sm3 "${good%_sha1}_sha256"
adds_nothing
check_refused "an unknown bank" 2 "md4" load --bank md4 "$good"
cp "$good" "$work/bad-altered"
printf '\x7e' | dd of="$work/bad-altered" bs=1 seek=60 conv=notrunc status=none
check_refused "a record whose data was altered" 1 "$work/bad-altered: .*record 0, byte offset 0" load "$work/bad-altered"
adds_nothing
head -c 4096 /dev/zero | tr '\0' 'z' >"$work/bad-text"
check_refused "a file that is no list" 1 "$work/bad-text: " load "$work/bad-text"
adds_nothing
check_refused "a list that is missing" 3 "$work/none" load "$work/none"
check_refused "a directory for a list" 3 "$work" load "$work"
: >"$work/empty"
check "an empty list is a list" load "$work/empty"
adds_nothing

# ---- files without an end, and files that are no answer

# within_memory COMMAND...: with 2 GB of addresses, and 20 s.
within_memory() {
  # AddressSanitizer maps more than any limit allows.
  if grep -qa __asan_init "$imakeep"; then timeout -k 1 20 "$@"; else (ulimit -v 2000000 && exec timeout -k 1 20 "$@"); fi
}
large="is larger than 16777216 bytes.*byte offset 16777216"
no_list="/dev/zero: its first records match no bank.*byte offset 0"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl pkey -pubout >"$work/key.pem" 2>/dev/null
check_refused "endless PCRs" 1 "/dev/zero $large" within_memory "$imakeep" verify --pcrs /dev/zero "$good"
check_refused "an endless start" 1 "/dev/zero $large" within_memory "$imakeep" verify --start /dev/zero "$good"
check_refused "an endless quote" 1 "/dev/zero $large" \
  within_memory "$imakeep" verify --quote /dev/zero --signature /dev/zero --key "$work/key.pem" "$good"
check_refused "an endless list to verify" 1 "$no_list" within_memory "$imakeep" verify /dev/zero
check_refused "an endless list to import" 1 "$no_list" \
  within_memory "$imakeep" log import --archive "$work/never" /dev/zero
check_refused "an endless list of a named bank" 1 "/dev/zero: .*record 0, byte offset [0-9]+" \
  within_memory "$imakeep" log import --archive "$work/never" --bank sha256 /dev/zero
check_refused "PCRs without an end for an import" 1 "/dev/zero $large" \
  within_memory "$imakeep" log import --archive "$work/never" --pcrs /dev/zero "$good"
check "none of these makes an archive" test ! -e "$work/never"
check_refused "an endless list to load" 1 "$no_list" within_memory "$imakeep" list load --control "$sock" /dev/zero
adds_nothing
check_refused "an endless image" 1 "/dev/zero: kexec image of version 0.*byte offset 0" \
  within_memory "$imakeep" list serve --mount "$other_mount" --control "$work/s" --restore /dev/zero
check_refused "endless PCRs to start with" 1 "/dev/zero $large" \
  within_memory "$imakeep" list serve --mount "$other_mount" --control "$work/s" --start-pcrs /dev/zero
check_refused "an endless configuration" 2 "/dev/zero $large" within_memory "$imakeep" keep --config /dev/zero
check_refused "an endless start of a keeper" 1 "/dev/zero $large" \
  within_memory "$imakeep" keep --ima-dir "$mount" --archive "$work/never" --pcrs "memory:$sock" --start /dev/zero --once
check_says "an endless policy" "warn +policy: /dev/zero $large" \
  within_memory "$imakeep" doctor --policy /dev/zero --ima-dir "$mount" --pcrs "memory:$sock"

# answer_with ANSWER COMMAND...: the command finds it on $work/false-sock, whatever it asks.
answer_with() {
  python3 -c "import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(); server.settimeout(10)
client = server.accept()[0]; client.recv(65536); client.sendall(sys.argv[2].encode() + b'\\n'); client.recv(65536)" \
    "$work/false-sock" "$1" 2>/dev/null &
  local server=$! code
  soon test -S "$work/false-sock"
  "${@:2}"
  code=$?
  { kill $server && wait $server; } 2>/dev/null
  rm -f "$work/false-sock"
  return $code
}
senseless="an answer on the control socket has a member that is missing or has the wrong type"
for answer in '{"ok": "yes"}' '{"ok": false}' '{"ok": true, "pcrs": 5}' '{"ok": true, "pcrs": [{"bank": 1}]}'; do
  check_refused "an answer $answer" 3 "$senseless" answer_with "$answer" "$imakeep" list pcrs --control "$work/false-sock"
done
check_refused "an answer without counters" 3 "$senseless" \
  answer_with '{"ok": true, "current": 5}' "$imakeep" list stats --control "$work/false-sock"
check_refused "an answer with a wrong bank" 3 "$senseless" \
  answer_with '{"ok": true, "template": 1}' "$imakeep" list add --control "$work/false-sock" "$work/full"

# ---- files to add

add() { list add --control "$sock" "$@"; }
echo one >"$work/one"
echo two >"$work/two"
ln -s "$work/none" "$work/dangling"
mkfifo "$work/fifo"
check_refused "files that vanish are named" 1 "$work/none" add "$work/one" "$work/none" "$work/two"
check_equal "the others are added" "$work/one $work/two" \
  "$(awk '{ print $NF }' "$mount/ascii_runtime_measurements" | xargs)"
before=$(stats)
check_refused "a directory" 1 "$work/full is not a regular file" add "$work/full"
check_refused "a FIFO, without waiting for it" 1 "$work/fifo is not a regular file" add "$work/fifo"
check_refused "a dangling link" 1 "$work/dangling" add "$work/dangling"
check_refused "nothing to add" 2 "requires PATH or --stdin" add
check_refused "an unknown template" 2 "no-such" add --template no-such "$work/one"
check_refused "a path from standard input that vanished" 1 "$work/none" \
  bash -c 'printf "%s\0%s\0" "$3" "$4" | "$1" list add --control "$2" --stdin -0' _ "$imakeep" "$sock" "$work/none" "$work/one"
adds_nothing

# ---- images

save() { list save --control "$sock" "$@"; }
check_refused "an image in no directory" 3 "$work/none/image" save "$work/none/image"
check "leaves the list unsuspended" bash -c '"$1" list stats --control "$2" | grep -q "suspended *no"' _ "$imakeep" "$sock"
check_equal "the size of an image, as JSON" True "$(json_of 'result["segment_bytes"] > 0' "$imakeep" list save --load --json --control "$sock")"
check "save" save "$work/image"
check_equal "a suspended list, as JSON" True "$(json_of 'result["suspended"]' "$imakeep" list suspend --json --control "$sock")"
check_refused "adding to a suspended list" 3 "suspended" add "$work/fifo" "$work/bad-cut"
check_refused "loading into a suspended list" 3 "suspended.*record 0" load "$good"
check_refused "staging a suspended list" 1 "Permission denied" bash -c 'echo A >"$1"' _ "$mount/binary_runtime_measurements_staged"
end_list
check_equal "the list ends cleanly" 0 "$ended"

# patch NAME OFFSET BYTES: a copy of the image with other bytes there.
patch() {
  cp "$work/image" "$work/$1"
  printf '%b' "$3" | dd of="$work/$1" bs=1 seek="$2" conv=notrunc status=none
}
restore() { serve --mount "$mount" --control "$sock" --restore "$1"; }
patch bad-version 0 '\x02'
check_refused "an image of another version" 1 "$work/bad-version: .*version 2.*byte offset 0" restore "$work/bad-version"
patch bad-size 8 '\xff\xff'
check_refused "an image larger than it is" 1 "$work/bad-size: .*byte offset 8" restore "$work/bad-size"
patch small-size 8 '\x10\x00'
check_refused "an image smaller than its header" 1 "$work/small-size: .*byte offset 8" restore "$work/small-size"
patch bad-count 16 '\xff'
check_refused "an image that counts too many records" 1 "$work/bad-count: .*255 records.*byte offset 16" restore "$work/bad-count"
patch low-count 16 '\x01'
check_refused "an image that counts too few" 1 "$work/low-count: .*after its last record" restore "$work/low-count"
head -c 10 "$work/image" >"$work/bad-header"
check_refused "an image cut in its header" 1 "$work/bad-header: .*cut short.*byte offset 10" restore "$work/bad-header"
# The first field's size: after the header, PCR, digest, size and text of the template's name, and the data's size.
name_bytes=$(od -An -tu4 -j48 -N4 "$work/image" | tr -d ' ')
patch bad-fields $((24 + 24 + 4 + name_bytes + 4)) '\xff\xff'
check_refused "an image with data that is not the template's fields" 1 "$work/bad-fields: .*record 0, byte offset 24" \
  restore "$work/bad-fields"
check_refused "an image that is missing" 3 "$work/none" restore "$work/none"
echo 'sha1 10 00' >"$work/bad-pcrs"
check_refused "PCR values that are none" 1 "$work/bad-pcrs: .*line 1" \
  serve --mount "$mount" --control "$sock" --restore "$work/image" --start-pcrs "$work/bad-pcrs"
check "the image itself is good" bash -c 'timeout 20 "$1" list serve --mount "$2" --control "$3" --restore "$4" \
  >"$5" & pid=$!; for _ in $(seq 100); do grep -q ready "$5" && break; sleep 0.05; done; kill $pid; wait $pid' _ \
  "$imakeep" "$mount" "$sock" "$work/image" "$work/restored.out"

# ---- what a dead process left

start_list
{ kill -KILL "$daemon" && wait "$daemon"; } 2>/dev/null
daemon=
check_refused "a mount point that a dead process left" 3 "left from a process that died; free it with: umount" serve_on "$mount"
umount "$mount"
check "a socket that a dead process left is replaced" test -S "$sock"
start_list
check "and is replaced" stats

# ---- a signal as soon as the mount exists

# Prints the exit codes, and "dead" for each mount that is left. SIGTERM is sent within microseconds of the mount.
end_at_mount() {
  python3 -c "import os, signal, subprocess, sys
program, mount, control = sys.argv[1:]
shown = lambda: (' ' + mount + ' ').encode() in os.pread(table, 1 << 20, 0)
table = os.open('/proc/self/mountinfo', os.O_RDONLY)
for turn in range(20):
    served = subprocess.Popen([program, 'list', 'serve', '--mount', mount, '--control', control], stdout=subprocess.DEVNULL)
    while not shown() and served.poll() is None: pass
    served.send_signal(signal.SIGTERM)
    print(served.wait())
    if shown(): print('dead'); subprocess.run(['umount', mount])" "$imakeep" "$1" "$2" | sort | uniq -c | xargs
}
check_equal "SIGTERM just after the mount ends the list well" "20 0" "$(end_at_mount "$other_mount" "$work/s")"

# ---- where to mount a view

# As on Linux, where /sys/kernel/security/ima is a link.
ln -s ima "$work/link"
keep() { "$imakeep" keep --ima-dir link --archive "$work/archive" --pcrs "memory:$sock" --pressure off "$@"; }
start_view() {
  (cd "$work" && exec "$imakeep" keep --ima-dir link --archive archive --pcrs "memory:$sock" --pressure off --view view --bind) \
    2>"$work/keep.err" &
  keeper=$!
}
views() { grep 'fuse\.imakeep-view' /proc/self/mountinfo | grep -c " $work/"; }
until_views() {
  for _ in {1..100}; do
    [[ $(views) == "$1" ]] && return
    sleep 0.1
  done
  echo "there are $(views): $(cat "$work/keep.err")" && return 1
}

list add --control "$sock" /bin/ls >/dev/null
check_refused "a view for a group that is not there" 2 "no group 'no-such'" keep --view "$work/view" --group no-such
check_refused "a view on a directory that is not empty" 3 "$work/full is not empty" keep --view "$work/full"
check_refused "a view on a bind mount" 3 "$work/bound is a mount point already, .* bind mount" keep --view "$work/bound"
umount "$work/bound"
# Below a directory that / does not have.
mkdir -p "$work/in/$$"
(cd "$work/in" && exec "$imakeep" keep --ima-dir ../link --archive ../archive --pcrs "memory:$sock" --pressure off --view "$$/view") \
  2>"$work/keep.err" &
keeper=$!
check "a view by a relative path in another directory" until_views 1
check "  is where it was told" test -s "$work/in/$$/view/binary_runtime_measurements_sha1"
kill "$keeper"
wait "$keeper"
start_view
check "a view by a relative path, over files reached by a link" until_views 7
check "  is where it was told" test -s "$work/view/binary_runtime_measurements_sha1"
kill "$keeper"
wait "$keeper"
check "  and nothing of it is left mounted" until_views 0
start_view
check "the next keeper mounts it again" until_views 7
# Together with the process that unmounts for it.
kill -KILL "$(cat "/proc/$keeper/task/$keeper/children")" "$keeper"
wait "$keeper" 2>/dev/null
check_equal "killed, it leaves dead mounts" 7 "$(views)"
check "  which can be taken away" "$imakeep" view unmount --view "$work/view" --ima-dir "$work/link"
check_equal "  all of them" 0 "$(views)"

finish
