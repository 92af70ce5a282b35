# SPDX-License-Identifier: Apache-2.0
# A kernel that has no staging: records can be trimmed by count only, and not at all if the table is flushed.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1

refuses_to_stage() {
  local said
  said=$(imakeep keep --archive /run/other --once --method stage 2>&1)
  grep -E "no _staged files .*use --method count" <<<"$said" || { echo "$said" && return 1; }
}

check "the host is attested" attest_host
check "the TPM has a key" make_key
check "Linux has no file to stage with" bash -c '! ls $1/*_staged' _ $ima
if [[ $part == flushed ]]; then
  check "the doctor says what is missing" doctor_says "^FAIL .*supports no trim method: CONFIG_IMA_STAGING is off"
  check "and what to do" doctor_says "boot without ima_flush_htable|CONFIG_IMA_STAGING=y"
  had=$(in_list)
  check "the list is archived all the same" keep_once
  check "and nothing is trimmed" test "$(in_list)" -ge "$had"
  end_checks
  exit
fi
check "the doctor says what is missing" doctor_says "supports only the method count \(N\): CONFIG_IMA_STAGING is off"
check "and what that costs" doctor_says "use a kernel with CONFIG_IMA_STAGING=y and boot with ima_flush_htable"
start_keeper --every 1s --view $view
start_load
sleep 5
stop_load
check "records are trimmed by count" keeper_said "trimmed .* by count"
check "all of it is proven by the PCRs" until_true 20 is_proven
check "nothing was found" equal "" "$(diagnoses)"
check "the view shows more than the list has" test "$(cat $view/runtime_measurements_count)" -gt "$(in_list)"
check "staging is refused" refuses_to_stage
end_keeper TERM
check "told to end, it ends well" equal 0 $ended
prove_whole_log --method auto
check "what is left is short" test "$(in_list)" -lt 100
end_checks
