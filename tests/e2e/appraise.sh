#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# appraise.sh IMAKEEP TESTDATA - captured lists are appraised with `imakeep appraise` by policies made from them; what is
# changed in a policy is found; and bad input gets one error.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
imakeep=$(realpath "$1")
testdata=$(realpath "$2")
begin_checks
captures=$testdata/linux-7.3.4
appraise() { "$imakeep" appraise "$@"; }

# make_policy CODE ASCII_LIST...: a policy that lists what the lists have, changed by Python code that sees it as `policy`.
make_policy() {
  python3 - "$@" <<'EOF'
import json, sys

policy = {"meta": {"version": 1, "generator": 3}, "release": 0, "digests": {}, "excludes": [], "keyrings": {},
          "ima": {"ignored_keyrings": [], "log_hash_alg": "sha256", "dm_policy": None}, "ima-buf": {},
          "verification-keys": "", "imakeep": {"version": 1, "violations": {"paths": []}}}
for name in sys.argv[2:]:
    for line in open(name):
        _, shown, template, rest = line.rstrip("\n").split(" ", 3)
        digest, path, *_ = rest.split(" ")
        if set(shown) == {"0"}:
            policy["imakeep"]["violations"]["paths"].append(path)
            continue
        listed = policy["ima-buf" if template == "ima-buf" else "digests"].setdefault(path, [])
        if digest.split(":")[1] not in listed:
            listed.append(digest.split(":")[1])
exec(sys.argv[1])
print(json.dumps(policy))
EOF
}

lists=("$captures/kexec/first-deleted-1/binary_runtime_measurements_sha256_staged" "$captures/kexec/second/binary_runtime_measurements_sha256")
ascii=("$captures/kexec/first-deleted-1/ascii_runtime_measurements_sha256_staged" "$captures/kexec/second/ascii_runtime_measurements_sha256")
pcrs=$captures/kexec/second/pcr10.txt
policy=$work/policy.json
make_policy pass "${ascii[@]}" >"$policy"
records=$(cat "${ascii[@]}" | wc -l)
path=/data/f000000041
path_digest=$(grep -h " $path\$" "${ascii[@]}" | head -n 1 | sed 's/.*sha256:\([0-9a-f]*\) .*/\1/')

# ---- accepted ------------------------------------------------------------------------------------------------------

check_says "a policy made from the lists accepts every record" "^$records of $records records accepted, 0 refused$" \
  appraise --policy "$policy" --pcrs "$pcrs" "${lists[@]}"
check_says "  and the log is proven in the same pass" "^$records of $records records proven" \
  appraise "${lists[@]}" --policy "$policy" --pcrs "$pcrs"
check_says "  by listed digests" "^accepted +[0-9]+ by digest$" appraise --policy "$policy" "${lists[@]}"
check_says "without PCRs it says that nothing is proven" "^nothing is proven: neither PCR values nor a quote were given$" \
  appraise --policy "$policy" "${lists[@]}"
check "a list from standard input" appraise --policy "$policy" - <"${lists[1]}"
check_equal "Keylime accepts the same" "0 $records" \
  "$(json_of 'len(result["findings"]), sum(result["accepted"].values())' appraise --json --mode keylime --policy "$policy" "${lists[@]}" | tr -d '(,)')"
"$imakeep" log import --archive "$work/host.imk" --pcrs "$pcrs" "${lists[@]}" >"$work/import.out" 2>&1 || cat "$work/import.out"
check_says "an archive" "^$records of $records records accepted, 0 refused$" \
  appraise --policy "$policy" --archive "$work/host.imk" --pcrs "$pcrs"

# ---- findings ------------------------------------------------------------------------------------------------------

make_policy "policy['digests']['$path'] = ['0' * 64]" "${ascii[@]}" >"$work/changed.json"
check_refused "a changed digest" 1 "the policy refuses [0-9]+ of $records records" appraise --policy "$work/changed.json" --pcrs "$pcrs" "${lists[@]}"
check_proof "  is reported with its rule" 1 "^refused +[0-9]+ other-digest \(ima.validation.ima-ng.runtime_policy_hash\)$" \
  appraise --policy "$work/changed.json" "${lists[@]}"
