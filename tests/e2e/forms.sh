#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# forms.sh IMAKEEP TESTDATA - lists in forms that few kernels make: kept, deleted, shown, imported and verified, byte by byte.
# Template ima under ima_hash=md5; names of more than 255 bytes; templates that mainline Linux lacks.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
archive=$work/archive
keeper_sock=$work/keeper.sock
view=$work/view
keeper=
trap 'end_keeper; end_list; rm -rf "$work"' EXIT

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
log() { "$imakeep" log --archive "$archive" "$@"; }
pcrs() { "$imakeep" list pcrs --control "$sock" >"$work/pcrs"; }
start_keeper() {
  mkdir -p "$view"
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" --every 0 \
    --pressure off --follow-every 50ms --method stage --view "$view" "$@" >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
}
is_empty() { [[ $(cat "$mount/runtime_measurements_count") == 0 ]]; }
# keep_all OPTION...: everything is archived, proven and deleted, and the view shows the whole of it.
keep_all() {
  rm -f "$archive"*
  cp "$mount"/*_measurements_sha{1,256} "$work"
  start_keeper "$@"
  soon test -s "$view/ascii_runtime_measurements_sha1"
  kill -USR1 "$keeper"
  soon is_empty
}
same_as_before() {
  local file form
  for form in ascii binary; do
    for bank in sha1 sha256; do
      file=${form}_runtime_measurements_$bank
      cmp "$work/$file" "$view/$file" || { diff "$work/$file" "$view/$file" | head -n 4 && return 1; }
    done
  done
}
exported_as_before() {
  local form
  for form in ascii binary; do
    cmp "$work/${form}_runtime_measurements_$1" <(log --format "$form" --bank "$1" "${@:2}") || return 1
  done
}
proven() { "$imakeep" verify --pcrs "$work/pcrs" "$@" | tail -n 1; }

# ---- template ima under ima_hash=md5

mkdir "$work/files"
for i in 1 2 3 4 5; do echo "$i" >"$work/files/$i"; done
deep=$work/$(printf '%080d/%080d/%080d' 1 2 3)
mkdir -p "$deep"
echo deep >"$deep/a file"

check_refused "md5 without template ima" 2 "--hash md5 requires --template ima" "$imakeep" list serve --mount "$mount" --control "$sock" --hash md5
start_list --template ima --hash md5 --banks sha1,sha256
check "files are measured by md5" add "$work"/files/*
check "a violation" add --violation "$work/files/1"
check "a file with a path of more than 255 bytes" add "$deep/a file"
check_equal "a file's record has its md5" "$(md5sum <"$work/files/3" | cut -d ' ' -f 1) $work/files/3" \
  "$(sed -n 3p "$mount/ascii_runtime_measurements_sha1" | cut -d ' ' -f 4-)"
check_equal "  a violation's has twenty zeros" "$(printf '%040d' 0) $work/files/1" \
  "$(sed -n 6p "$mount/ascii_runtime_measurements_sha1" | cut -d ' ' -f 4-)"
check_equal "  and a long path is its last component" "$(md5sum <"$deep/a file" | cut -d ' ' -f 1) a_file" \
  "$(sed -n 7p "$mount/ascii_runtime_measurements_sha1" | cut -d ' ' -f 4-)"
check_refused "template ima-ng cannot be added to such a list" 2 "template ima only" \
  "$imakeep" list add --control "$sock" --template ima-ng /bin/true
pcrs
for bank in sha1 sha256; do
  cp "$mount/binary_runtime_measurements_$bank" "$work/saved-$bank"
  check_equal "verify proves the list: $bank" "7 of 7 records proven, 0 after the match" "$(proven "$work/saved-$bank")"
done
python3 - "$work/saved-sha256" <<'ALTER'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[4 + 32 + 4 + 3] ^= 1  # of the first record's md5
open(sys.argv[1] + "-altered", "wb").write(data)
ALTER
check_refused "  but no altered one" 1 "" "$imakeep" verify --pcrs "$work/pcrs" "$work/saved-sha256-altered"
check "the keeper deletes all of it" keep_all
check "  the view is what was measured" same_as_before
check_equal "  the archive is proven" "7 of 7 records proven, 0 after the match" "$(proven --archive "$archive")"
check "  it is exported as it was: sha1" exported_as_before sha1
check "  it is exported as it was: sha256" exported_as_before sha256
check "  and sound" log --check
end_keeper TERM
rm -f "$archive"*
check "import of a saved list" "$imakeep" log import --archive "$archive" --pcrs "$work/pcrs" "$work/saved-sha256"
check "  gives the same list" exported_as_before sha256
end_list
start_list --template ima --hash md5 --banks sha1,sha256
check "a saved list is loaded" "$imakeep" list load --control "$sock" "$work/saved-sha1"
check "  into the same list" cmp "$work/saved-sha256" "$mount/binary_runtime_measurements_sha256"
end_list

# ---- templates that mainline lacks

# records NAME FIELD...: three records with these fields before d-ng and n-ng, in a list of bank sha1.
python3 - "$work/patched" <<'RECORDS'
import hashlib, struct, sys
def record(name, *fields):
    data = b"".join(struct.pack("=I", len(field)) + field for field in fields)
    return struct.pack("=I", 10) + hashlib.sha1(data).digest() + struct.pack("=I", len(name)) + name + struct.pack("=I", len(data)) + data
def d_ng(of):
    return b"sha256:\0" + hashlib.sha256(of).digest()
with open(sys.argv[1], "wb") as out:
    out.write(record(b"ima-ng", d_ng(b"0"), b"boot_aggregate\0"))
    out.write(record(b"ima-cgpath", b"/bin/sh:swapper/0\0", b"/kubepods/pod1\0", d_ng(b"1"), b"/a\0"))
    out.write(record(b"ima-dep-cgn", b"/bin/sh:swapper/0\0", b"-\0", d_ng(b"2"), b"/b\0"))
    out.write(record(b"ima-ns", d_ng(b"3"), b"/c\0", bytes(range(16))))
RECORDS
described="ima-cgpath=dep:text|cg-path:text|d-ng|n-ng ima-dep-cgn=dep:text|cgn:text|d-ng|n-ng ima-ns=d-ng|n-ng|ns:uuid"
doctor() { "$imakeep" doctor --ima-dir "$mount" --pcrs "memory:$sock" "$@" | grep ' templates: '; }
doctor_says() {
  local said
  said=$(doctor "${@:2}")
  [[ $said =~ $1 ]] || { echo "$said" && return 1; }
}
check_refused "a description that is none" 2 "no field 'dep' in mainline Linux" "$imakeep" list serve --mount "$mount" --control "$sock" \
  --templates "ima-cgpath=dep|d-ng|n-ng"
start_list --banks sha1,sha256 --templates "$described"
check "records of other kernels are loaded" "$imakeep" list load --control "$sock" "$work/patched"
check_equal "the list is printed as its kernel prints it" "/bin/sh:swapper/0 /kubepods/pod1 sha256:$(printf 1 | sha256sum | cut -d ' ' -f 1) /a" \
  "$(sed -n 2p "$mount/ascii_runtime_measurements_sha1" | cut -d ' ' -f 4-)"
check_equal "  a UUID too" "00010203-0405-0607-0809-0a0b0c0d0e0f" "$(sed -n 4p "$mount/ascii_runtime_measurements_sha1" | cut -d ' ' -f 6)"
check "doctor names what the view would print otherwise" doctor_says "^warn .*ima-cgpath .*first at record 1:.*describe"
check "  the next one once that is described" doctor_says "^warn .*ima-dep-cgn .*first at record 2:" --templates "${described%% *}"
check "  and nothing once all are" doctor_says "^ok .*4 records are printed as" --templates "$described"
check "  a wrong description is found" doctor_says "^warn .*ima-ns .*first at record 3:" --templates "${described/:uuid/:hex}"
check_refused "  and one that is none is refused" 2 "--templates" "$imakeep" doctor --templates none
pcrs
printf 'templates = """\n%s\n"""\n' "${described// /$'\n'}" >"$work/keep.toml"
check "the keeper deletes such records" keep_all --config "$work/keep.toml"
check "  the view is what was measured, in ASCII too" same_as_before
check_equal "  the archive is proven" "4 of 4 records proven, 0 after the match" "$(proven --archive "$archive")"
end_keeper TERM
end_list
start_list --banks sha1,sha256
"$imakeep" list load --control "$sock" "$work/patched" >/dev/null
check "doctor does not take a served list's word for the kernel's" doctor_says "^warn .*nothing describes ima-cgpath, ima-dep-cgn, ima-ns"
check "log prints them by the same descriptions" exported_as_before sha256 --templates "$described"
check_equal "  in JSON with their fields" "cg-path /kubepods/pod1" "$(log --format json --from 1 --to 2 --templates "$described" | python3 -c '
import json, sys
print(*json.load(sys.stdin)["fields"][1].values())')"
check_equal "  and without them in hexadecimal" 1 "$(log --from 3 | grep -c ' ima-ns [0-9a-f]*$')"
check_refused "a wrong description is refused" 2 "described twice" log --templates "t=a:text t=a:text"

finish
