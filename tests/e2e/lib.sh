# SPDX-License-Identifier: Apache-2.0
# Sourced by the end-to-end scripts: starts and ends a list of their own, counts and prints checks.
# Needs root and /dev/fuse. `begin IMAKEEP` sets $imakeep, $work, $mount and $sock.
# shellcheck shell=bash disable=SC2034

begin() {
  imakeep=$1
  if [[ $(id -u) != 0 || ! -w /dev/fuse ]]; then
    echo "skipped: needs root and /dev/fuse"
    exit 77
  fi
  begin_checks
  mount=$work/ima
  sock=$work/sock
  mkdir "$mount"
  daemon=
  swtpm=
  trap 'end_list; end_swtpm; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
}

# started WHAT PID ERRORS COMMAND...: waits until the command succeeds; ends the test if the process ends before.
started() {
  local what=$1 pid=$2 errors=$3
  shift 3
  for _ in $(seq 600); do
    "$@" && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  echo "$what did not start: $(cat "$errors")"
  exit 1
}

# keeper_answers SOCKET: well or not. The socket alone may be one that a killed keeper left.
keeper_answers() { [[ -n $("$imakeep" status --control "$1" 2>/dev/null) ]]; }

# soon COMMAND...: until it succeeds, 30 s at most.
soon() {
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.05
  done
  echo "not within 30 s: $*; the keeper: $(tail -n 5 "$work/keep.err" 2>&1)"
  return 1
}

# open_list: for reading and writing, as descriptor 4. Fails while anybody has it open, as the keeper may.
open_list() { { exec 4<>"$mount/binary_runtime_measurements"; } 2>/dev/null; }

# trim_by_hand N: deletes N records without a keeper, as soon as no process has the list open.
trim_by_hand() {
  soon open_list || return
  echo "$1" >&4
  exec 4>&-
}

# stop_keeper: where it does not have the list open, so that others can delete records.
stop_keeper() {
  while kill -STOP "$keeper"; do
    soon grep -q '^State:.T' "/proc/$keeper/status" || return
    [[ -n $(find "/proc/$keeper/fd" -lname "$mount/*") ]] || return 0
    kill -CONT "$keeper"
    sleep 0.02
  done
}

# begin_checks: for tests without a list. Makes $work, and removes it at the end.
begin_checks() {
  work=$(mktemp -d)
  checks=0
  failures=0
  trap 'rm -rf "$work"' EXIT
}

# start_list OPTION...: serves a list on $mount and waits until it is ready.
start_list() {
  : >"$work/serve.out"
  "$imakeep" list serve --mount "$mount" --control "$sock" "$@" >"$work/serve.out" 2>"$work/serve.err" &
  daemon=$!
  started "list serve" "$daemon" "$work/serve.err" grep -q '^ready' "$work/serve.out"
}

# end_list: its exit code is in $ended.
end_list() {
  [[ -n $daemon ]] || return 0
  kill "$daemon" 2>/dev/null
  wait "$daemon"
  ended=$?
  daemon=
}

# end_keeper [SIGNAL]: ends the process $keeper, if it runs; its exit code is in $ended.
end_keeper() {
  [[ -n $keeper ]] || return 0
  { kill -"${1:-TERM}" "$keeper" && wait "$keeper"; } 2>/dev/null
  ended=$?
  keeper=
}

# start_swtpm [FLAGS]: a TPM 2.0 after a reset, that $tcti names. It keeps its state from one start to the next.
# FLAGS replace swtpm's --flags.
start_swtpm() {
  local port
  mkdir -p "$work/swtpm"
  for _ in $(seq 20); do
    port=$((RANDOM % 22000 + 10000))
    rm -f "$work/swtpm/pid"
    swtpm socket --tpm2 --tpmstate dir="$work/swtpm" --server type=tcp,port=$port --ctrl type=tcp,port=$((port + 1)) \
      --flags "${1:-not-need-init,startup-clear}" --pid file="$work/swtpm/pid" >"$work/swtpm.out" 2>&1 &
    swtpm=$!
    # It writes its pid once both ports are its own, and ends when one is not to be had.
    while kill -0 "$swtpm" 2>/dev/null; do
      if [[ -s $work/swtpm/pid ]]; then
        tcti=swtpm:host=127.0.0.1,port=$port
        return
      fi
      sleep 0.02
    done
  done
  echo "swtpm did not start: $(cat "$work/swtpm.out")"
  exit 1
}

