# SPDX-License-Identifier: Apache-2.0
# Sourced in a machine: makes it an attested host as docs/operators.md describes it, with a policy that measures as much as
# one can, and runs the keeper as imakeep.service does. What is to stay unmeasured lies in /share, whose file system the policy
# leaves out.
# shellcheck shell=bash disable=SC2034
ima=/sys/kernel/security/ima
archive=/var/lib/imakeep/archive.imk
socket=/run/imakeep/imakeep.sock
view=/run/imakeep/view
keeper_log=/share/keeper-said
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
keeper=

# attest_host: the disk with the archive, and the policy: what is executed, what anybody reads, which $read_rule adds to, and
# $last_rule, the kernel's own data if that is not set.
attest_host() {
  [[ ! -b /dev/vda ]] || mount -t ext4 /dev/vda /var/lib/imakeep || return 1
  mkdir -p /run/imakeep /run/measured
  chown imakeep:imakeep /run/imakeep /var/lib/imakeep
  # As udev has them.
  chgrp tss /dev/tpmrm0 && chmod 0660 /dev/tpmrm0 && chmod 0666 /dev/fuse || return 1
  : >>$keeper_log
  cat >$ima/policy <<RULES
dont_measure fsmagic=0x9fa0
dont_measure fsmagic=0x62656572
dont_measure fsmagic=0x64626720
dont_measure fsmagic=0x73636673
dont_measure fsmagic=0x01021997
dont_measure fowner=$(id -u imakeep)
dont_measure fsmagic=0x65735546
measure func=BPRM_CHECK
measure func=MMAP_CHECK mask=MAY_EXEC
measure func=FILE_CHECK mask=MAY_READ ${read_rule-}
${last_rule-measure func=CRITICAL_DATA}
RULES
}

# A command after these words has the user, the groups and the rights that imakeep.service has.
# shellcheck disable=SC2054  # the commas are setpriv's
as_service=(setpriv --reuid imakeep --regid imakeep --groups root,tss --bounding-set "-all,+sys_admin,+sys_chroot"
  --inh-caps "-all,+sys_admin,+sys_chroot" --ambient-caps "-all,+sys_admin,+sys_chroot" --no-new-privs)

# start_keeper OPTION...: it has looked at the list when this is done. Without a keeper nothing more can be checked.
start_keeper() {
  local from
  from=$(wc -l <$keeper_log)
  "${as_service[@]}" imakeep keep --archive $archive --control $socket --follow-every 200ms --pressure off "$@" 2>>$keeper_log &
  keeper=$!
  check "the keeper keeps Linux's list" until_true 60 bash -c 'tail -n +$2 $1 | grep -q "keeping $3" || { tail $1; exit 1; }' _ \
    $keeper_log $((from + 1)) $ima
  kill -0 "$keeper" || exit 1
}

# end_keeper SIGNAL: its exit code is in $ended.
end_keeper() {
  kill -"$1" "$keeper"
  wait "$keeper"
  ended=$?
  keeper=
}

status() { imakeep status --control $socket "$@"; }
# status_number MEMBER: the first of that name.
status_number() { status --json | grep -o "\"$1\":[ ]*[0-9][0-9]*" | head -n 1 | tr -dc 0-9; }
archived() { status_number records; }
in_list() { cat $ima/runtime_measurements_count; }
# diagnoses: the kinds of what was found so far, each once, in a line.
diagnoses() {
  status --json | tr -d ' \n' | grep -o '"incident_counts":{[^}]*}' | grep -oE '"[a-z-]+":[1-9]' | tr -d '":0-9' | tr '\n' ' ' | sed 's/ $//'
}
# by_others: the count of records that others trimmed.
by_others() { status --json | tr -d ' \n' | grep -o '"by_others":{"records":[0-9]*' | tr -dc 0-9; }
keeper_said() { grep -q -- "$1" $keeper_log || { tail -n 5 $keeper_log && return 1; }; }
is_proven() { status | grep -q '^PCRs.*proven' || { status; return 1; }; }

# doctor_says PATTERN
doctor_says() {
  local told
  told=$(imakeep doctor --archive $archive 2>&1)
  grep -E -- "$1" <<<"$told" || { echo "$told" && return 1; }
}

# measure N [NAME]: N new records, by no other program.
measured=0
measure() {
  local i text
  for ((i = 0; i < $1; ++i)); do
    ((++measured))
    echo "${2:-measured} $measured" >"/run/measured/${2:-measured}-$measured"
    read -r text <"/run/measured/${2:-measured}-$measured"
  done
}

# run_programs NAME: measures files and new programs until stop_load, after 20 files each time with a pause of $load_pause_s,
# if that is set.
run_programs() {
  local script
  measured=0
  while [[ ! -e /share/stop ]]; do
    measure 20 "$1"
    [[ ! ${load_pause_s-} ]] || sleep "$load_pause_s"
    script=/run/measured/$1-$measured.sh
    printf '#!/bin/true\n# %s %s\n' "$1" "$measured" >"$script"
    chmod +x "$script"
    "$script"
  done
}
load=()
start_load() {
  rm -f /share/stop
  run_programs one & load+=($!)
  run_programs two & load+=($!)
}
stop_load() {
  touch /share/stop
  wait "${load[@]}"
  load=()
}

# make_key: an attestation key in the TPM, for quote_of().
make_key() {
  { tpm2_createek -Q -c /share/ek -G ecc -u /share/ek.pub &&
    tpm2_createak -Q -C /share/ek -c /share/ak -G ecc -g sha256 -s ecdsa -u /share/ak.pub; } 2>&1
}

# take_quote: over IMA's PCR, or $quoted_pcrs, in every bank that the TPM has.
take_quote() {
  local bank selection=
  for bank in /sys/class/tpm/tpm0/pcr-*; do selection+=${selection:++}${bank##*pcr-}:${quoted_pcrs:-10}; done
  printf %08x $RANDOM >/share/nonce
  tpm2_quote -Q -c /share/ak -l "$selection" -q "$(</share/nonce)" -m /share/quote.msg -s /share/quote.sig 2>&1
}

# verify_by_quote: the whole archived log, and nothing but it, is what the TPM quoted.
verify_by_quote() {
  local verdict
  verdict=$(imakeep verify --archive $archive --quote /share/quote.msg --signature /share/quote.sig --key /share/ak.pub \
    --nonce "$(</share/nonce)" 2>&1)
  grep -qE '^([0-9]+) of \1 records proven, 0 after the match$' <<<"$verdict" || { echo "$verdict" && return 1; }
}

# keep_once OPTION...: archives and trims the last records.
keep_once() { "${as_service[@]}" imakeep keep --archive $archive --once "$@" 2>&1; }

# prove_whole_log OPTION...: a quote of now, over a log that ends here. What the tools of this add to the list comes with their
# first run, so that is done before.
prove_whole_log() {
  take_quote >/dev/null
  verify_by_quote >/dev/null
  keep_once "$@" >/dev/null
  check "a quote is taken" take_quote
  check "what came last is archived" keep_once "$@"
  check "the whole log is verified by the quote" verify_by_quote
  check "the archive is sound" imakeep log --archive $archive --check
}
