# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts that need packages or a root of Debian. Checks are those of ../e2e/lib.sh.
# shellcheck shell=bash
# shellcheck source=../e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
# shellcheck source=../../tools/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/packages.sh"

skip() {
  echo "skipped: $*"
  exit 77
}

# make_package BUILD DIR [VERSION]: prints the .deb of a build for the package, made in DIR; of another version if named.
make_package() {
  local build=$1 directory=$2
  mkdir -p "$directory"
  (cd "$build" && cpack -G DEB -B "$directory" ${3:+-D CPACK_PACKAGE_VERSION="$3"}) >"$work/cpack.out" 2>&1 ||
    { cat "$work/cpack.out" >&2 && return 1; }
  ls "$directory"/*.deb
}

# need PROGRAM...: skips the test without root or one of the programs.
need() {
  local program
  ((EUID == 0)) || skip "needs root"
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "needs $program"
  done
}

# make_root ROOT: a clean Debian 12, from where this machine's apt has it. Skips the test if none can be had.
make_root() {
  local mirror
  mirror=$(debian_mirror)
  [[ $mirror ]] || skip "this machine's apt has no Debian 12"
  debootstrap --variant=minbase --cache-dir=/var/cache/apt/archives bookworm "$1" "$mirror" >"$work/debootstrap.out" 2>&1 ||
    skip "no Debian 12 could be made: $(tail -n 3 "$work/debootstrap.out")"
}

# apt_install ROOT PACKAGE...: without what is only recommended.
apt_install() {
  local root=$1
  shift
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# make_root_with_packages BUILD: $root, a clean Debian 12 with /proc, and in its /root imakeep.deb, the package of the build,
# and newer.deb, the same as version 99. $package is the first. A caller calls remove_root at its end.
make_root_with_packages() {
  local newer start=$SECONDS
  root=$work/root
  package=$(make_package "$1" "$work/package") || exit 1
  newer=$(make_package "$1" "$work/newer" 99) || exit 1
  make_root "$root"
  mount -t proc proc "$root/proc" || exit 1
  cp "$package" "$root/root/imakeep.deb"
  cp "$newer" "$root/root/newer.deb"
  echo "      a clean Debian 12 with packages took $((SECONDS - start)) s"
}

# remove_root: and all of $work.
remove_root() {
  [[ $root ]] && mountpoint -q "$root/proc" && umount "$root/proc"
  rm -rf --one-file-system "$work"
}
