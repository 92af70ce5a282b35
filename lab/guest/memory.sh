# SPDX-License-Identifier: Apache-2.0
# Measures one way of trimming many records. Figures are rows of a table.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
# shellcheck source=attested.sh
. /lab/attested.sh
part=$1
records=$(grep -o 'lab.records=[0-9]*' /proc/cmdline | tr -dc 0-9)
few=$((records / 5))
list=binary_runtime_measurements_sha256
mode=${part#*-}
row() { echo "| $1 | $2 |" >>/share/figures; }

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
# took COMMAND...: how many ms that takes, in $took_ms, with three places.
took() {
  local start
  start=$(now_us)
  "$@" || return
  took_us=$(($(now_us) - start))
  took_ms=$(awk -v us=$took_us 'BEGIN { printf "%.1f", us / 1000 }')
}
slab_kb() { sync; echo 3 >/proc/sys/vm/drop_caches; awk '/^Slab:/ { print $2 }' /proc/meminfo; }
kept_all() { (($(archived) >= $(in_list))); }
read_list() { cat "$1/$list" >/dev/null; }
# wait_of FROM TO: the median and the longest of the opens that began between, in ms.
wait_of() {
  awk -v from="$1" -v to="$2" '$1 >= from && $1 <= to { print $2 }' /share/waits | sort -n |
    awk '{ wait[NR] = $1 } END { printf "%.2f ms, at most %.2f ms", wait[int((NR + 1) / 2)] / 1000, wait[NR] / 1000 }'
}

attest_host
mkdir -p /run/measured/lib/x86_64-linux-gnu
start_keeper --every 0 --follow-every 3s --view $view
measured_files make 10 /run/measured
empty_kb=$(slab_kb)
empty=$(in_list)
for goal in $few "$records"; do
  had=$(in_list)
  took measured_files make $((goal - had)) /run/measured
  check "$goal: the records are in the list" test "$(in_list)" -ge "$goal"
  row "$mode: a record is measured in, up to $goal" "$(awk -v us="$took_us" -v n=$((goal - had)) 'BEGIN { printf "%.2f ms", us / n / 1000 }')"
  check "$goal: they are archived" until_true 120 kept_all
  took read_list $ima
  linux_us=$took_us
  row "$mode: the kernel's list is read, $goal records" "$took_ms ms"
  took read_list $view
  view_us=$took_us
  row "$mode: the view is read, $goal records" "$took_ms ms"
  took read_list $view
  row "$mode: the view is read once more" "$took_ms ms"
  if ((goal == few)); then few_linux_us=$linux_us few_view_us=$view_us; fi
done
full_kb=$(slab_kb)
had=$(in_list)
per_record=$(((full_kb - empty_kb) * 1024 / (had - empty)))
row "$mode: Slab before; with $had records" "$empty_kb kB; $full_kb kB: $per_record bytes a record"
check "reading the kernel's list is worse than linear" test $((linux_us > few_linux_us * 7)) == 1
check "reading the view is not" test $((view_us < few_view_us * 9)) == 1
check "a record takes hundreds of bytes of kernel memory" test $((per_record > 300 && per_record < 1500)) == 1
end_keeper KILL 2>/dev/null

# request NAME FILE TEXT: what it takes, and what a program waits meanwhile that is measured.
request() {
  local fd start end
  exec {fd}<>"$ima/$2"
  start=$(now_us)
  echo "$3" >&"$fd"
  end=$(now_us)
  exec {fd}>&-
  sleep 1
  requests+=("$1" "$start" "$end")
}
requests=()
measured_files watch /run/measured >/share/waits &
watcher=$!
sleep 1
from=$(now_us)
sleep 3
to=$(now_us)
case $part in
  count-*) request "N of $had records" $list "$had" ;;
  stage-*)
    request "A of $had records" ${list}_staged A
    request "D of $had records" ${list}_staged D
    ;;
esac
kill $watcher
wait $watcher
row "$mode: a measured open, nothing else going on" "$(wait_of "$from" "$to")"
set -- "${requests[@]}"
while (($#)); do
  row "$mode: $1" "$(awk -v us=$(($3 - $2)) 'BEGIN { printf "%.2f ms", us / 1000 }')"
  # An open that began just before it waits as well.
  row "$mode: a measured open meanwhile" "$(wait_of $(($2 - 5000)) $(($3 + 1000)))"
  shift 3
done
left=$(in_list)
after_kb=$(slab_kb)
given_back=$(((full_kb - after_kb) * 100 / (full_kb - empty_kb)))
row "$mode: Slab with $left records left" "$after_kb kB: $given_back % freed"
check "the records are deleted" test "$left" -lt 100
if [[ $mode == flushed ]]; then
  check "and nearly all their memory is freed" test "$given_back" -ge 90
else
  check "and little of their memory is freed" test "$given_back" -le 50
fi
end_checks
