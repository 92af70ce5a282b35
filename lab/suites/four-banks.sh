# SPDX-License-Identifier: Apache-2.0
# A TPM with four banks: of a kernel that has every hash, and of one that has neither SHA-384 nor SHA-512, as Linux registers them by one
# function, which a boot option leaves out. It extends what it has instead (docs/formats/ima-record.md): lab/guest/forms.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_four_banks() {
  guest=forms
  new_disk archive 64M
  new_tpm sha1,sha256,sha384,sha512
  boot "a kernel with every hash" banks
  disks=()
  new_disk archive 64M
  new_tpm sha1,sha256,sha384,sha512
  boot_unless_skipped "a kernel without SHA-384 and SHA-512" hashes initcall_blacklist=crypto_sha512_mod_init
}
