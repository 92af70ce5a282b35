# SPDX-License-Identifier: Apache-2.0
# Readers of /sys/kernel/security/ima who have heard of nothing: one that never closes its file, cat, and evmctl.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
ascii=$ima/ascii_runtime_measurements
binary=$ima/binary_runtime_measurements

# hold_open: opens the list once, and reads what is new for as long as it is there. Not by cat: busybox' tries sendfile() first,
# which does not see a file grow.
hold_open() {
  exec 7<$ascii
  until [[ -e /share/stop-reading ]]; do
    dd bs=64k <&7
    sleep 0.1
  done >/share/held
  dd bs=64k <&7 >>/share/held
} 2>/dev/null

# is_prefix SHORT LONG, and more than nothing.
is_prefix() {
  local bytes
  bytes=$(stat -c %s "$1")
  ((bytes > 0)) && cmp -n "$bytes" "$1" "$2"
}
# /sys/kernel/security/ima is a link.
covered() { grep -q " $(readlink -f $ima)/${1##*/} " /proc/self/mountinfo || { grep ima /proc/self/mountinfo; return 1; }; }

# holders: who has one of the kernel's own files open, the keeper excepted, which has them for as long as it reads. They are told
# from the view's by their device, which is that of a file that the view does not cover.
holders() {
  local device fd
  device=$(stat -c %d $ima/policy)
  for fd in /proc/[0-9]*/fd/*; do
    [[ $fd != /proc/$keeper/* && $(readlink "$fd") == */ima/*_measurements* && $(stat -L -c %d "$fd") == "$device" ]] &&
      echo "$fd $(readlink "$fd")"
  done 2>/dev/null
}
nobody_holds() {
  local found
  found=$(holders)
  [[ ! $found ]] || { echo "$found" && return 1; }
}

attest_host
start_keeper --every 500ms --view $view --bind
check "the view covers the kernel's files" until_true 20 covered ascii_runtime_measurements_sha1
hold_open & reader=$!
start_load
for round in {1..6}; do
  sleep 1.5
  # cat has to read a beginning of the final list.
  cat $ascii >"/share/cat-$round"
  cat ${ascii}_sha256 >"/share/cat256-$round"
  cat $binary >"/share/binary-$round"
  check "round $round: nobody but the keeper holds the kernel's files" nobody_holds
done
stop_load
check "records were trimmed meanwhile" test "$(grep -c 'trimmed' $keeper_log)" -ge 3
check "and never was the list busy" bash -c '! grep -i "is busy" $1' _ $keeper_log
check "the doctor finds nobody either" until_true 10 doctor_says "holders: +nobody has the list open"

# Trims go on while these read, though only of what they measure themselves.
until_true 10 is_proven
trim_on() { until [[ -e /share/stop-trimming ]]; do kill -USR1 "$keeper"; sleep 0.2; done; }
trim_on & trimmer=$!
evmctl ima_measurement $binary >/dev/null 2>&1
sleep 1
check "evmctl leads the kernel's file to the TPM's PCRs" evmctl ima_measurement -v $binary
check "imakeep does too" imakeep verify --tpm /sys/class/tpm/tpm0 ${binary}_sha256
touch /share/stop-trimming
wait $trimmer
# No program may run for the first time from here on.
touch /share/stop-reading
wait $reader
cat $ascii >/share/whole
cat ${ascii}_sha256 >/share/whole256
cat $binary >/share/whole-binary
cat $ima/runtime_measurements_count >/share/count
lines=$(wc -l </share/whole)
check "the count is that of the whole list" equal "$lines" "$(</share/count)"
check "which is more than the kernel still has" test "$lines" -gt 200
for round in {1..6}; do
  check "cat $round saw a beginning of it" is_prefix "/share/cat-$round" /share/whole
  check "cat $round, sha256" is_prefix "/share/cat256-$round" /share/whole256
  check "cat $round, binary" is_prefix "/share/binary-$round" /share/whole-binary
done
check "who held it open saw all of it" bash -c 'cmp -n $(stat -c %s /share/held) /share/held /share/whole && (( $(wc -l </share/held) >= $1 - 5 ))' _ "$lines"
imakeep log --archive $archive --format ascii --bank sha1 >/share/log
check "and it is what is archived" is_prefix /share/whole /share/log
end_keeper TERM
check "told to end, it ends well" equal 0 $ended
check "and covers nothing any more" bash -c '! grep fuse.imakeep /proc/self/mountinfo'
check "the kernel's own file is back, and short" test "$(wc -l <$ascii)" -lt "$lines"
echo "$lines records in the view, $(in_list) in the list, $(grep -c 'trimmed' $keeper_log) trims" >/share/figures
end_checks
