#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# inputs.sh IMAKEEP TESTDATA - what people have at hand is read: PCRs as tpm2-tools and evmctl print them, keys in DER,
# several keys, plain signatures, FAPI's and Keylime's quotes, lists from pipes. Other files are named for what they are.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
imakeep=$1
testdata=$2
captures=$testdata/linux-7.3.4
cases=$testdata/cases
for tool in swtpm tpm2_quote openssl python3; do
  command -v $tool >/dev/null || { echo "skipped: needs $tool"; exit 77; }
done
begin_checks
swtpm=
trap 'end_swtpm; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

verify() { "$imakeep" verify "$@"; }

# ---- a TPM with a real list's digests --------------------------------------------------------------------------------

# shellcheck disable=SC2119
start_swtpm
export TPM2TOOLS_TCTI=$tcti
real=$captures/kexec/first-deleted-1
list=$real/binary_runtime_measurements_sha256_staged
digests() { awk '{ print $2 }' "$real/ascii_runtime_measurements_${1}_staged" | awk '/[^0]/ { print; next } { gsub(0, "f"); print }'; }
mapfile -t sha1 < <(digests sha1)
mapfile -t sha256 < <(digests sha256)
extend_all() {
  for i in "${!sha256[@]}"; do tpm2_pcrextend "10:sha1=${sha1[i]},sha256=${sha256[i]}" || return 1; done
}
check "the list is extended" extend_all
all="^54 of 54 records proven, 0 after the match$"

# ---- PCR values ------------------------------------------------------------------------------------------------------

tpm2_pcrread sha1:10+sha256:10 >"$work/pcrread"
check_says "tpm2_pcrread's output" "$all" verify --pcrs "$work/pcrread" "$list"
tpm2_pcrread >"$work/pcrread-all"
check_equal "  of all PCRs has several banks" yes "$([[ $(grep -c '^  sha' "$work/pcrread-all") -gt 1 ]] && echo yes)"
check_equal "  is read whole" "PCR 10 matches after record 54" \
  "$(verify --pcrs "$work/pcrread-all" "$list" 2>/dev/null | sed -n 's/^sha256 *PCR 10/PCR 10/p')"
awk '/10:/ { print substr($2, 3) }' "$work/pcrread" | sed 's/../& /g; s/^/PCR-10: /' >"$work/evmctl"
check_says "evmctl's lines" "$all" verify --pcrs "$work/evmctl" "$list"
awk '/^ *sha/ { sub(":", "", $1); bank = $1 } /10:/ { print bank, 10, $2 }' "$work/pcrread" >"$work/prefixed"
check_says "values with 0x" "$all" verify --pcrs "$work/prefixed" "$list"
{ printf '\xef\xbb\xbf'; cat "$work/evmctl"; } >"$work/with-mark"
check_says "a file with a byte order mark" "$all" verify --pcrs "$work/with-mark" "$list"
{ cat "$work/evmctl"; echo "sm3 11 $(printf '%064d' 0)"; } >"$work/ambiguous"
check_refused "evmctl's lines together with sm3" 1 "names no bank, and its size is that of sha256 and of sm3" \
  verify --pcrs "$work/ambiguous" "$list"
printf 'sha256 10 0x00\n' >"$work/bad-pcrs"
check_refused "a wrong value names file, line and bank" 1 "$work/bad-pcrs: line 1: PCR value of 1 bytes; sha256 has 32" \
  verify --pcrs "$work/bad-pcrs" "$list"
printf 'these are no PCRs\n' >"$work/bad-pcrs"
check_refused "a line that is no PCR names what is accepted" 1 "$work/bad-pcrs: .*accepted are .*ALG INDEX HEX, what tpm2_pcrread prints" \
  verify --pcrs "$work/bad-pcrs" "$list"

# ---- quotes ----------------------------------------------------------------------------------------------------------

tpm2_createek -Q -c "$work/ek" -G rsa -u "$work/ek.pub"
tpm2_flushcontext -t
# quote_with NAME [OPTION...]: $work/NAME.msg, .sig and .pcrs.
quote_with() {
  local name=$1
  shift
  tpm2_quote -Q -c "$work/$name.ctx" -l sha256:10 -q 00c0ffee -m "$work/$name.msg" -s "$work/$name.sig" \
    -o "$work/$name.pcrs" "$@" || return 1
  tpm2_flushcontext -t
}
# quoted_by NAME KEY: the options that name them.
quoted_by() { echo --quote "$work/$1.msg" --signature "$work/$1.sig" --key "$work/$2"; }

