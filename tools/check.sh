#!/bin/bash
# Checks what no compiler does: format, lint of code and scripts, and the arrows between layers. Fails on any finding.
#
#   tools/check.sh [BUILD]     BUILD is a build directory of clang for the lint (default: build/tsan)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3
build=${1:-build/tsan}
failed=0

step() {
  local name=$1
  shift
  if "$@"; then echo "$name: passed"; else echo "$name: FAILED"; failed=1; fi
}

mapfile -t sources < <(git ls-files '*.h' '*.cc')
mapfile -t linted < <(git ls-files 'src/*.cc' 'apps/*.cc' | grep -v '_test\.cc$')
mapfile -t scripts < <(git ls-files | while read -r file; do head -c 15 "$file" 2>/dev/null | grep -qaE '^#!/bin/(ba)?sh' && echo "$file"; done)

# shellcheck disable=SC2317  # called through step
lint() {
  [ -f "$build/compile_commands.json" ] || { echo "no $build/compile_commands.json; configure first: cmake --preset tsan"; return 1; }
  printf '%s\n' "${linted[@]}" | xargs -P 2 -n 1 clang-tidy-16 --quiet -p "$build" 2>/dev/null
}

step "format" clang-format-16 --dry-run -Werror "${sources[@]}"
step "layers" python3 tools/check_layers.py
mapfile -t sourced < <(git ls-files 'lab/*.sh')
step "scripts" shellcheck "${scripts[@]}" "${sourced[@]}" tools/packages.sh packaging/imakeep.bash
step "mutations have their places" tools/mutate_keeper.py --stale
step "the lab's breakages have their places" lab/breakages.py --stale
step "lint" lint
exit "$failed"
