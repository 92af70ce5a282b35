# SPDX-License-Identifier: Apache-2.0
# ima_template=ima ima_hash=md5: digests of 16 bytes in field d, and the 20 of the boot aggregate and of violations:
# lab/guest/forms.sh. Linux has MD5 only if it was built in.
# shellcheck shell=bash disable=SC2154,SC2034

suite_md5() {
  guest=forms
  new_disk archive 64M
  new_tpm sha1,sha256
  boot_unless_skipped "ima_hash=md5" md5 ima_template=ima ima_hash=md5
}
