# SPDX-License-Identifier: Apache-2.0
# Whether the suites notice anything: each breakage of lab/breakages.py, built from a copy of the tree, must make its suite fail,
# and by the check that is about it.
# shellcheck shell=bash disable=SC2154

suite_self_test() {
  local name broken_suite check_name copy=$tree/build/lab-self-test
  while IFS=$'\t' read -r name broken_suite check_name <&3; do
    check "$name: it is broken so" "$tree/lab/breakages.py" "$name" "$copy/tree"
    check "$name: it builds" build_broken "$copy"
    IMAKEEP_LAB_PROGRAM=$copy/out/bin/imakeep IMAKEEP_LAB_KERNEL=$kernel "$tree/lab/run" "$broken_suite" >"$work/run.out" 2>&1 3<&-
    check_equal "$name: $broken_suite fails" 1 $?
    check "$name: and says why" grep -E "^FAIL .*($check_name)" "$work/run.out"
    sed 's/^/      | /' "$work/check.out"
  done 3< <("$tree/lab/breakages.py")
}

build_broken() {
  cmake -S "$1/tree" -B "$1/out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DIMAKEEP_TESTS=OFF \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache && cmake --build "$1/out" -j2 --target imakeep
}
