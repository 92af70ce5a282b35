# SPDX-License-Identifier: Apache-2.0
# The keeper trims by A, read and D, with the table of digests kept and flushed: lab/guest/keep.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_keep_stage() {
  guest=keep
  new_disk archive 64M
  new_tpm ""
  boot "table kept" stage
  boot "table flushed" stage-flushed ima_flush_htable
}
