#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attest_direct.sh IMAKEEP VERIFIER - a host without an archive: `imakeep attest once --direct` on a list that extends a real
# TPM 2.0 (an swtpm process), by count and by stage, with a verifier that is away, refuses or is slow, and killed in between.
# At the end the verifier's retained records and the list together are every record once, and match the PCRs.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
verifier=$2
for tool in swtpm tpm2_pcrextend openssl; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
unset TSS2_LOG
state=$work/attester
serving=
between=
stop_all() {
  local pid
  for pid in $between $serving; do { kill "$pid"; wait "$pid"; } 2>/dev/null; done
  end_list
  end_swtpm
  rm -rf "$work"
}
trap stop_all EXIT
expected=()
add() { "$imakeep" list add --control "$sock" "$@" >/dev/null && expected+=("$@"); }
# program NAME: a file that nobody has measured.
program() { echo "$1" >"$work/$1"; echo "$work/$1"; }
admin() { local what=$1; shift; "$verifier" "$what" "$@" --socket "$work/admin.sock"; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
listed() { cat "$mount/runtime_measurements_count"; }
staged() { wc -l <"$mount/ascii_runtime_measurements_sha256_staged"; }
lists() { cat "$mount"/binary_runtime_measurements_sha256{_staged,} | sha256sum; }
mode() { echo "$1" >"$work/between/mode"; rm -f "$work/between/held"; }
attest() { local what=$1; shift; "$imakeep" attest "$what" --server "${server:-https://127.0.0.1:$(cat "$work/between/port")}" --pin "$pin" --state "$state" --tcti "$tcti" "$@"; }
once() { attest once --direct "$mount" "$@"; }
# json_once OPTION...: "n deleted" of an attestation.
json_once() { once --json "$@" | python3 -c 'import json, sys; a = json.load(sys.stdin); print(a["n"], a["deleted"])'; }
# killed_while MODE OPTION...: attests, and is killed once the evidence or the verdict is held.
killed_while() {
  mode "$1"
  shift
  "$imakeep" attest once --server "https://127.0.0.1:$(cat "$work/between/port")" --pin "$pin" --state "$state" --tcti "$tcti" \
    --direct "$mount" "$@" >"$work/killed.out" 2>&1 &
  local pid=$!
  soon test -e "$work/between/held" || cat "$work/killed.out"
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null
  mode pass
}
is_free() { open_list && exec 4>&-; }

# shellcheck disable=SC2119  # no flags
start_swtpm
start_list --tcti "$tcti"
mkdir -p "$work/verifier" "$work/between"
"$verifier" serve --store "$work/verifier/db" --state "$work/verifier" --admin-socket "$work/admin.sock" \
  --listen 127.0.0.1:0 --any-tpm --no-token >"$work/verifier.out" 2>"$work/verifier.err" &
serving=$!
started "the verifier" "$serving" "$work/verifier.err" grep -q listens "$work/verifier.out"
port=$(sed -E 's/.*:([0-9]+), pin .*/\1/' "$work/verifier.out")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=between -days 2 -keyout "$work/between/key" \
  -out "$work/between/certificate" 2>/dev/null
pin=sha256//$(openssl x509 -in "$work/between/certificate" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)
mode pass
"$(dirname "$0")/held_verifier.py" "$work/between/certificate" "$work/between/key" "$port" "$work/between" 2>"$work/between.err" &
between=$!
started "the server in between" "$between" "$work/between.err" test -s "$work/between/port"

# ---- a verifier that does not retain

add /bin/ls /bin/cat /bin/true /bin/false
check "enrolment without --retain" "$imakeep" attest enrol --server "https://127.0.0.1:$port" \
  --pin "$(sed 's/.* pin //' "$work/verifier.out")" --state "$work/plain" --tcti "$tcti" --host web-0
before=$(lists)
state=$work/plain check_refused "a verifier that does not retain" 1 "--retain" once
check_equal "  deletes nothing" "$before" "$(lists)"
check_refused "a hold limit without --direct" 2 "--direct" attest once --list "$mount" --hold-limit 1s
check_refused "a hold limit without a unit" 2 "hold-limit" once --hold-limit 30

# ---- by count, by stage

check "enrolment with --retain" attest enrol --host web-1 --retain
check_refused "no records" 2 "--direct DIR" attest once
check_equal "the verifier knows that it retains" True "$(admin hosts show web-1 --json | member retains)"
check_equal "by count: what is proven is deleted" "4 4" "$(json_once --method count)"
check_equal "  from the list" 0 "$(listed)"
check_equal "nothing new: nothing is deleted" "4 0" "$(json_once --method count)"
add /bin/sh /bin/sleep
check_equal "by stage: what is proven is deleted" "6 2" "$(json_once --method stage)"
check_equal "  from both lists" "0 0" "$(listed) $(staged)"

# ---- failures

add /bin/date /bin/uname
before=$(lists)
server=https://127.0.0.1:1 check_refused "a verifier that is away" 3 "127.0.0.1" once
check_equal "  deletes nothing" "$before" "$(lists)"
admin hosts disable web-1 >/dev/null
check_refused "a verifier that refuses" 1 "disabled" once
check_equal "  deletes nothing" "$before" "$(lists)"
admin hosts enable web-1 >/dev/null
for method in count stage; do
  mode hold-evidence
  check_refused "a verdict after the hold limit, by $method" 3 "127.0.0.1|held" once --method $method --hold-limit 1500ms
  check_equal "  deletes nothing" "$before" "$(lists)"
  check "  and the list is free" soon is_free
done
mode pass
check_equal "what was staged by then is deleted by the next" "8 2" "$(json_once --method count)"
check_equal "  from both lists" "0 0" "$(listed) $(staged)"

# ---- killed

for method in count stage; do
  for held in hold-evidence hold-verdict; do
    add "$(program "first-$method-$held")" "$(program "second-$method-$held")"
    before=$(lists)
    killed_while $held --method $method
    check_equal "killed with $held, by $method: nothing is deleted" "$before" "$(lists)"
    check "  and the list is free" soon is_free
    add "$(program "third-$method-$held")"
    json_once --method $method >/dev/null
    json_once --method $method >/dev/null
    check_equal "  and the next attestations delete all" "0 0" "$(listed) $(staged)"
    check_equal "  which the verifier has proven" ${#expected[@]} "$(admin hosts show web-1 --json | member n)"
  done
done

# ---- every record once

add "$(program last)"
check_equal "a record is left for the list" 1 "$(listed)"
admin hosts records web-1 >"$work/retained"
check_equal "hosts records: from a number on" "$(tail -c 100 "$work/retained" | sha256sum)" \
  "$(admin hosts records web-1 --chain 1 --from 7 | tail -c 100 | sha256sum)"
cat "$work/retained" "$mount/binary_runtime_measurements_sha256" >"$work/whole"
check "the verifier's records and the list match the PCRs" "$imakeep" verify "$work/whole" --tpm "$tcti"
"$imakeep" log import --archive "$work/archive" "$work/whole" >/dev/null 2>&1
check_equal "  and are every record once" "$(realpath "${expected[@]}")" \
  "$("$imakeep" log --archive "$work/archive" | cut -d " " -f 5)"
check_equal "a chain that the verifier does not have" "" "$(admin hosts records web-1 --chain 9)"

# ---- records that somebody else has deleted; refused evidence

add "$(program gone)"
json_once >/dev/null
add "$(program one)" "$(program two)"
trim_by_hand 1
before=$(lists)
check_refused "somebody else deleted a record" 1 "log-mismatch" once
check_equal "  and nothing is deleted" "$before" "$(lists)"
check_refused "  nor by stage" 1 "log-mismatch" once --method stage
check_equal "  where the record stays, staged" "$before" "$(lists)"
finish
