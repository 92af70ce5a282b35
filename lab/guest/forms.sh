# SPDX-License-Identifier: Apache-2.0
# A short list in one of the forms that Linux can give it, by $1: kept, proven, trimmed, and whole. What the list's own files
# showed before and after the trim is what the view and the archive show, byte by byte, in every bank. Files whose record
# says more than a name get the same line in imakeep's own list.
#
#   pcr         what is read is measured into PCR 11, what is executed into PCR 10
#   banks       four banks; what is read is measured by template ima
#   hashes      four banks, of a kernel that has neither SHA-384 nor SHA-512
#   canonical   ima_canonical_fmt, and template ima-sig
#   md5         ima_template=ima ima_hash=md5
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1
own=/run/own
own_options=()
# cannot WHY: this kernel does not make such a list.
cannot() {
  echo "$*" >/share/skipped
  end_checks
  exit
}
has_hash() { grep -q "^name *: $1\$" /proc/crypto; }

case $part in
  pcr)
    read_rule="pcr=11"
    quoted_pcrs=10,11
    own_options=(--pcr 11)
    ;;
  banks)
    read_rule="template=ima"
    own_options=(--template ima)
    ;;
  hashes)
    if has_hash sha384 || has_hash sha512; then cannot "this kernel has them all the same: it wants CONFIG_KALLSYMS"; fi
    ;;
  canonical) own_options=(--template ima-sig) ;;
  md5)
    has_hash md5 || cannot "this kernel has no MD5: it wants CONFIG_CRYPTO_MD5"
    own_options=(--template ima --hash md5)
    # The kernel's own data would come in template ima-buf.
    last_rule=
    ;;
esac

# The names of the list's files, but for the links.
lists() {
  local file
  for file in "$ima"/*_runtime_measurements_*; do [[ $file == *_staged ]] || echo "${file##*/}"; done
}

# save NAME: the list's files as they are. Nothing may be measured meanwhile.
save() {
  local file
  mkdir -p "/share/$1"
  for file in $(lists); do cat "$ima/$file" >"/share/$1/$file" || return 1; done
}

# whole: the view's files are those that were saved, one after the other; and so is the archive.
whole() {
  local file form bank
  for file in $(lists); do
    cat "/share/before/$file" "/share/after/$file" >/share/whole
    cmp /share/whole "$view/$file" || { echo "the view's $file" && return 1; }
    form=${file%%_*} bank=${file##*_}
    imakeep log --archive $archive --format "$form" --bank "$bank" >/share/log || return 1
    cmp /share/whole /share/log || { echo "the archive's $form form in $bank" && return 1; }
  done
}

# settled: nothing more comes in.
settled() {
  local before
  before=$(in_list)
  sleep 1
  equal "$before" "$(in_list)" && equal "$before" "$(($(archived) - ${trimmed:-0}))"
}

is_empty() { equal 0 "$(in_list)"; }

# same_line FILE: the record that imakeep's own list makes of it is among Linux's.
same_line() {
  local line
  imakeep list add --control $own.sock "$1" >/dev/null || return 1
  line=$(tail -n 1 $own/ascii_runtime_measurements_sha1)
  grep -qxF -- "$line" $ima/ascii_runtime_measurements_sha1 ||
    { echo "ours: $line; Linux's: $(tail -n 2 $ima/ascii_runtime_measurements_sha1)" && return 1; }
}

# violate FILE: it is written while it is open for reading.
violate() {
  echo x >"$1"
  exec 5<"$1"
  echo y >>"$1"
  exec 5<&-
}

check "the host is attested" attest_host
check "the TPM has a key" make_key
start_keeper --every 0 --method stage --view $view
measure 10
check "a violation is recorded" violate /run/measured/violated

deep=/run/measured/$(printf '%080d/%080d/%080d' 1 2 3)
mkdir -p "$deep"
echo deep >"$deep/a file"
read -r _ <"$deep/a file"
mkdir -p $own
imakeep list serve --mount $own --control $own.sock --banks sha1 "${own_options[@]}" >/share/own 2>&1 &
own_list=$!
check "imakeep's own list is there" until_true 20 grep -q ready /share/own
check "a path of more than 255 bytes gets the same line" same_line "$deep/a file"
if [[ $part == canonical ]]; then
  echo signed >/run/measured/signed
  check "a file is signed for EVM" evmctl sign -o --imahash --generation 0 --key /share/key.pem /run/measured/signed
  # evmctl read it, so it was measured before it had a signature. Once it is another file it is measured again.
  echo more >>/run/measured/signed
  read -r _ </run/measured/signed
  check "Linux shows the portable signature" grep -q '/run/measured/signed 05' $ima/ascii_runtime_measurements_sha1
  check "a portable EVM signature gets the same line" same_line /run/measured/signed
fi
kill $own_list

# Programs that are first used below are measured now.
save before && in_list >/dev/null && cmp /dev/null /dev/null && grep -q x /dev/null
imakeep log --archive $archive >/dev/null
settled
check "the list comes to rest" until_true 30 settled
check "it is proven by the PCRs" until_true 30 is_proven
check "nothing was found" equal "" "$(diagnoses)"
check "the list's files are saved" save before
trimmed=$(in_list)
kill -USR1 "$keeper"
check "all records are trimmed" until_true 30 is_empty
measure 10 later
check "the list comes to rest again" until_true 30 settled
check "it is proven by the PCRs again" until_true 30 is_proven
check "the list's files are saved again" save after
check "the view and the archive are what was measured" whole
check "nothing was found after all" equal "" "$(diagnoses)"
{
  echo "records: $(archived) archived, $trimmed trimmed"
  for file in $(lists); do [[ $file != binary* ]] || echo "${file##*_}: $(($(wc -c <"/share/before/$file") / trimmed)) bytes a record"; done
} >/share/figures

end_keeper TERM
check "told to end, it ends well" equal 0 $ended
prove_whole_log --method stage
end_checks
