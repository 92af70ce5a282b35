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

# make_packages BUILD DIR [VERSION]: makes the .debs of a build for the packages in DIR; of another version if named.
# package_in DIR PROGRAM prints the path of one.
make_packages() {
  local build=$1 directory=$2
  mkdir -p "$directory"
  (cd "$build" && cpack -G DEB -B "$directory" ${3:+-D CPACK_PACKAGE_VERSION="$3"}) >"$work/cpack.out" 2>&1 ||
    { cat "$work/cpack.out" >&2 && return 1; }
}

package_in() { ls "$1/$2"_*.deb; }

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

# make_root_with_packages BUILD: $root, a clean Debian 12 with /proc. In its /root: imakeep.deb and verifier.deb, the
# packages of the build; newer.deb and newer_verifier.deb, the same as version 99. $package and $verifier_package are the
# first two. A caller calls remove_root at its end.
make_root_with_packages() {
  local start=$SECONDS
  root=$work/root
  make_packages "$1" "$work/package" || exit 1
  make_packages "$1" "$work/newer" 99 || exit 1
  package=$(package_in "$work/package" imakeep) || exit 1
  verifier_package=$(package_in "$work/package" imakeep-verifier) || exit 1
  make_root "$root"
  mount -t proc proc "$root/proc" || exit 1
  cp "$package" "$root/root/imakeep.deb"
  cp "$verifier_package" "$root/root/verifier.deb"
  cp "$(package_in "$work/newer" imakeep)" "$root/root/newer.deb"
  cp "$(package_in "$work/newer" imakeep-verifier)" "$root/root/newer_verifier.deb"
  echo "      a clean Debian 12 with packages took $((SECONDS - start)) s"
}

# remove_root: and all of $work.
remove_root() {
  [[ $root ]] && mountpoint -q "$root/proc" && umount "$root/proc"
  rm -rf --one-file-system "$work"
}
