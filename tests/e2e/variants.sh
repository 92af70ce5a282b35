#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.sh IMAKEEP TESTDATA - lists and PCRs of other kernels: banks extended in every way that a kernel does, PCRs
# that did not start at zero, a kernel that measured without the TPM, RTMRs, and lists of the other byte order.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
cases=$2/cases
for tool in swtpm tpm2_pcrextend python3 xxd; do
  command -v $tool >/dev/null || { echo "skipped: needs $tool"; exit 77; }
done

verify() { "$imakeep" verify "$@"; }
pcrs() { "$imakeep" list pcrs --control "$sock"; }

# made_list NAME SERVE-OPTION...: serves a list, adds files and violations, and saves list and PCRs.
made_list() {
  local name=$1
  shift
  start_list "$@"
  printf 'a' >"$work/a"
  printf 'b' >"$work/b"
  "$imakeep" list add --control "$sock" "$work/a" >/dev/null
  "$imakeep" list add --control "$sock" --violation "$work/a" >/dev/null
  "$imakeep" list add --control "$sock" "$work/b" >/dev/null
  pcrs >"$work/$name.pcrs"
  cat "$mount/binary_runtime_measurements" >"$work/$name.list"
  cat "$mount/ascii_runtime_measurements" >"$work/$name.ascii"
  end_list
}

# ---- a real vTPM under Linux 5.4 -----------------------------------------------------------------------------------

gce=$cases/padded-sha1-gce
gce_quote() {
  verify --quote "$gce/$1.msg" --signature "$gce/$1.sig" --key "$gce/ak.tpmt" --nonce 9009 --pcrs "$gce/$1.pcrs" \
    "${@:2}" "$gce/list.bin"
}
check_proof "values of a kernel before 5.8 match" 0 "^sha384 +PCR 10 matches after record 1: padded sha1, as Linux" \
  verify --pcrs "$gce/pcr10.pcrs" "$gce/list.bin"
check_equal "  and prove as much as sha1" "[1, True]" "$(json_of \
  '[result["proven"], result["pcrs_of_log"][0]["weak"]]' verify --json --pcrs "$gce/pcr10.pcrs" "$gce/list.bin")"
for bank in sha1 sha256 sha384; do
  check_proof "its quote of $bank proves the list" 0 "proven by sha1 alone, which is weak" gce_quote $bank
done
check_proof "  and says how the bank was extended" 0 "^quote .* matches after record 1; sha256: padded sha1" gce_quote sha256
check_equal "  in JSON" "{'sha384': 'padded-short'}" "$(json_of 'result["quote"]["extended_as"]' gce_quote sha384 --json)"

# ---- every way of extending a bank ---------------------------------------------------------------------------------

made_list native --banks sha1,sha256,sha384
check_proof "banks extended by their own hash" 0 "^sha384 +PCR 10 matches after record 3$" \
  verify --pcrs "$work/native.pcrs" "$work/native.list"
made_list old --banks sha1,sha256,sha384 --extend sha256=padded-short --extend sha384=padded-short
check_proof "a kernel before 5.8" 0 "^sha256 +PCR 10 matches after record 3: padded sha1, as Linux before 5.8 does$" \
  verify --pcrs "$work/old.pcrs" "$work/old.list"
made_list lacking --banks sha1,sha256,sha384 --extend sha384=padded
check_proof "a kernel without sha384" 0 "^sha384 +PCR 10 matches after record 3: padded sha1, as Linux without that hash does$" \
  verify --pcrs "$work/lacking.pcrs" "$work/lacking.list"
check_equal "  whose sha256 is not weak" "[3, False]" "$(json_of \
  '[result["proven"], result["pcrs_of_log"][0]["weak"]]' verify --json --pcrs "$work/lacking.pcrs" "$work/lacking.list")"
grep sha384 "$work/lacking.pcrs" >"$work/lacking-alone"
check_proof "  while sha384 alone is" 0 "proven by sha1 alone, which is weak" \
  verify --pcrs "$work/lacking-alone" "$work/lacking.list"
made_list unnamed --banks sha1,tpm_alg_27
check_proof "a bank that Linux cannot name" 0 "^tpm_alg_27 PCR 10 matches after record 3: padded sha1, as Linux does in a bank" \
  verify --pcrs "$work/unnamed.pcrs" "$work/unnamed.list"
made_list invalid --banks sha1,sha256,sha384 --extend sha384=invalidated
check_proof "an invalidated bank says nothing" 0 "^sha384 +PCR 10 invalidated by a kernel without that hash" \
  verify --pcrs "$work/invalid.pcrs" "$work/invalid.list"
