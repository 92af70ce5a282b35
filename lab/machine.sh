# SPDX-License-Identifier: Apache-2.0
# Sourced. Boots machines in QEMU, each with a TPM 2.0 in software (swtpm) and a folder that the host and the machine share,
# and takes over the checks that were made in there. The suites of the lab do, and tests/packaging/boot.sh. Needs $work, a
# folder of the caller's, and the functions of tests/e2e/lib.sh; `end_machine` belongs into the caller's EXIT trap.
# shellcheck shell=bash disable=SC2154,SC2034

machine=        # QEMU's pid
machine_tpm=    # swtpm's

# acceleration KERNEL: what QEMU may use. A /dev/kvm may be there and not work, or start and then hang: KVM is used if a
# kernel on it comes to the point where it finds no root to mount.
acceleration() {
  [[ -w /dev/kvm ]] &&
    timeout 10 qemu-system-x86_64 -accel kvm -cpu max -m 512 -display none -no-reboot -kernel "$1" -append "panic=-1" \
      >"$work/kvm.out" 2>&1 && echo kvm && return
  echo tcg,thread=multi
}

# new_tpm BANKS: the TPM of another machine, never used; with these banks, or "" for all that swtpm has.
new_tpm() {
  rm -rf "$work/tpm"
  mkdir "$work/tpm"
  [[ -z $1 ]] || swtpm_setup --tpm2 --tpmstate "$work/tpm" --pcr-banks "$1" --overwrite >"$work/tpm.out" 2>&1 ||
    { cat "$work/tpm.out" && exit 1; }
}

# start_machine NAME KERNEL BOOT_OPTIONS SHARE [QEMU_OPTION...]: powers it on. Its TPM keeps its keys from the last time, and
# its PCRs are reset. SHARE is the folder that the machine mounts by 9p under the tag "out". $memory_mb is its memory.
start_machine() {
  local name=$1 kernel=$2 boot_options=$3 share=$4
  shift 4
  [[ ${accelerated:-} ]] || accelerated=$(acceleration "$kernel")
  console=$work/console-$name
  qemu_said=$work/qemu-$name
  [[ -d $work/tpm ]] || new_tpm ""
  rm -f "$work/tpm/sock"
  swtpm socket --tpm2 --tpmstate dir="$work/tpm" --ctrl type=unixio,path="$work/tpm/sock" --flags startup-clear >"$work/tpm.log" 2>&1 &
  machine_tpm=$!
  for _ in $(seq 100); do [[ -S $work/tpm/sock ]] && break; sleep 0.05; done
  qemu-system-x86_64 -accel "$accelerated" -cpu max -m "${memory_mb:-1024}" -smp 2 -display none -no-reboot \
    -serial file:"$console" -kernel "$kernel" -append "console=ttyS0 quiet panic=-1 $boot_options" \
    -chardev socket,id=c,path="$work/tpm/sock" -tpmdev emulator,id=t,chardev=c -device tpm-tis,tpmdev=t \
    -virtfs local,path="$share",mount_tag=out,security_model=none "$@" 2>"$qemu_said" &
  machine=$!
  powered_on=$SECONDS
}

# await_machine SECONDS [PATTERN]: until it has powered itself off; its exit code is in $machine_code: 124 if it had to be
# stopped, since it hung or its console shows PATTERN.
await_machine() {
  local limit=$1 pattern=${2:-} stopped=
  while kill -0 "$machine" 2>/dev/null; do
    if ((SECONDS - powered_on > limit)) || { [[ $pattern ]] && grep -aqs "$pattern" "$console"; }; then
      stopped=124
      break
    fi
    sleep 0.2
  done
  end_machine
  machine_code=${stopped:-$machine_code}
}

# end_machine: cuts its power if it still runs.
end_machine() {
  if [[ $machine ]]; then
    { kill -KILL "$machine"; wait "$machine"; } 2>/dev/null
    machine_code=$?
    machine=
    ran_s=$((SECONDS - powered_on))
  fi
  if [[ $machine_tpm ]]; then
    { kill -KILL "$machine_tpm"; wait "$machine_tpm"; } 2>/dev/null
    machine_tpm=
  fi
}

# take_checks NAME FILE: the checks that the machine wrote into FILE, one a line, "end" after the last:
# "ok|FAIL TAB name TAB what was said". A file without an end is a failure: the machine never came to it.
take_checks() {
  local name=$1 verdict what said
  [[ -e $2 ]] && while IFS=$'\t' read -r verdict what said; do
    [[ $verdict == end ]] || check_equal "$name: $what" ok "$verdict${said:+ $said}"
  done <"$2"
  check "$name: it got to the end of its checks" grep -qsx end "$2"
}

# show_console: what it said last; the carriage returns of a terminal are not for ours.
show_console() {
  echo "      the end of its console:"
  tail -n 40 "$console" | tr -d '\r' | sed 's/^/      | /'
  sed 's/^/      | qemu: /' "$qemu_said"
}
