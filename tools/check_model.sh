#!/bin/bash
# Checks the model of the keeper, docs/model/keeper.pml, with spin: each configuration is searched to its end, and each
# rule of the protocol is left out once, which spin has to refuse. docs/model/README.md says what is checked. Needs spin and
# gcc. Exits 1 if a configuration has errors, does not reach what it must reach or is not searched to its end, or if a
# broken one is not refused; 3 without spin.
#
#   tools/check_model.sh        about a minute and a half
set -euo pipefail
cd "$(dirname "$0")/.."
model=$PWD/docs/model/keeper.pml
for tool in spin gcc; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install $tool" >&2; exit 3; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail() {  # fail NAME WHY: and shows what the search said
  echo "model $1: FAILED, $2"
  grep -vE '^[[:space:]]*(/|$)' out | tail -n 30
  failed=1
}

build() {  # build "OPTIONS OF GCC" MACRO...: a search, ./pan
  local -a options
  read -ra options <<<"$1"
  shift
  rm -f pan ./*.trail
  if ! spin -a "$@" "$model" >out 2>&1 || ! gcc -w "${options[@]}" -DMEMLIM=2000 -o pan pan.c >>out 2>&1; then
    cat out >&2
    exit 1
  fi
}

# What pan does not search it says. -m is far above the depth of any configuration; a search that reaches it is cut.
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
  grep -E 'keeper\.pml:[0-9]+, state' out | grep -v '"-end-"' || true
}

good() {  # good NAME "STATES THAT MUST BE REACHED" MACRO...
  local name=$1 must=$2 state left_out
  shift 2
  build "-O2 -DSAFETY" "$@"
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
  build "-O2 -DNFAIR=3" -DLIVE "$@"
  search_whole "$name" -a -f || return 0
  echo "model $name: no errors, $(awk '/states, stored/ { print $1 }' out) states"
}

broken() {  # broken NAME CLAIM MACRO...: the claim does not hold
  local name=$1 claim=$2
  shift 2
  build "-O1 -DSAFETY" -DONLY="$claim" "$@"
  ./pan -m20000 >out 2>&1 || true
  if grep -qx "violated: $claim" out && grep -q 'errors: 1$' out; then
    echo "model $name: refused, as it must be"
  else
    fail "$name" "not refused"
  fi
}

broken_wait() {  # broken_wait NAME MACRO...: somebody waits for ever
  local name=$1
  shift
  build "-O1 -DSAFETY" "$@"
  ./pan -m20000 >out 2>&1 || true
  if grep -q 'invalid end state (at depth' out; then
    echo "model $name: refused, as it must be"
  else
    fail "$name" "not refused"
  fi
}

broken_end() {  # broken_end NAME MACRO...: some fair run never gets everything archived and trimmed
  local name=$1
  shift
  build "-O1 -DNFAIR=3" -DLIVE "$@"
  ./pan -m20000 -a -f >out 2>&1 || true
  if grep -q 'acceptance cycle (at depth' out; then
    echo "model $name: refused, as it must be"
  else
    fail "$name" "not refused"
  fi
}

both="trimmed_by_stage hold_given_up mark_with_deletion mark_without_deletion record_behind_the_pcr other_accused
  staged_and_current_both_hold_records hole_behind_staged gap_made_by_other headless_chain unsettled"
stage="$both new_records_archived_with_the_mark a_refused"
count="$both trimmed_by_count counted_while_records_came_in"
kexec="list_shorter_over_kexec gap_over_kexec d_refused"

S=-DMETHOD=STAGE C=-DMETHOD=COUNT
good "stage" "$stage" $S -DOTHER_ACTS=3 -DCRASHES=2
good "count" "$count" $C -DOTHER_ACTS=3 -DCRASHES=2
good "stage, 5 records" "$stage" $S -DRECORDS=5
good "count, 5 records" "$count" $C -DRECORDS=5
good "stage, kexec" "$stage $kexec" $S -DKEXECS=1
good "count, kexec" "$count $kexec n_refused" $C -DKEXECS=1
good "stage, reboot" "$stage new_boot" $S -DREBOOTS=1
good "count, reboot" "$count new_boot" $C -DREBOOTS=1
good "stage, kexec and reboot" "$stage $kexec new_boot" $S -DKEXECS=1 -DREBOOTS=1 -DRECORDS=3
good "count, kexec and reboot" "$count $kexec n_refused new_boot" $C -DKEXECS=1 -DREBOOTS=1 -DRECORDS=3
settles "stage, in the end" $S -DRECORDS=3
settles "count, in the end" $C -DRECORDS=3
settles "stage, kexec and reboot, in the end" $S -DRECORDS=2 -DKEXECS=1 -DREBOOTS=1 -DOTHER_ACTS=1
settles "count, kexec and reboot, in the end" $C -DRECORDS=2 -DKEXECS=1 -DREBOOTS=1 -DOTHER_ACTS=1

deleted=only_what_is_archived_is_deleted
once=records_are_archived_once_and_in_order
accused=others_are_accused_only_of_what_they_deleted
gap=a_gap_is_reported_only_if_records_were_lost
broken "broken order" $deleted $S -DBROKEN_ORDER
broken "broken order, accounts" every_record_is_accounted_for $S -DBROKEN_ORDER
broken "broken check, stage" $deleted $S -DBROKEN_CHECK
broken "broken check, count" $deleted $C -DBROKEN_CHECK
broken "broken check, order" $once $S -DBROKEN_CHECK
broken "broken hold, stage" $deleted $S -DBROKEN_HOLD
broken "broken hold, count" $deleted $C -DBROKEN_HOLD
broken "broken count" $deleted $C -DBROKEN_COUNT
broken "broken last record" $deleted $C -DBROKEN_LAST
broken "broken window" $deleted $C -DBROKEN_WINDOW
broken "broken trust" $deleted $S -DBROKEN_TRUST
broken "broken commit" $once $S -DBROKEN_COMMIT
broken "broken mark, stage" $accused $S -DBROKEN_MARK
broken "broken mark, count" $accused $C -DBROKEN_MARK
broken "broken head" $accused $S -DBROKEN_HEAD
broken "broken recovery" $accused $S -DBROKEN_RECOVERY -DOTHER_ACTS=0
broken "broken kexec" $accused $S -DBROKEN_KEXEC -DKEXECS=1 -DOTHER_ACTS=0
broken "broken anchor" $gap $S -DBROKEN_ANCHOR
broken "broken anchor, list left out" nothing_is_stepped_over $S -DBROKEN_ANCHOR_LIST
broken "broken hole" $gap $S -DBROKEN_HOLE
broken "broken ESTALE" no_record_comes_back $S -DBROKEN_ESTALE -DKEXECS=1
broken_wait "broken close" $S -DBROKEN_CLOSE
broken_end "broken EEXIST" $S -DBROKEN_EEXIST -DRECORDS=3

exit "$failed"
