#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks the models in docs/model with spin: that of the keeper, keeper.pml, and that of hosts and verifiers,
# attestation.pml. Each configuration is searched to its end, and each rule of the protocols is left out once, which
# spin has to refuse. README.md and attestation.md there say what is checked. Two searches run at a time. Needs spin and
# gcc. Exits 1 if a configuration has errors, does not reach what it must reach or is not searched to its end, or if a
# broken one is not refused; 3 without spin.
#
#   tools/check_model.sh [MODEL...]     MODEL is keeper or attestation (default: both); two to three minutes on two free
#                                       processors
set -euo pipefail
cd "$(dirname "$0")/.."
models=$PWD/docs/model
model=  # the file that is checked, one of them
chosen=("$@")
((${#chosen[@]})) || chosen=(keeper attestation)
for name in "${chosen[@]}"; do
  [[ $name == keeper || $name == attestation ]] || { echo "$name is no model: name keeper or attestation" >&2; exit 2; }
done
for tool in spin gcc; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install $tool" >&2; exit 3; }
done
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
checks=0

# in_turn CHECK ARGUMENT...: runs a check in a directory of its own as soon as fewer than two run. Its lines are printed
# when it ends.
in_turn() {
  checks=$((checks + 1))
  mkdir "$work/$checks"
  while (($(jobs -rp | wc -l) >= 2)); do wait -n || true; done
  (
    cd "$work/$checks"
    "$@" >verdict 2>&1 || echo "model $2: FAILED, the check itself" >>verdict
    cat verdict
  ) &
}

fail() {  # fail NAME WHY: and shows the end of the output of the search
  echo "model $1: FAILED, $2"
  grep -vE '^[[:space:]]*(/|$)' out | tail -n 30
}

build() {  # build "OPTIONS OF GCC" MACRO...: a search, ./pan
  local -a options
  read -ra options <<<"$1"
  shift
  spin -a "$@" "$model" >out 2>&1 && gcc -w "${options[@]}" -DMEMLIM=2000 -o pan pan.c >>out 2>&1
}

# pan says what it does not search. -m is far above the depth of any configuration; a search that reaches it is cut.
search_whole() {  # search_whole NAME PAN-OPTION...
  local name=$1
  shift
  ./pan -m20000 "$@" >out 2>&1 || true
  if ! grep -q 'errors: 0$' out; then
    fail "$name" "errors"
  elif grep -qE 'max search depth too small|not completed|reached -DMEMLIM|out of memory' out; then
    fail "$name" "not searched to its end"
  else
    return 0
  fi
  return 1
}

# Statements that no run reached, but for the ends of processes that never end.
list_unreached() {
  grep -E "$(basename "$model"):[0-9]+, state" out | grep -v '"-end-"' || true
}

good() {  # good NAME "STATES THAT MUST BE REACHED" MACRO...
  local name=$1 must=$2 state left_out
  shift 2
  build "$optimize -DSAFETY" "$@" || { fail "$name" "it does not build"; return 0; }
  search_whole "$name" || return 0
  for state in $must; do
    grep -qx "reached: $state" out || { fail "$name" "never reaches $state"; return 0; }
  done
  left_out=$(list_unreached)
  if [ -n "$left_out" ]; then
    fail "$name" "never reaches $(basename "${left_out%%$'\n'*}")"
  else
    echo "model $name: no errors, $(awk '/states, stored/ { print $1 }' out) states"
  fi
}

settles() {  # settles NAME MACRO...: every fair run ends with everything archived and trimmed
  local name=$1
  shift
  build "-O1 -DNFAIR=3" -DLIVE "$@" || { fail "$name" "it does not build"; return 0; }
  search_whole "$name" -a -f || return 0
  echo "model $name: no errors, $(awk '/states, stored/ { print $1 }' out) states"
}

refused() {  # refused NAME "LINE OF THE OUTPUT"...: each line is there
  local name=$1 line
  shift
  for line in "$@"; do
    grep -qE "$line" out || { fail "$name" "not refused"; return 0; }
  done
  echo "model $name: refused, as it must be"
}

broken() {  # broken NAME CLAIM MACRO...: the claim does not hold
  local name=$1 claim=$2
  shift 2
  build "-O0 -DSAFETY" -DONLY="$claim" "$@" || { fail "$name" "it does not build"; return 0; }
  ./pan -w20 -m20000 >out 2>&1 || true
  refused "$name" "^violated: $claim\$" 'errors: 1$'
}

broken_wait() {  # broken_wait NAME MACRO...: somebody waits for ever
  local name=$1
  shift
  build "-O0 -DSAFETY" "$@" || { fail "$name" "it does not build"; return 0; }
  ./pan -w20 -m20000 >out 2>&1 || true
  refused "$name" 'invalid end state \(at depth'
}

broken_end() {  # broken_end NAME MACRO...: some fair run never gets everything archived and trimmed
  local name=$1
  shift
  build "-O0 -DNFAIR=3" -DLIVE "$@" || { fail "$name" "it does not build"; return 0; }
  ./pan -w20 -m20000 -a -f >out 2>&1 || true
  refused "$name" 'acceptance cycle \(at depth'
}

check_keeper() {
  model=$models/keeper.pml
  both="trimmed_by_stage hold_given_up pending_trim_with_deletion pending_trim_without_deletion record_not_covered_yet
    other_accused staged_and_current_both_hold_records range_missing_after_staged gap_made_by_other headless_chain concurrent_change"
  stage="$both new_records_archived_with_the_pending_trim a_refused"
  count="$both trimmed_by_count counted_while_records_came_in"
  kexec="list_shorter_over_kexec gap_over_kexec d_refused"
  pcrs="pcrs_of_two_moments one_pcr_parted one_pcr_went_on"

  S=-DMETHOD=STAGE C=-DMETHOD=COUNT P=-DPCRS=2
  # The long ones first. Where a search is short, the compiler's optimization takes more time than it saves.
  optimize=-O1
  in_turn good "stage, kexec" "$stage $kexec" $S -DKEXECS=1
  in_turn good "stage, two PCRs, 4 records" "$pcrs" $S $P -DOTHER_ACTS=1
  in_turn good "count, two PCRs, 4 records" "$pcrs" $C $P -DOTHER_ACTS=1
  in_turn good "count, two PCRs, kexec" "$pcrs $kexec" $C $P -DKEXECS=1 -DRECORDS=3 -DOTHER_ACTS=1
  in_turn good "count, kexec" "$count $kexec n_refused" $C -DKEXECS=1
  in_turn good "stage" "$stage" $S -DOTHER_ACTS=3 -DCRASHES=2
  in_turn good "count" "$count" $C -DOTHER_ACTS=3 -DCRASHES=2
  in_turn good "stage, 5 records" "$stage" $S -DRECORDS=5
  in_turn good "count, reboot" "$count new_boot" $C -DREBOOTS=1
  in_turn good "stage, reboot" "$stage new_boot" $S -DREBOOTS=1
  optimize=-O0
  in_turn good "count, 5 records" "$count" $C -DRECORDS=5
  in_turn good "count, two PCRs" "$count $pcrs" $C $P -DRECORDS=3
  in_turn good "stage, two PCRs" "$stage $pcrs" $S $P -DRECORDS=3
  in_turn good "stage, kexec and reboot" "$kexec trimmed_by_stage new_boot" $S -DKEXECS=1 -DREBOOTS=1 -DRECORDS=3 -DOTHER_ACTS=1
  in_turn good "count, kexec and reboot" "$kexec trimmed_by_count n_refused new_boot" $C -DKEXECS=1 -DREBOOTS=1 -DRECORDS=3 -DOTHER_ACTS=1
  in_turn settles "stage, in the end" $S -DRECORDS=3
  in_turn settles "count, in the end" $C -DRECORDS=3
  in_turn settles "stage, two PCRs, in the end" $S $P -DRECORDS=2
  in_turn settles "count, two PCRs, in the end" $C $P -DRECORDS=2
  in_turn settles "stage, kexec and reboot, in the end" $S -DRECORDS=2 -DKEXECS=1 -DREBOOTS=1 -DOTHER_ACTS=1
  in_turn settles "count, kexec and reboot, in the end" $C -DRECORDS=2 -DKEXECS=1 -DREBOOTS=1 -DOTHER_ACTS=1

  deleted=only_what_is_archived_is_deleted
  proven=only_what_its_own_pcr_proves_is_deleted
  once=records_are_archived_once_and_in_order
  accused=others_are_accused_only_of_what_they_deleted
  gap=a_gap_is_reported_only_if_records_were_lost
  no_gap=a_gap_is_reported_if_records_were_lost
  in_turn broken "broken order" $deleted $S -DBROKEN_ORDER
  in_turn broken "broken order, accounts" every_record_is_accounted_for $S -DBROKEN_ORDER
  in_turn broken "broken check, stage" $deleted $S -DBROKEN_CHECK
  in_turn broken "broken check, count" $deleted $C -DBROKEN_CHECK
  in_turn broken "broken check, order" $once $S -DBROKEN_CHECK
  in_turn broken "broken hold, stage" $deleted $S -DBROKEN_HOLD
  in_turn broken "broken hold, count" $deleted $C -DBROKEN_HOLD
  in_turn broken "broken count" $deleted $C -DBROKEN_COUNT
  in_turn broken "broken last record" $deleted $C -DBROKEN_LAST
  in_turn broken "broken window" $deleted $C -DBROKEN_WINDOW
  in_turn broken "broken reach" $deleted $C $P -DBROKEN_REACH -DRECORDS=5 -DOTHER_ACTS=1 -DCRASHES=0
  in_turn broken "broken content" $deleted $S -DBROKEN_CONTENT
  in_turn broken "broken places" $once $S $P -DBROKEN_PLACES
  in_turn broken "broken one PCR, stage" $proven $S $P -DBROKEN_ONE_PCR -DRECORDS=3
  in_turn broken "broken one PCR, count" $proven $C $P -DBROKEN_ONE_PCR -DRECORDS=3
  in_turn broken "broken one PCR, gap, stage" $no_gap $S $P -DBROKEN_ONE_PCR -DRECORDS=3
  in_turn broken "broken one PCR, gap, count" $no_gap $C $P -DBROKEN_ONE_PCR -DRECORDS=3
  in_turn broken "broken belief in an anchor" $proven $S -DBROKEN_BELIEVE
  in_turn broken "broken wait for one, stage" $proven $S $P -DBROKEN_WAIT_FOR_ONE
  in_turn broken "broken wait for one, count" $proven $C $P -DBROKEN_WAIT_FOR_ONE
  in_turn broken "broken last anchor" $proven $S $P -DBROKEN_LAST_ANCHOR -DRECORDS=5 -DCRASHES=0
  in_turn broken "broken commit" $once $S -DBROKEN_COMMIT
  in_turn broken "broken clear, stage" $accused $S -DBROKEN_CLEAR
  in_turn broken "broken clear, count" $accused $C -DBROKEN_CLEAR
  in_turn broken "broken ignore, stage" $accused $S -DBROKEN_IGNORE -DOTHER_ACTS=0
  in_turn broken "broken ignore, count" $accused $C -DBROKEN_IGNORE -DOTHER_ACTS=0
  in_turn broken "broken head" $accused $S -DBROKEN_HEAD
  in_turn broken "broken recovery" $accused $S -DBROKEN_RECOVERY -DOTHER_ACTS=0
  in_turn broken "broken kexec" $accused $S -DBROKEN_KEXEC -DKEXECS=1 -DOTHER_ACTS=0
  in_turn broken "broken anchor" $gap $S -DBROKEN_ANCHOR
  in_turn broken "broken settle" $gap $S -DBROKEN_SETTLE
  in_turn broken "broken anchor, list left out" nothing_is_stepped_over $S -DBROKEN_ANCHOR_LIST
  in_turn broken "broken missing range" $gap $S -DBROKEN_MISSING
  in_turn broken "broken ESTALE" no_record_comes_back $S -DBROKEN_ESTALE -DKEXECS=1
  in_turn broken_wait "broken close" $S -DBROKEN_CLOSE
  in_turn broken_end "broken EEXIST" $S -DBROKEN_EEXIST -DRECORDS=3
}

check_attestation() {
  local one two after_reset trimmed
  model=$models/attestation.pml
  one="trimmed trimmed_with_evidence_on_its_way evidence_came_again lost_after_the_commit records_after_the_quote
    nothing_new nonce_of_an_earlier_epoch"
  two="epoch_has_moved older_answer"
  after_reset="new_chain proven_after_a_reset quote_of_an_earlier_chain answer_to_an_earlier_chain"
  optimize=-O1
  in_turn good "attestation" "$one $two" -DVERIFIERS=1
  in_turn good "attestation, TPM reset" "$one $two $after_reset" -DRESETS=1 -DRECORDS=1
  in_turn good "attestation, two verifiers" "$one one_verifier_is_further" -DVERIFIERS=2
  in_turn good "attestation, two verifiers, TPM reset" "trimmed $after_reset" \
    -DVERIFIERS=2 -DRESETS=1 -DRECORDS=1

  trimmed=only_what_every_verifier_has_proven_is_trimmed
  in_turn broken "attestation, broken answer" an_answer_is_given_only_after_its_commit -DBROKEN_ANSWER
  in_turn broken "attestation, broken answer, trim" $trimmed -DBROKEN_ANSWER
  in_turn broken "attestation, broken epoch" n_never_moves_back_within_a_chain -DBROKEN_EPOCH
  in_turn broken "attestation, broken epoch, nonce" a_nonce_is_accepted_at_most_once -DBROKEN_EPOCH
  in_turn broken "attestation, broken nonce" a_nonce_is_accepted_at_most_once -DBROKEN_NONCE
  in_turn broken "attestation, broken match" $trimmed -DBROKEN_MATCH
  in_turn broken "attestation, broken store" a_host_that_asks_again_is_answered -DBROKEN_STORE
  in_turn broken "attestation, broken repeat" a_host_that_asks_again_gets_the_same_n -DBROKEN_REPEAT
  in_turn broken "attestation, broken chain" $trimmed -DBROKEN_CHAIN -DRESETS=1
  in_turn broken "attestation, broken minimum" $trimmed -DBROKEN_MINIMUM -DVERIFIERS=2
}

for name in "${chosen[@]}"; do "check_$name"; done

wait
# Each check has said how it ended, and none that it failed.
[ "$(cat "$work"/*/verdict | grep -cE '^model .*(no errors, [0-9]+ states|refused, as it must be)$')" = "$checks" ]
