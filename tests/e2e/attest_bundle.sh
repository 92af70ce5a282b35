#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attest_bundle.sh IMAKEEP VERIFIER - evidence for later: a list that extends a real TPM 2.0 (an swtpm process) is attested several
# times, the keeper keeps the quotes, and a bundle of records and quotes is judged after everything else has ended.
# shellcheck disable=SC2119  # functions whose arguments are optional
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
verifier=$2
for tool in swtpm tpm2_pcrread; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
unset TSS2_LOG
archive=$work/archive
keeper_sock=$work/keeper.sock
state=$work/attester
bundle=$work/web-1.bundle
serving=
keeper=
stop_verifier() {
  [[ -n $serving ]] || return 0
  { kill "$serving" && wait "$serving"; } 2>/dev/null
  serving=
}
stop_all() {
  end_keeper
  stop_verifier
  end_list
  end_swtpm
  rm -rf "$work"
}
trap stop_all EXIT
add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
admin() { local what=$1; shift; "$verifier" "$what" "$@" --socket "$work/admin.sock"; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
attest() { local what=$1; shift; "$imakeep" attest "$what" --server "https://127.0.0.1:$port" --pin "$pin" --state "$state" --tcti "$tcti" "$@"; }
once() { attest once --archive "$archive" --keeper "$keeper_sock" --json; }
export_bundle() { "$imakeep" attest export --archive "$archive" --state "$state" --output "$@"; }
has_archived() { [[ $("$imakeep" log --archive "$archive" --format json 2>/dev/null | wc -l) == "$1" ]]; }
quotes() { "$imakeep" log --archive "$archive" --stats --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["chains"][0]["quotes"])'; }
# of_bundle FILTER OPTION...: of the JSON that verify prints of a bundle; `proof` and `b`, its member "bundle".
of_bundle() { "$imakeep" verify "${@:2}" --json 2>/dev/null | python3 -c "import json, sys; proof = json.load(sys.stdin); b = proof['bundle']; print($1)"; }
# forge OUTPUT WHAT [FILE]: an altered copy of the bundle, with a right checksum.
forge() { python3 "$(dirname "$0")/forge_bundle.py" "$bundle" "$@"; }
# ak_of STATE FILE: the public area of the attestation key, as the host can give it to others.
ak_of() { python3 -c 'import base64, json, sys; open(sys.argv[2], "wb").write(base64.b64decode(json.load(open(sys.argv[1] + "/attester.json"))["ak_public"]))' "$1" "$2"; }

start_swtpm
start_list --tcti "$tcti"
add /bin/ls /bin/cat /bin/true
"$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "tcti:$tcti" --control "$keeper_sock" --every 0 --pressure off \
  --trim-after verified --method count 2>"$work/keep.err" &
keeper=$!
started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
mkdir "$work/verifier"
"$verifier" serve --store "$work/verifier/db" --state "$work/verifier" --admin-socket "$work/admin.sock" --listen 127.0.0.1:0 \
  --any-tpm --interval 5s >"$work/verifier.out" 2>"$work/verifier.err" &
serving=$!
started "the verifier" "$serving" "$work/verifier.err" grep -q listens "$work/verifier.out"
port=$(sed -E 's/.*:([0-9]+), pin .*/\1/' "$work/verifier.out")
pin=$(sed 's/.* pin //' "$work/verifier.out")
token=$(admin tokens add first --role enrol --json | member token)
check "the host enrols" attest enrol --host web-1 --token "$token"
ak_of "$state" "$work/ak.pub"

# ---- quotes are kept

check_equal "no quote is kept before an attestation" 0 "$(quotes)"
soon has_archived 3
check "the first attestation" once
add /bin/sh /bin/sleep
soon has_archived 5
check "the second" once
check "the third, without new records" once
check_equal "each leaves its quote in the archive" 3 "$(quotes)"

# ---- export

check_says "the bundle is written while the keeper runs" "chain 1, 5 records, 3 quotes; the last covers the first 5 records" \
  export_bundle "$bundle"
add /bin/date
soon has_archived 6
check "a newer one replaces it" export_bundle "$bundle"
echo "precious" >"$work/other"
check_refused "another file is not replaced" 2 "no evidence bundle, so it is not replaced" export_bundle "$work/other"
check_equal "  and stays as it was" precious "$(cat "$work/other")"
check_refused "a missing directory is named" 3 "$work/missing" export_bundle "$work/missing/bundle"

# ---- judged without the host

end_keeper
stop_verifier
end_list
end_swtpm
"$imakeep" policy from-log --archive "$archive" --output "$work/policy.json" 2>/dev/null
mv "$archive" "$work/gone"
policy=(--policy "$work/policy.json")
check_proof "the records are proven, and the policy accepts them" 0 "3 of 3 are signed by the key and match the records" \
  "$imakeep" appraise "$bundle" "${policy[@]}" --ak "$work/ak.pub"
check_says "  by the key that the caller named" "key       named by the caller" "$imakeep" verify "$bundle" --ak "$work/ak.pub"
check_says "  of which 5 are proven" "quote .* matches? .*5" "$imakeep" verify "$bundle" --ak "$work/ak.pub"
check_equal "  in JSON too" "5 caller 3 3 True" \
  "$(of_bundle 'proof["proven"], b["key_named_by"], b["good_quotes"], b["last_good_quote"], proof["after_match"] == 1' "$bundle" --ak "$work/ak.pub")"
check_equal "  and where each quote matches" "[3, 5, 5]" "$(of_bundle '[q["matched_at"] for q in b["quotes"]]' "$bundle" --ak "$work/ak.pub")"
check_says "the bundle's own key shows nothing of the host, and the output says so" "only named by the bundle" "$imakeep" verify "$bundle"
check_equal "  in JSON too" bundle "$(of_bundle 'b["key_named_by"]' "$bundle")"
python3 - "$work/policy.json" <<'EOF2'
import json, sys
policy = json.load(open(sys.argv[1]))
policy["digests"].pop(next(path for path in policy["digests"] if "sleep" in path))
json.dump(policy, open(sys.argv[1] + ".strict", "w"))
EOF2
check_refused "a record that the policy does not know is refused" 1 "the policy refuses 1 of 6 records" "$imakeep" appraise "$bundle" --policy "$work/policy.json.strict" --ak "$work/ak.pub"

# ---- another key, another file

openssl ecparam -name prime256v1 -genkey -noout -out "$work/other.key" 2>/dev/null
openssl pkey -in "$work/other.key" -pubout -out "$work/other.pem" 2>/dev/null
check_refused "another AK is refused" 1 "quote 1: the signature is not by" "$imakeep" appraise "$bundle" "${policy[@]}" --ak "$work/other.pem"
check_refused "options of other logs are refused" 2 "is an evidence bundle" "$imakeep" verify "$bundle" --pcrs "$work/policy.json"
check_refused "--ak needs a bundle" 2 "go with an evidence bundle only" "$imakeep" verify "$work/other" --ak "$work/ak.pub"
mkdir "$work/roots"
openssl req -x509 -key "$work/other.key" -subj /CN=root -days 2 -out "$work/roots/root.pem" 2>/dev/null
check_refused "roots need an EK certificate" 1 "no EK certificate" "$imakeep" verify "$bundle" --ek-roots "$work/roots"

# ---- damaged and forged bundles

size=$(stat -c %s "$bundle")
head -c $((size - 1)) "$bundle" >"$work/short"
check_refused "a truncated bundle" 1 "short: evidence bundle: it ends too early.*byte offset $((size - 1))" "$imakeep" appraise "$work/short" "${policy[@]}"
cp "$bundle" "$work/flipped"
printf '\xff' | dd of="$work/flipped" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
check_refused "a flipped byte" 1 "flipped" "$imakeep" appraise "$work/flipped" "${policy[@]}"
forge "$work/altered" record
check_refused "an altered record, with a checksum that is right" 1 "quote 2: the records do not match it" \
  "$imakeep" appraise "$work/altered" "${policy[@]}" --ak "$work/ak.pub"
check_equal "  the records before it stay proven" "3 1" "$(of_bundle 'proof["proven"], b["last_good_quote"]' "$work/altered" --ak "$work/ak.pub")"
forge "$work/none" no-quotes
check_refused "a bundle without quotes proves nothing" 1 "has no quote, so nothing is proven" "$imakeep" appraise "$work/none" "${policy[@]}"
forge "$work/version" version
check_refused "a later version" 1 "version 2; this imakeep knows version 1" "$imakeep" appraise "$work/version" "${policy[@]}"

# ---- an EK certificate

openssl req -new -key "$work/other.key" -subj /CN=ek 2>/dev/null |
  openssl x509 -req -CA "$work/roots/root.pem" -CAkey "$work/other.key" -days 2 -outform DER -out "$work/ek.der" 2>/dev/null
forge "$work/with-ek" ek-certificate "$work/ek.der"
check_says "an EK certificate is checked against roots" "certificate of CN=ek, which leads to a root given" \
  "$imakeep" verify "$work/with-ek" --ak "$work/ak.pub" --ek-roots "$work/roots"
check_says "  and shows nothing of the key" "no bundle shows that the key of its quotes is in the TPM of this certificate" \
  "$imakeep" verify "$work/with-ek" --ak "$work/ak.pub" --ek-roots "$work/roots"
check_says "  without roots it is not checked, and the output says so" "not checked, because no roots were given" "$imakeep" verify "$work/with-ek"
mkdir "$work/strangers"
openssl req -x509 -key "$work/other.key" -subj /CN=stranger -days 2 -out "$work/strangers/root.pem" 2>/dev/null
check_refused "  other roots refuse it" 1 "EK certificate: certificate refused .no-root" "$imakeep" verify "$work/with-ek" --ek-roots "$work/strangers"

finish_checks
