# SPDX-License-Identifier: Apache-2.0
# One machine that goes from kernel to kernel by kexec, each time with its list in another state: lab/guest/kexec.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_kexec() {
  new_disk archive 64M
  new_tpm ""
  cp "$kernel" "$work/share/kernel"
  cp "$initramfs" "$work/share/initramfs"
  limit_s=600
  boot "from kernel to kernel" staged
}