check_equal "  with path, digest and nearest digest" "$path sha256:$path_digest $(printf '0%.0s' {1..64}) True" \
  "$(json_of '*[(f["path"], f["digest"], f["nearest"][0]["digest"], f["proven"]) for f in result["findings"]][0], sep=" "' \
    appraise --json --policy "$work/changed.json" --pcrs "$pcrs" "${lists[@]}")"
make_policy "del policy['digests']['$path']" "${ascii[@]}" >"$work/removed.json"
check_proof "a removed path" 1 "unknown-path" appraise --policy "$work/removed.json" "${lists[@]}"
check "of two policies one accepts it" appraise --policy "$work/removed.json" --policy "$policy" "${lists[@]}"
make_policy "policy['imakeep']['packages'] = [{'name': 'data', 'version': '2-1', 'digests': policy['digests'].pop('$path')}]; policy['digests']['/x'] = policy['imakeep']['packages'][0]['digests']" \
  "${ascii[@]}" >"$work/package.json"
check_proof "the package of a foreign file is named" 1 "^  digest +sha256:$path_digest  data 2-1$" \
  appraise --policy "$work/package.json" "${lists[@]}"
make_policy "policy['imakeep']['signatures'] = [{'where': {'paths': ['$path']}}]" "${ascii[@]}" >"$work/signed.json"
check_proof "a missing signature" 1 "signature-missing \(imakeep.signature.missing\)" \
  appraise --policy "$work/signed.json" --keys "$testdata/keys" "${lists[@]}"
number=$(json_of 'result["findings"][0]["record"]' appraise --json --policy "$work/removed.json" --archive "$work/host.imk")
check "records outside a range are not reported" \
  appraise --policy "$work/removed.json" --archive "$work/host.imk" --to "$number"
check_proof "the first in a range is" 1 "^record +$number " \
  appraise --policy "$work/removed.json" --archive "$work/host.imk" --from "$number" --to "$((number + 1))"
check_equal "identities differ by host" 2 "$(for host in a b; do
  json_of 'result["findings"][0]["identity"]' appraise --json --host $host --policy "$work/removed.json" "${lists[@]}"
done | sort -u | wc -l)"

# ---- the boot aggregate --------------------------------------------------------------------------------------------

make_policy "del policy['digests']['boot_aggregate']" "${ascii[@]}" >"$work/no_aggregate.json"
check_proof "a boot aggregate without a reference" 1 "unknown-boot-aggregate" appraise --policy "$work/no_aggregate.json" "${lists[@]}"
for pcr in 0 1 2 3 4 5 6 7 8 9; do echo "sha256 $pcr $(printf '0%.0s' {1..64})"; done >"$work/boot.pcrs"
check_proof "PCRs that lead to another one" 1 "boot-aggregate-pcrs" \
  appraise --policy "$work/no_aggregate.json" --pcrs-boot "$work/boot.pcrs" "${lists[@]}"

# ---- attestation results -------------------------------------------------------------------------------------------

log=$captures/templates/binary_runtime_measurements_sha256
"$imakeep" verify "$log" | grep ' 11 ' >"$work/pcr11"
taken=$captures/templates/quote-mid
quote=(--pcrs "$work/pcr11" --quote "$taken/quote.msg" --signature "$taken/quote.sig" --key "$taken/ak.pem")
openssl ecparam -name prime256v1 -genkey -noout -out "$work/ear.pem" 2>/dev/null
openssl pkey -in "$work/ear.pem" -pubout -out "$work/ear.pub"
# claims_of TOKEN: the claims, if openssl verifies the signature by the public key.
claims_of() {
  python3 - "$1" "$work" <<'EOF'
import base64, json, subprocess, sys

token, work = open(sys.argv[1]).read().strip(), sys.argv[2]
header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
numbers = b""
for half in (signature[:32], signature[32:]):
    half = half.lstrip(b"\0")
    half = b"\0" + half if half[0] & 0x80 else half
    numbers += bytes([2, len(half)]) + half
open(f"{work}/ear.sig", "wb").write(bytes([0x30, len(numbers)]) + numbers)
subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{work}/ear.pub", "-signature", f"{work}/ear.sig"],
               input=token.rsplit(".", 1)[0].encode(), check=True, stdout=subprocess.DEVNULL)