grep sha384 "$work/invalid.pcrs" >"$work/invalid-alone"
check_proof "  and alone proves nothing" 1 "no record is proven: .* but of sha384, which the kernel invalidated" \
  verify --pcrs "$work/invalid-alone" "$work/invalid.list"
sed "s/^sha256 10 .*/sha256 10 $(printf '%064d' 5)/" "$work/old.pcrs" >"$work/wrong"
check_proof "a value of no kernel proves nothing" 1 "it matches .*sha384:10 but not sha256:10|nothing is proven|match no prefix" \
  verify --pcrs "$work/wrong" "$work/old.list"
"$imakeep" log import --archive "$work/old.archive" "$work/old.list" >/dev/null
check_proof "an archive is proven the same way" 0 "^sha256 +PCR 10 matches after record 3: padded sha1" \
  verify --archive "$work/old.archive" --pcrs "$work/old.pcrs"
check_refused "a way that no kernel has" 2 "no kernel extends sha1 as 'padded'" \
  "$imakeep" list serve --mount "$mount" --control "$sock" --extend sha1=padded
check_refused "a bank that the list does not extend" 2 "the list extends no such bank" \
  "$imakeep" list serve --mount "$mount" --control "$sock" --banks sha1 --extend sha384=padded

# ---- the keeper -----------------------------------------------------------------------------------------------------

keep_in() { "$imakeep" keep --ima-dir "$mount" --pcrs "memory:$sock" --archive "$work/$1" --once "${@:2}"; }
keep() { keep_in kept; }
start_list --banks sha1,sha256,sha384 --extend sha256=padded-short --extend sha384=invalidated
"$imakeep" list add --control "$sock" "$work/a" "$work/b" >/dev/null
"$imakeep" list add --control "$sock" --violation "$work/a" >/dev/null
for form in ascii binary; do cat "$mount/${form}_runtime_measurements_sha256" >"$work/kept.$form"; done
check "keep finds out how the kernel extends its banks" keep
for form in ascii binary; do
  check "  and log shows the digests of the kernel's $form file" \
    cmp "$work/kept.$form" <("$imakeep" log --archive "$work/kept" --bank sha256 --format $form)
done
check_equal "  and the chain says it" "['sha1', 'sha256:padded-short']" \
  "$(json_of 'result["chain"]["banks"]' "$imakeep" status --archive "$work/kept" --json)"
check_proof "  and its records are proven" 0 "^proven +records before 3," "$imakeep" status --archive "$work/kept"
check_proof "  and trimmed" 0 "^trimmed +[1-3] records" "$imakeep" status --archive "$work/kept"
"$imakeep" list add --control "$sock" --violation "$work/a" "$work/b" >/dev/null
check "  and so it does of a list that was trimmed" keep
check_proof "  whose records are proven too" 0 "^proven +records before 5," "$imakeep" status --archive "$work/kept"
check_proof "  and verify proves what was archived" 0 "^5 of 5 records proven, 0 after the match$" \
  verify --archive "$work/kept" --pcrs <(pcrs)
end_list

# A kernel may have files of no sha1.
start_list --banks sha1,sha256
"$imakeep" list add --control "$sock" "$work/a" "$work/b" >/dev/null
mkdir "$work/without-sha1"
ln -s "$mount"/*_sha256 "$mount/runtime_measurements_count" "$mount/violations" "$work/without-sha1"
check "keep takes a directory without files of sha1" \
  "$imakeep" keep --ima-dir "$work/without-sha1" --pcrs "memory:$sock" --archive "$work/sha256-only" --once
check_equal "  in the other bank" "['sha256']" \
  "$(json_of 'result["chain"]["banks"]' "$imakeep" status --archive "$work/sha256-only" --json)"
check_proof "  and trims it" 0 "^trimmed +[1-3] records" "$imakeep" status --archive "$work/sha256-only"
end_list

# ---- PCRs that did not start at zero -------------------------------------------------------------------------------

for bank in sha1:40 sha256:64 sha384:96; do
  printf "%s 10 %0${bank#*:}d\n" "${bank%:*}" 7
done >"$work/start"
made_list started --banks sha1,sha256,sha384 --start-pcrs "$work/start" --extend sha384=padded
check_proof "a start other than zero is proven with --start" 0 "^3 of 3 records proven, 0 after the match" \
  verify --start "$work/start" --pcrs "$work/started.pcrs" "$work/started.list"
check_proof "  and in a bank that is extended in another way" 0 "^sha384 +PCR 10 matches after record 3: padded sha1" \
  verify --start "$work/start" --pcrs "$work/started.pcrs" "$work/started.list"
check_proof "  and not without" 1 "match no prefix" verify --pcrs "$work/started.pcrs" "$work/started.list"

# booted_list NAME SERVE-OPTION...: the same with a list that begins with boot_aggregate.
booted_list() {
  start_list "${@:2}"
  "$imakeep" list load --control "$sock" "$work/booted.in" >/dev/null
  pcrs >"$work/$1.pcrs"
  cat "$mount/binary_runtime_measurements" >"$work/$1.list"
  end_list
}
cp "$gce/list.bin" "$work/booted.in"
booted_list booted --banks sha1,sha256,sha384 --start-pcrs "$work/start"
check_proof "a log from the boot on that matches nowhere asks for the start" 1 "give their values from before the first record with --start FILE" \
  verify --pcrs "$work/booted.pcrs" "$work/booted.list"
check_equal "  in JSON" "start may not be zero" "$(json_of 'result["diagnosis"]' verify --json --pcrs "$work/booted.pcrs" "$work/booted.list")"
sed 's/ 10 .*/ 10 /' "$work/booted.pcrs" | while read -r bank pcr; do
  case $bank in sha1) bytes=40 ;; sha256) bytes=64 ;; *) bytes=96 ;; esac
  printf "%s %s %0${bytes}d\n" "$bank" "$pcr" 0
