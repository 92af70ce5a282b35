# SPDX-License-Identifier: Apache-2.0
# The machine's power is cut at random moments, again and again, with the archive on a disk: lab/guest/crash.sh.
# CRASH_ROUNDS cuts (4), each within seconds of the keeper being at work.
# shellcheck shell=bash disable=SC2154,SC2034

suite_crash() {
  local round cut_s rounds=${CRASH_ROUNDS:-4}
  new_disk archive 64M
  new_tpm sha1,sha256
  for ((round = 1; round <= rounds; ++round)); do
    rm -f "$work/share"/{checks,at-work,promised-new}
    power_on run
    until [[ -e $work/share/at-work ]] || ! kill -0 "$machine" 2>/dev/null || ((SECONDS - powered_on > limit_s)); do sleep 0.1; done
    check "cut $round: the keeper is at work" test -e "$work/share/at-work"
    cut_s=$((RANDOM % 60 + 5))
    sleep "$((cut_s / 10)).$((cut_s % 10))"
    check "cut $round: the machine still runs" kill -0 "$machine"
    end_machine
    take_started "cut $round" "$work/share/checks"
    echo "      cut $round: $cut_s tenths of a second after it was at work, $(cat "$work/share/promised" 2>/dev/null) (chain, records kept)"
  done
  boot "after the last cut" last
}

# take_started NAME FILE: the checks of a machine that was not let come to its end.
take_started() {
  [[ -e $2 ]] && echo end >>"$2"
  take_checks "$1" "$2"
}
