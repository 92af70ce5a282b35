# SPDX-License-Identifier: Apache-2.0
# Looks at what the last power cut left, and goes on until the next.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1

attest_host
chain=0 kept=0
[[ ! -e /share/promised ]] || read -r chain kept </share/promised
if [[ -e $archive ]]; then
  check "the archive is sound" imakeep log --archive $archive --check
fi
new_chain() { equal $((chain + 1)) "$(status_number chain)"; }
start_keeper --every 500ms
check "a new chain begins" until_true 20 new_chain
check "the records after it are proven" until_true 20 is_proven
check "no trim is pending any more" bash -c 'imakeep status --control $1 --json | grep -q "\"pending\":[ ]*null"' _ $socket
if ((chain > 0)); then
  # The records that the keeper said it has archived, and their chain.
  check "all that was kept is there: $kept records" bash -c '(( $(imakeep log --archive $1 --chain $2 --format ascii --bank sha256 | wc -l) >= $3 ))' \
    _ $archive "$chain" "$kept"
  check "and it is sound still" imakeep log --archive $archive --check
  check "and its replay is" imakeep verify --archive $archive --chain "$chain"
fi
[[ $part == run ]] || { end_keeper TERM; end_checks; exit; }
start_load
# The promise: said to the host before the next cut, and true however soon that comes.
while :; do
  status --json >/share/status
  echo "$((chain + 1)) $(sed -n 's/.*"end":[ ]*\([0-9]*\).*/\1/p' /share/status | head -n 1)" >/share/promised-new
  mv /share/promised-new /share/promised
  touch /share/at-work
  sleep 0.1
done
