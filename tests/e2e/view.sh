#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# view.sh IMAKEEP TESTDATA - the view where something is in its way: mount points in use, readers that hold the list, a
# keeper that is killed or not allowed to write, views of keepers that are gone or that run, odd paths, the service manager.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$(realpath "$1")"
capture=$(realpath "$2")/linux-7.3.4/templates/binary_runtime_measurements_sha1
archive=$work/archive
keeper_sock=$work/keeper.sock
view=$work/view
keeper=
other=
reader=
bin_sha1=binary_runtime_measurements_sha1

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
load() { "$imakeep" list load --control "$sock" "$capture" >/dev/null; }
status() { "$imakeep" status --control "$keeper_sock" "$@"; }
stats() { "$imakeep" list stats --control "$sock"; }
in_list() { stats | sed -n 's/^current *\([0-9]*\) records.*/\1/p'; }
keep() { timeout 30 "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" "$@"; }
count() { cat "${1:-$view}/runtime_measurements_count"; }
gone() { [[ $(views_mounted) == 0 ]]; }
views_mounted() { grep -F " $work/" /proc/self/mountinfo | grep -c ' - fuse.imakeep-view '; }
mount_numbers() { grep -F " $work/" /proc/self/mountinfo | grep ' - fuse.imakeep-view ' | cut -d ' ' -f 1 | sort; }
is() { [[ $("${@:2}" 2>/dev/null) == "$1" ]]; }
said() { grep -q -- "$1" "$work/keep.err"; }
start_keeper() {
  begin_keeper "$@"
  started "the view" "$keeper" "$work/keep.err" is_shown
}
# begin_keeper OPTION...: does not wait for its view.
begin_keeper() {
  : >"$work/keep.err"
  "${launcher[@]}" "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" \
    --every 100ms --pressure off --follow-every 50ms --view "$view" "$@" >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
}
launcher=()
is_shown() { count >/dev/null 2>&1; }
# start_reader FILE: holds it open until it is asked, by SIGUSR1, to read from it: then it prints the errno and ends.
start_reader() {
  : >"$work/reader.out"
  python3 -c '
import errno, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
fd = os.open(sys.argv[1], os.O_RDONLY)
print("open", flush=True)
signal.sigwait([signal.SIGUSR1])
try:
    print(len(os.read(fd, 10)))
except OSError as error:
    print(errno.errorcode[error.errno])
' "$1" >"$work/reader.out" &
  reader=$!
  started "a reader" "$reader" "$work/reader.out" grep -q open "$work/reader.out"
}
# what_reader_gets: in $got.
what_reader_gets() {
  kill -USR1 "$reader"
  wait "$reader"
  reader=
  got=$(tail -n 1 "$work/reader.out")
}
end_reader() {
  [[ -n $reader ]] || return 0
  { kill "$reader" && wait "$reader"; } 2>/dev/null
  reader=
}
end_view_test() {
  end_reader
  end_keeper KILL
  sleep 0.2
  # Mounts that a test that ended early, or a broken keeper, left.
  [[ -z $other ]] || { kill -KILL "$other" && wait "$other"; } 2>/dev/null
  local left
  while read -r left; do
    umount -l "$(printf '%b' "$left")"
  done < <(grep -F " $work/" /proc/self/mountinfo | grep -F ' - fuse.imakeep-view ' | cut -d ' ' -f 5)
  end_list
  umount -q "$work/small" "$work/ro" 2>/dev/null
  rm -rf "$work"
}
trap end_view_test EXIT

# ---- where it can be