check "make RSASSA" make_key rsassa -G rsa -g sha256 -s rsassa
check "make RSAPSS" make_key rsapss -G rsa -g sha256 -s rsapss
check "make P-256" make_key p256 -G ecc -g sha256 -s ecdsa
check "make P-384" make_key p384 -G ecc384 -g sha384 -s ecdsa

check "p256: quote" quote_with p256
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ca.pem" 2>/dev/null
openssl req -new -key "$work/ca.pem" -subj /CN=ak -out "$work/ak.csr" 2>/dev/null
openssl x509 -req -in "$work/ak.csr" -force_pubkey "$work/p256.pem" -signkey "$work/ca.pem" -outform DER -out "$work/p256.crt" 2>/dev/null
openssl x509 -in "$work/p256.crt" -inform DER -out "$work/p256.crt.pem"
cat "$work/p256.crt" <(head -c 200 /dev/zero) >"$work/p256-padded.crt"
cat "$work/rsassa.pem" "$work/p256.crt.pem" >"$work/bundle.pem"
cat "$work/rsassa.pem" "$work/rsapss.pem" "$work/p384.pem" >"$work/others.pem"
head -c 60 "$work/p256.der" >"$work/cut.der"
# shellcheck disable=SC2046
{
  for key in p256.der p256.crt p256-padded.crt; do
    check_says "key $key" "$all" verify $(quoted_by p256 $key) --nonce 00c0ffee "$list"
  done
  check_refused "a key in DER that is cut" 1 "$work/cut.der: DER, but neither a public key" verify $(quoted_by p256 cut.der) "$list"
  check_says "one key of several" "^signature good: .*ECDSA P-256, key 2 of 2$" verify $(quoted_by p256 bundle.pem) "$list"
  check_refused "none of several" 1 "by none of the 3 keys" verify $(quoted_by p256 others.pem) "$list"
  check_says "a nonce with 0x" "^nonce +the one given" verify $(quoted_by p256 p256.pem) --nonce 0x00c0ffee "$list"
  check_refused "another nonce with 0x" 1 "the nonce differs" verify $(quoted_by p256 p256.pem) --nonce 0x00 "$list"
  check_refused "PCR values as tpm2_quote -o writes them" 1 "$work/p256.pcrs: binary, not text; accepted are" \
    verify $(quoted_by p256 p256.pem) --pcrs "$work/p256.pcrs" "$list"
}
der_key() { verify --quote "$cases/der-key/m10.msg" --signature "$cases/der-key/m10.sig" --key "$1" --nonce 0xabcd "$list"; }
check_refused "case der-key is a good quote of another log" 1 "the quote matches no prefix" der_key "$cases/der-key/ak.der"
check_refused "  and not by this certificate's key" 1 "which a key of the kind RSA 2048 cannot make" der_key "$testdata/keys/rsa.crt.der"

# ---- plain signatures

# shellcheck disable=SC2046
for name in rsassa rsapss p256 p384; do
  options=(-f plain)
  [[ $name == p384 ]] && options+=(-g sha384)
  [[ $name == rsapss ]] && options+=(--scheme=rsapss)
  check "$name: quote with a plain signature" quote_with $name "${options[@]}"
  hash=()
  [[ $name == p384 ]] && hash=(--hash sha384)
  check_says "$name: plain" "$all" verify $(quoted_by $name $name.der) "${hash[@]}" --nonce 00c0ffee "$list"
  check_refused "$name: over another hash" 1 "is not over sha512" verify $(quoted_by $name $name.pem) --hash sha512 "$list"
done
# shellcheck disable=SC2046
check_refused "a plain signature's hash is not guessed" 1 "is not over sha256" verify $(quoted_by p384 p384.pem) "$list"
# shellcheck disable=SC2046
check_refused "an unknown hash" 2 "no such hash: 'md5'" verify $(quoted_by p384 p384.pem) --hash md5 "$list"

