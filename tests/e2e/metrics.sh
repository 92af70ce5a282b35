#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# metrics.sh IMAKEEP TESTDATA - what a keeper tells about itself: by file, by HTTP, by its control socket, checked with
# promtool; the example alert rules; and that neither logs nor metrics nor status tell what was measured.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
capture=$2/linux-7.3.4/templates/binary_runtime_measurements_sha1
rules=$(dirname "$0")/../../docs/prometheus
archive=$work/archive
keeper_sock=$work/keeper.sock
http=$work/metrics.sock
file=$work/collector/imakeep.prom
keeper=
mkdir "$work/collector"

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
status() { "$imakeep" status --control "$keeper_sock" "$@"; }
scrape() { curl -sS --max-time 10 --unix-socket "$http" "$@" http://localhost/metrics; }
# value NAME{LABELS} <FILE
value() { awk -v name="$1" '{ at = length($0) - length($NF); if (substr($0, 1, at - 1) == name) print $NF }'; }
has_value() { [[ $(value "$1" <"$file") == "$2" ]]; }
# wait_value NAME{LABELS} VALUE: until the file says so, 10 s at most.
wait_value() {
  soon has_value "$@" && return
  echo "$1 is $(value "$1" <"$file"), not $2: $(cat "$work/keep.err")"
  return 1
}
start_keeper() {
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" --every 0 \
    --pressure off --follow-every 50ms --view "$work/view" --metrics "$http" --metrics-file "$file" --json >>"$work/keep.out" 2>>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
  soon test -s "$file"
}
trap 'end_keeper KILL; end_list; rm -rf "$work"' EXIT

# ---- three ways out

# shellcheck disable=SC2119  # without options
start_list
"$imakeep" list load --control "$sock" "$capture" >/dev/null
start_keeper
check "the file tells what is archived" wait_value imakeep_archive_records 135
check_equal "  and proven" 1 "$(value 'imakeep_pcrs_state{state="proven"}' <"$file")"
check_equal "  and in the list" 135 "$(value imakeep_list_records <"$file")"
check_equal "  and how, by which version" "1 1" "$(value 'imakeep_keeper_info{method="count",table="kept"}' <"$file") $(value "imakeep_build_info{version=\"$("$imakeep" --version | cut -d' ' -f2)\"}" <"$file")"
check "  and that the view shows all of it" wait_value imakeep_view_complete 1
check_equal "  and the free space" 1 "$(($(value imakeep_archive_filesystem_free_bytes <"$file") > 1000000))"
check_equal "  to all" 644 "$(stat -c %a "$file")"
check "promtool finds no fault with it" bash -c 'promtool check metrics <"$1"' _ "$file"
scrape -i >"$work/http"
check_equal "a scrape by HTTP gets it" 1 "$(grep -c '^HTTP/1.1 200 OK' "$work/http")"
check_equal "  by its type" 1 "$(grep -c '^Content-Type: text/plain; version=0.0.4; charset=utf-8' "$work/http")"
# Both change meanwhile, but not all the time.
same() { for _ in $(seq 20); do [[ $(cat "$file") == "$(scrape)" ]] && return 0; done; return 1; }
check "  and is what the file says" same
check_equal "  anything else gets nothing" 404 "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$http" http://localhost/)"
status --prometheus >"$work/status.prom"
check "status prints it" test -s "$work/status.prom"
check "  without fault too" bash -c 'promtool check metrics <"$1"' _ "$work/status.prom"
check_equal "  with the same metrics" "$(grep '^#' "$file")" "$(grep '^#' "$work/status.prom")"
"$imakeep" status --prometheus --archive "$archive" >"$work/archive.prom"
check_equal "an archive tells its part without a keeper" 135 "$(value imakeep_archive_records <"$work/archive.prom")"
check "  without fault too" bash -c 'promtool check metrics <"$1"' _ "$work/archive.prom"

# ---- what happens shows

add /bin/ls
check "a record that comes in shows" wait_value imakeep_archive_records 136
kill -USR1 "$keeper"
check "a trim shows" wait_value imakeep_trims_total 1
check_equal "  with its records" 135 "$(value imakeep_trimmed_records_total <"$file")"
check_equal "  and how long it held the list" 1 "$(value imakeep_trim_hold_seconds_count <"$file")"
check_equal "  and their bytes" "$(stat -c %s "$2/linux-7.3.4/templates/binary_runtime_measurements_sha256")" "$(value imakeep_trimmed_bytes_total <"$file")"
exec 3<"$mount/binary_runtime_measurements"
add /bin/cat /bin/cp
kill -USR1 "$keeper"
check "a list that is busy shows" wait_value imakeep_list_busy_total 3
check_equal "  and that it is held, by us and what we run" 1 "$(($(value 'imakeep_list_holders{access="read"}' <"$file") > 0))"
check_equal "  and for how long" 1 "$(value imakeep_list_busy_seconds <"$file" | awk '{ print ($1 > 0.2) }')"
check_equal "  and that the trim is overdue" 1 "$(value imakeep_trim_overdue_seconds <"$file" | awk '{ print ($1 > 0.2) }')"
exec 3<&-
check "  until it is free again" wait_value imakeep_list_busy_seconds 0
check_equal "  and no process holds it" 0 "$(value 'imakeep_list_holders{access="read"}' <"$file")"
add /bin/mv /bin/rm
check "others are waited for" wait_value imakeep_archive_records 140
trim_by_hand 2
check "deletions by others show" wait_value imakeep_trims_by_others_total 1
check_equal "  with its records" 2 "$(value imakeep_trimmed_by_others_records_total <"$file")"
sleep 1
before=$(value imakeep_updated_timestamp_seconds <"$file")
sleep 17
check_equal "without news it is made anew all the same" 1 "$(($(value imakeep_updated_timestamp_seconds <"$file") > before))"

# ---- bounded

# More than are served at once; with five seconds for each they would keep a scrape for longer than curl waits.
python3 -c '
import socket, sys, time
slow = [socket.socket(socket.AF_UNIX) for _ in range(300)]
for s in slow:
    s.connect(sys.argv[1])
    s.sendall(b"GET /met")
time.sleep(30)' "$http" &
slow=$!
sleep 0.5
check_equal "clients that send too slowly keep others for seconds only" 1 "$(scrape | grep -c '^imakeep_build_info')"
{ kill "$slow" && wait "$slow"; } 2>/dev/null

# ---- files that cannot be written, and the end

chattr +i "$work/collector" 2>/dev/null && immutable=1 || immutable=
if [[ -n $immutable ]]; then
  add /bin/touch
  sleep 0.5
  add /bin/stat
  sleep 0.5
  check_equal "a file that cannot be written is said once" 1 "$(grep -c 'cannot publish metrics: .*imakeep.prom' "$work/keep.err")"
  check_equal "  and HTTP goes on" 142 "$(scrape | value imakeep_archive_records)"
  chattr -i "$work/collector"
  add /bin/df
  check "  until it can be again" wait_value imakeep_archive_records 143
fi
end_keeper
check_equal "told to end the keeper ends well" 0 "$ended"
check_equal "  and its file and socket are gone" "" "$(find "$work/collector" "$http" -mindepth 1 2>/dev/null)"
start_keeper
end_keeper KILL
check "after kill -9 the file is there, and old" test -s "$file"
rm "$file"
"$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --metrics-file "$file" 2>/dev/null
check "once leaves the file" bash -c 'promtool check metrics <"$1"' _ "$file"
check_refused "a file that no collector reads" 2 "--metrics-file: '$work/m.txt' does not end in .prom" \
  "$imakeep" keep --once --ima-dir "$mount" --archive "$archive" --pcrs none --metrics-file "$work/m.txt"
check_refused "a socket that is a file" 3 "choose another name for the metrics socket" \
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs none --metrics "$file"

# ---- nothing of what was measured is told

end_list
rm -f "$archive"* "$work"/keep.out "$work"/keep.err
# shellcheck disable=SC2119  # without options
start_list
marker=tattletale-5f1c
cp /bin/true "$work/$marker"
"$imakeep" list load --control "$sock" "$capture" >/dev/null
start_keeper
add "$work/$marker"
kill -USR1 "$keeper"
check "a record of a pending trim is deleted" wait_value imakeep_trims_total 1
add /bin/cat /bin/cp /bin/mv
check "  and others come in" wait_value imakeep_archive_records 139
trim_by_hand 2
check "  and others delete" wait_value imakeep_trims_by_others_total 1
stop_keeper
printf 'altered' >>"$work/$marker"
add "$work/$marker" /bin/rm
trim_by_hand 3
kill -CONT "$keeper"
check "  and unseen ones are lost" wait_value 'imakeep_found{diagnosis="gap"}' 1
{
  cat "$work/keep.out" "$work/keep.err" "$file"
  scrape
  status
  status --json
} >"$work/told" 2>&1
"$imakeep" list pcrs --control "$sock" >"$work/pcrs"
check_equal "all of that was told" 1 "$(($(grep -c "gap" "$work/told") > 3))"
check_equal "  without the path" 0 "$(grep -c "$marker" "$work/told")"
check_equal "  without any path of a measured file" 0 "$(grep -cE '/(usr/)?bin/|/lib/' "$work/told")"
check_equal "  without a digest, of a file or of a record" 0 "$(grep -cEi '(^|[^0-9a-f])([0-9a-f]{40}|[0-9a-f]{64})([^0-9a-f]|$)' "$work/told")"
check_equal "  without a PCR" 0 "$(awk '{ print $NF }' "$work/pcrs" | grep -cFf - "$work/told")"
end_keeper

# ---- the rules

check "the example rules are rules" promtool check rules "$rules/imakeep.rules.yml"
check "  and alert when they should" promtool test rules "$rules/imakeep.rules.test.yml"
check_equal "  on existing metrics" "" "$(grep -o 'imakeep_[a-z_]*' "$rules/imakeep.rules.yml" | sort -u |
  while read -r name; do grep -q "^# TYPE $name " "$work/status.prom" || echo "$name"; done)"

finish
