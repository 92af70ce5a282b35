# SPDX-License-Identifier: Apache-2.0
# The keeper trims by N: lab/guest/keep.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_keep_count() {
  guest=keep
  new_disk archive 64M
  new_tpm sha1,sha256
  boot "table kept" count
}