# ---- Keylime's quote

check "p256: quote for Keylime" quote_with p256
check "p256: quote with other PCRs" tpm2_quote -Q -c "$work/p256.ctx" -l sha256:0,1,10 -m "$work/three.msg" -s "$work/three.sig"
tpm2_flushcontext -t
b64() { base64 -w0 "$work/p256.$1"; }
echo "r$(b64 msg):$(b64 sig):$(b64 pcrs)" >"$work/keylime"
check_says "Keylime's quote" "$all" verify --quote "$work/keylime" --key "$work/p256.pem" --nonce 00c0ffee "$list"
check_refused "Keylime's quote by another key" 1 "not by this key" verify --quote "$work/keylime" --key "$cases/der-key/ak.pem" "$list"
check_refused "Keylime's quote and a signature" 2 "leave out --signature" \
  verify --quote "$work/keylime" --signature "$work/p256.sig" --key "$work/p256.pem" "$list"
echo "r$(b64 msg):$(b64 sig)" >"$work/bad-keylime"
check_refused "a part of Keylime's quote" 1 "$work/bad-keylime: Keylime's quote, but of 2 parts" \
  verify --quote "$work/bad-keylime" --key "$work/p256.pem" "$list"
check_refused "a quote without its signature" 2 "requires --signature" verify --quote "$work/p256.msg" --key "$work/p256.pem" "$list"

# ---- FAPI's quote

profiles=/etc/tpm2-tss/fapi-profiles
if command -v tss2_quote >/dev/null && [[ -e $profiles/P_ECCP256SHA256.json && -e $profiles/P_RSA2048SHA256.json ]]; then
  export TSS2_FAPICONF=$work/fapi.json TSS2_LOG=all+none
  printf '\x00\xc0\xff\xee' >"$work/nonce"
  for profile in P_ECCP256SHA256 P_RSA2048SHA256; do
    mkdir -p "$work/fapi/$profile"/{user,system,log}
    cat >"$TSS2_FAPICONF" <<CONFIG
{"profile_name": "$profile", "profile_dir": "$profiles/", "user_dir": "$work/fapi/$profile/user",
 "system_dir": "$work/fapi/$profile/system", "log_dir": "$work/fapi/$profile/log", "tcti": "$tcti", "system_pcrs": [],
 "ek_cert_less": "yes"}
CONFIG
    fapi_quote() {
      tss2_provision && tss2_createkey -p HS/SRK/ak -t sign,restricted,noda -a "" &&
        tss2_quote -f -p HS/SRK/ak -x 10 -Q "$work/nonce" -q "$work/fapi.info" -o "$work/fapi.sig" &&
        tss2_exportkey -f -p HS/SRK/ak -o "$work/fapi.key" &&
        python3 -c 'import json, sys; print(json.load(sys.stdin)["pem_ext_public"], end="")' <"$work/fapi.key" >"$work/fapi.pem"
    }
    check "FAPI, $profile: quote" fapi_quote
    fapi=(--quote "$work/fapi.info" --signature "$work/fapi.sig" --key "$work/fapi.pem")
    check_says "FAPI, $profile: its quote info" "$all" verify "${fapi[@]}" --nonce 0x00c0ffee "$list"
    sed -i 's/"clock":/"clock":1/' "$work/fapi.info"
    check_refused "FAPI, $profile: altered" 1 "not by this key.*altered" verify "${fapi[@]}" "$list"
    tpm2_evictcontrol -Q -c 0x81000001 2>/dev/null
    tpm2_clear -Q 2>/dev/null
  done
else
  echo "skipped: FAPI's quotes need tss2_quote and $profiles"
fi
echo '{"quote": 1}' >"$work/bad.json"
check_refused "JSON that is not FAPI's" 1 "$work/bad.json: JSON, but not FAPI's quote info; give" \
  verify --quote "$work/bad.json" --signature "$work/p256.sig" --key "$work/p256.pem" "$list"

# ---- lists from pipes ------------------------------------------------------------------------------------------------

