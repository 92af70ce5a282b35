# SPDX-License-Identifier: Apache-2.0
# Sourced by lab/run: a verifier on this machine, and a machine that attests to it.
# shellcheck shell=bash disable=SC2154,SC2034

verifier=  # its pid

# start_verifier: an empty one, on loopback, which a machine reaches as 10.0.2.2. How, and a token, is in the shared folder.
start_verifier() {
  local address pin token
  verifier_program=$(dirname "$imakeep")/imakeep-verifier
  mkdir "$work/verifier"
  "$verifier_program" serve --store "$work/verifier/db" --state "$work/verifier" --admin-socket "$work/verifier/admin" \
    --listen 127.0.0.1:0 --any-tpm >"$work/verifier.out" 2>"$work/verifier.err" &
  verifier=$!
  started "the verifier" "$verifier" "$work/verifier.err" grep -q listens "$work/verifier.out"
  address=$(sed -E 's/.*:([0-9]+), pin .*/10.0.2.2:\1/' "$work/verifier.out")
  pin=$(sed 's/.* pin //' "$work/verifier.out")
  token=$(administer tokens add lab --role enrol)
  echo "https://$address $pin $token" >"$work/share/verifier"
}
end_verifier() {
  [[ -z $verifier ]] || { kill "$verifier" && wait "$verifier"; } 2>/dev/null
  verifier=
}
administer() { local area=$1 && shift && "$verifier_program" "$area" "$@" --socket "$work/verifier/admin"; }

# judge_by_policy: waits for the policy that the machine makes, and judges the machine by it.
judge_by_policy() {
  local digest
  until [[ -e $work/share/policy ]]; do
    kill -0 "$machine" 2>/dev/null || return
    sleep 0.2
  done
  digest=$(administer policy add "$work/share/policy") && administer policy assign-list lab "$digest" &&
    administer hosts assign guest lab && touch "$work/share/assigned"
}

# attesting_machine: what the suite's machine needs to attest to a new verifier.
attesting_machine() {
  with_network=yes
  limit_s=600
  new_disk archive 64M
  new_tpm ""
  cp "$kernel" "$work/share/kernel"
  cp "$initramfs" "$work/share/initramfs"
  start_verifier
}

check_history() {
  check "within a chain N never goes back, and there are two chains" python3 -c '
import json, sys
rows = json.load(sys.stdin)["history"]
print(rows)
for before, row in zip(rows, rows[1:]):
    assert (row["chain"], row["n"]) >= (before["chain"], before["n"])
    assert row["first"] == (before["n"] if row["chain"] == before["chain"] else 0)
assert {row["chain"] for row in rows} == {1, 2}' < <(administer history guest --json)
}

# attest_and_trim METHOD
attest_and_trim() {
  local method=$1 known proven
  guest=attest
  attesting_machine
  rm -f "$work/share/checks"
  power_on "$method"
  judge_by_policy >"$work/policy.out" 2>&1
  await_machine "$limit_s"
  take_machine "from kernel to kernel"
  read -r known proven <"$work/share/foreign"
  # The kexec that comes later is found too.
  check_equal "there is one finding before the kexec: the foreign program, in the second increment" "/run/measured/foreign True" \
    "$(administer findings list --json | python3 -c '
import json, sys
known, proven = map(int, sys.argv[1:])
for one in json.load(sys.stdin)["findings"]:
    if one["record"] < proven: print(one["path"], one["record"] >= known)' "$known" "$proven")"
  boot "after a reset of the TPM" "$method-reset"
  check_history
  end_verifier
}
