# SPDX-License-Identifier: Apache-2.0
# The view covers the kernel's own files, and each reader of these sees the whole list while records are trimmed:
# lab/guest/view-bind.sh.
# shellcheck shell=bash disable=SC2154

suite_view_bind() {
  new_disk archive 64M
  new_tpm sha1,sha256
  boot "view over the kernel's files" run
}
