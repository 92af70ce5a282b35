#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attest.sh IMAKEEP TESTDATA - what `imakeep attest` says if something is missing, and what it leaves on the disk. That a
# verifier accepts its evidence is the subject of tests/scenario/attestation_test.cc.
# shellcheck disable=SC2119
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
imakeep=$(realpath "$1")
testdata=$2
command -v swtpm >/dev/null || { echo "skipped: swtpm is not installed"; exit 77; }
begin_checks
swtpm=
trap 'end_swtpm; rm -rf "$work"' EXIT
unset TSS2_LOG
start_swtpm

nobody=https://127.0.0.1:1
state=$work/state
mkdir "$work/ima"
cp "$testdata/linux-7.3.4/templates/binary_runtime_measurements_sha256" "$work/ima"
attest() { "$imakeep" attest "$@" --state "$state" --tcti "$tcti"; }

check_refused "no command" 2 "subcommand" "$imakeep" attest
check_refused "enrol without a server" 2 "--server" attest enrol
check_refused "enrol by an address without TLS" 2 "begins with https://" attest enrol --server http://127.0.0.1
check_refused "a pin and an authority" 2 "--ca" attest enrol --server "$nobody" --pin sha256//x --ca "$work/ca"
check_refused "once before the enrolment" 2 "attest enrol" attest once --list "$work/ima"
check_refused "run before the enrolment" 2 "attest enrol" attest run --list "$work/ima"
check "nothing is saved by then" test ! -e "$state"
check_refused "enrol without a TPM" 3 "no TPM answers" \
  "$imakeep" attest enrol --server "$nobody" --state "$state" --tcti swtpm:host=127.0.0.1,port=1
check_refused "enrol, and nobody listens" 3 "https://127.0.0.1:1/v1/enrol" attest enrol --server "$nobody" --host web-1
check_equal "the key is saved for its owner alone" "700 600" "$(stat -c %a "$state" "$state/attester.json" | xargs)"
saved=$(cat "$state/attester.json")
check_refused "enrol again" 3 "/v1/enrol" attest enrol --server "$nobody" --host web-1
check_equal "the key stays" "$saved" "$(cat "$state/attester.json")"
check_refused "once without records" 2 "--archive FILE, --list DIR and --direct DIR" attest once
check_refused "once with both" 2 "--archive" attest once --archive "$work/a" --list "$work/ima"
check_refused "once, and nobody listens" 3 "https://127.0.0.1:1/v1/challenge" attest once --list "$work/ima"
end_swtpm
rm -rf "$work/swtpm"
start_swtpm
check_refused "enrol with another TPM" 3 "/v1/enrol" attest enrol --server "$nobody" --host web-1
check "another TPM gets another key" test "$saved" != "$(cat "$state/attester.json")"
echo '{"version": 2}' >"$state/attester.json"
check_refused "a state of another version" 1 "attester.json.*version 2" attest once --list "$work/ima"
finish_checks
