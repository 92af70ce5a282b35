#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# query.sh IMAKEEP - records of an archive that a keeper makes, as Elastic Common Schema for a SIEM that stops and continues,
# and questions about them.
set -u
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
begin "$1"
archive=$work/archive
keeper_sock=$work/keeper.sock
keeper=
follower=
trap 'kill_follower; end_keeper KILL; end_list; rm -rf "$work"' EXIT

add() { "$imakeep" list add --control "$sock" "$@" >/dev/null; }
log() { "$imakeep" log "$@"; }
ecs() { log --archive "$archive" --format ecs "$@"; }
query() { log query --archive "$archive" "$@"; }
start_keeper() {
  : >"$work/keep.err"
  "$imakeep" keep --ima-dir "$mount" --archive "$archive" --pcrs "memory:$sock" --control "$keeper_sock" --every 0 \
    --pressure off --follow-every 50ms >"$work/keep.out" 2>"$work/keep.err" &
  keeper=$!
  started "the keeper" "$keeper" "$work/keep.err" keeper_answers "$keeper_sock"
}
records() { log --archive "$archive" --stats --json 2>/dev/null | python3 -c 'import json, sys; print(sum(c["records"] for c in json.load(sys.stdin)["chains"]))'; }
archived() { [[ $(records) == "$1" ]]; }
# Not through ecs(): the signals are for the program itself.
follow() {
  "$imakeep" log --archive "$archive" --format ecs --follow --cursor "$work/cursor" >>"$work/followed" 2>>"$work/follow.err" &
  follower=$!
}
kill_follower() {
  [[ -n $follower ]] || return 0
  { kill -"${1:-TERM}" "$follower" && wait "$follower"; } 2>/dev/null
  follower=
}
lines() { wc -l <"$1"; }
has_lines() { (($(lines "$1") >= $2)); }
# of_lines FILE EXPRESSION: of the list `lines` of the objects in the file.
of_lines() { python3 -c "import json, sys; lines = [json.loads(line) for line in open(sys.argv[1])]; print($2)" "$1"; }

# ---- what ran, from a list that a keeper follows

printf '#!/bin/sh\necho one\n' >"$work/tool"
cp "$work/tool" "$work/copy of tool"
start_list --banks sha1,sha256
start_keeper
: >"$work/followed"
ls=$(realpath /bin/ls)
bin=$(dirname "$ls")
add /bin/ls /bin/cat "$work/tool" "$work/copy of tool"
check "the keeper archives what was measured" soon archived 4
follow
check "--follow --format ecs prints it" soon has_lines "$work/followed" 4
kill_follower KILL
add /bin/true
check "the keeper goes on" soon archived 5
follow
check "a follower that was killed continues" soon has_lines "$work/followed" 5
add /bin/false
check "  and prints what comes" soon has_lines "$work/followed" 6
check "  and then moves the cursor" soon grep -q '"next":6' "$work/cursor"
kill_follower
check_equal "each record came" "[0, 1, 2, 3, 4, 5]" "$(of_lines "$work/followed" 'sorted({line["imakeep"]["number"] for line in lines})')"
check_equal "every one is proven" "{True}" "$(of_lines "$work/followed" '{line["imakeep"]["proven"] for line in lines}')"
check_equal "a path, and what it was measured as" "$ls $(sha256sum </bin/ls | cut -d' ' -f1)" \
  "$(of_lines "$work/followed" '[(line["file"]["path"] + " " + line["file"]["hash"]["sha256"]) for line in lines][0]')"
check_equal "the copy of a file is no first sight" "[True, True, True, False, True, True]" \
  "$(of_lines "$work/followed" '[{line["imakeep"]["number"]: line["imakeep"]["first_in_archive"] for line in lines}[n] for n in range(6)]')"
