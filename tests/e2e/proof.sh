#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# proof.sh IMAKEEP TESTDATA - what `imakeep verify` calls proven: records of PCRs whose own values match, and no others;
# nothing by an empty proof; and nothing by the word of an archive. docs/security.md names these checks.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
imakeep=$1
cases=$2/cases
captures=$2/linux-7.3.4
swtpm=
begin_checks
trap 'end_swtpm; rm -rf "$work"' EXIT
for tool in swtpm tpm2_pcrextend openssl sqlite3 python3; do
  command -v $tool >/dev/null || { echo "skipped: needs $tool"; exit 77; }
done

verify() { "$imakeep" verify "$@"; }
lists() { python3 "$(dirname "$0")/proof_lists.py" "$work/$1" "${@:2}"; }

# ---- a PCR proves its own records ----------------------------------------------------------------------------------

other=$cases/other-pcr
quoted() { echo --quote "$other/$1.msg" --signature "$other/$1.sig" --key "$other/ak.pem" --nonce abcd; }
# shellcheck disable=SC2046  # the options are words
{
  check_proof "a quote of PCR 11 proves no record of PCR 10" 1 "^1 of 4 records proven, 0 after the match, 3 unproven$" \
    verify $(quoted m11) "$other/made-up-list.bin"
  check_refused "  and names what is unproven" 1 "3 records of PCR 10, of which no value was given or quoted" \
    verify $(quoted m11) "$other/made-up-list.bin"
  check_proof "a quote of PCR 10 proves no record of PCR 12" 1 "^PCR 12    0 of 1 records proven, 0 after the match, 1 unproven" \
    verify $(quoted m10) "$other/real-plus-madeup12.bin"
  check_equal "  in JSON" "[362, 1, 10, 12]" "$(json_of \
    '[result["proven"], result["unproven"]] + [pcr["pcr"] for pcr in result["pcrs_of_log"]]' \
    verify --json $(quoted m10) "$other/real-plus-madeup12.bin")"
}
check_proof "a value of PCR 11 proves no record of PCR 10" 1 "^1 of 19 records proven, 0 after the match, 18 unproven$" \
  verify --pcrs "$other/pcr-file.pcrs" "$other/pcr-file.bin"

lists two 10:boot_aggregate 10:/a 11:/b 10:/c 11:/d
two=$work/two
check_proof "values of both PCRs prove all" 0 "^5 of 5 records proven, 0 after the match$" verify --pcrs "$two/pcrs" "$two/list"
check_equal "  each in every bank" "[[10, 3, 4], [11, 2, 4]]" "$(json_of \
  '[[pcr["pcr"], pcr["proven"], len(pcr["banks"])] for pcr in result["pcrs_of_log"]]' \
  verify --json --pcrs "$two/pcrs" "$two/list")"
lists invented 10:boot_aggregate 10:/a 11:/b 10:/c 11:/d 12:/invented 10:/e
check_proof "a record of a PCR that was not given is named" 1 "1 record of PCR 12, of which no value" \
  verify --pcrs <(grep -v ' 12 ' "$work/invented/pcrs") "$work/invented/list"
{ grep -v ' 12 ' "$work/invented/pcrs"; echo "sha256 12 $(printf '%064d' 0)"; } >"$work/zero-12"
check_proof "nor does the zero of a PCR prove its record" 1 "record 5 of those read .PCR 12. is not proven, though records after it" \
  verify --pcrs "$work/zero-12" "$work/invented/list"

# ---- lag -----------------------------------------------------------------------------------------------------------

lists longer 10:boot_aggregate 10:/a 11:/b 10:/c 11:/d 10:/e 11:/f
check_proof "records after the match are no failure" 0 "^5 of 7 records proven, 2 after the match$" \
  verify --pcrs "$two/pcrs" "$work/longer/list"

# ---- banks ---------------------------------------------------------------------------------------------------------

grep 'sha1 ' "$two/pcrs" >"$work/sha1"
check_proof "sha1 alone is weak" 0 "proven by sha1 alone, which is weak" verify --pcrs "$work/sha1" "$two/list"
check_equal "  in JSON" "[True, True]" "$(json_of '[pcr["weak"] for pcr in result["pcrs_of_log"]]' \
  verify --json --pcrs "$work/sha1" "$two/list")"
