#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# quote.sh IMAKEEP TESTDATA - quotes that a software TPM signs under every scheme, over PCRs that a real list was
# extended into, are checked with `imakeep verify`; so are the captured ones; and whatever is altered is refused.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
testdata=$2
captures=$testdata/linux-7.3.4
for tool in swtpm tpm2_quote openssl; do
  command -v $tool >/dev/null || { echo "skipped: needs $tool"; exit 77; }
done

verify() { "$imakeep" verify "$@"; }

# ---- captures ------------------------------------------------------------------------------------------------------

list=$captures/templates/binary_runtime_measurements_sha256
mid=$captures/templates/quote-mid
verify "$list" | grep ' 11 ' >"$work/pcr11"
captured_quote() { echo --quote "$1/quote.msg" --signature "$1/quote.sig" --key "$1/${2:-ak.pem}"; }
# shellcheck disable=SC2046  # the options are words
for bank in sha1 sha256 sha384 sha512; do
  check_refused "captured quote of PCR 10, $bank list" 1 "not every record is proven: 3 records of PCR 11, of which no value" \
    verify $(captured_quote "$mid" ak.tpmt) --nonce "$(cat "$mid/nonce.hex")" "${list%_sha256}_$bank"
  check_says "  with PCR 11, which it lacks" "^93 of 135 records proven, 42 after the match$" \
    verify $(captured_quote "$mid" ak.tpmt) --nonce "$(cat "$mid/nonce.hex")" --pcrs "$work/pcr11" "${list%_sha256}_$bank"