check_equal "nothing was said" "" "$(cat "$work/follow.err")"
ecs --cursor "$work/cursor" >"$work/rest"
check_equal "without --follow it ends; nothing is new" 0 "$(lines "$work/rest")"

# ---- the next boot is the next chain

end_keeper TERM
end_list
start_list --banks sha1,sha256
start_keeper
add "$work/tool" /bin/date
check "a second chain" soon archived 8
ecs --cursor "$work/cursor" >"$work/second"
check_equal "the cursor goes to the next chain" "['2-0', '2-1']" "$(of_lines "$work/second" '[line["event"]["id"] for line in lines]')"
check_equal "  where a digest of the first chain is no first sight" "[False, True]" \
  "$(of_lines "$work/second" '[line["imakeep"]["first_in_archive"] for line in lines]')"
ecs --cursor "$work/new-cursor" >"$work/all"
check_equal "a new cursor begins with the first chain" 8 "$(lines "$work/all")"
ecs >"$work/last"
check_equal "without a cursor it is the last chain" 2 "$(lines "$work/last")"
ecs --chain 1 --from 3 --bank sha256 >"$work/part"
check_equal "--from knows the digests before it" "1-3 False sha256" "$(of_lines "$work/part" 'lines[0]["event"]["id"] + " " +
  str(lines[0]["imakeep"]["first_in_archive"]) + " " + lines[0]["imakeep"]["template_digest"].split(":")[0]')"

# ---- questions

