#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attest_circle.sh IMAKEEP VERIFIER - the whole circle: a list that extends a real TPM 2.0 (an swtpm process), a keeper that trims
# after the verifier, enrolment, attestations, a foreign program, a list that was tampered with, a verifier that is killed
# between commit and answer, a TPM that was reset. The program `jose` verifies every result.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
verifier=$2
for tool in swtpm tpm2_pcrread jose curl; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
unset TSS2_LOG
archive=$work/archive
keeper_sock=$work/keeper.sock
state=$work/attester
serving=
keeper=
running=
stop_all() {
  [[ -z $running ]] || { kill "$running"; wait "$running"; } 2>/dev/null
  [[ -z $keeper ]] || { kill "$keeper"; wait "$keeper"; } 2>/dev/null
  [[ -z $serving ]] || { kill "$serving"; wait "$serving"; } 2>/dev/null
  end_list
  end_swtpm
  rm -rf "$work"
}
trap stop_all EXIT
add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
admin() { local what=$1; shift; "$verifier" "$what" "$@" --socket "$work/admin.sock"; }
# shellcheck disable=SC2120  # options are for those who try things
serve_verifier() {
  mkdir -p "$work/verifier"
  : >"$work/verifier.out"  # of the one before
  "$verifier" serve --store "$work/verifier/db" --state "$work/verifier" --admin-socket "$work/admin.sock" \
    --listen "127.0.0.1:${port:-0}" --any-tpm --interval 5s "$@" >"$work/verifier.out" 2>"$work/verifier.err" &
  serving=$!
  started "the verifier" "$serving" "$work/verifier.err" grep -q listens "$work/verifier.out"
  port=$(sed -E 's/.*:([0-9]+), pin .*/\1/' "$work/verifier.out")
  pin=$(sed 's/.* pin //' "$work/verifier.out")
}
attest() { local what=$1; shift; "$imakeep" attest "$what" --server "https://127.0.0.1:$port" --pin "$pin" --state "$state" --tcti "$tcti" "$@"; }
# shellcheck disable=SC2120
once() {
  local code
  attest once --archive "$archive" --keeper "$keeper_sock" --json "$@" >"$work/once.json"
  code=$?
  cat "$work/once.json"
  if ((code <= 1)); then member result <"$work/once.json" >>"$work/results"; fi
  return $code
}
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
keep() {
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "tcti:$tcti" --control "$keeper_sock" --every 0 --pressure off \
    --trim-after verified --method count 2>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
}
trim() { "$imakeep" status --control "$keeper_sock" >/dev/null; python3 - "$keeper_sock" <<'EOF'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'{"op": "trim"}\n'); s.makefile().readline()
EOF
}
listed() { cat "$mount/runtime_measurements_count"; }
has_archived() { [[ $(archived) == "$1" ]]; }
archived() { "$imakeep" log --archive "$archive" --format json 2>/dev/null | wc -l; }

# shellcheck disable=SC2119  # no flags
start_swtpm
start_list --tcti "$tcti"
add /bin/ls /bin/cat /bin/true /bin/false
keep
# shellcheck disable=SC2119
serve_verifier

# ---- enrolment

check_refused "a host that is not enrolled" 2 "attest enrol" once
check_refused "enrolment without a token" 1 "enrolment-token" attest enrol --host web-1
token=$(admin tokens add first --role enrol --json | member token)
check "enrolment with a token" attest enrol --host web-1 --token "$token"
check_equal "the verifier knows the host" web-1 "$(admin hosts list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["host"])')"

# ---- attestations, and a keeper that trims by them

trim
check_equal "nothing is trimmed before a verifier has proven anything" 4 "$(listed)"
soon has_archived 4
proven=$(once | member n)
check_equal "all records are proven" 4 "$proven"
trim
check_equal "what is proven is trimmed, but for the last record" 1 "$(listed)"
add /bin/sh /bin/sleep
soon has_archived 6
check_equal "the next attestation sends the new records only" "4 2" "$(once | python3 -c 'import json, sys; a = json.load(sys.stdin); print(a["first"], a["sent"])')"

# ---- a policy: a foreign program is found, and its finding stays

