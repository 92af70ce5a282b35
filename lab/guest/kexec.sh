# SPDX-License-Identifier: Apache-2.0
# Parts of one machine's life, a kernel each: at the end of a part the next kernel is started by kexec, with the list in the
# state that the part is about. PCRs are not reset meanwhile, so all of it is one chain, and the last quotes cover it.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1

load_kernel() {  # load_kernel PART: the kernel of the next part; the size of the segment for the list is fixed by this
  kexec -s -l /share/kernel --initrd=/share/initramfs --append="$(sed "s/lab.part=[a-z]*/lab.part=$1/" /proc/cmdline)" 2>&1
}
# start_kernel: without an end of this one. The disk is as after a power cut, but for what was synced.
start_kernel() { kexec -e; }
kill_keeper() { end_keeper KILL 2>/dev/null; }
chains() { status_number chains; }
staged_now() { [[ $(head -c 1 $ima/binary_runtime_measurements_staged | wc -c) == 1 ]]; }
trim_is_pending() { imakeep status --archive $archive --json | grep -q '"pending":[ ]*{' || { imakeep status --archive $archive && return 1; }; }
has_trimmed() { tail -n +"$said_before" $keeper_log | grep -q "trimmed" || { tail -n 5 $keeper_log && return 1; }; }

# Records that were never archived cannot be explained: the chain has a gap, or is headless.
missed() { [[ " $(diagnoses) " =~ \ (gap|headless)\  ]] || { diagnoses && return 1; }; }

# join: the keeper of this part goes on with the chain of the part before it.
join() {
  said_before=$(($(wc -l <$keeper_log) + 1))
  start_keeper --every 0 --method stage
  check "$part: it is proven by the PCRs" until_true 20 is_proven
  check "$part: the keeper joins the chain" equal 1 "$(chains)"
  check "$part: no trim is pending" bash -c 'imakeep status --control $1 --json | grep -q "\"pending\":[ ]*null"' _ $socket
}
# trims: what the list of this part still has goes as any other.
trims() {
  kill -USR1 "$keeper"
  check "$part: and trims" until_true 20 has_trimmed
}

# The kexec itself is measured as the kernel's data, when no keeper can see it any more. Where the segment is full that record is
# dropped, and missed; so not there.
[[ $part != overflow ]] || last_rule="measure func=MODULE_CHECK"
attest_host
case $part in
  staged)
    check "the TPM has a key" make_key
    start_keeper --every 0 --method stage
    measure 60
    check "the list is archived" until_true 20 is_proven
    kill_keeper
    echo A >$ima/binary_runtime_measurements_staged
    check "records are staged" staged_now
    measure 20
    check "the next kernel is loaded" load_kernel pending
    sync
    start_kernel
    ;;
  pending)
    join
    trims
    kill_keeper
    # Killed between its pending trim and its D: as soon as, with records staged, the archive's journal is written to.
    for _ in {1..40}; do
      measure 20
      before=$(in_list)
      "${as_service[@]}" imakeep keep --archive $archive --once --method stage 2>/dev/null &
      keeper=$!
      while kill -0 $keeper 2>/dev/null && (($(<$ima/runtime_measurements_count) >= before)); do :; done
      : >/run/measured/staged
      while kill -0 $keeper 2>/dev/null && [[ ! $archive-wal -nt /run/measured/staged ]]; do :; done
      kill_keeper
      staged_now && trim_is_pending >/dev/null && break
    done
    check "$part: killed, the keeper left records staged" staged_now
    check "$part: and a trim is pending" trim_is_pending
    check "the next kernel is loaded" load_kernel deleted
    sync
    start_kernel
    ;;
  deleted)
    join
    trims
    kill_keeper
    # The kexec begins as soon as the keeper has staged, so that it falls between its A and the end of its trim. Nothing is added
    # after the load but by the kexec itself.
    measure 200
    check "the next kernel is loaded" load_kernel overflow
    sync
    before=$(in_list)
    "${as_service[@]}" imakeep keep --archive $archive --once --method stage 2>>$keeper_log &
    while (($(<$ima/runtime_measurements_count) >= before)); do :; done
    start_kernel
    ;;
  overflow)
    imakeep status --archive $archive --json | grep -q '"pending":[ ]*{' && echo "the kexec came between pending trim and delete" >/share/figures
    join
    trims
    check "the next kernel is loaded" load_kernel dropped
    measure 300
    sync
    check "what comes after is archived" until_true 20 is_proven
    # Programs that ran for the first time.
    sleep 2
    archived >/share/kept
    start_kernel
    ;;
  dropped)
    dmesg | grep -i ima >/share/dmesg-dropped
    check "$part: Linux dropped records" test "$(in_list)" -lt 300
    join
    check "$part: the keeper says the count" bash -c 'tail -n +$2 $1 | grep -E "kexec-dropped.* [0-9]+ records"' _ $keeper_log "$said_before"
    check "$part: and had saved them" test "$(archived)" -ge "$(</share/kept)"
    trims
    end_keeper TERM
    prove_whole_log --method stage
    # The same, but the records are not saved.
    check "the next kernel is loaded" load_kernel lost
    measure 300
    in_list >/share/lost
    sync
    start_kernel
    ;;
  lost)
    said_before=$(($(wc -l <$keeper_log) + 1))
    start_keeper --every 0 --method stage
    check "$part: records that were not saved are missed" until_true 20 missed
    tail -n +"$said_before" $keeper_log >/share/figures
    check "$part: nothing is trimmed then" bash -c 'kill -USR1 $3; sleep 2; ! tail -n +$2 $1 | grep "trimmed"' _ $keeper_log "$said_before" "$keeper"
    end_keeper TERM
    end_checks
    ;;
esac