pcrs=(--pcrs "$work/pcrread")
from_pipe() { cat "${@: -1}" | verify "${@:1:$#-1}" -; }
from_file() { verify "${@:1:$#-1}" - <"${@: -1}"; }
check_says "a list from a pipe" "$all" from_pipe "${pcrs[@]}" "$list"
check_says "a list from a file as standard input" "$all" from_file "${pcrs[@]}" "$list"
check_says "a list from a process" "$all" verify "${pcrs[@]}" <(cat "$list")
check_refused "standard input twice" 2 "named twice" verify - -
mkfifo "$work/fifo"
check_refused "a pipe twice" 2 "$work/fifo is named twice; name each list once" verify "$work/fifo" "$work/fifo"
check_refused "a list twice" 2 "$list is named twice" verify "$list" "$list"
ln -s "$(realpath "$list")" "$work/link"
check_refused "a list and a link to it" 2 "$list and $work/link are the same file" verify "$list" "$work/link"
check_refused "  added to an archive" 2 "are the same file" "$imakeep" log import --archive "$work/archive3" "$list" "$work/link"
check_equal "  makes no archive" no "$([[ -e $work/archive3 ]] && echo yes || echo no)"
for option in --pcrs --start --quote --signature --key --archive --hash --bank; do
  check_refused "$option with an empty value" 2 "$option: the value is empty" verify $option "" "$list"
