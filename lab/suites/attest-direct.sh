# SPDX-License-Identifier: Apache-2.0
# A host without an archive deletes what a verifier on this machine has proven and retains: lab/guest/attest-direct.sh.
# shellcheck shell=bash disable=SC2154,SC2034

# proven_with_retained CHAIN: what the verifier has retained and what the list has left are what the TPM quoted.
proven_with_retained() {
  local share=$work/share
  { administer hosts records guest --chain "$1" && cat "$share/left"; } >"$work/whole" &&
    "$imakeep" verify "$work/whole" --quote "$share/quote.msg" --signature "$share/quote.sig" --key "$share/ak.pub" \
      --nonce "$(<"$share/nonce")"
}

suite_attest_direct() {
  attesting_machine
  power_on direct
  await_machine "$limit_s"
  take_machine "from kernel to kernel"
  check "retained and remaining records of the first chain match the PCRs" proven_with_retained 1
  boot "after a reset of the TPM" direct-reset
  check "and those of the second chain" proven_with_retained 2
  check_history
  end_verifier
}