done
# shellcheck disable=SC2046
{
  check_says "without a nonce it says so" "^nonce +not checked" verify $(captured_quote "$mid") --pcrs "$work/pcr11" "$list"
  check_refused "another nonce" 1 "$mid/quote.msg: the nonce differs" verify $(captured_quote "$mid") --nonce 00 "$list"
  check_refused "an empty nonce" 1 "the nonce differs" verify $(captured_quote "$mid") --nonce "" "$list"
  check_refused "a nonce that is no hex" 2 "nonce.*hex" verify $(captured_quote "$mid") --nonce xy "$list"
  for name in staging/quote-final flush/quote-final kexec/quote-second; do
    log=${name%/*}
    case $log in
      staging) files=("$captures/staging/1-staged/binary_runtime_measurements_sha1_staged") ;;
      flush) files=("$captures"/flush/[123]-staged/binary_runtime_measurements_sha1_staged "$captures/flush/4-final/binary_runtime_measurements_sha1") ;;
      kexec) files=("$captures/kexec/first-deleted-1/binary_runtime_measurements_sha1_staged" "$captures/kexec/second/binary_runtime_measurements_sha1") ;;
    esac
    check_refused "$name, taken after its list, matches no prefix" 1 "the log ends before what the quote covers" \
      verify $(captured_quote "$captures/$name") "${files[@]}"
    check_equal "  its signature and nonce are good" good "$(verify --json $(captured_quote "$captures/$name") \
      --nonce "$(cat "$captures/$name/nonce.hex")" "${files[@]}" 2>/dev/null |
      python3 -c 'import json, sys; q = json.load(sys.stdin)["quote"]; print(q["signature"] if q["nonce_checked"] else "")')"
  done
}

# ---- bad input -----------------------------------------------------------------------------------------------------

with() { verify --quote "${quote:-$mid/quote.msg}" --signature "${signature:-$mid/quote.sig}" --key "${key:-$mid/ak.pem}" "$list"; }
flip() { # flip FILE BYTE TO: a copy with the lowest bit of that byte changed
  cp "$1" "$3"
  printf "%b" "\\x$(printf %02x $(($(od -An -tu1 -j "$2" -N1 "$1") ^ 1)))" | dd of="$3" bs=1 seek="$2" conv=notrunc status=none
}
check_refused "a quote without its signature" 2 "signature" verify --quote "$mid/quote.msg" --key "$mid/ak.pem" "$list"
check_refused "a quote without its key" 2 "key" verify --quote "$mid/quote.msg" --signature "$mid/quote.sig" "$list"
check_refused "a key without a quote" 2 "quote" verify --key "$mid/ak.pem" "$list"
check_refused "a nonce without a quote" 2 "quote" verify --nonce 00 "$list"
quote=$work/none check_refused "a quote that is missing" 3 "$work/none" with
quote="" check_refused "a quote with an empty name" 2 "--quote: the value is empty" verify --quote "" --signature "$mid/quote.sig" --key "$mid/ak.pem" "$list"
head -c 100 "$mid/quote.msg" >"$work/bad-cut"
quote=$work/bad-cut check_refused "a quote cut short" 1 "$work/bad-cut: quote .*cut short" with
cat "$mid/quote.msg" <(echo) >"$work/bad-trailing"
quote=$work/bad-trailing check_refused "a quote with one byte more" 1 "1 bytes after the quote" with
flip "$mid/quote.msg" 0 "$work/bad-magic"
quote=$work/bad-magic check_refused "a quote without the TPM's magic" 1 "not made by a TPM" with
flip "$mid/quote.msg" 5 "$work/bad-type"
quote=$work/bad-type check_refused "another kind of statement" 1 "not a quote but a certified time" with
flip "$mid/quote.msg" 110 "$work/bad-digest"
quote=$work/bad-digest check_refused "a quote with another digest" 1 "$work/bad-digest: the signature is not by this key, or the quote was altered" with
quote=$captures/kexec/quote-second/quote.msg check_refused "the quote of another signature" 1 "not by this key" with
key=$captures/kexec/quote-second/ak.pem check_refused "the key of another TPM" 1 "not by this key" with
key=$testdata/keys/rsa.crt.pem check_refused "a key of another kind" 1 "ecdsa, which a key of the kind RSA 2048" with
key=$list check_refused "a key that is none" 1 "$list: " with
signature=$mid/quote.msg check_refused "a signature that is none" 1 "$mid/quote.msg: .*0xff54" with
flip "$mid/quote.sig" 20 "$work/bad-signature"
signature=$work/bad-signature check_refused "an altered signature" 1 "not by this key" with

# ---- a TPM ---------------------------------------------------------------------------------------------------------

tpm=
stop_tpm() { [[ -z $tpm ]] || { kill "$tpm" && wait "$tpm"; tpm=; } 2>/dev/null; }
trap 'end_list; stop_tpm; rm -rf "$work"' EXIT
mkdir "$work/tpm"
start_tpm() {
  local port
  for _ in $(seq 20); do
    port=$((20000 + RANDOM % 20000))
    swtpm socket --tpm2 --tpmstate dir="$work/tpm" --server type=tcp,port=$port,bindaddr=127.0.0.1 \
      --ctrl type=tcp,port=$((port + 1)),bindaddr=127.0.0.1 --flags not-need-init,startup-clear >"$work/tpm.log" 2>&1 &
    tpm=$!
    export TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=$port
    for _ in $(seq 50); do
      kill -0 "$tpm" 2>/dev/null || break
      tpm2_getcap properties-fixed >/dev/null 2>&1 && return
      sleep 0.1
    done
    stop_tpm
  done
  echo "no software TPM: $(cat "$work/tpm.log")"
  exit 1
}
start_tpm

# The real list's digests in three banks, as that kernel extended them; a violation's zeros are 0xff then.
real=$captures/kexec/first-deleted-1
digests() { awk '{ print $2 }' "$real/ascii_runtime_measurements_${1}_staged" | awk '/[^0]/ { print; next } { gsub(0, "f"); print }'; }
mapfile -t sha1 < <(digests sha1)
mapfile -t sha256 < <(digests sha256)
mapfile -t sha384 < <(digests sha384)
extended=0
extend_to() {
  for (( ; extended < $1; extended++)); do
    tpm2_pcrextend "10:sha1=${sha1[extended]},sha256=${sha256[extended]},sha384=${sha384[extended]}" || return 1
  done
}
for pcr in 0 1 2 3 4 5 6 7; do
  tpm2_pcrextend "$pcr:sha256=$(printf '%064d' "$pcr")"
done
check_equal "the list has the records that it had" 54 "${#sha256[@]}"
check "30 of them are extended" extend_to 30

tpm2_createek -Q -c "$work/ek" -G rsa -u "$work/ek.pub"
tpm2_flushcontext -t
# quote_with NAME SELECTION [OPTION...]: $work/NAME.msg and .sig.
quote_with() {
  local name=$1 selection=$2
  shift 2
  tpm2_quote -Q -c "$work/$name.ctx" -l "$selection" -q 00c0ffee -m "$work/$name.msg" -s "$work/$name.sig" "$@" || return 1
  tpm2_flushcontext -t
}
# quoted_by NAME [FORM]: the options that name them.
quoted_by() { echo --quote "$work/$1.msg" --signature "$work/$1.sig" --key "$work/$1.${2:-pem}"; }
firmware=sha256:0,1,2,3,4,5,6,7,10+sha1:10+sha384:10
tpm2_pcrread "$firmware" | awk '/^ *sha/ { sub(":", "", $1); bank = $1; next }
  { sub(":", " "); sub("0x", ""); print bank, $1, $2 }' >"$work/pcrs"
grep -v ' 10 ' "$work/pcrs" >"$work/firmware-pcrs"
check_equal "PCRs of the firmware" 8 "$(wc -l <"$work/firmware-pcrs")"
measured=$real/binary_runtime_measurements_sha256_staged

check "make RSASSA" make_key rsassa -G rsa -g sha256 -s rsassa
check "make RSAPSS" make_key rsapss -G rsa -g sha256 -s rsapss
check "make P-256" make_key p256 -G ecc -g sha256 -s ecdsa
check "make P-384" make_key p384 -G ecc384 -g sha384 -s ecdsa
# shellcheck disable=SC2046
for name in rsassa rsapss p256 p384; do
  options=()
  [[ $name == p384 ]] && options=(-g sha384)
  [[ $name == rsapss ]] && options=(--scheme=rsapss)
  check "$name: quote" quote_with $name sha1:10+sha256:10+sha384:10 "${options[@]}"
  for form in pem pub tpmt; do
    check_says "$name, key as $form" "^30 of 54 records proven, 24 after the match$" \
      verify $(quoted_by $name $form) --nonce 00c0ffee "$measured"
  done
  check_refused "$name: another nonce" 1 "the nonce differs" verify $(quoted_by $name) --nonce 00c0ffef "$measured"
  flip "$work/$name.msg" $(($(stat -c %s "$work/$name.msg") - 1)) "$work/$name.altered"
  check_refused "$name: altered" 1 "not by this key" \
    verify --quote "$work/$name.altered" --signature "$work/$name.sig" --key "$work/$name.pem" "$measured"

  check "$name: quote with the firmware's PCRs" quote_with $name $firmware "${options[@]}"
  check_refused "$name: their values are needed" 2 "sha256:0, sha256:1, .*sha256:7; give their values with --pcrs" \
    verify $(quoted_by $name) "$measured"
  check_says "$name: with their values" "^30 of 54 records proven, 24 after the match$" \
    verify $(quoted_by $name) --pcrs "$work/firmware-pcrs" "$measured"
  check_says "$name: with all values" "^sha384 +PCR 10 matches after record 30$" \
    verify $(quoted_by $name) --pcrs "$work/pcrs" "$measured"
  sed 's/^sha256 3 ./sha256 3 f/' "$work/firmware-pcrs" >"$work/bad-pcrs"
  check_refused "$name: with a wrong one" 1 "unless a PCR value given is not the one quoted" \
    verify $(quoted_by $name) --pcrs "$work/bad-pcrs" "$measured"
done
check_refused "a signature by another key of the same TPM" 1 "not by this key" \
  verify --quote "$work/rsapss.msg" --signature "$work/rsapss.sig" --key "$work/rsassa.pem" "$measured"

# ---- more is measured, and the log is tampered with -----------------------------------------------------------------

check "the rest is extended" extend_to 54
check "p256: quote" quote_with p256 sha1:10+sha256:10
# shellcheck disable=SC2046
{
  check_says "all is proven" "^54 of 54 records proven, 0 after the match$" verify $(quoted_by p256 pub) "$measured"
  cp "$measured" "$work/bad-data"
  printf '\x7e' | dd of="$work/bad-data" bs=1 seek=100 conv=notrunc status=none
  check_refused "a record whose data was altered" 1 "$work/bad-data: the sha256 template digest does not match.*record 0, byte offset 0" \
    verify $(quoted_by p256) "$work/bad-data"
  check "quote over the list's bank alone" quote_with p256 sha256:10
  check_refused "the data is told from the digest" 1 "the PCRs match the digest, so the data was altered" \
    verify $(quoted_by p256) "$work/bad-data"
  flip "$measured" 4 "$work/bad-digest"
  check_refused "and the digest from the data" 1 "the PCRs match the data, so the digest was altered" \
    verify $(quoted_by p256) "$work/bad-digest"
  head -c $(($(stat -c %s "$measured") - 3)) "$measured" >"$work/bad-cut-list"
  check_refused "a list cut short" 1 "nothing is proven.*record 53" verify $(quoted_by p256) "$work/bad-cut-list"
  first=$(python3 -c 'import sys
data = open(sys.argv[1], "rb").read()
body = 40 + int.from_bytes(data[36:40], "little")
print(body + 4 + int.from_bytes(data[body:body + 4], "little"))' "$measured")
  tail -c +$((first + 1)) "$measured" >"$work/bad-head"
  check_refused "a list from its second record on" 1 "does not begin with boot_aggregate, so records at its head are missing" \
    verify $(quoted_by p256) "$work/bad-head"
  cat <(head -c "$first" "$measured") "$measured" >"$work/bad-repeat"
  check_refused "a list with a record twice" 1 "it repeats a record before it .record 1, byte offset $first" \
    verify $(quoted_by p256) "$work/bad-repeat"
  tpm2_pcrextend 10:sha256="${sha256[0]}"
  check "quote after a foreign extend" quote_with p256 sha256:10
  check_refused "a PCR that something else extended" 1 "matches no prefix" verify $(quoted_by p256) "$measured"
}

finish
