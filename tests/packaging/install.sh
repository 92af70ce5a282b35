#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD: what `cmake --install` of a build for the package puts where, what systemd says of the
# units, and what is in the package.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
build=$(realpath "$1")
begin_checks
root=$work/root

check "it installs below DESTDIR" env DESTDIR="$root" cmake --install "$build" --strip
(cd "$root" && find . -type f | sort) >"$work/installed"
expected=$(sort <<'EOF'
etc/imakeep/imakeep.toml
usr/bin/imakeep
usr/lib/systemd/system/imakeep-unmount.service
usr/lib/systemd/system/imakeep.service
usr/lib/sysusers.d/imakeep.conf
usr/lib/tmpfiles.d/imakeep.conf
usr/share/bash-completion/completions/imakeep
usr/share/lintian/overrides/imakeep
usr/share/man/man1/imakeep-appraise.1.gz
usr/share/man/man1/imakeep-list.1.gz
usr/share/man/man1/imakeep-log.1.gz
usr/share/man/man1/imakeep-policy.1.gz
usr/share/man/man1/imakeep-verify.1.gz
usr/share/man/man1/imakeep.1.gz
usr/share/man/man5/imakeep.toml.5.gz
usr/share/man/man8/imakeep-conformance.8.gz
usr/share/man/man8/imakeep-doctor.8.gz
usr/share/man/man8/imakeep-keep.8.gz
usr/share/man/man8/imakeep-status.8.gz
usr/share/man/man8/imakeep-view.8.gz
EOF
)
check_equal "every file but the documents" "$expected" \
  "$(sed 's,^\./,,; /^usr\/share\/doc\//d' "$work/installed")"
for document in README.md copyright changelog.gz docs/imakeep.toml docs/operators.md docs/formats/archive.md; do
  check "document $document" test -s "$root/usr/share/doc/imakeep/$document"
done
check "nobody but root may write a file" bash -c '! find "$1" -perm /022 ! -type l | grep .' _ "$root"
check "the installed program starts" "$root/usr/bin/imakeep" --version
check "a man page can be read" bash -c 'man -l "$1" | grep -q -- --trim-at-exit' _ "$root/usr/share/man/man8/imakeep-keep.8.gz"
check "the keeper takes the default configuration" bash -c '
  # This machine has no group of the name: the package makes it.
  sed "s,/var/lib/imakeep,$2,; s,/run/imakeep/view,$2/view,; s,^group = .*,group = \"root\"," \
    "$1/etc/imakeep/imakeep.toml" >"$2/imakeep.toml"
  said=$("$1/usr/bin/imakeep" keep --config "$2/imakeep.toml" --ima-dir "$2/none" 2>&1)
  code=$?
  echo "$code: $said"
  [[ $code == 3 && $said == *"$2/none"* ]]' _ "$root" "$work"

# The units, in a root with the program and the targets that they name.
units=$root/usr/lib/systemd/system
for unit in sysinit basic local-fs shutdown multi-user; do printf '[Unit]\n' >"$units/$unit.target"; done
check "systemd finds nothing wrong in the units" bash -c '
  said=$(systemd-analyze verify --man=no --root="$1" imakeep.service imakeep-unmount.service 2>&1)
  code=$?
  echo "$said"
  [[ $code == 0 && -z $said ]]' _ "$root"
check "the manuals that the units name are there" bash -c '
  grep -h ^Documentation= "$1"/usr/lib/systemd/system/imakeep*.service | grep -o "man:[^ ]*" | sort -u |
    while IFS=":()" read -r _ page section _; do ls "$1/usr/share/man/man$section/$page.$section.gz" || exit 1; done' _ "$root"
check "the service is exposed by 2.5 at most" \
  systemd-analyze security --no-pager --offline=true --threshold=25 --root="$root" imakeep.service
echo "      $(systemd-analyze security --no-pager --offline=true --root="$root" imakeep.service | grep Overall)"
check "systemd makes the users" systemd-sysusers --root="$root" imakeep.conf
check "the keeper's user and group" bash -c 'grep -q "^imakeep:" "$1/etc/passwd" && grep -q "^imakeep:" "$1/etc/group"' _ "$root"
check "the group of the TPM" grep -q '^tss:' "$root/etc/group"
check "systemd makes the folder of the archive" systemd-tmpfiles --root="$root" --create imakeep.conf
check_equal "which is the keeper's alone" "700 $(awk -F: '$1 == "imakeep" { print $3 }' "$root/etc/passwd")" \
  "$(stat -c '%a %u' "$root/var/lib/imakeep")"

# The package.
package=$(make_package "$build" "$work/package") || exit 1
check "the package has what was installed" \
  diff "$work/installed" <(dpkg-deb -c "$package" | grep -v '/$' | sed 's,.* \./,./,' | sort)
depends=$(dpkg-deb -f "$package" Depends)
for library in libarchive13 libc6 libcurl4 libfuse3-3 libmicrohttpd12 libpcre2-8-0 libre2-9 librpm9 libsqlite3-0 libssl3 libsystemd0 libtss2-esys-3.0.2-0 libtss2-tctildr0 libzstd1; do
  check "it depends on $library" grep -q "\b$library\b" <<<"$depends"
done
# The project has no address that it could name.
check "lintian finds nothing wrong" lintian --allow-root --fail-on error,warning \
  --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog "$package"
finish_checks
