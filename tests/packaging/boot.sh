#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh BUILD [KERNEL]: a Debian 12 with the package, booted by systemd on a Linux with IMA staging (QEMU, software TPM):
# the unit keeps Linux's own list, by each method. tests/packaging/guest.sh is what runs in there. KERNEL is a bzImage that has
# what lab/kernel.config says; the lab's own if left out. Takes minutes without KVM.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
here=$(realpath "$(dirname "$0")")
tree=$(realpath "$here/../..")
# shellcheck source=../../lab/kernel.sh
. "$tree/lab/kernel.sh"
# shellcheck source=../../lab/machine.sh
. "$tree/lab/machine.sh"
build=$(realpath "$1")
kernel=$(IMAKEEP_LAB_KERNEL=${2:-${IMAKEEP_LAB_KERNEL:-}} lab_kernel) || skip "no kernel; name one, or set IMAKEEP_LAB_KERNEL"
need debootstrap qemu-system-x86_64 swtpm mke2fs
begin_checks
root=
leave() {
  end_machine
  remove_root
}
trap leave EXIT

make_root_with_packages "$build"
apt_install "$root" systemd-sysv udev /root/imakeep.deb >"$work/apt.out" 2>&1 || { cat "$work/apt.out"; exit 1; }
umount "$root/proc"

cp "$here/guest.sh" "$tree/lab/guest/check.sh" "$root/root"
cat >"$root/etc/systemd/system/guest.service" <<'EOF'
[Unit]
After=imakeep.service
FailureAction=poweroff-force
SuccessAction=poweroff-force

[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/bash /root/guest.sh

[Install]
WantedBy=multi-user.target
EOF
# A policy that lists what root runs and reads; systemd loads it before it starts anything. The keeper's own files and
# whatever is made up at every read stay out.
mkdir "$root/etc/ima"
cat >"$root/etc/ima/ima-policy" <<EOF
dont_measure fsmagic=0x9fa0
dont_measure fsmagic=0x62656572
dont_measure fsmagic=0x64626720
dont_measure fsmagic=0x73636673
dont_measure fsmagic=0x01021994
dont_measure fsmagic=0x63677270
dont_measure fsmagic=0x01021997
dont_measure fsmagic=0x65735546
dont_measure fowner=$(chroot "$root" id -u imakeep)
measure func=BPRM_CHECK
measure func=MMAP_CHECK mask=MAY_EXEC
measure func=FILE_CHECK mask=MAY_READ uid=0
EOF
# An agent that reads the list: the keeper must be there before it.
cat >"$root/etc/systemd/system/keylime_agent.service" <<'EOF'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/systemctl is-active imakeep.service

[Install]
WantedBy=multi-user.target
EOF
chroot "$root" systemctl enable guest.service keylime_agent.service >"$work/enable.out" 2>&1
echo 'imakeep' >"$root/etc/hostname"
truncate -s 1G "$work/disk"
mke2fs -q -F -t ext4 -d "$root" "$work/disk" || exit 1

# boot NAME BOOT_OPTION...: boots the disk as the last boot left it, with the same TPM reset, and takes over its checks.
boot() {
  local name=$1 out=$work/out-$1 before=$failures
  shift
  mkdir "$out"
  start_machine "$name" "$kernel" "root=/dev/vda rw lsm=integrity $*" "$out" -drive file="$work/disk",if=virtio,format=raw
  # systemd that cannot start stops there, and the machine with it.
  await_machine 900 'Freezing execution'
  echo "      the machine ran for $ran_s s ($name, $accelerated)"
  if grep -aqs 'Freezing execution' "$console"; then
    skip "this kernel cannot run systemd; see lab/kernel.config: $(grep -a 'systemd\[1\]: ' "$console" | tail -n 2)"
  fi
  check_equal "$name: the machine ran and ended" "0" "$machine_code"
  take_checks "$name" "$out/checks"
  if ((failures > before)); then
    show_console
    [[ -e $out/journal ]] && grep -a 'systemd\[1\]\|imakeep\|guest' "$out/journal" | tail -n 100
  fi
}

boot "table flushed" ima_flush_htable
boot "table kept"
finish_checks