done >"$work/zero"
check_proof "a zero PCR is a kernel that measured without the TPM" 1 "the kernel measured without this TPM" \
  verify --pcrs "$work/zero" "$work/booted.list"
check_equal "  in JSON" "measured without TPM" "$(json_of 'result["diagnosis"]' verify --json --pcrs "$work/zero" "$work/booted.list")"

start_list --banks sha1,sha256,sha384 --start-pcrs "$work/start"
"$imakeep" list load --control "$sock" "$work/booted.in" >/dev/null
check_refused "keep says that the start may not be zero" 1 "start-not-zero: .*--start FILE" keep_in not-told
check_equal "  and so does doctor" 1 "$("$imakeep" doctor --ima-dir "$mount" --pcrs "memory:$sock" --archive "$work/not-told" |
  grep -c "^FAIL  start: chain 1: the list begins with boot_aggregate")"
check_refused "  and takes no start that lacks a bank" 2 "the start has no value of bank sha384" \
  keep_in not-told --start <(grep -v sha384 "$work/start")
check "  and trims once it is told" keep_in told --start "$work/start"
check_proof "  what is proven" 0 "^proven +records before 1," "$imakeep" status --archive "$work/told"
check_proof "  which verify proves with the same start" 0 "^1 of 1 records proven" \
  verify --archive "$work/told" --start "$work/start" --pcrs <(pcrs)
check_proof "  and not with what the archive says" 1 "match no prefix" verify --archive "$work/told" --pcrs <(pcrs)
echo "start = \"$work/start\"" >"$work/start.toml"
check "  in the configuration too" keep_in told --config "$work/start.toml"
end_list

mkdir -p "$work/zeros/pcr-sha1" "$work/zeros/pcr-sha256"
for pcr in $(seq 0 23); do
  printf '%040d\n' 0 >"$work/zeros/pcr-sha1/$pcr"
  printf '%064d\n' 0 >"$work/zeros/pcr-sha256/$pcr"
done
start_list --banks sha1,sha256
doctor() { "$imakeep" doctor --ima-dir "$mount" --pcrs "sysfs:$work/zeros"; }
check_equal "doctor finds no fault in zero PCRs of an empty list" 0 "$(doctor | grep -c 'measured without this TPM')"
"$imakeep" list add --control "$sock" "$work/a" >/dev/null
check_equal "doctor says that the kernel measured without the TPM" 1 \
  "$(doctor | grep -c '^FAIL  PCRs: PCR 10 is zero in every bank, although the list has 1 records: the kernel measured without')"
check_refused "and so does keep" 1 "measured-without-tpm: the list has 1 records, and none was extended" \
  "$imakeep" keep --ima-dir "$mount" --pcrs "sysfs:$work/zeros" --archive "$work/without-tpm" --once
check_equal "  which deletes nothing" 1 "$(cat "$mount/runtime_measurements_count")"
end_list

# ---- a TPM ---------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2119  # its flags are not those of this script
start_swtpm
export TPM2TOOLS_TCTI=$tcti
start_list --tcti "$tcti" --banks sha1,sha256,sha384,sha512 \
  --extend sha256=padded-short --extend sha384=padded-short --extend sha512=padded-short
