#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh runs this in its machine, by a unit of its own: checks of imakeep.service under systemd on Linux's own list.
set -uo pipefail
out=/mnt
checks=$out/checks
# shellcheck source=../../lab/guest/check.sh
. /root/check.sh
mount -t 9p -o trans=virtio,version=9p2000.L out $out || exit 1
trap 'journalctl --no-pager -b >$out/journal 2>&1; sync' EXIT
socket=/run/imakeep/imakeep.sock
archive=/var/lib/imakeep/archive.imk
ima=/sys/kernel/security/ima

property() { systemctl show --value -p "$1" imakeep.service; }
archived() { imakeep status --control $socket --json | grep -o '"records":[ ]*[0-9]*' | head -n 1 | tr -dc 0-9; }
in_list() { cat $ima/runtime_measurements_count; }
process_has() { grep -qx "$1" "/proc/$(property MainPID)/status" || { grep "^${1%%:*}" "/proc/$(property MainPID)/status" && return 1; }; }
said() { journalctl --no-pager -u imakeep.service -b --since "@$since" | grep -q -- "$1" || { journalctl --no-pager -u imakeep.service -n 5 -o cat && return 1; }; }
from_here() { since=$(date +%s); }
another_process() { [[ $(property MainPID) != 0 && $(property MainPID) != "$1" && $(property ActiveState) == active ]]; }
state_is() { equal "$1" "$(property ActiveState)"; }
proven() { imakeep status --control $socket | grep -q '^PCRs.*proven' || { imakeep status --control $socket; return 1; }; }

# measure N: adds N records to Linux's list.
measure() {
  for ((i = 0; i < $1; ++i)); do
    echo "$RANDOM $SECONDS $i" >/root/measured
    cat /root/measured >/dev/null
  done
}

# ---- as it was booted

check "it was started at boot" equal "active" "$(systemctl is-active imakeep.service)"
check "it was not started again" equal 0 "$(property NRestarts)"
check "before the agent" equal active "$(systemctl is-active keylime_agent.service)"
check "it runs as its user" equal imakeep "$(stat -c %U "/proc/$(property MainPID)")"
check "with CAP_SYS_ADMIN and CAP_SYS_CHROOT only" process_has $'CapEff:\t0000000000240000'
check "and no others to be had" process_has $'CapBnd:\t0000000000240000'
check "with no new privileges" process_has $'NoNewPrivs:\t1'
check "with its system calls filtered" process_has $'Seccomp:\t2'
check "the exposure is 2.5 at most" systemd-analyze security --no-pager --threshold=25 imakeep.service
check "root can ask it, by its socket" imakeep status --control $socket
check "  which need not be named" imakeep status
check "the list is proven by the TPM" until_true 20 proven
check "it reads the TPM by Linux's files" imakeep doctor --archive $archive --policy /etc/ima/ima-policy

# ---- it trims Linux's list

from_here
had=$(in_list)
systemctl kill --kill-who=main -s USR1 imakeep.service
check "it trims" until_true 30 said "trimmed"
check "which are gone" test "$(in_list)" -lt "$had"
# To run it is measured too, until its records are archived.
check "the archive is proven by the TPM" until_true 30 imakeep verify --archive $archive --tpm /sys/class/tpm/tpm0

# Where the table is flushed records are staged, and nothing is left; where it is kept they are counted, and one is.
method=$(grep -qw ima_flush_htable /proc/cmdline && echo stage || echo count)
check "by the right method" said "trimmed .* by $method"
if [[ $method == stage ]]; then
  end_checks
  exit
fi
check "it added a chain after that of the last boot" bash -c 'imakeep status --control $1 | grep -q "in 2 chains"' _ $socket

# ---- the view, among the host's mounts though the unit has its own

