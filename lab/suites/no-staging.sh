# SPDX-License-Identifier: Apache-2.0
# Debian's own binary of the same version of Linux, which is built without CONFIG_IMA_STAGING: lab/guest/no-staging.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_no_staging() {
  local release unpacked name
  release=$(release_of "$kernel")
  if ! unpacked=$(debian_kernel "$release" 2>"$work/debian.out"); then
    echo "skipped: Debian's binary of Linux $release is not to be had: $(tail -n 1 "$work/debian.out")"
    skipped=$((skipped + 1))
    return
  fi
  name=$(ls "$unpacked/lib/modules")
  check "an initramfs with Debian's drivers" make_initramfs "$work/initramfs" "$imakeep" "$unpacked" "$name" \
    virtio_pci virtio_blk 9p 9pnet_virtio ext4 fuse tpm_tis
  local initramfs=$work/initramfs kernel=$unpacked/vmlinuz
  new_disk archive 64M
  new_tpm sha256
  boot "Linux $name" kept
  boot "Linux $name, ima_flush_htable" flushed ima_flush_htable
}
