# SPDX-License-Identifier: Apache-2.0
# The keeper on Linux's own list, by the method that the first word of $1 names: programs are measured meanwhile, and two agents
# issue N at the same time.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1
method=${part%%-*}
flushed=$([[ $part == *flushed ]] && echo yes)
list=ascii_runtime_measurements_sha256

# agent NAME: an agent that deletes the three oldest records whenever it may: when the view showed the last of them, so that
# it is archived. It has the list for itself meanwhile, so it reads the end of the view before: a long hold would shut the
# keeper out. Its reading is soon out of date, so if the list is busy it asks again at once, but not for long.
# Where the table is flushed Linux refuses every number.
agent() {
  local fd line taken=0 refused=0 tries shown=/share/shown-to-$1
  while [[ ! -e /share/stop ]]; do
    echo "$taken $refused" >"/share/agent-$1"
    sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
    tail -n 8000 $view/$list >"$shown"
    tries=0
    until { exec {fd}<>$ima/$list; } 2>/dev/null; do
      ((++tries < 100)) || continue 2
      sleep 0.02
    done
    { IFS= read -r line && IFS= read -r line && IFS= read -r line; } <&"$fd" && grep -qxF -- "$line" "$shown" &&
      if echo 3 >&"$fd"; then taken=$((taken + 3)); else refused=$((refused + 1)); fi 2>/dev/null
    exec {fd}>&-
  done
  echo "$taken $refused" >"/share/agent-$1"
}

# all_at_work: both agents have issued numbers, and the keeper has trimmed all the same.
all_at_work() { ! grep -qx '0 0' /share/agent-one /share/agent-two && keeper_said "trimmed .* by $method"; }

check "the host is attested" attest_host
check "the TPM has a key" make_key
start_keeper --method "$method" --every 2s --view $view
check "the view is shown" until_true 20 test -s $view/$list
# The keeper stages only if nothing is measured while it reads the PCRs, which is slow here.
[[ $method != stage ]] || load_pause_s=0.3
start_load
agent one & load+=($!)
agent two & load+=($!)
sleep 5
until_true 90 all_at_work
stop_load
read -r taken_one refused_one </share/agent-one
read -r taken_two refused_two </share/agent-two
if [[ $flushed ]]; then
  check "Linux refused the agents every number" test $((refused_one * refused_two > 0 && taken_one + taken_two == 0)) == 1
else
  check "both agents deleted records" test $((taken_one * taken_two > 0)) == 1
  check "and Linux refused them nothing" equal 0 $((refused_one + refused_two))
  until_true 10 is_proven
  check "the keeper counted what they took" equal $((taken_one + taken_two)) "$(by_others)"
fi
check "the keeper trimmed records" keeper_said "trimmed .* by $method"
check "all of it is proven by the PCRs" until_true 20 is_proven
check "and nothing was found" equal "" "$(diagnoses)"
echo "records: $(archived) archived, $((taken_one + taken_two)) deleted by agents, $(grep -c 'trimmed' $keeper_log) trims" >/share/figures

# The keeper itself must add nothing: five records in the list are five in the archive, trim after trim.
trims() { grep -c "trimmed" $keeper_log; }
trimmed() { (($(trims) > $1)); }
settled() {
  local before
  before=$(archived)
  sleep 0.6
  equal "$before" "$(archived)"
}
# Programs that are used below for the first time are measured now.
trimmed 0
until_true 10 settled
for round in 1 2 3; do
  had=$(archived)
  trims=$(trims)
  measure 5 own
  until_true 10 settled
  kill -USR1 "$keeper"
  check "round $round: it trims" until_true 10 trimmed "$trims"
  sleep 3
  check "round $round: by its own work the keeper adds no record" equal $((had + 5)) "$(archived)"
done

# /share lacks what SQLite's write-ahead log needs: it is 9p without a cache.
cat $ima/binary_runtime_measurements_sha256 >/share/saved
refused_on_9p() {
  local said
  said=$(imakeep log import --archive /share/on-9p.imk /share/saved 2>&1)
  [[ $? == 3 && $said == *"cannot be mapped as shared memory"* && ! -e /share/on-9p.imk ]] || { echo "$said" && return 1; }
}
check "an archive on 9p is refused, and not made" refused_on_9p
end_keeper TERM
check "told to end, it ends well" equal 0 $ended
prove_whole_log --method "$method"
end_checks
