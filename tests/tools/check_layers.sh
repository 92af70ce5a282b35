#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_layers.sh - tools/check_layers.py accepts the tree, and names the place of each kind of fault in a copy of it.
set -u
tree=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failures=0

# check NAME PATTERN: the copy must be refused, and what is said must match PATTERN.
check() {
  local said
  if said=$("$tree/tools/check_layers.py" "$copy"); then
    echo "FAIL  $1: accepted"
    failures=$((failures + 1))
  elif ! grep -qE -- "$2" <<<"$said"; then
    echo "FAIL  $1: said"
    echo "$said"
    failures=$((failures + 1))
  else
    echo "ok    $1"
  fi
  begin
}
begin() {
  rm -rf "${copy:?}"/*
  cp -r "$tree/src" "$tree/apps" "$copy"
  mkdir "$copy/tools"
  cp "$tree/tools/layers.txt" "$copy/tools"
}

begin
"$tree/tools/check_layers.py" "$copy" || failures=$((failures + 1))
echo '#include "keeper/keeper.h"' >>"$copy/src/imalog/replay.cc"
check "an include upwards" '^src/imalog/replay.cc:[0-9]+: imalog -> keeper \(include\)'
echo '#include <archive/archive.h>' >>"$copy/src/base/file.cc"
check "an include in angle brackets" '^src/base/file.cc:[0-9]+: base -> archive \(include\)'
echo '#include "../keeper/keeper.h"' >>"$copy/src/base/file.cc"
check "a relative include upwards" '^src/base/file.cc:[0-9]+: base -> keeper \(include\)'
echo '#include "sqlite/schema.h"' >>"$copy/src/archive/archive.cc"
check "a relative include of a private header" '^src/archive/archive.cc:[0-9]+: archive/sqlite/schema.h is private'
echo '#include "archive/sqlite/connection.h"' >>"$copy/apps/imakeep/doctor_command.cc"
check "a private header of a store" '^apps/imakeep/doctor_command.cc:[0-9]+: archive/sqlite/connection.h is private'
sed -i 's/^imakeep_library(base/&\n  DEPENDS imakeep_keeper/' "$copy/src/base/CMakeLists.txt"
check "a dependency of a CMake target" '^src/base/CMakeLists.txt: base -> keeper \(CMake target\)'
sed -i 's/^base  *->/& keeper/' "$copy/tools/layers.txt"
echo '#include "keeper/keeper.h"' >>"$copy/src/base/file.cc"
check "a circle of layers" '^tools/layers.txt: a circle: .*base'
sed -i 's/^tpm\/soft  *->/& keeper/' "$copy/tools/layers.txt"
check "an arrow that nothing uses" '^tools/layers.txt: no #include uses tpm/soft -> keeper'
mkdir "$copy/src/new" && echo '#pragma once' >"$copy/src/new/new.h"
check "a directory that is no layer" '^src/new/new.h: its directory is no layer'
exit $((failures > 0))