assert json.loads(header)["typ"] == "eat+jwt"
print(claims.decode())
EOF
}
make_policy "policy['excludes'] = ['(?s).*']; policy['imakeep']['violations'] = {'patterns': ['(?s).*']}" >"$work/all.json"
for profile in veraison ietf; do
  attested=("$imakeep" appraise --policy "$work/all.json" "${quote[@]}" --ear "$work/ear.pem" --ear-profile "$profile" --host web1 "$log")
  check_equal "an attestation result, profile $profile" 0 "$("${attested[@]}" >"$work/$profile.jwt" 2>"$work/said"; echo $?)"
  check "  is signed by the key" claims_of "$work/$profile.jwt"
done
check_equal "  says what is proven" "warning 93 0" \
  "$(claims_of "$work/veraison.jwt" | json_of '*[(a["ear.status"], p["n"], p["failed"]) for a in [result["submods"]["web1"]] for p in [a["ear.imakeep.proof"]]][0]' cat)"
"$imakeep" appraise --policy "$policy" "${quote[@]}" --ear "$work/ear.pem" "$log" >"$work/refused.jwt" 2>"$work/said"
check_equal "of a log with findings it exits with 1" 1 $?
check_equal "  names findings, and proves the same" "contraindicated 96 93 16" \
  "$(claims_of "$work/refused.jwt" | json_of '*[(a["ear.status"], a["ear.trustworthiness-vector"]["executables"], a["ear.imakeep.proof"]["n"], len(a["ear.imakeep.proof"]["findings"])) for a in [result["submods"]["host"]]][0]' cat)"
check_refused "an attestation result without a quote" 2 "quote" appraise --policy "$policy" --pcrs "$pcrs" --ear "$work/ear.pem" "${lists[@]}"
check_refused "a public key to sign with" 1 "$work/ear.pub" appraise --policy "$work/all.json" "${quote[@]}" --ear "$work/ear.pub" "$log"

# ---- not proven ----------------------------------------------------------------------------------------------------

check_refused "PCRs of another log" 1 "match no prefix" \
  appraise --policy "$policy" --pcrs "$captures/flush/4-final/pcr10.txt" "${lists[@]}"
LC_ALL=C sed 's,/data/f000000045,/data/f00000004x,' "${lists[1]}" >"$work/altered"
check_refused "an altered record" 1 "template digest does not match the record's data" \
  appraise --policy "$policy" "$work/altered"
check_proof "  is a finding too" 1 "template-digest \(ima.validation.ima_hash\)" appraise --policy "$policy" "$work/altered"

# ---- bad input -----------------------------------------------------------------------------------------------------

check_refused "no policy" 2 "policy" appraise "${lists[@]}"
check_refused "no log" 2 "name lists, or an archive" appraise --policy "$policy"
check_refused "a list and an archive" 2 "not both" appraise --policy "$policy" --archive "$work/host.imk" "${lists[@]}"
check_refused "a range of a list" 2 "archive" appraise --policy "$policy" --from 1 "${lists[@]}"
check_refused "an unknown mode" 2 "mode" appraise --policy "$policy" --mode lax "${lists[@]}"
check_refused "no such policy" 3 "$work/none" appraise --policy "$work/none" "${lists[@]}"
echo '{"meta": 1}' >"$work/bad.json"
check_refused "a bad policy" 1 "$work/bad.json" appraise --policy "$work/bad.json" "${lists[@]}"
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout >"$work/key.pem" 2>/dev/null
check_refused "a policy that nobody signed" 1 "not signed" appraise --policy "$policy" --policy-key "$work/key.pem" "${lists[@]}"
mkdir "$work/empty"
check_refused "a directory without keys" 2 "has no key" appraise --policy "$policy" --keys "$work/empty" "${lists[@]}"
check_refused "no such list" 3 "$work/none" appraise --policy "$policy" "$work/none"

finish_checks
