#!/bin/bash
# boot.sh BUILD [KERNEL]: a Debian 12 with the package, booted by systemd on a Linux with IMA staging (QEMU, software TPM):
# the unit keeps Linux's own list, by each method. tests/packaging/guest.sh is what runs in there. KERNEL is a bzImage,
# $IMAKEEP_LAB_KERNEL if left out; it must have what tests/packaging/kernel.config says. Takes minutes without KVM.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
here=$(realpath "$(dirname "$0")")
build=$(realpath "$1")
kernel=${2:-${IMAKEEP_LAB_KERNEL:-}}
[[ $kernel ]] || skip "no kernel; name one, or set IMAKEEP_LAB_KERNEL"
[[ -r $kernel ]] || { echo "$kernel cannot be read" && exit 1; }
need debootstrap qemu-system-x86_64 swtpm mke2fs
begin_checks
root=
swtpm=
machine=
leave() {
  [[ $machine ]] && kill "$machine" 2>/dev/null
  [[ $swtpm ]] && kill "$swtpm" 2>/dev/null
  remove_root
}
trap leave EXIT

make_root_with_packages "$build"
apt_install "$root" systemd-sysv udev /root/imakeep.deb >"$work/apt.out" 2>&1 || { cat "$work/apt.out"; exit 1; }
umount "$root/proc"

cp "$here/guest.sh" "$root/root/guest.sh"
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

mkdir "$work/tpm"
# A /dev/kvm may be there and not work: then the machine ends at once.
{ timeout 3 qemu-system-x86_64 -accel kvm -cpu max -display none; } 2>"$work/kvm.out"
acceleration=$([[ $? == 124 ]] && echo kvm || echo tcg,thread=multi)

# boot NAME BOOT_OPTION...: boots the disk as the last boot left it, with the same TPM reset, and takes over its checks.
boot() {
  local name=$1 start=$SECONDS out=$work/out-$1 console=$work/console-$1 code
  shift
  mkdir "$out"
  rm -f "$work/tpm/sock"
  swtpm socket --tpm2 --tpmstate dir="$work/tpm" --ctrl type=unixio,path="$work/tpm/sock" --flags startup-clear &
  swtpm=$!
  for _ in $(seq 100); do [[ -S $work/tpm/sock ]] && break; sleep 0.05; done
  timeout 900 qemu-system-x86_64 -accel "$acceleration" -cpu max -m 1024 -smp 2 -display none -no-reboot \
    -serial file:"$console" -kernel "$kernel" -drive file="$work/disk",if=virtio,format=raw \
    -append "root=/dev/vda rw console=ttyS0 quiet lsm=integrity $*" \
    -chardev socket,id=c,path="$work/tpm/sock" -tpmdev emulator,id=t,chardev=c -device tpm-tis,tpmdev=t \
    -virtfs local,path="$out",mount_tag=out,security_model=none &
  machine=$!
  while kill -0 "$machine" 2>/dev/null; do
    # systemd that cannot start stops there, and the machine with it.
    grep -aqs 'Freezing execution' "$console" && kill "$machine"
    sleep 1
  done
  wait "$machine"
  code=$?
  machine=
  wait "$swtpm"
  swtpm=
  echo "      the machine ran for $((SECONDS - start)) s ($name, $acceleration)"
  if grep -aqs 'Freezing execution' "$console"; then
    skip "this kernel cannot run systemd; see tests/packaging/kernel.config: $(grep -a 'systemd\[1\]: ' "$console" | tail -n 2)"
  fi
  check_equal "$name: the machine ran and ended" "0" "$code"
  check "$name: it got to the end of its checks" grep -qx end "$out/checks"
  [[ -e $out/checks ]] || return
  while IFS=$'\t' read -r verdict what said; do
    [[ $verdict == end ]] || check_equal "$name: $what" ok "$verdict${said:+ $said}"
  done <"$out/checks"
  if ((failures)); then
    tail -n 20 "$console"
    [[ -e $out/journal ]] && grep -a 'systemd\[1\]\|imakeep\|guest' "$out/journal" | tail -n 100
  fi
}

boot "table flushed" ima_flush_htable
boot "table kept"
finish_checks