start_list --banks sha1,sha256
load
touch "$work/file"
mkdir "$work/full" && touch "$work/full/precious"
check_refused "a mount point that is a file" 3 "$work/file" keep --view "$work/file"
check_refused "a mount point that is not empty" 3 "$work/full is not empty" keep --view "$work/full"
check_refused "a mount point in use" 3 "$mount is a mount point already" keep --view "$mount"
check_refused "a mount point in no directory" 3 "$work/none/view" keep --view "$work/none/view"
check_refused "a group that is not there" 2 "no group 'no-such-group'" keep --view "$view" --group no-such-group
check_refused "--bind without a view" 2 "--view" keep --bind
check_refused "--group without a view" 2 "--view" keep --group root
check_refused "--once with a view" 2 "--once" keep --once --view "$view"
check_equal "none of them mounted anything" 0 "$(views_mounted)"
check "nor made the archive" test ! -e "$archive"

check "it is not there yet" test ! -e "$view"
start_keeper
check "a mount point that is missing is made" test -d "$view"
check_equal "it shows all records" 135 "$(count)"
check "byte for byte" cmp "$capture" "$view/$bin_sha1"
check_equal "it lists the names that the list has, but for what is staged" "$(find "$mount" -mindepth 1 ! -name '*_staged' -printf '%f %y\n' | sort)" \
  "$(find "$view" -mindepth 1 -printf '%f %y\n' | sort)"
soon is 1 in_list
check_equal "also once they are trimmed" 135 "$(count)"
json=$(status --json)
check "status --json tells of it" grep -Pzq '"view": \{\s*"chain": 1,\s*"covers_list": false,\s*"directory": "'"$view"'",\s*"mounted": true' <<<"$json"

# ---- what a reader may not