check_says "what ran: time, digest and path" "^1 0 20[0-9T:-]+Z 10 ima-ng sha256:[0-9a-f]{64} $ls\$" query
check_equal "of both boots" 8 "$(query | wc -l)"
check_equal "by path" 2 "$(query --path '*/tool' | wc -l)"
check_equal "by several paths" 4 "$(query --path '*/tool' --path "$bin/[lc]*" | wc -l)"
check_equal "by digest" 3 "$(query --digest "sha256:$(sha256sum <"$work/tool" | cut -d' ' -f1)" | wc -l)"
check_equal "by digest without an algorithm, in one chain" 2 "$(query --digest "$(sha256sum <"$work/tool" | cut -d' ' -f1)" --chain 1 | wc -l)"
check_equal "first sights" 6 "$(query --first-seen | wc -l)"
check_equal "first sights of the second chain" "$bin/date" "$(query --first-seen --chain 2 | cut -d' ' -f7)"
check_equal "by time" "8 0 0" "$(query --since 1h | wc -l) $(query --until 1h | wc -l) $(query --since 2001-01-01 --until 2001-01-02T00:00:00Z | wc -l)"
check_equal "by template and PCR" "8 0 0" "$(query --template ima-ng --pcr 10 | wc -l) $(query --template ima-sig | wc -l) $(query --pcr 11 | wc -l)"
check_equal "violations" 0 "$(query --violations | wc -l)"
check_equal "as JSON" "8 $ls" "$(query --json >"$work/json"; of_lines "$work/json" 'str(len(lines)) + " " + lines[0]["name"]')"
check_says "what makes the list grow, by directory" "^5 +[0-9.]+ [KM]?B +$bin\$" query --count-by directory
check_says "  with a sum" "^8 records, 2 different\$" query --count-by directory
check_says "  and the first alone" "^8 records, 6 different, 5 not shown\$" query --count-by digest --top 1
check_equal "  as JSON" "path 8 7 2" "$(json_of 'result["count_by"], result["records"], result["different"], result["counts"][0]["records"]' \
  log query --archive "$archive" --count-by path --json | tr -d "(',)")"
"$imakeep" policy from-log --archive "$archive" --chain 1 --output "$work/policy.json" 2>/dev/null
check_equal "by the refusal of a policy" "$bin/date" "$(query --refused --policy "$work/policy.json" | cut -d' ' -f7)"
check_says "  counted" "^1 record, 1 different\$" query --refused --policy "$work/policy.json" --count-by digest
check_equal "  together with other conditions" 0 "$(query --refused --policy "$work/policy.json" --path '*/tool' | wc -l)"
check "nothing found is no error" query --path /none

# ---- a name that is not text

name=$work/$'bad\xff\e[2J'
cp /bin/ls "$name"
add "$name"
check "a strange name is archived" soon archived 9
check_equal "ECS keeps its bytes" "$(printf '%s' "$name" | od -An -tx1 | tr -d ' \n')" \
  "$(ecs --cursor "$work/cursor" >"$work/strange"; of_lines "$work/strange" 'lines[-1]["imakeep"]["name_hex"]')"
check_equal "a question's answer shows it escaped" 1 "$(query --path '*bad*' | grep -c -F '\xff\x1b[2J')"

# ---- bad input

check_refused "a cursor of another archive" 1 "$work/cursor: the cursor is of another archive" \
  bash -c '"$1" log import --archive "$2" "$3" >/dev/null && "$1" log --archive "$2" --format ecs --cursor "$4"' _ \
  "$imakeep" "$work/other" "$2/linux-7.3.4/templates/binary_runtime_measurements_sha1" "$work/cursor"
check_equal "  stays as it is" "2-3" "$(python3 -c 'import json, sys; c = json.load(open(sys.argv[1])); print("%d-%d" % (c["chain"], c["next"]))' "$work/cursor")"
check_refused "a cursor of another chain" 2 "is of chain 2 and not of chain 1" ecs --cursor "$work/cursor" --chain 1
check_refused "a cursor that is none" 1 "no cursor of imakeep log" ecs --cursor "$work/tool"
check_refused "the archive as its cursor" 1 "" ecs --cursor "$archive"
check_refused "--cursor and --from" 2 "from" ecs --cursor "$work/cursor" --from 1
check_refused "--cursor and --check" 2 "check" ecs --cursor "$work/cursor" --check
check_refused "a cursor and a format with an end" 2 "needs an end" log --archive "$archive" --format cel-json --cursor "$work/none"
check_refused "a cursor in no directory" 3 "$work/none/cursor" ecs --cursor "$work/none/cursor"
check_refused "a pipe that nobody reads" 3 "standard output" bash -c '"$1" log --archive "$2" --format ecs --cursor "$3" >/dev/full' _ "$imakeep" "$archive" "$work/full-cursor"
check_equal "  leaves the cursor where it was" 0 "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["next"])' "$work/full-cursor")"
check_refused "a question without an archive" 2 "archive" log query
check_refused "an archive that is missing" 3 "$work/none" log query --archive "$work/none"
check_refused "a time that is none" 2 '--since: "soon" is no time; give' query --since soon
check_refused "times in the wrong order" 2 "until lies before" query --since 1h --until 2h
check_refused "a digest that is none" 2 "is no digest" query --digest abc
check_refused "a PCR that is none" 2 "pcr" query --pcr 24
check_refused "a pattern that the shell expanded" 2 "$work/tool" query --path /bin/ls "$work/tool"
check_refused "an unknown chain" 2 "chain 9" query --chain 9
check_refused "something else to count by" 2 "count-by" query --count-by rule
check_refused "--refused without a policy" 2 "policy" query --refused
check_refused "a policy without --refused" 2 "refused" query --policy "$work/policy.json"
check_refused "a policy that is missing" 3 "$work/none" query --refused --policy "$work/none"
check_refused "--top without --count-by" 2 "count-by" query --top 3
check_refused "an answer that nobody reads" 3 "standard output" bash -c '"$1" log query --archive "$2" >/dev/full' _ "$imakeep" "$archive"
end_keeper TERM
sqlite3 "$archive" "UPDATE segment SET data = zeroblob(10) WHERE chain = 2"
check_refused "damage is named by an answer" 1 "chain 2: left out records 0 to 1" query
check_refused "  and by ECS" 1 "left out records 0 to 1" ecs
finish
