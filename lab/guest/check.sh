# SPDX-License-Identifier: Apache-2.0
# Sourced in a machine: makes checks, and writes a line "ok|FAIL TAB name TAB what was said" for each into a file that the host
# reads (take_checks() in lab/machine.sh).
# shellcheck shell=bash
checks=${checks:-/share/checks}

# check NAME COMMAND...: the command must succeed.
check() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    printf 'ok\t%s\n' "$name"
  else
    printf 'FAIL\t%s\t%s\n' "$name" "$(tail -c 1500 <<<"$said" | tr '\n\t' '; ')"
  fi >>"$checks"
}
equal() { [[ $1 == "$2" ]] || { echo "expected '$1', found '$2'" && return 1; }; }

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { "$@"; return; }
    sleep "${poll_s:-0.5}"
  done
}

# end_checks: nothing was left out.
end_checks() { echo end >>"$checks"; }
