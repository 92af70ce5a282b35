#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# use_library.sh BUILD TESTDATA - a program outside the tree, examples/replay.cc, is built with the libraries that BUILD
# installs, and replays a list of Linux's to the PCRs that Linux had.
set -eu
tree=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
capture=$(realpath "$2")/linux-7.3.4/templates
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --component development --prefix "$work/installed"
cp -r "$tree/examples" "$work"
# The example uses one library. This program links all of them.
cat >>"$work/examples/CMakeLists.txt" <<'EOF'
add_executable(with_all replay.cc)
target_link_libraries(with_all PRIVATE imakeep::attest imakeep::archive_sqlite imakeep::tpm)
EOF
cmake -S "$work/examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/installed"
cmake --build "$work/build"
"$work/build/replay" "$capture/binary_runtime_measurements_sha1" >"$work/pcrs"
cat "$work/pcrs"
for bank in sha1 sha256; do
  value=$(sed -n "s/^$bank  *//p" "$capture/pcr10.txt" | tr A-F a-f)
  grep -qx "$bank 10 $value" "$work/pcrs"
done
if "$work/build/replay" /dev/null/none; then exit 1; else [ $? = 1 ]; fi