end_swtpm() {
  [[ -n $swtpm ]] || return 0
  { kill -KILL "$swtpm" && wait "$swtpm"; } 2>/dev/null
  swtpm=
}

# make_key NAME OPTION...: an attestation key below $work/ek; $work/NAME.ctx, and its public part as NAME.pub (TPM2B_PUBLIC),
# .tpmt, .pem and .der.
make_key() {
  local name=$1 form
  shift
  tpm2_createak -Q -C "$work/ek" -c "$work/$name.ctx" -u "$work/$name.pub" "$@" || return 1
  tpm2_flushcontext -t
  for form in tpmt pem der; do
    tpm2_readpublic -Q -c "$work/$name.ctx" -f $form -o "$work/$name.$form" || return 1
    tpm2_flushcontext -t
  done
}

# failed: counts. With $IMAKEEP_FAIL_FAST the first failure ends the test.
failed() {
  failures=$((failures + 1))
  [[ -z ${IMAKEEP_FAIL_FAST:-} ]] || exit 1
}

# check NAME COMMAND...: the command must succeed.
check() {
  local name=$1
  shift
  checks=$((checks + 1))
  if "$@" >"$work/check.out" 2>&1; then
    echo "ok    $name"
  else
    echo "FAIL  $name"
    sed 's/^/      /' "$work/check.out"
    failed
  fi
}

# check_says NAME PATTERN COMMAND...: the command succeeds, and what it prints matches.
check_says() {
  local name=$1 pattern=$2
  shift 2
  check "$name" "$@"
  check_equal "  says /$pattern/" yes "$(if grep -Eq "$pattern" "$work/check.out"; then echo yes; else cat "$work/check.out"; fi)"
}

# check_equal NAME EXPECTED FOUND
check_equal() {
  checks=$((checks + 1))
  if [[ $2 == "$3" ]]; then
    echo "ok    $1"
  else
    printf 'FAIL  %s\n      expected %s\n      found    %s\n' "$1" "$2" "$3"
    failed
  fi
}

# check_refused NAME EXIT_CODE PATTERN COMMAND...: the command ends with that code, and what it says matches.
check_refused() {
  local name=$1 code=$2 pattern=$3 said got
  shift 3
  said=$("$@" 2>&1 >/dev/null)
  got=$?
  checks=$((checks + 1))
  if [[ $got == "$code" && $said =~ $pattern ]]; then
    echo "ok    $name"
  else
    printf 'FAIL  %s\n      expected exit %s and /%s/\n      found    exit %s: %s\n' "$name" "$code" "$pattern" "$got" "${said:0:500}"
    failed
  fi
}

finish() {
  end_list
  check "nothing is left mounted" bash -c '! mountpoint -q "$1"' _ "$mount"
  finish_checks
}

finish_checks() {
  echo "$checks checks, $failures failed"
  [[ $failures == 0 ]]
}

# check_proof NAME EXIT PATTERN COMMAND...: the exit code, and a line of what it prints or says.
check_proof() {
  local name=$1 code=$2 pattern=$3 said got
  shift 3
  said=$("$@" 2>&1)
  got=$?
  check_equal "$name" "exit $code, /$pattern/" \
    "exit $got, $(if grep -Eq -- "$pattern" <<<"$said"; then echo "/$pattern/"; else echo "$said"; fi)"
}
# json_of FILTER COMMAND...: `result` is what the command prints.
json_of() { "${@:2}" 2>/dev/null | python3 -c "import json, sys; result = json.load(sys.stdin); print($1)"; }
