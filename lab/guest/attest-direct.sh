# SPDX-License-Identifier: Apache-2.0
# A host without archive and keeper, on Linux's own list: what the verifier has proven is deleted from the list, by count and by
# stage, and retained by the verifier. Parts: direct, direct-kexec, direct-reset, as those of lab/guest/attest.sh.
# shellcheck shell=bash disable=SC2034
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
# shellcheck source=attester.sh
. /lab/attester.sh
part=$1

# deletes METHOD: attests, and the list is shorter by what was proven.
deletes() {
  records=(--direct "$ima" --method "$1")
  attested || return
  (($(verdict deleted) > 0)) || { cat /share/verdict && return 1; }
}
# leave: what the list still has, after a quote that covers it.
leave() {
  take_quote >/dev/null
  cat $ima/binary_runtime_measurements_sha256 >/share/left
  check "a quote is taken" take_quote
  cat $ima/binary_runtime_measurements_sha256 >/share/left
}

check "the host is attested" attest_host
check "the TPM has a key" make_key
case $part in
  direct)
    check "it enrols" attest enrol --server "$url" --pin "$pin" --host guest --token "$token" --retain
    measure 60
    had=$(in_list)
    check "by count, what is proven is deleted" deletes count
    check "the chain begins" verdict_is 1 0
    check "the list is shorter" test "$(in_list)" -lt $((had - 50))
    known=$(verdict n)
    measure 20
    printf '#!/bin/true\n# foreign\n' >/run/measured/foreign
    chmod +x /run/measured/foreign
    /run/measured/foreign
    check "by stage, what is proven is deleted" deletes stage
    check "only what is new was sent" verdict_is 1 "$known"
    check "and at least 20 records were deleted" test "$(verdict deleted)" -ge 20
    check "and nothing is staged" equal 0 "$(wc -c <$ima/binary_runtime_measurements_staged)"
    measure 20
    verdict n >/share/proven
    check "the next kernel is loaded" kexec -s -l /share/kernel --initrd=/share/initramfs \
      --append="$(sed "s/lab.part=[a-z-]*/lab.part=direct-kexec/" /proc/cmdline)"
    sync
    kexec -e
    ;;
  direct-kexec)
    check "after a kexec, what is proven is deleted" deletes count
    check "the chain goes on where it was" verdict_is 1 "$(</share/proven)"
    measure 5
    leave
    end_checks
    ;;
  direct-reset)
    measure 20
    check "after a reset of the TPM, what is proven is deleted" deletes stage
    check "a chain begins" verdict_is 2 0
    leave
    end_checks
    ;;
esac