check_equal "  and with sha256 it is not" "[False, False]" "$(json_of '[pcr["weak"] for pcr in result["pcrs_of_log"]]' \
  verify --json --pcrs "$two/pcrs" "$two/list")"
sed "s/^sha256 11 .*/sha256 11 $(printf '%064d' 5)/" "$two/pcrs" >"$work/bad-bank"
check_proof "sha1 does not count where sha256 does not match" 1 "^3 of 5 records proven, 0 after the match, 2 unproven$" \
  verify --pcrs "$work/bad-bank" "$two/list"
{ grep 'sha1 ' "$work/longer/pcrs"; grep 'sha256 ' "$two/pcrs"; } >"$work/two-prefixes"
check_proof "what is proven is what every bank covers" 0 "^5 of 7 records proven, 2 after the match$" \
  verify --pcrs "$work/two-prefixes" "$work/longer/list"

# ---- PCRs that no record names -------------------------------------------------------------------------------------

dump=$cases/pcr-dump
check_proof "a dump with PCRs 0 to 7 proves what PCR 10 proves" 0 "^58 of 58 records proven, 0 after the match$" \
  verify --pcrs "$dump/all.pcrs" "$dump/list.bin"
check_proof "  and names the others" 0 "^sha256 +PCR 7 +not in the log" verify --pcrs "$dump/all.pcrs" "$dump/list.bin"
check_equal "  in JSON" 8 "$(json_of 'sum(not pcr["in_log"] for pcr in result["pcrs"])' \
  verify --json --pcrs "$dump/all.pcrs" "$dump/list.bin")"
check_proof "they alone prove nothing" 1 "no record is proven: 58 records of PCR 10" \
  verify --pcrs <(grep -v ' 10 ' "$dump/all.pcrs") "$dump/list.bin"

# ---- boot_aggregate ------------------------------------------------------------------------------------------------

cat "$two/firmware" "$two/pcrs" >"$work/with-firmware"
check_proof "boot_aggregate matches PCRs 0 to 9" 0 "^boot_aggregate matches PCRs 0 to 9 of sha256$" \
  verify --pcrs "$work/with-firmware" "$two/list"
check_equal "  in JSON" "True" "$(json_of 'result["boot_aggregate"]["matches"]' verify --json --pcrs "$work/with-firmware" "$two/list")"
sed "s/^sha256 9 .*/sha256 9 $(printf '%064d' 9)/" "$work/with-firmware" >"$work/other-kernel"
check_proof "another kernel's does not" 1 "boot_aggregate does not match PCRs 0 to 9 of sha256" \
  verify --pcrs "$work/other-kernel" "$two/list"
check_proof "without PCR 9 it is not compared" 0 "^boot_aggregate not checked" \
  verify --pcrs <(grep -v '^sha256 9 ' "$work/with-firmware") "$two/list"

# ---- an empty proof is none ----------------------------------------------------------------------------------------

: >"$work/empty"
echo "sha256 10 $(printf '%064d' 0)" >"$work/zero"
check_proof "an empty list" 1 "nothing is proven: the log has no records" verify --pcrs "$work/zero" --bank sha256 "$work/empty"
lists one 10:/a 10:/b
check_proof "PCRs as they were before the first record" 1 "no record is proven" verify --pcrs "$work/zero" "$work/one/list"
check_proof "a PCR that no record extends, at zero" 1 "no record is proven" \
  verify --pcrs <(echo "sha256 16 $(printf '%064d' 0)") "$work/one/list"
check_refused "a file without PCR values" 1 "no PCR values" verify --pcrs "$work/empty" "$work/one/list"