view=/run/imakeep/view
shown=ascii_runtime_measurements_sha256
goes_on() {  # goes_on FD: what is left to read of the descriptor, after /root/begun, is the rest of the view
  cat <&"$1" >>/root/begun && cmp -n "$(stat -c %s /root/begun)" /root/begun $view/$shown && [[ $(wc -c </root/begun) -gt 2000 ]]
}
shows_whole() { [[ $(wc -l <"$1/$shown") == $(<$view/runtime_measurements_count) && $(wc -l <"$1/$shown") -gt $2 ]]; }
check "the view is there" until_true 20 mountpoint -q $view
check "for its group and nobody else" equal "440 imakeep:imakeep" "$(stat -c '%a %U:%G' $view/$shown)"
check "nobody else may look" bash -c '! setpriv --reuid nobody --clear-groups ls $1' _ $view
check "a member of the group may read" setpriv --reuid nobody --regid imakeep --clear-groups cat $view/$shown
niceness() { awk '{ print $19 }' /proc/"$(property MainPID)"/task/*/stat | sort -nu | xargs; }
check "its server has a lower priority than the keeper of the list" equal "-5 0" "$(niceness)"
check "it shows trimmed records" shows_whole $view "$(in_list)"
check "which the TPM proves" until_true 20 imakeep verify --tpm /sys/class/tpm/tpm0 $view/binary_runtime_measurements_sha256
exec 8<$view/$shown
head -c 2000 <&8 >/root/begun
from_here
pid=$(property MainPID)
kill -KILL "$pid"
check "a killed keeper's reader waits for the next" goes_on 8
check "which is another process" until_true 20 another_process "$pid"
exec 8<&-
exec 8<$view/$shown
head -c 2000 <&8 >/root/begun
systemctl restart imakeep.service
check "a restart is none of a reader's business" goes_on 8
exec 8<&-
check "the mount is the same" equal 1 "$(grep -c " $view " /proc/self/mountinfo)"
sed -i 's/^view = .*/&\nbind = true/' /etc/imakeep/imakeep.toml
systemctl restart imakeep.service
check "it covers the kernel's files" until_true 30 shows_whole $ima 20
from_here
measure 30
systemctl kill --kill-who=main -s USR1 imakeep.service
check "and trims below" until_true 30 said "trimmed"
check "which are shown all the same" shows_whole $ima 50
pid=$(property MainPID)
exec 8<$ima/$shown
head -c 2000 <&8 >/root/begun
kill -KILL "$pid"
check "killed, it covers them still" goes_on 8
exec 8<&-
check "and goes on" until_true 20 another_process "$pid"
check "with nothing mounted twice" until_true 20 equal 1 "$(grep -c " $(realpath $ima)/$shown " /proc/self/mountinfo)"
systemctl stop imakeep.service
check "stopped, it covers nothing" bash -c '! grep imakeep-view /proc/self/mountinfo'
sed -i '/^bind/d' /etc/imakeep/imakeep.toml
systemctl start imakeep.service
check "started again, it has its view" until_true 20 mountpoint -q $view

# ---- a reader that holds the list

from_here
measure 20
exec 7<$ima/binary_runtime_measurements
systemctl kill --kill-who=main -s USR1 imakeep.service
check "a reader keeps it from trimming" until_true 30 said "busy"
check "it says that it may not see who" said "may not be inspected"
check "which the doctor can, as root" bash -c 'imakeep doctor | grep -q "pid $1 (bash) has binary_runtime_measurements.* open for reading"' _ $$
exec 7<&-
check "it trims once the reader has ended" until_true 60 said "free again"

# ---- failures

pid=$(property MainPID)
kill -KILL "$pid"
check "killed, it is started again" until_true 60 another_process "$pid"
check "on the same archive" until_true 20 proven
mkdir -p /run/systemd/system/imakeep.service.d
printf '[Service]\nWatchdogSec=4s\n' >/run/systemd/system/imakeep.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart imakeep.service
pid=$(property MainPID)
sleep 8
check "it feeds the watchdog" equal "$pid" "$(property MainPID)"
kill -STOP "$pid"
check "without that it is started again" until_true 60 another_process "$pid"
rm -r /run/systemd/system/imakeep.service.d
systemctl daemon-reload
cp /etc/imakeep/imakeep.toml /root/good.toml
echo 'archvie = "x"' >>/etc/imakeep/imakeep.toml
systemctl restart imakeep.service
check "a wrong configuration fails" until_true 20 state_is failed
sleep 7
check "and is not tried again" equal "failed 0" "$(property ActiveState) $(property NRestarts)"
check "what a failed keeper left is unmounted" bash -c 'journalctl -b -u imakeep-unmount.service | grep -q Starting'
cp /root/good.toml /etc/imakeep/imakeep.toml

# ---- the package, under systemd

systemctl reset-failed imakeep.service imakeep-unmount.service
systemctl start imakeep.service
check "a right configuration is taken" until_true 20 proven
pid=$(property MainPID)
records=$(archived)
export DEBIAN_FRONTEND=noninteractive
check "it is upgraded" dpkg -i /root/newer.deb
check "which starts the new one" until_true 20 another_process "$pid"
check "on the archive that was there" test "$(archived)" -ge "$records"
check "it is removed" dpkg -r imakeep
check "which stops it" equal inactive "$(systemctl is-active imakeep.service)"
check "and leaves the archive" test -s $archive
check "nothing of it runs" bash -c '! grep -s "^Name:.imakeep" /proc/[0-9]*/status'
check "nothing of it is mounted" bash -c '! grep imakeep-view /proc/self/mountinfo'
check "its folder in /run is gone" test ! -e /run/imakeep
check "it is installed again" dpkg -i /root/imakeep.deb
check "which starts it" equal active "$(systemctl is-active imakeep.service)"
check "on the archive that was there" bash -c '(( $1 >= $2 ))' _ "$(archived)" "$records"
measure 50
check "it is stopped" systemctl stop imakeep.service
check "it trimmed before it ended" test "$(in_list)" -lt 50
check "the archive is sound" imakeep log --archive $archive --check
check "it is purged" dpkg -P imakeep
check "the archive is left as evidence" test -s $archive
end_checks