"$imakeep" policy from-log --archive "$archive" --output "$work/policy.json" 2>/dev/null
digest=$(admin policy add "$work/policy.json" --json | member digest)
admin policy assign-list servers "${digest#sha256:}" >/dev/null
admin hosts assign web-1 servers >/dev/null
check "what the policy was made of is accepted" once
cp /bin/ls "$work/foreign"
echo "a byte more" >>"$work/foreign"
add "$work/foreign"
soon has_archived 7
check_equal "a foreign program: the result is not affirming" 1 "$(once >/dev/null 2>&1; echo $?)"
check_equal "  and it is found by name" "$work/foreign unknown-path" \
  "$(admin findings list --json | python3 -c 'import json, sys; f = json.load(sys.stdin)["findings"][0]; print(f["path"], f["reason"])')"
check_equal "  and it is proven all the same" "$(archived)" "$(once 2>/dev/null | member n)"

# ---- a list that was tampered with

mkdir "$work/tampered"
for bank in sha1 sha256; do
  "$imakeep" log --archive "$archive" --format binary --bank $bank >"$work/tampered/binary_runtime_measurements_$bank"
done
cp "$work/tampered/binary_runtime_measurements_sha1" "$work/tampered/binary_runtime_measurements"
add /bin/date
before=$(admin hosts show web-1 --json)
check_refused "a list that lacks a record" 1 "log-mismatch" attest once --list "$work/tampered"
check_equal "  and nothing of the host has moved" "$before" "$(admin hosts show web-1 --json)"

# ---- a verifier that is killed, and one that is away

kill -KILL "$serving"
wait "$serving" 2>/dev/null
check_refused "a verifier that is away" 3 "127.0.0.1" once
"$imakeep" attest run --state "$state" --tcti "$tcti" --archive "$archive" --keeper "$keeper_sock" --json \
  >"$work/run.json" 2>"$work/run.err" &
running=$!
run_says() { grep -q "$1" "$work/run.$2"; }
check "a host that runs says that it is away" soon run_says 127.0.0.1 err
# shellcheck disable=SC2119
serve_verifier
soon has_archived 8
check "  and goes on by itself when it is back" soon run_says '"outcome":"attested"' json
{ kill "$running" && wait "$running"; } 2>/dev/null
running=
grep '"outcome":"attested"' "$work/run.json" | while read -r line; do member result <<<"$line"; done >>"$work/results"
check_equal "started again, it goes on where it was" 8 "$(once 2>/dev/null | member n)"

# ---- a TPM reset: a new chain

kill "$keeper"
wait "$keeper" 2>/dev/null
keeper=
end_list
end_swtpm
# shellcheck disable=SC2119  # no flags
start_swtpm
start_list --tcti "$tcti"
add /bin/uname /bin/cat
keep
of_chain_2() { "$imakeep" log --archive "$archive" --chain 2 --stats >/dev/null 2>&1; }
soon of_chain_2
verdict=$(once)
check_equal "after a TPM reset a new chain begins at record 0" "2 0 2" \
  "$(python3 -c 'import json, sys; a = json.loads(sys.argv[1]); print(a["chain"], a["first"], a["n"])' "$verdict")"

# ---- every result, by another implementation of JOSE

curl --silent --insecure "https://127.0.0.1:$port/.well-known/jwks.json" >"$work/jwks.json"
jose_accepts() { jose jws ver -i "$1" -k "$work/jwks.json" -O "$work/claims.json"; }
number=0
while read -r result; do
  number=$((number + 1))
  printf %s "$result" >"$work/result.jws"
  check "jose accepts result $number" jose_accepts "$work/result.jws"
  check_equal "  and it is about this host" web-1 \
    "$(python3 -c 'import json, sys; print(*json.load(sys.stdin)["submods"])' <"$work/claims.json")"
done <"$work/results"
check "all results were looked at" test "$number" -ge 8
sed 's/\(.*\)\.\(.\)\(.*\)$/\1.\3\2/' "$work/result.jws" >"$work/altered.jws"
check_equal "jose refuses a result with another signature" 1 "$(jose_accepts "$work/altered.jws" >/dev/null 2>&1; echo $?)"

finish_checks