# A quote that selects no PCR is one that a TPM may sign.
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/key" 2>/dev/null
openssl pkey -in "$work/key" -pubout -out "$work/key.pem"
# sign_quote NAME SELECTION_HEX DIGEST_HEX: signs a TPMS_ATTEST with that TPML_PCR_SELECTION and PCR digest.
sign_quote() {
  python3 -c 'import sys
name, selection, digest = sys.argv[1:]
digest = bytes.fromhex(digest)
body = bytes.fromhex("ff54434780180000" + "0000" + "00" * 17 + "00" * 8 + selection)
open(name + ".msg", "wb").write(body + len(digest).to_bytes(2, "big") + digest)' "$work/$1" "$2" "$3"
  openssl dgst -sha256 -sign "$work/key" -out "$work/$1.raw" "$work/$1.msg"
  { printf '\x00\x14\x00\x0b\x01\x00'; cat "$work/$1.raw"; } >"$work/$1.sig"
}
by_key() { verify --quote "$work/$1.msg" --signature "$work/$1.sig" --key "$work/key.pem" "${@:2}"; }
sha256_of() { xxd -r -p | sha256sum | cut -d' ' -f1; }
pcr_of() { awk -v bank="$2" -v pcr="$3" '$1 == bank && $2 == pcr { print $3 }' "$work/$1/pcrs"; }
sign_quote none 00000000 "$(printf '' | sha256_of)"
check_refused "a quote that selects no PCR" 1 "the quote covers no PCR that records of the log name" by_key none "$work/one/list"
sign_quote empty 00000001000b03000000 "$(printf '' | sha256_of)"
check_refused "a quote that selects no PCR of a bank" 1 "the quote covers no PCR that records of the log name" by_key empty "$work/one/list"
sign_quote ten 00000001000b03000400 "$(pcr_of one sha256 10 | sha256_of)"
check_proof "the same with PCR 10 proves the list" 0 "^2 of 2 records proven, 0 after the match$" by_key ten "$work/one/list"
sign_quote zero 00000001000b03000400 "$(printf '%064d' 0 | sha256_of)"
check_proof "a quote of PCR 10 at zero and an empty list" 1 "nothing is proven" by_key zero --bank sha256 "$work/empty"
sign_quote weak 00000001000403000400 "$(pcr_of one sha1 10 | sha256_of)"
check_proof "a quote of sha1 alone is weak" 0 "proven by sha1 alone, which is weak" by_key weak "$work/one/list"

# ---- a TPM ---------------------------------------------------------------------------------------------------------

lists unbooted 10:/a 11:/b 10:/c
# shellcheck disable=SC2119  # its flags are not those of this script
start_swtpm
export TPM2TOOLS_TCTI=$tcti
while read -r extend; do tpm2_pcrextend "$extend" || break; done <"$work/unbooted/extends"
check_proof "--tpm reads every PCR that records name" 0 "^sha512 +PCR 11 matches after record 2$" verify "$work/unbooted/list" --tpm "$tcti"
check_proof "  and they prove the list" 0 "^3 of 3 records proven, 0 after the match$" verify "$work/unbooted/list" --tpm "$tcti"
lists forged 10:/a 11:/b 12:/invented 10:/c
check_proof "an invented record of PCR 12 does not pass" 1 "record 2 of those read .PCR 12. is not proven" verify "$work/forged/list" --tpm "$tcti"

mkdir -p "$work/tpm0/pcr-sha256"
grep '^sha256 10 ' "$work/unbooted/pcrs" | cut -d' ' -f3 | tr a-f A-F >"$work/tpm0/pcr-sha256/10"
check_proof "a PCR that cannot be read is named" 1 "1 record of PCR 11, of which no value" verify "$work/unbooted/list" --tpm "$work/tpm0"
check_refused "  and why" 1 "PCR 11: .*pcr-sha256/11" verify "$work/unbooted/list" --tpm "$work/tpm0"

# ---- an archive is no evidence -------------------------------------------------------------------------------------

binary=binary_runtime_measurements
kexec=("$captures/kexec/first-deleted-1/${binary}_sha1_staged" "$captures/kexec/second/${binary}_sha1")
pcrs=$captures/kexec/second/pcr10.txt
log() { "$imakeep" log "$@"; }
log import --archive "$work/whole" --pcrs "$pcrs" "${kexec[@]}" >/dev/null
check_proof "a whole archive is proven from zero" 0 "^202 of 202 records proven, 0 after the match$" verify --archive "$work/whole" --pcrs "$pcrs"

cp "$work/whole" "$work/retired"
log retire --archive "$work/retired" --keep-bytes 0 --unacknowledged >/dev/null
check_proof "what an archive says of retired records proves nothing" 1 "^0 of 148 records proven, 0 after the match, 148 unproven$" \
  verify --archive "$work/retired" --pcrs "$pcrs"
