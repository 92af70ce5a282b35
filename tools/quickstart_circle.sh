# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart: a host with a software TPM attests to a verifier, and its keeper trims what the verifier has proven.
# shellcheck shell=bash disable=SC2154

# start_tpm: a TPM 2.0 after a reset, that $tcti names; its process is $tpm.
start_tpm() {
  local port i
  mkdir -p "$work/tpm"
  for ((i = 0; i < 20; ++i)); do
    port=$((RANDOM % 22000 + 10000))
    swtpm socket --tpm2 --tpmstate dir="$work/tpm" --server type=tcp,port=$port --ctrl type=tcp,port=$((port + 1)) \
      --flags not-need-init,startup-clear --pid file="$work/tpm.pid" >"$work/tpm.log" 2>&1 &
    tpm=$!
    # It writes its pid once both ports are its own, and ends when one is not to be had.
    while kill -0 "$tpm" 2>/dev/null; do
      [ ! -s "$work/tpm.pid" ] || { tcti=swtpm:host=127.0.0.1,port=$port && return; }
      sleep 0.02
    done
  done
  cat "$work/tpm.log" >&2
  return 3
}

# start_verifier: its address is $url, the pin of its certificate $pin.
start_verifier() {
  local i
  mkdir "$work/verifier"
  "$verifier_program" serve --store "$work/verifier/db" --state "$work/verifier" --admin-socket "$work/verifier/admin" \
    --listen 127.0.0.1:0 --any-tpm >"$work/verifier.out" 2>"$work/verifier.log" &
  verifier=$!
  for ((i = 0; i < 100; ++i)); do
    url=$(sed -n 's/^.* listens on \(.*\), pin .*/\1/p' "$work/verifier.out")
    pin=$(sed -n 's/^.* listens on .*, pin //p' "$work/verifier.out")
    [ -z "$pin" ] || return 0
    kill -0 "$verifier" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/verifier.log" >&2
  return 3
}

administer() { local area=$1 && shift && "$verifier_program" "$area" "$@" --socket "$work/verifier/admin"; }
attest() { "$imakeep" attest "$@" --state "$work/attester" --tcti "$tcti"; }
# attest_archive: attests with the records that the keeper has archived. Its exit code is 1 if there are findings.
attest_archive() { attest once --archive "$circle" --keeper "$work/keeper.sock"; }
in_archive() { "$imakeep" log --archive "$circle" --format json 2>/dev/null | wc -l; }
# archived NUMBER: waits until the archive has so many records.
archived() {
  local i
  for ((i = 0; i < 100; ++i)); do
    [ "$(in_archive)" != "$1" ] || return 0
    sleep 0.1
  done
  return 1
}

# found: path and reason of each finding in the JSON of `findings list`.
found() { sed -n 's/^ *"\(path\|reason\)": *"\(.*\)",*$/\2/p' | paste -sd ' '; }
# The records that wait in the list. What is proven is trimmed, but for the last record, by which the keeper goes on.
in_list() { cat "$ima/runtime_measurements_count"; }

show_circle() {
  local token policy digest before i code=0 files circle=$work/circle
  start_tpm
  serve --tcti "$tcti"
  start_verifier
  "$imakeep" keep --ima-dir "$ima" --archive "$circle" --pcrs "tcti:$tcti" --control "$work/keeper.sock" --every 200ms \
    --follow-every 50ms --pressure off --trim-after verified --method count 2>>"$work/keeper.log" &
  keeper=$!
  token=$(administer tokens add quickstart --role enrol)
  echo "12. The list extends a software TPM now, and a verifier runs: $(attest enrol --server "$url" --pin "$pin" --host web-1 --token "$token")."
  mapfile -t files < <(find /usr/bin -type f | sort | head -n 200)
  add "${files[@]}" >/dev/null
  archived 200
  before=$(in_list)
  echo "13. 200 files were measured. The keeper trims only what the verifier has proven: the list still holds $before records."
  echo "    Attested: $(attest_archive)"
  for ((i = 0; i < 100; ++i)); do
    (($(in_list) == before)) || break
    sleep 0.1
  done
  echo "    The keeper trimmed by that: the list holds $(in_list) record(s)."
  (($(in_list) < before))

  policy=$work/learned.json
  "$imakeep" policy from-log --archive "$circle" --output "$policy" 2>>"$work/attest.log"
  digest=$(administer policy add "$policy")
  administer policy assign-list servers "$digest" >/dev/null
  administer hosts assign web-1 servers >/dev/null
  # The list without what is measured next.
  mkdir "$work/hidden"
  "$imakeep" log --archive "$circle" --format binary --bank sha256 >"$work/hidden/binary_runtime_measurements_sha256"
  printf '#!/bin/sh\necho foreign\n' >"$work/foreign"
  add "$work/foreign" >/dev/null
  archived 201
  echo "14. The verifier has a policy of these files now, and a foreign program was measured. A list that hides its record:"
  attest once --list "$work/hidden" >"$work/attested" 2>&1 || code=$?
  fold -s -w 110 "$work/attested" | sed 's/^/    /'
  [ "$code" = 1 ]
  grep -q log-mismatch "$work/attested"
  echo "15. The list as it is:"
  code=0
  attest_archive >"$work/attested" 2>&1 || code=$?
  sed 's/^/    /' "$work/attested"
  [ "$code" = 1 ]
  echo "    $(administer findings list --json | found)"

  end "$keeper"
  keeper=
  end "$verifier"
  verifier=
  end "$served"
  served=
  end "$tpm"
  tpm=
}
