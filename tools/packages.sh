# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts at the top of the tree: installs what they need on Debian 12, and nothing that is there already.
# shellcheck shell=bash disable=SC2034

# To build and to run what `imakeep` is.
packages_to_build=(g++ cmake ninja-build pkg-config libssl-dev libfuse3-dev fuse3 libsystemd-dev libboost-dev
  libexpected-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev libsqlite3-dev libsqlitecpp-dev libpq-dev
  libzstd-dev libtss2-dev libmicrohttpd-dev libre2-dev libpcre2-dev libcjose-dev libjansson-dev libcbor-dev
  libarchive-dev libcurl4-openssl-dev librpm-dev)
# What quickstart needs in addition: a program of another project that checks our list, and a software TPM.
packages_to_show=(ima-evm-utils swtpm)
# To make the Debian package and its man pages.
packages_to_package=(scdoc dpkg-dev file)
# To test, fuzz, measure and lint.
packages_to_check=(ccache clang-14 libclang-rt-14-dev lld libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  ima-evm-utils swtpm swtpm-tools tpm2-tools openssl jose sqlite3 postgresql-15 spin python3 python3-jsonschema
  python3-cbor2 gnupg gpgv cpio rpm curl systemd man-db debootstrap lintian clang-format-16 clang-tidy-16 shellcheck)
# What ./check --lab needs in addition: a machine to boot.
packages_to_boot=(qemu-system-x86 e2fsprogs)
# lab/run: a machine to boot, what runs in it, and a kernel to be built.
packages_to_lab=("${packages_to_boot[@]}" swtpm swtpm-tools tpm2-tools ima-evm-utils busybox-static kexec-tools kmod cpio file
  xz-utils make gcc flex bison bc libelf-dev libssl-dev python3)

# Where this machine's apt has Debian from.
debian_mirror() {
  # shellcheck disable=SC2016  # apt fills it in
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1
}

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    echo "These packages are missing; install them as root: apt-get install ${missing[*]}" >&2
    return 3
  fi
  echo "Installing ${#missing[@]} packages ..."
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 3
  fi
  rm -f "$log"
}

# put_promtool DIRECTORY: promtool alone, from Debian's package of Prometheus. The package would start a server.
put_promtool() {
  local work directory
  [[ ! -x $1/promtool ]] || return 0
  mkdir -p "$1"
  directory=$(realpath "$1")
  echo "Getting promtool ..."
  work=$(mktemp -d)
  if ! (cd "$work" && apt-get download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool &&
    install -m 0755 usr/bin/promtool "$directory/promtool") >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    rm -rf "$work"
    return 3
  fi
  rm -rf "$work"
}