"$imakeep" list add --control "$sock" "$work/a" "$work/b" >/dev/null
"$imakeep" list add --control "$sock" --violation "$work/a" >/dev/null
cat "$mount/binary_runtime_measurements" >"$work/tpm.list"
end_list
check_proof "the PCRs of a TPM under an old kernel" 0 "^sha384 +PCR 10 matches after record 3: padded sha1, as Linux before 5.8 does$" \
  verify "$work/tpm.list" --tpm "$tcti"
end_swtpm

# ---- RTMRs ---------------------------------------------------------------------------------------------------------

mkdir "$work/rtmrs"
for i in 0 1 2 3; do head -c 48 /dev/zero >"$work/rtmrs/rtmr$i:sha384"; done
awk '$1 == "sha384" { print $3 }' "$work/native.pcrs" | xxd -r -p >"$work/rtmrs/rtmr2:sha384"
check_proof "a folder of RTMRs is a source of PCRs" 0 "^3 of 3 records proven, 0 after the match$" \
  verify --pcrs "$work/rtmrs" "$work/native.list"
check_proof "  and one of its files" 0 "^3 of 3 records proven, 0 after the match$" \
  verify --pcrs "$work/rtmrs/rtmr2:sha384" "$work/native.list"
awk '$1 == "sha384" { print $3 }' "$work/started.pcrs" | xxd -r -p >"$work/rtmrs/rtmr2:sha384"
check_proof "an RTMR that others extended does not match" 1 "PCR 10: its value is that of RTMR 2, which other PCRs share" \
  verify --pcrs "$work/rtmrs" "$work/native.list"

# ---- byte order ----------------------------------------------------------------------------------------------------

start_list --banks sha1,sha256 --byte-order big
"$imakeep" list add --control "$sock" "$work/a" "$work/b" >/dev/null
"$imakeep" list add --control "$sock" --violation "$work/a" >/dev/null
pcrs >"$work/big.pcrs"
cat "$mount/binary_runtime_measurements_sha256" >"$work/big.list"
cat "$mount/ascii_runtime_measurements_sha256" >"$work/big.ascii"
check_refused "load refuses a list of the other byte order" 2 "byte order differs from that of the served list" \
  "$imakeep" list load --control "$sock" "$work/native.list"
end_list
check_equal "a served list has the byte order asked for" "0000000a" "$(xxd -p -l 4 "$work/big.list")"
check_proof "verify finds out the byte order" 0 "^3 of 3 records proven, 0 after the match$" \
  verify --pcrs "$work/big.pcrs" "$work/big.list"
check_proof "  with the bank named too" 0 "^3 of 3 records proven, 0 after the match$" \
  verify --bank sha256 --pcrs "$work/big.pcrs" "$work/big.list"
check "log import takes it" "$imakeep" log import --archive "$work/big.archive" --pcrs "$work/big.pcrs" "$work/big.list"
"$imakeep" log --archive "$work/big.archive" --bank sha256 --format binary >"$work/big.out"
check "  and prints it unchanged" cmp "$work/big.list" "$work/big.out"
"$imakeep" log --archive "$work/big.archive" --bank sha256 --format ascii >"$work/big.text"
check "  in ASCII as well" cmp "$work/big.ascii" "$work/big.text"
check_proof "  and it is proven" 0 "^3 of 3 records proven, 0 after the match$" \
  verify --archive "$work/big.archive" --pcrs "$work/big.pcrs"
check_refused "log import refuses the other byte order in one chain" 1 "another byte order" \
  "$imakeep" log import --archive "$work/big.archive" "$work/native.list"
start_list --banks sha1,sha256 --byte-order big
check_proof "keep begins with an empty list" 0 "" keep_in big-kept
"$imakeep" list load --control "$sock" "$work/big.list" >/dev/null
check "keep takes it" keep_in big-kept
check_proof "  and proves and trims it" 0 "^trimmed +[1-3] records" "$imakeep" status --archive "$work/big-kept"
"$imakeep" log --archive "$work/big-kept" --bank sha256 --format binary >"$work/big.out"
check "  and prints it unchanged" cmp "$work/big.list" "$work/big.out"
"$imakeep" log --archive "$work/big-kept" --bank sha256 --format ascii >"$work/big.text"
check "  in ASCII as well" cmp "$work/big.ascii" "$work/big.text"
end_list
start_list --banks sha1,sha256 --byte-order big
check "load takes a list of its byte order" "$imakeep" list load --control "$sock" "$work/big.list"
check "  and shows it as it was" cmp "$work/big.list" "$mount/binary_runtime_measurements_sha256"
end_list

finish_checks
