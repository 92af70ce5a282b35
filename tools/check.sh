#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
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
mapfile -t scripts < <(git ls-files | while read -r file; do head -c 15 "$file" 2>/dev/null | grep -qaE '^#!/bin/(ba)?sh' && echo "$file"; done)

# What the compiler is given for src/ and apps/, tests left out: mostly files that include all sources of a target, so
# that headers are parsed once a target, not once a source.
# shellcheck disable=SC2317  # called through step
linted() {
  python3 - "$build" <<'EOF'
import json, pathlib, re, sys
build, tree = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path.cwd()
for entry in json.loads((build / "compile_commands.json").read_text()):
    file = pathlib.Path(entry["file"])
    name = str(file.relative_to(build if file.is_relative_to(build) else tree))
    if re.match(r"(src|apps)/", name) and not re.search(r"_test(\.dir/|\.cc$)", name):
        print(file)
EOF
}

# A finding counts wherever it is in the tree: a source is not the main file that the compiler is given.
# shellcheck disable=SC2317  # called through step
lint() {
  [ -f "$build/compile_commands.json" ] || { echo "no $build/compile_commands.json; configure first: cmake --preset tsan"; return 1; }
  linted | xargs -P "$(nproc)" -n 1 clang-tidy-16 --quiet -p "$build" --header-filter='(src|apps)/.*\.(h|cc)$' \
    --checks=-bugprone-suspicious-include 2> >(grep -v ' warnings\? generated\.$' >&2)
}

# Instead of the check that lint leaves out, since the files that the build makes include sources.
# shellcheck disable=SC2317  # called through step
no_source_included() { ! git grep -nE '^ *# *include.*\.cc[">]' -- '*.h' '*.cc'; }

# shellcheck disable=SC2317  # called through step
licence_named() {
  local missing others
  mapfile -t others < <(git ls-files "*.py" "*.sh" "*.cmake" "*CMakeLists.txt")
  missing=$(grep -L "SPDX-License-Identifier: Apache-2.0" "${sources[@]}" "${scripts[@]}" "${others[@]}")
  [[ ! $missing ]] || { echo "without a line SPDX-License-Identifier: $missing" && return 1; }
}

step "format" clang-format-16 --dry-run -Werror "${sources[@]}"
step "layers" tools/check_layers.py
step "layers: each kind of fault is found" tests/tools/check_layers.sh
mapfile -t sourced < <(git ls-files 'lab/*.sh')
step "scripts" shellcheck "${scripts[@]}" "${sourced[@]}" tools/build.sh tools/packages.sh packaging/imakeep.bash
step "mutations apply to the sources" tools/mutate_keeper.py --stale
step "the lab's breakages have their places" lab/breakages.py --stale
step "every file names its licence" licence_named
step "no source includes a source" no_source_included
step "lint" lint
exit "$failed"
