#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tpm.sh IMAKEEP - a list that extends a real TPM 2.0, an swtpm process: what the TPM then holds, which banks, a TPM that
# was extended before, and everything that can be wrong with a TPM.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
for tool in swtpm tpm2_pcrread tpm2_pcrallocate; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
export TPM2TOOLS_TCTI
unset TSS2_LOG

new_tpm() {  # new_tpm [FLAGS]: the TPM after a reset
  end_swtpm
  start_swtpm "$@"
  TPM2TOOLS_TCTI=$tcti
}
add() { "$imakeep" list add --control "$sock" "$@"; }
pcrs() { "$imakeep" list pcrs --control "$sock"; }
# tpm2-tools' own view of the PCR, in the form and case of `list pcrs`.
tpm_pcr10() {
  TSS2_LOG=all+none tpm2_pcrread "$1" | awk '/:$/ { bank = $1; sub(":", "", bank) } $2 ~ /^0x/ { print bank, 10, tolower(substr($2, 3)) }'
}
zeros() { printf '%0*d' "$1" 0; }
files() {  # files FIRST LAST: as many files, with a content each
  local i
  for ((i = $1; i <= $2; i++)); do
    echo "content $i" >"$work/file-$i"
    echo "$work/file-$i"
  done
}
# proven RECORDS BANK...: the bank's list is proven by the PCRs in $work/pcrs, all of it.
proven() {
  local records=$1 bank
  shift
  for bank; do
    check_equal "the $bank list is proven, all $records records" "$records of $records records proven, 0 after the match" \
      "$("$imakeep" verify --bank "$bank" --pcrs "$work/pcrs" "$mount/binary_runtime_measurements_$bank" | tail -n 1)"
  done
}

# ---- records added while the list is read

