# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts at the top of the tree: builds a preset and shows how far it is.
# shellcheck shell=bash

# build_showing_progress PRESET LOG: configures and builds. All that is said goes to LOG; what failed is also shown.
build_showing_progress() {
  local preset=$1 log=$2 jobs started=$SECONDS
  local -
  set -o pipefail
  jobs=$(nproc)
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    return 1
  fi
  if ! NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" -j"$jobs" 2>&1 | tee -a "$log" | show_ninja_progress "$jobs"; then
    tail -n 30 "$log" >&2
    return 1
  fi
  echo "Built in $((SECONDS - started)) s."
}

# Reads ninja's lines "[17/40] ..." and tells percent and steps left: on a terminal in one line that is written again and
# again, elsewhere a line each tenth.
show_ninja_progress() {
  local jobs=$1 line finished total percent told=-1
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    finished=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    percent=$((100 * finished / total))
    if [[ -t 1 ]]; then
      printf '\rBuilding with %d compilers at once: %3d %%, %d of %d steps left ' "$jobs" "$percent" $((total - finished)) "$total"
    elif ((percent / 10 > told / 10 || told < 0)); then
      printf 'Building with %d compilers at once: %d %%, %d of %d steps left\n' "$jobs" "$percent" $((total - finished)) "$total"
      told=$percent
    fi
  done
  if [[ -t 1 ]]; then echo; fi
}
