# SPDX-License-Identifier: Apache-2.0
# Sourced. The file system that a machine of the lab starts from: busybox, bash, the programs under test with their libraries,
# and lab/guest. Needs $tree.
# shellcheck shell=bash disable=SC2154

# put_libraries ROOT FILE: those that the file is linked with.
put_libraries() {
  local library
  while read -r library; do
    [[ -e $1$library ]] || install -D "$(realpath "$library")" "$1$library" || return 1
  done < <(ldd "$2" 2>/dev/null | grep -oE '/[^ ]+')
}

# put ROOT FILE...: programs, or libraries that are loaded by name, with the libraries that they need.
put() {
  local root=$1 file found
  shift
  for file in "$@"; do
    found=$(command -v "$file") || found=$file
    [[ -e $found ]] || { echo "$file does not exist" >&2 && return 1; }
    install -D "$(realpath "$found")" "$root$found" && put_libraries "$root" "$found" || return 1
  done
}

# put_modules ROOT MODULES RELEASE NAME...: modules of Debian's kernel, unpacked, and in which order they are loaded.
put_modules() {
  local root=$1 modules=$2 release=$3 module file
  shift 3
  # Debian makes modules.dep when it installs them. The lists of what is built in are in a package that is not here: what
  # modprobe does not find is built in, or else the machine will miss it.
  [[ -e $modules/lib/modules/$release/modules.dep ]] || depmod -b "$modules" "$release" 2>/dev/null || return 1
  for module in "$@"; do
    # "insmod FILE" a line.
    while read -r _ file _; do
      file=${file%.xz}
      grep -qsxF "/${file##*/}" "$root/modules" && continue
      if [[ -e $file.xz ]]; then xz -dc "$file.xz" >"$root/${file##*/}"; else cp "$file" "$root"; fi || return 1
      echo "/${file##*/}" >>"$root/modules"
    done < <(modprobe -d "$modules" -S "$release" --show-depends "$module" 2>/dev/null | grep '^insmod')
  done
}

# make_initramfs FILE IMAKEEP [MODULES RELEASE NAME...]
make_initramfs() {
  local file=$1 imakeep=$2 root applet
  shift 2
  root=$(mktemp -d) && chmod 0755 "$root" || return 1
  mkdir -p "$root"/{dev,etc,lab,proc,run,share,sys,tmp,usr/bin,usr/sbin,usr/lib,usr/lib64,var/lib/imakeep}
  ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
  put "$root" busybox bash evmctl kexec setpriv tpm2 || return 1
  # Loaded by name, whatever the architecture's folder is.
  put "$root" "$(ldconfig -p | sed -n 's/.*libtss2-tcti-device.so.0 .*=> //p' | head -n 1)" || return 1
  for applet in createek createak quote readpublic flushcontext pcrread; do ln -s tpm2 "$root/usr/bin/tpm2_$applet"; done
  for applet in $(busybox --list); do
    [[ -e $root/usr/bin/$applet || -e $root/usr/sbin/$applet ]] || ln -s busybox "$root/usr/bin/$applet"
  done
  strip -o "$root/usr/bin/imakeep" "$imakeep" && put_libraries "$root" "$imakeep" || return 1
  g++ -O2 -std=c++20 -static -o "$root/usr/bin/measured_files" "$tree/lab/measured_files.cc" || return 1
  cp "$tree"/lab/guest/* "$root/lab" || return 1
  ln -s lab/init "$root/init"
  printf 'root:x:0:0::/:/bin/bash\nimakeep:x:990:990::/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\ntss:x:991:\nimakeep:x:990:\nagents:x:992:\n' >"$root/etc/group"
  (($# == 0)) || put_modules "$root" "$@" || return 1
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$file" || return 1
  rm -rf "$root"
}