check_proof "  and it names them" 1 "^records \[0, 54\) not proven: retired$" verify --archive "$work/retired" --pcrs "$pcrs"
log --archive "$work/whole" --format binary --to 54 >"$work/first-54"
verify "$work/first-54" >"$work/start"
check_proof "with the state before it, what is kept is proven" 0 "^148 of 148 records proven, 0 after the match$" \
  verify --archive "$work/retired" --start "$work/start" --pcrs "$pcrs"
check_proof "  and what was retired is named" 0 "^records \[0, 54\) not proven: retired; not checked, because they lie before --start$" \
  verify --archive "$work/retired" --start "$work/start" --pcrs "$pcrs"
check_equal "  in JSON" "0 54" "$(json_of 'result["unproven_ranges"][0]["begin"], result["unproven_ranges"][0]["end"]' \
  verify --json --archive "$work/retired" --start "$work/start" --pcrs "$pcrs" | tr -d '(),')"
sed "s/^sha256 10 .*/sha256 10 $(printf '%064d' 5)/" "$work/start" >"$work/bad-start"
check_proof "another state does not prove it" 1 "the PCRs match no prefix" \
  verify --archive "$work/retired" --start "$work/bad-start" --pcrs "$pcrs"
check_refused "a start without a bank that is compared" 2 "no value of bank sha512" \
  verify --archive "$work/retired" --start <(grep -v sha512 "$work/start") --pcrs "$pcrs"
log --archive "$work/whole" --format binary --from 54 >"$work/rest"
check_proof "a list is proven from its start too" 0 "^148 of 148 records proven, 0 after the match$" \
  verify --start "$work/start" --pcrs "$pcrs" "$work/rest"

# An attacker leaves a record out and writes an anchor with the true PCRs.
log --archive "$work/whole" --format binary --to 100 >"$work/clean"
log --archive "$work/whole" --format binary --from 101 >>"$work/clean"
log import --archive "$work/anchored" --no-repeats "$work/clean" >/dev/null
# put_anchor ARCHIVE: at its end. Only a keeper puts one, so the chain is then one of its own.
put_anchor() {
  sqlite3 "$1" "ATTACH '$work/whole' AS whole; INSERT INTO anchor SELECT mine.chain, mine.\"end\", mine.\"end\", 'extend', 0, true.end_pcrs, mine.end_pcrs, 0
    FROM chain AS mine, whole.chain AS true; UPDATE chain SET end_pcrs = (SELECT end_pcrs FROM whole.chain);
    UPDATE main.origin SET origin = 'list';" &&
    "$(dirname "$0")/../support/reseal.py" "$1"
}
check "an anchor is forged" put_anchor "$work/anchored"
check_proof "an anchor's word proves nothing" 1 "^0 of [0-9]+ records proven, 0 after the match" verify --archive "$work/anchored" --pcrs "$pcrs"
check_proof "  and it is named" 1 "not proven: only the anchor at record [0-9]+ tells the PCR values .extend.$" verify --archive "$work/anchored" --pcrs "$pcrs"
check_proof "  without PCRs as well" 1 "only the archive's anchor tells the PCR values" verify --archive "$work/anchored"
cp "$work/whole" "$work/whole-anchored"
check "an anchor in a whole archive" put_anchor "$work/whole-anchored"
check_proof "leaves its end unproven too" 1 "only the archive's anchor tells the PCR values" verify --archive "$work/whole-anchored" --pcrs "$pcrs"
check_proof "log --check names anchors" 0 "anchor at record [0-9]+.*extend" log --archive "$work/anchored" --check
check_equal "  in JSON" "1 extend" "$(json_of 'len(result["anchors"]), result["anchors"][0]["why"]' log --archive "$work/anchored" --check --json | tr -d "(),'")"
check_proof "  and says that it proves nothing" 0 "no PCR was compared" log --archive "$work/whole" --check
check_proof "status names anchors" 1 "^anchors +1: .*record [0-9]+.*extend" "$imakeep" status --archive "$work/anchored"
check_equal "  in JSON" "1 extend" "$(json_of 'len(result["chain"]["anchors"]), result["chain"]["anchors"][0]["why"]' "$imakeep" status --archive "$work/anchored" --json | tr -d "(),'")"

finish_checks
