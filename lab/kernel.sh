# SPDX-License-Identifier: Apache-2.0
# Sourced. Linux for the lab: built from Debian's source, or Debian's own binary, both from the suite trixie-backports of
# the mirror that this machine's apt uses. Neither is installed; both are kept for the next run:
#
#   ~/.cache/imakeep/lab/kernel-VERSION-CONFIG     bzImage, CONFIG being the start of the hash of lab/kernel.config
#   ~/.cache/imakeep/lab/debian-VERSION            vmlinuz and lib/modules/RELEASE, unpacked
#
# Functions that print a path print nothing else, and say on stderr why they have none. $tree is this repository.
# shellcheck shell=bash
# shellcheck source=../tools/packages.sh disable=SC2154
. "$tree/tools/packages.sh"

lab_cache=${XDG_CACHE_HOME:-$HOME/.cache}/imakeep/lab
lab_suite=trixie-backports
config_hash=$(grep -v '^#' "$tree/lab/kernel.config" | sha256sum | cut -c 1-12)

# in_backports COMMAND...: an apt command that knows that suite alone, in a folder of the lab's. The machine's own
# sources, lists and packages are neither used nor changed.
in_backports() {
  local apt=$lab_cache/apt command=$1
  shift
  "$command" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Etc::sourcelist="$apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o Dir::Cache::archives="$apt/archives" -o Dir::Cache::pkgcache= \
    -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root "$@"
}

# update_backports: what the mirror has now.
update_backports() {
  local mirror apt=$lab_cache/apt
  mirror=$(debian_mirror)
  [[ $mirror ]] || { echo "this machine's apt names no mirror of Debian" >&2 && return 1; }
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  touch "$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $lab_suite main" >"$apt/sources.list"
  in_backports apt-get update >"$apt/update.log" 2>&1 || { cat "$apt/update.log" >&2 && return 1; }
}

# fetch PACKAGE FOLDER: the package's files.
fetch() {
  local package=$1 folder=$2 download
  download=$(mktemp -d "$lab_cache/download.XXXXXX") || return 1
  (cd "$download" && in_backports apt-get download "$package" && dpkg-deb -x ./*.deb "$folder") >"$download/log" 2>&1 ||
    { cat "$download/log" >&2 && rm -rf "$download" && return 1; }
  rm -rf "$download"
}

# newest_source: the name and the version of the newest package of Linux's source that has staging, 7.2 or later.
newest_source() {
  local name
  name=$(in_backports apt-cache search --names-only '^linux-source-[0-9]+\.[0-9]+$' | cut -d ' ' -f 1 | sort -V | tail -n 1)
  dpkg --compare-versions "${name#linux-source-}" ge 7.2 ||
    { echo "$lab_suite has no source of Linux 7.2 or later" >&2 && return 1; }
  echo "$name" "$(in_backports apt-cache show --no-all-versions "$name" | sed -n 's/^Version: //p')"
}

# cached_kernel: the newest kernel built of this configuration.
cached_kernel() {
  local found
  found=$(find "$lab_cache" -maxdepth 2 -path "*/kernel-*-$config_hash/bzImage" 2>/dev/null | sort -V | tail -n 1)
  [[ $found ]] && echo "$found"
}

# build_kernel: the newest kernel, from what the mirror has; takes minutes. A second caller waits, and takes it.
build_kernel() {
  local name version built work
  mkdir -p "$lab_cache"
  exec 9>"$lab_cache/lock"
  flock 9
  update_backports && read -r name version < <(newest_source) && [[ $version ]] || return 1
  built=$lab_cache/kernel-$version-$config_hash
  if [[ ! -e $built/bzImage ]]; then
    echo "Building Linux $version; this takes minutes, once ..." >&2
    work=$(mktemp -d "$lab_cache/build.XXXXXX") || return 1
    if ! { fetch "$name=$version" "$work" && tar -C "$work" -xf "$work/usr/src/$name.tar.xz" &&
      cd "$work/$name" && make_kernel; } >"$work.log" 2>&1; then
      tail -n 30 "$work.log" >&2
      rm -rf "$work"
      return 1
    fi
    mkdir -p "$built"
    cp "$work/$name/.config" "$built/config"
    cp "$work/$name/arch/x86/boot/bzImage" "$built/bzImage.new" && mv "$built/bzImage.new" "$built/bzImage"
    cd "$tree" && rm -rf "$work" "$work.log"
  fi
  flock -u 9
  echo "$built/bzImage"
}

# make_kernel: in the folder of the source. An option that the source does not know, or that something else rules out, would
# be dropped in silence: then the build fails.
make_kernel() {
  local option missing=()
  KCONFIG_ALLCONFIG=$tree/lab/kernel.config make allnoconfig || return 1
  while read -r option; do
    grep -qxF "$option" .config || missing+=("$option")
  done < <(grep -v '^#' "$tree/lab/kernel.config")
  ((${#missing[@]} == 0)) || { echo "not taken from lab/kernel.config: ${missing[*]}" && return 1; }
  make -j"$(nproc)" bzImage
}

# lab_kernel: the kernel to boot: $IMAKEEP_LAB_KERNEL, or one built before, or one built now.
lab_kernel() {
  if [[ ${IMAKEEP_LAB_KERNEL:-} ]]; then
    [[ -r $IMAKEEP_LAB_KERNEL ]] || { echo "IMAKEEP_LAB_KERNEL: $IMAKEEP_LAB_KERNEL cannot be read" >&2 && return 1; }
    realpath "$IMAKEEP_LAB_KERNEL"
  else
    cached_kernel || (build_kernel)
  fi
}

# debian_kernel RELEASE: the folder with Debian's own binary of that release of Linux, such as 7.3.4.
debian_kernel() {
  local release=$1 name vmlinuz modules unpacked=$lab_cache/debian-$1
  if [[ ! -e $unpacked/vmlinuz ]]; then
    mkdir -p "$lab_cache"
    rm -rf "$unpacked.new"
    update_backports || return 1
    # linux-image-NAME has nothing but dependencies: the kernel is in one package, its modules in another.
    name=$(in_backports apt-cache search --names-only "^linux-binary-${release//./\\.}[^ ]*-amd64$" | cut -d ' ' -f 1 |
      grep -vE -- '-(cloud|rt)-' | sort -V | tail -n 1)
    name=${name#linux-binary-}
    [[ $name ]] || { echo "$lab_suite has no binary of Linux $release" >&2 && return 1; }
    fetch "linux-binary-$name" "$unpacked.new" && fetch "linux-modules-$name" "$unpacked.new" || return 1
    vmlinuz=$(find "$unpacked.new" -name 'vmlinuz*' | head -n 1)
    modules=$(find "$unpacked.new" -type d -path '*/lib/modules/*' -prune | head -n 1)
    [[ $vmlinuz && $modules ]] || { echo "linux-binary-$name and linux-modules-$name have no kernel" >&2 && return 1; }
    # As modprobe -d expects it, wherever the package has it.
    [[ $modules == "$unpacked.new"/lib/* ]] || ln -s usr/lib "$unpacked.new/lib"
    mv "$vmlinuz" "$unpacked.new/vmlinuz" && mv "$unpacked.new" "$unpacked" || return 1
  fi
  echo "$unpacked"
}

# release_of BZIMAGE: the release of Linux that it is, without what a builder appended: 7.3.4.
release_of() {
  file -b "$1" | sed -nE 's/.*version ([0-9.]+).*/\1/p'
}