chmod 711 "$work"
check_refused "a reader outside the group" 1 "Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups cat "$view/$bin_sha1"
check_refused "nor may it look" 2 "Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups ls "$view"
check "a reader within the group" setpriv --reuid 65534 --regid 0 --clear-groups cat "$view/$bin_sha1"
errno_of() { python3 -c 'import errno, os, sys
try: exec(sys.argv[1])
except OSError as error: print(errno.errorcode[error.errno])' "$@"; }
for how in "os.open(sys.argv[2], os.O_WRONLY)" "os.truncate(sys.argv[2], 0)" "os.unlink(sys.argv[2])" \
  "os.open(sys.argv[2] + 'x', os.O_CREAT | os.O_WRONLY)" "os.chmod(sys.argv[2], 0o777)"; do
  check_equal "a write: ${how%%(*}" EROFS "$(errno_of "$how" "$view/$bin_sha1")"
done
check "offsets without end, and reads of nothing" python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
size = os.fstat(fd).st_size
assert os.pread(fd, 10, size) == b"" and os.pread(fd, 10, 2**62) == b"" and os.read(fd, 0) == b""
assert os.pread(fd, 10, size - 1) != b"" and os.lseek(fd, -5, os.SEEK_END) == size - 5 and len(os.read(fd, 99)) == 5
' "$view/$bin_sha1"

# ---- other keepers

check_refused "a second keeper on the same view" 3 "is a mount point already" \
  keep --archive "$work/archive2" --view "$view"
check_refused "also by another path" 3 "is a mount point already" keep --archive "$work/archive2" --view "$work/../${work##*/}/view/"
check_equal "the first one's view goes on" 135 "$(count)"

# ---- another process unmounts it

umount "$view"
add "$work/file"
check "a view that was unmounted is mounted again" soon is 136 count

# ---- readers that are stopped

python3 -c '
import os, signal, sys
held = [os.open(sys.argv[1], os.O_RDONLY) for _ in range(200)]
os.read(held[0], 1000)
os.kill(os.getpid(), signal.SIGSTOP)
' "$view/$bin_sha1" &
reader=$!
soon grep -q '^State:.T' "/proc/$reader/status"
add "$archive"
check "200 descriptors of a reader that is stopped are in nobody's way" soon is 1 in_list
check_equal "and others read" 137 "$(count)"
kill -CONT "$reader"
wait "$reader"
reader=
fds() { find "/proc/$keeper/fd" -mindepth 1 | wc -l; }
fds_before=$(fds)
for _ in $(seq 100); do cat "$view/$bin_sha1" >/dev/null; done
# As many connections to the archive as readers were ever served at once stay open: four, of three descriptors each.
check "the keeper has hardly more descriptors open than before 100 readers" test "$(fds)" -le $((fds_before + 12))

# ---- how it ends

for signal in KILL TERM; do
  start_reader "$view/$bin_sha1"
  end_keeper $signal
  checks_until=$((SECONDS + 2))
  soon gone
  check "SIG$signal: nothing is mounted within 2 s" test "$SECONDS" -le "$checks_until"
  what_reader_gets
  check_equal "SIG$signal: a reader that had it open" ENOTCONN "$got"
  check "SIG$signal: the directory is there and empty" bash -c '[[ -d $1 && -z $(ls -A "$1") ]]' _ "$view"
  start_keeper
  check_equal "SIG$signal: the next keeper shows all of it" 137 "$(count)"
done

# A keeper and the process that mounts for it, killed together: its view is left, and is dead.
kill_both() {
  local child
  child=$(pgrep -P "$keeper" imakeep-mounts)
  # A keeper that runs would replace the child at once.
  kill -STOP "$keeper"
  kill -KILL "$child"
  end_keeper KILL
}
kill_both
check_equal "both killed: the view is left dead" ENOTCONN "$(errno_of "os.stat('$view')")"
start_keeper
check_equal "the next keeper clears it" "137 1" "$(count) $(views_mounted)"
kill_both
check "so does view unmount" "$imakeep" view unmount --view "$view" --ima-dir "$mount"
check_equal "nothing is left" 0 "$(views_mounted)"
start_keeper
{ kill -STOP "$keeper" && kill -KILL "$(pgrep -P "$keeper" imakeep-mounts)"; } 2>/dev/null
check "view unmount needs no answer from a keeper that hangs" timeout 20 "$imakeep" view unmount --view "$view/." --ima-dir "$mount"
check_equal "nothing is left of it either" 0 "$(views_mounted)"
kill -CONT "$keeper"
end_keeper KILL

# ---- over the list's own files

doctor_says() {
  local told
  told=$("$imakeep" doctor --ima-dir "$mount" --pcrs none)
  grep -E -- "$1" <<<"$told" || { echo "$told" && return 1; }
}

start_reader "$mount/$bin_sha1"
start_keeper --bind
check "a reader that holds the list's file is named" soon said "still open: pid $reader (python3) has $bin_sha1 open"
add "$work/keep.err"
check "the list is busy until it ends" soon said "is busy: pid $reader (python3)"
check "  and doctor names it, though that file is covered" doctor_says "^warn  holders: pid $reader \(python3\) has $bin_sha1 open"
check_equal "nothing is trimmed meanwhile" 2 "$(in_list)"
check_equal "and everything is shown" 138 "$(count "$mount")"
end_reader
check "then it goes on" soon is 1 in_list
check "agents read the view under the list's own name" cmp "$view/$bin_sha1" "$mount/$bin_sha1"
start_reader "$mount/$bin_sha1"
mounted=$(mount_numbers)
add "$work/serve.out"
check "and are in nobody's way" soon is 1 in_list
check "  nor does doctor say so" soon doctor_says "^ok    holders: nobody has the list open"
soon is 139 count "$mount"
check_equal "what covers the list stays as it is while it grows" "$mounted" "$(mount_numbers)"
umount "$view"
add "$work/serve.err"
check "the view is unmounted, what it covers is not: it is mounted again" soon is 140 count
soon is 140 count "$mount"
umount "$mount/$bin_sha1"
add "$work/keep.out"
check "a file is uncovered: it is covered again" soon cmp -s "$view/$bin_sha1" "$mount/$bin_sha1"
soon is 141 count "$mount"
for signal in KILL TERM; do
  [[ -n $keeper ]] || start_keeper --bind
  [[ -n $reader ]] || start_reader "$mount/$bin_sha1"
  soon is 141 count "$mount"
  soon is 1 in_list
  end_keeper $signal
  checks_until=$((SECONDS + 2))
  soon gone
  check "SIG$signal with --bind: nothing is bound within 2 s" test "$SECONDS" -le "$checks_until"
  what_reader_gets
  check_equal "SIG$signal with --bind: a reader" ENOTCONN "$got"
  check_equal "SIG$signal with --bind: the list's own files are back" 1 "$(count "$mount")"
done
start_keeper --bind
soon is 141 count "$mount"
kill_both
check_equal "both killed with --bind: the list's file is left dead" ENOTCONN "$(errno_of "os.stat('$mount/$bin_sha1')")"
check "view unmount frees it" "$imakeep" view unmount --view "$view" --ima-dir "$mount"
check_equal "nothing is left bound" "0 1" "$(views_mounted) $(count "$mount")"
start_keeper --bind
soon is 141 count "$mount"
kill_both
start_keeper --bind
check "so does the next keeper" soon is 141 count "$mount"
kill_both
check_refused "one without a view names the command" 3 "imakeep view unmount --ima-dir $mount" keep --once
check_equal "so does doctor" 1 "$("$imakeep" doctor --ima-dir "$mount" --pcrs none | grep -c "^FAIL  IMA directory: .*imakeep view unmount --ima-dir $mount")"
start_keeper --ima-dir "$mount/"
check_equal "one with a view that covers nothing takes the dead covers away" "1 1" "$(views_mounted) $(count "$mount")"
check_equal "and shows all of it" 141 "$(count)"
end_keeper
start_keeper --bind
soon is 141 count "$mount"
# A keeper whose covers are taken away mounts its view anew, and each view has a source of its own.
sources() { sed -n "s,.* $mount/.* - fuse.imakeep-view \([^ ]*\) .*,\1,p" /proc/self/mountinfo | sort -u; }
covering=$(sources)
check_refused "another keeper of that list is refused" 3 "kept by another imakeep" "$imakeep" keep --ima-dir "$mount" \
  --archive "$work/archive2" --pcrs none --view "$work/view2"
soon is 141 count "$mount"
check_equal "it leaves alone what covers the list and is alive" "$covering" "$(sources)"
end_keeper

# A signal to all processes of the group is for the keeper alone.
launcher=(setsid)
start_keeper --bind
soon is 141 count "$mount"
kill -TERM -- "-$keeper"
wait "$keeper"
keeper=
launcher=()
check "a signal to keeper and mounter leaves nothing" gone

# The process that mounted for a keeper that is gone may be slower than the next keeper.
start_keeper --bind
soon is 141 count "$mount"
child=$(pgrep -P "$keeper" imakeep-mounts)
kill -STOP "$child"
end_keeper KILL
start_keeper --bind
soon is 141 count "$mount"
mounted=$(mount_numbers)
kill -CONT "$child" 2>/dev/null
soon bash -c '! kill -0 "$1" 2>/dev/null || grep -q "^State:.Z" "/proc/$1/status"' _ "$child"
check_equal "what the next one mounted stays" "$mounted" "$(mount_numbers)"
end_keeper

# ---- odd paths

view=$work/'a view\ with spaces'
ln -s "$mount" "$work/link to ima"
cd "$work" || exit 1
start_keeper --bind --ima-dir "./link to ima" --view "a view\\ with spaces//"
soon is 141 count "$mount"
check "relative, with links, spaces and slashes: it covers the list" cmp "$view/$bin_sha1" "$mount/$bin_sha1"
end_keeper KILL
check "all of that is undone" soon gone
start_keeper --bind --ima-dir "link to ima/"
soon is 141 count "$mount"
kill_both
check "view unmount takes such paths too" "$imakeep" view unmount --view "./a view\\ with spaces/" --ima-dir "link to ima//"
check_equal "and leaves nothing" 0 "$(views_mounted)"
cd / || exit 1
view=$work/view
mkdir "$work/ro" && mount -t tmpfs -o size=64k tmpfs "$work/ro" && mkdir "$work/ro/view"
mount -o remount,ro,noexec "$work/ro"
check_refused "a mount point that cannot be made" 3 "Read-only" keep --view "$work/ro/none"
view=$work/ro/view
start_keeper
check_equal "below a read-only file system" 141 "$(count)"
end_keeper
umount "$work/ro"
view=$work/view

# ---- the archive goes away

start_keeper
check_equal "it is there" 141 "$(count)"
mkdir "$work/away" && mv "$archive"* "$work/away"
check "an archive that was moved is still read, or refused" bash -c 'cat "$1" | cmp - "$2" || ! cat "$1"' _ "$view/$bin_sha1" "$view/$bin_sha1"
check "the keeper lives" kill -0 "$keeper"
end_keeper
mv "$work/away/archive"* "$work"

# ---- what was measured before somebody reads

# Nobody looks at the list of himself.
start_keeper --every 0 --follow-every 1h
ascii_lines() { wc -l <"$view/ascii_runtime_measurements_sha256"; }
lines=$(ascii_lines)
for ask in ascii_lines "stat -c %s $view/$bin_sha1" count; do
  before=$($ask)
  printf '%s' "$ask" >"$work/asked"
  add "$work/asked"
  check "it is shown by then: ${ask%% *}" test "$($ask)" -gt "$before"
done
check_equal "each once" $((lines + 3)) "$(ascii_lines)"
end_keeper

# ---- another chain

start_keeper
# Reads a byte; once it is asked, the rest, the end and the bytes after it.
: >"$work/reader.out"
python3 -c '
import errno, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
fd = os.open(sys.argv[1], os.O_RDONLY)
size = len(os.read(fd, 1))
print("open", flush=True)
signal.sigwait([signal.SIGUSR1])
while part := os.read(fd, 100000): size += len(part)
try:
    os.read(fd, 1)
except OSError as error:
    print(size, errno.errorcode[error.errno], os.path.samestat(os.fstat(fd), os.stat(sys.argv[1])))
' "$view/$bin_sha1" >"$work/reader.out" &
reader=$!
started "a reader" "$reader" "$work/reader.out" grep -q open "$work/reader.out"
old_size=$(stat -c %s "$view/$bin_sha1")
end_list
start_list --banks sha1,sha256
add "$work/file"
check "a list that began anew is shown under the same names" soon is 1 count
check "byte for byte" cmp "$mount/$bin_sha1" "$view/$bin_sha1"
what_reader_gets
check_equal "a reader of the one before gets its rest, its end, and ESTALE" "$old_size ESTALE False" "$got"
end_keeper

# ---- a chain without its beginning

load
add "$work/full/precious"
start_keeper
soon is 1 in_list
end_keeper
retire() { "$imakeep" log retire --archive "$archive" --keep-bytes 0 "$@"; }
check_refused "nothing is retired that no verifier acknowledged" 3 "--unacknowledged retires them" retire --running
check_refused "nor what the running boot's view shows" 3 "allow it with --running" retire --unacknowledged
check "the view is as before" bash -c '[[ $1 == 0 ]]' _ "$("$imakeep" status --archive "$archive" --json | sed -n 's/.*"first_kept": \([0-9]*\).*/\1/p')"
check "unless that is wanted" retire --unacknowledged --running
begin_keeper
soon test -e "$view/$bin_sha1"
for file in "$bin_sha1" ascii_runtime_measurements_sha256 runtime_measurements_count violations; do
  check_equal "$file of a chain without its beginning" EIO "$(errno_of "open('$view/$file').read()")"
done
add "$work/keep.out"
check "the list goes on being kept" soon is 1 in_list
check_equal "the log says why, once" 1 "$(grep -c "the view: the first [0-9]* records of chain 2 were retired" "$work/keep.err")"
check "status says why" bash -c 'grep -q "^view .*chain 2; the first [0-9]* records of chain 2 were retired" <<<"$1"' _ "$(status)"
check "doctor says why" bash -c 'grep -q "^warn  archive: .*lost the first records of chain 2" <<<"$1"' _ \
  "$("$imakeep" doctor --ima-dir "$mount" --pcrs "memory:$sock" --archive "$archive")"
end_keeper

# ---- a first look that fails

# Of another list, as after a reboot: what is archived is not what this one holds.
# It begins with another record, or it would be the list of a machine that was set back.
end_list
start_list --banks sha1,sha256
echo other >"$work/other"
add "$work/other"
exec 7<>"$mount/${bin_sha1}_staged"
begin_keeper 7>&-
check "while somebody has the list open nothing is mounted, and the log says why" soon said "the view: waiting until the keeper has read the list once"
kill -USR1 "$keeper"
check "trims are tried" soon said "asked by a signal"
check "and again" soon said "tried 4 times"
check_equal "the archive's last chain is not shown for it" 0 "$(views_mounted)"
exec 7>&-
check "once it is closed this list is shown" soon is 1 count
check "byte for byte" cmp "$mount/$bin_sha1" "$view/$bin_sha1"
end_keeper

# ---- a full disk

end_list
start_list --banks sha1,sha256
load
mkdir "$work/small" && mount -t tmpfs -o size=300k tmpfs "$work/small"
archive=$work/small/archive
start_keeper
added=$(count)
# The first thing that finds the disk full may be something else than a record: then all that was added is archived.
while { ! said "full" || (($(count) == added)); } && ((added < 20000)); do
  for i in $(seq 400); do
    printf '%s' "$RANDOM$RANDOM$RANDOM" >"$work/full/file-$added-$RANDOM-$i"
  done
  before=$(stats | sed -n 's/^full *\([0-9]*\) records.*/\1/p')
  add "$work"/full/file-*
  rm -f "$work"/full/file-*
  added=$(stats | sed -n 's/^full *\([0-9]*\) records.*/\1/p')
  [[ $added != "$before" ]] || break
  sleep 0.2
done
check "a full disk is said" said "full"
shown=$(count)
check "the view goes on with what is archived" test "$shown" -gt 0 -a "$shown" -lt "$added"
# Records for which the list has room may come in between the two. One of the captured paths has a newline in it.
is_one() { [[ $(($(count) + 1)) == "$(wc -l <"$view/ascii_runtime_measurements_sha256")" ]]; }
check "and its file has as many records as it counts" soon is_one
check "nothing that is not archived is deleted" test "$((shown + $(in_list)))" -ge "$added"
mount -o remount,size=40m "$work/small"
check "with room again everything comes" soon is "$added" count
soon is 1 in_list
"$imakeep" list pcrs --control "$sock" >"$work/pcrs"
end_keeper
check "and is proven" "$imakeep" verify --archive "$archive" --pcrs "$work/pcrs"
umount "$work/small"

# ---- the service manager

if [[ ! -r /proc/1/ns/mnt ]] || ! : <"/proc/1/ns/mnt"; then
  echo "not checked: share-namespace, because the mounts of process 1 may not be looked at"
else
  check_refused "share-namespace without one" 3 "no service manager" "$imakeep" view share-namespace
  check "share-namespace gives it the mounts of process 1" python3 -c '
import array, os, socket, subprocess, sys
path, imakeep = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path)
manager.settimeout(10)
child = subprocess.Popen([imakeep, "view", "share-namespace"], env=dict(os.environ, NOTIFY_SOCKET=path))
seen = {}
while "BARRIER" not in seen:
    data, ancillary, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(16))
    fds = array.array("i")
    for _, _, content in ancillary: fds.frombytes(content)
    lines = dict(line.split("=", 1) for line in data.decode().splitlines())
    seen.update(lines)
    if "FDSTORE" in lines:
        assert lines["FDNAME"] == "mountns", lines
        assert os.fstat(fds[0]).st_ino == os.stat("/proc/1/ns/mnt").st_ino
    for fd in fds: os.close(fd)
assert child.wait(10) == 0 and "FDSTORE" in seen
' "$work/notify" "$imakeep"
fi

end_keeper
check_equal "no view is left mounted" 0 "$(views_mounted)"
finish