done
check_refused "a list with an empty name" 2 "FILE: the value is empty" verify "$list" ""
check_refused "keep --archive with an empty value" 2 "--archive: the value is empty" "$imakeep" keep --once --archive ""
check_refused "keep --view with an empty value" 2 "--view: the value is empty" "$imakeep" keep --archive "$work/a" --view ""
check_refused "log --archive with an empty value" 2 "--archive: the value is empty" "$imakeep" log --archive ""
check_refused "status --control with an empty value" 2 "--control: the value is empty" "$imakeep" status --control ""
first=$(python3 -c 'import sys
data = open(sys.argv[1], "rb").read()
body = 40 + int.from_bytes(data[36:40], "little")
print(body + 4 + int.from_bytes(data[body:body + 4], "little"))' "$list")
cat <(head -c "$first" "$list") "$list" >"$work/bad-repeat"
again="standard input: .*it repeats a record before it .record 1, byte offset $first"
check_refused "a second pass over a pipe" 1 "$again" from_pipe "${pcrs[@]}" "$work/bad-repeat"
check_refused "a second pass over a file" 1 "$again" from_file "${pcrs[@]}" "$work/bad-repeat"
check_refused "a second pass without room for a copy" 1 "a record is missing, repeated or out of order" \
  env TMPDIR=/nowhere/at/all bash -c 'cat "$3" | "$1" verify --pcrs "$2" -' _ "$imakeep" "$work/pcrread" "$work/bad-repeat"
tpm2_pcrread sha256:0,1,10 >"$work/firmware-pcrs"
three=(--quote "$work/three.msg" --signature "$work/three.sig" --key "$work/p256.pem" --pcrs "$work/firmware-pcrs")
check_says "a quote that needs two passes over a pipe" "$all" from_pipe "${three[@]}" "$list"
check_refused "which needs a copy" 3 "cannot read standard input again; give a file: cannot open /nowhere" \
  env TMPDIR=/nowhere/at/all bash -c 'cat "${@: -1}" | "$1" verify "${@:2:$#-2}" -' _ "$imakeep" "${three[@]}" "$list"

check_says "log import from a pipe" "^standard input: 54 of 54 records added" \
  bash -c 'cat "$3" | "$1" log import --archive "$2" -' _ "$imakeep" "$work/archive" "$list"

# A list of 40 MB takes as much memory as one of 10 KB. AddressSanitizer keeps what was freed, up to a limit: a small one.
peak_kb() { ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64 python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"; }
python3 -c 'import sys
data = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(data * (40_000_000 // len(data)))' "$list" "$work/large"
small=$(peak_kb "$imakeep" verify "$list")
large=$(peak_kb "$imakeep" verify "$work/large")
check_equal "memory does not grow with the list" yes "$([[ $large -lt $((small + 4096)) ]] && echo yes || echo "$small KB, then $large KB")"

# ---- files that are no binary list -----------------------------------------------------------------------------------

no_list="not a binary measurement list but"
check_refused "an ASCII list" 1 "$no_list an ASCII list; give the binary one: binary_runtime_measurements" \
  verify "$real/ascii_runtime_measurements_sha256_staged"
check_refused "an ASCII list, the bank told" 1 "$no_list an ASCII list" \
  verify --bank sha256 "$real/ascii_runtime_measurements_sha256_staged"
for form in json cbor tlv; do
  "$imakeep" log --archive "$work/archive" --format cel-$form >"$work/cel.$form"
  check_refused "CEL as $form" 1 "$work/cel.$form: $no_list a Canonical Event Log .${form^^}.; give" verify "$work/cel.$form"
done
check_refused "an archive" 1 "$no_list an imakeep archive; give it with --archive" verify "$work/archive"
"$imakeep" log --archive "$work/archive" --format json >"$work/records.json"
check_refused "JSON" 1 "$no_list JSON" verify "$work/records.json"
check_refused "a key" 1 "$no_list PEM" verify "$work/p256.pem"
check_refused "a program" 1 "$no_list an ELF program" verify "$imakeep"
gzip -c "$list" >"$work/list.gz"
check_refused "a compressed list" 1 "$no_list gzip; decompress it first" verify "$work/list.gz"
check_refused "  added to an archive" 1 "$work/list.gz: $no_list gzip" "$imakeep" log import --archive "$work/archive2" "$work/list.gz"
check_refused "  from a pipe, the bank told" 1 "standard input: $no_list gzip" from_pipe --bank sha1 "$work/list.gz"
check_refused "a quote" 1 "$no_list a TPM's statement; give it with --quote" verify "$work/p256.msg"
cut="record cut short in its data .record 0, byte offset 38."
check_refused "a list cut in its first record" 1 "$cut" verify "$cases/one-record-cut/list.bin"
check_refused "  the bank told" 1 "$cut" verify --bank sha1 "$cases/one-record-cut/list.bin"
check_refused "  added to an archive" 1 "$cut" "$imakeep" log import --archive "$work/archive2" "$cases/one-record-cut/list.bin"
for bytes in 3 30 41 60; do
  head -c $bytes "$list" >"$work/bad-cut"
  check_refused "a list of $bytes bytes" 1 "$work/bad-cut: record cut short in its .*record 0" verify "$work/bad-cut"
done

# ---- what a terminal obeys -------------------------------------------------------------------------------------------

esc=$'\x1b'
hidden=$work/$'a\x1b[2J\x07b\xc3\xa9'
check_refused "a name with escapes in an error" 3 "a.x1b.2J.x07b"$'\xc3\xa9'": No such file" verify "$hidden"
check_equal "  has no escape in it" 0 "$(verify "$hidden" 2>&1 | grep -c "$esc")"
head -c 50 "$list" >"$hidden"
check_equal "  nor when its content is wrong" 0 "$("$imakeep" log import --archive "$work/archive2" "$hidden" 2>&1 | grep -c "$esc")"
# One ima-ng record whose path has an escape, a newline and an e with an accent.
python3 -c 'import hashlib, struct, sys
def field(value): return struct.pack("<I", len(value)) + value
data = field(b"sha256:\0" + bytes(32)) + field(b"/a\x1b[2J\nb\xc3\xa9\0")
record = struct.pack("<I", 10) + hashlib.sha256(data).digest() + field(b"ima-ng") + field(data)
open(sys.argv[1], "wb").write(record)' "$work/hostile"
"$imakeep" log import --archive "$work/hostile-archive" "$work/hostile" >/dev/null
show=("$imakeep" log --archive "$work/hostile-archive")
on_terminal() { python3 -c 'import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
shown = b""
try:
    while piece := os.read(fd, 65536): shown += piece
except OSError: pass
sys.stdout.buffer.write(shown)' "$@"; }
check_equal "a path's escapes are shown on a terminal" "/a\\x1b[2J\\x0ab"$'\xc3\xa9' "$(on_terminal "${show[@]}" | tr -d '\r' | awk '{ print $NF }')"
check_equal "  but not in a pipe" "/a${esc}[2J"$'\nb\xc3\xa9' "$("${show[@]}" | sed 's/.* //')"
check_equal "  nor in JSON" 0 "$(on_terminal "${show[@]}" --format json | grep -c "$esc")"

finish_checks
