# SPDX-License-Identifier: Apache-2.0
# A host on Linux's own list that attests to a verifier on the machine that runs the lab, and whose keeper trims what the verifier
# has proven, by the method that the first word of $1 names. The other words: "", the first kernel; "kexec", the one after it,
# in the same chain; "reset", a start after the TPM was reset.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
# shellcheck source=attester.sh
. /lab/attester.sh
part=$1
method=${part%%-*}
records=(--archive "$archive" --keeper "$socket")
# trims_after COUNT: the keeper has trimmed more often than that.
trims() { grep -c "trimmed .* by $method" $keeper_log; }
trims_after() { (($(trims) > $1)) || { tail -n 5 $keeper_log && return 1; }; }
settled() {
  local before
  before=$(archived)
  sleep 1
  equal "$before" "$(archived)"
}

check "the host is attested" attest_host
check "the TPM has a key" make_key
trimmed=$(trims)
start_keeper --method "$method" --every 1s --trim-after verified
case $part in
  "$method")
    measure 60
    until_true 20 settled
    check "it enrols" attest enrol --server "$url" --pin "$pin" --host guest --token "$token"
    check "the keeper has trimmed nothing yet" equal 0 "$(trims)"
    check "it attests" attested
    check "the chain begins" verdict_is 1 0
    check "all of it is proven" test "$(verdict n)" -gt 60
    check "the keeper trims what is proven" until_true 30 trims_after 0

    # What ran for the first time meanwhile belongs to the policy too.
    imakeep policy from-log --archive $archive --output /share/unused >/dev/null 2>&1
    attested >/dev/null
    until_true 20 settled
    check "a policy is made of it" imakeep policy from-log --archive $archive --output /share/policy.part
    mv /share/policy.part /share/policy
    check "the verifier has it" until_true 60 test -e /share/assigned
    check "by the policy all is well" once
    known=$(verdict n)
    printf '#!/bin/true\n# foreign\n' >/run/measured/foreign
    chmod +x /run/measured/foreign
    /run/measured/foreign
    until_true 20 settled
    check "a foreign program does not stop the proof" attested
    check "but the result" grep -q '"status":"warning"' /share/verdict
    echo "$known $(verdict n)" >/share/foreign
    check "only what is new was sent" verdict_is 1 "$known"
    check "and it is trimmed all the same" until_true 30 trims_after 1
    verdict n >/share/proven
    check "the next kernel is loaded" kexec -s -l /share/kernel --initrd=/share/initramfs \
      --append="$(sed "s/lab.part=[a-z-]*/lab.part=$method-kexec/" /proc/cmdline)"
    end_keeper KILL 2>/dev/null
    sync
    kexec -e
    ;;
  *-kexec)
    until_true 20 settled
    check "after a kexec it attests" attested
    check "the chain goes on where it was" verdict_is 1 "$(</share/proven)"
    check "the keeper trims what is proven" until_true 30 trims_after "$trimmed"
    check "the keeper has one chain" equal 1 "$(status_number chains)"
    end_keeper TERM
    prove_whole_log --method "$method"
    end_checks
    ;;
  *-reset)
    measure 20
    until_true 20 settled
    check "after a reset of the TPM it attests" attested
    check "a chain begins" verdict_is 2 0
    check "the keeper trims what is proven" until_true 30 trims_after "$trimmed"
    check "the keeper has two chains" equal 2 "$(status_number chains)"
    end_keeper TERM
    prove_whole_log --method "$method"
    end_checks
    ;;
esac