new_tpm
start_list --tcti "$tcti"
check_equal "nothing is said of a TPM that was reset" "" "$(cat "$work/serve.err")"
all=(sha1 sha256 sha384 sha512)
check_equal "its banks are the TPM's" "${all[*]}" "$(cd "$mount" && echo binary_runtime_measurements_sha* | sed 's/[a-z_]*_\(sha[0-9]*\)\(_staged\)\?/\1/g' | tr ' ' '\n' | sort -u | xargs)"
touch "$work/reading"
(while [[ -e $work/reading ]]; do cat "$mount"/*_runtime_measurements_*; done >"$work/read" 2>"$work/read.err") &
reader=$!
for i in 1 2 3; do files $((i * 100)) $((i * 100 + 99)) | add --stdin >"$work/added" || cat "$work/added"; done
rm "$work/reading"
wait "$reader"
check_equal "reading went on" "" "$(cat "$work/read.err")"
pcrs >"$work/pcrs"
check_equal "list pcrs is what tpm2_pcrread says" "$(tpm_pcr10 sha1:10+sha256:10+sha384:10+sha512:10)" "$(cat "$work/pcrs")"
proven 300 "${all[@]}"
check_equal "a violation is extended" 0 "$(add --violation "$work/file-100" >/dev/null; echo $?)"
pcrs >"$work/pcrs"
proven 301 "${all[@]}"

# ---- verify --tpm, while records are added and while none are

for ((i = 1000; i < 3000; i++)); do echo "$i" >"$work/file-$i"; done
seq -f "$work/file-%.0f" 1000 2999 >"$work/paths"
(while read -r path; do echo "$path" | add --stdin; done <"$work/paths") >"$work/added" 2>&1 &
adder=$!
for round in 1 2 3 4 5 6; do
  for bank in sha1 sha256; do
    check "verify --tpm while records are added, round $round, $bank list" \
      "$imakeep" verify --bank $bank "$mount/binary_runtime_measurements_$bank" --tpm "$tcti"
  done
done
growing=$(kill -0 "$adder" 2>/dev/null && echo yes)
kill "$adder" 2>/dev/null
wait "$adder" 2>/dev/null
check_equal "records were added all the while" yes "$growing"
check "a saved list against the TPM" "$imakeep" verify "$mount/binary_runtime_measurements" --tpm "$tcti"
pcrs >"$work/pcrs"
check "an archive of it against the TPM" bash -c '"$1" log import --archive "$2" --pcrs "$3" "$4" && "$1" verify --archive "$2" --tpm "$5"' _ \
  "$imakeep" "$work/archive" "$work/pcrs" "$mount/binary_runtime_measurements" "$tcti"
cp "$mount/binary_runtime_measurements" "$work/short"
truncate -s -1000 "$work/short"
check_refused "a list cut short" 1 "short" "$imakeep" verify "$work/short" --tpm "$tcti"
check_refused "a list given for a TPM" 2 "before --tpm" "$imakeep" verify "$work/short" --tpm "$work/short"
check_refused "lists and an archive" 2 "either" "$imakeep" verify --archive "$work/archive" "$work/short"

# ---- the same TPM under a list that does and does not know what it was extended with

check "save" "$imakeep" list save --control "$sock" "$work/image"
pcrs >"$work/pcrs"
records=$("$imakeep" list stats --control "$sock" | awk '/^full/ { print $2 }')
end_list
start_list --tcti "$tcti" --restore "$work/image"
check_equal "nothing is said of a TPM whose records are restored" "" "$(cat "$work/serve.err")"
check_equal "restoring extends nothing" "$(cat "$work/pcrs")" "$(pcrs)"
files 400 409 | add --stdin >/dev/null
pcrs >"$work/pcrs"
proven $((records + 10)) "${all[@]}"
end_list

start_list --tcti "$tcti"
check "a TPM that was extended before is told of" grep -q '^imakeep: PCR 10 of the TPM is not zero.*--restore' "$work/serve.err"
check_equal "its PCR is shown at once" "$(cat "$work/pcrs")" "$(pcrs)"
files 1 3 | add --stdin >/dev/null
pcrs >"$work/pcrs"
check_refused "and no replay matches" 1 "no prefix" "$imakeep" verify --pcrs "$work/pcrs" "$mount/binary_runtime_measurements"
end_list

# ---- banks

new_tpm
start_list --tcti "$tcti" --banks sha384,sha256
files 1 3 | add --stdin >/dev/null
check_equal "only the banks that were named are extended" "sha1 10 $(zeros 40)
sha512 10 $(zeros 128)" "$(tpm_pcr10 sha1:10+sha512:10)"
check_equal "in whatever order" "$(tpm_pcr10 sha384:10+sha256:10 | sort)" "$(pcrs | sort)"
pcrs >"$work/pcrs"
proven 3 sha256 sha384 sha1
end_list

new_tpm
check "allocate banks without sha1" tpm2_pcrallocate sha1:none+sha256:all+sha384:all+sha512:none
new_tpm
start_list --tcti "$tcti"
files 1 3 | add --stdin >/dev/null
pcrs >"$work/pcrs"
check_equal "banks without PCRs are none" "sha256 sha384" "$(awk '{ print $1 }' "$work/pcrs" | xargs)"
check_equal "as tpm2_pcrread says" "$(tpm_pcr10 sha256:10+sha384:10)" "$(cat "$work/pcrs")"
check "sha1 files are there all the same" test -e "$mount/ascii_runtime_measurements_sha1"
proven 3 sha256 sha384 sha1
end_list

# ---- what can be wrong at the start

serve() { timeout 60 "$imakeep" list serve --mount "$mount" --control "$sock" "$@"; }
check_refused "a bank that the TPM has not" 3 "no PCR bank sha512; name banks it has: sha256,sha384" \
  serve --tcti "$tcti" --banks sha256,sha512
check_refused "an unknown bank" 2 "no such bank: 'md4'" serve --tcti "$tcti" --banks md4
check_refused "PCR values for a TPM that has its own" 2 "start-pcrs excludes --tcti|tcti excludes --start-pcrs" \
  serve --tcti "$tcti" --start-pcrs "$work/pcrs"
check_refused "an empty TCTI" 2 "--tcti: the value is empty" serve --tcti ""
check_refused "a TCTI that is not installed" 3 "install libtss2-tcti-no-such" serve --tcti no-such:x
check_refused "a TCTI with a bad configuration" 2 "bad configuration" serve --tcti swtpm:hots=x
check_refused "a device that is not there" 3 "/dev/no-tpm: No such file.*no TPM 2.0" serve --tcti device:/dev/no-tpm
check_refused "a device without permission" 3 "Permission denied; run as root or as a member of group tss" \
  setpriv --reuid 65534 --regid 65534 --clear-groups bash -c 'exec 3<&-; timeout 60 "$@"' _ \
  "$imakeep" list serve --mount "$mount" --control "$sock" --tcti "device:$work/swtpm/pid"
check_refused "a device that is no TPM" 3 "^imakeep: /dev/null: this device is not a TPM" serve --tcti device:/dev/null
old_tcti=$tcti
end_swtpm
check_refused "no TPM at the port" 3 "no TPM answers at TCTI '$old_tcti'" serve --tcti "$old_tcti"
check_equal "and that in one line" 1 "$(serve --tcti "$old_tcti" 2>&1 | wc -l)"
new_tpm not-need-init
check_refused "a TPM that was not started" 3 "was not started" serve --tcti "$tcti"

# fake_tpm ANSWER [TIMES]: a TPM of a few bytes. It answers TPM2_GetCapability, 22 bytes, with what printf makes of ANSWER.
fake_tpm() {
  printf '#!/bin/bash\nfor ((i = 0; i < %d; i++)); do [[ $(head -c 22 | wc -c) == 22 ]] && printf "%s"; done\n' \
    "${2-1000}" "$1" >"$work/fake"
  chmod +x "$work/fake"
  echo "cmd:$work/fake"
}
header='\200\001\000\000\000\012\000\000'
check_refused "a TPM in lockout" 3 "locked out.*tpm2_dictionarylockout" serve --tcti "$(fake_tpm "$header\\011\\041")"
check_refused "a TPM that stays busy" 3 "busy.*try again" serve --tcti "$(fake_tpm "$header\\011\\042")"
check_refused "a TPM that failed its self-test" 3 "power-cycle" serve --tcti "$(fake_tpm "$header\\001\\001")"
check_refused "an answer cut short" 3 "cut short or malformed" serve --tcti "$(fake_tpm '\200\001\000\000\000\100\000\000\000\000\000' 1)"
check "no failed start leaves a mount or socket" bash -c '! mountpoint -q "$1" && test ! -e "$2"' _ "$mount" "$sock"

# ---- the TPM gone while the list is served

new_tpm
start_list --tcti "$tcti"
files 1 3 | add --stdin >/dev/null
end_swtpm
check_refused "adding says that replay is over" 1 \
  "1 records are in the list but not in the PCR, so no replay of the list matches it: extending PCR 10: the TPM is gone" \
  add "$(files 4 4)"
check_equal "the record is in the list, as Linux has it" 4 "$(wc -l <"$mount/ascii_runtime_measurements")"
check_refused "the PCRs cannot be read" 3 "reading PCR 10: the connection to the TPM was lost before.*the TPM is gone" pcrs
start_swtpm
check_refused "nor from another TPM that takes its place" 3 "was lost before" pcrs
check "staging goes on" bash -c 'echo A >"$1"' _ "$mount/binary_runtime_measurements_staged"
end_list
check_equal "the list ends cleanly" 0 "$ended"

finish
