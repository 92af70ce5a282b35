# SPDX-License-Identifier: Apache-2.0
# The cost of 50,000 records: kernel memory, reading, and how long measured programs wait while they are trimmed:
# lab/guest/memory.sh. Prints the rows of the table in docs/performance.md. MEMORY_RECORDS takes another number.
# shellcheck shell=bash disable=SC2154,SC2034

suite_memory() {
  local records=${MEMORY_RECORDS:-50000}
  memory_mb=2048
  limit_s=900
  new_disk archive 256M
  new_tpm ""
  boot "deleted by N, table kept" count-kept "lab.records=$records"
  boot "staged and deleted, table kept" stage-kept "lab.records=$records"
  boot "staged and deleted, table flushed" stage-flushed "ima_flush_htable lab.records=$records"
}
