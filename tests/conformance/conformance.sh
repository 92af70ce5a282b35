#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The conformance checks on a mounted list, in the three modes of the digest table, suspended with and without staging.
#   conformance.sh IMAKEEP
set -uo pipefail
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
begin "$1"

conforms() {  # conforms SUSPENSION: all checks pass, and their number is high enough
  local said
  said=$("$imakeep" conformance --ima-dir "$mount" --destructive --control "$sock" --suspend "$1") ||
    { grep -v '^pass' <<<"$said"; return 1; }
  # The last line: "214 checks: 203 pass 0 fail 5 skip 6 exempt; ..."
  tail -n 1 <<<"$said" | awk '{ print } $3 < 150 || $5 != 0 { exit 1 }'
}

for table in "" --flush-hash-table --no-hash-table; do
  for suspension in empty staged; do
    # shellcheck disable=SC2086  # no option when empty
    start_list --banks sha1,sha256,sha384,sha512 $table
    check "conformance ${table:-with the table kept}, suspended $suspension" conforms "$suspension"
    end_list
  done
done

start_list
before=$("$imakeep" list stats --control "$sock" --json)
check "without --destructive every check passes or is skipped" "$imakeep" conformance --ima-dir "$mount"
check_equal "and nothing changes" "$before" "$("$imakeep" list stats --control "$sock" --json)"
end_list

finish
