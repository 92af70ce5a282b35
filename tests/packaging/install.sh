#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD: what `cmake --install` of a build for the package puts where, what systemd says of the
# units, and what is in the packages.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
build=$(realpath "$1")
begin_checks
root=$work/root

check "it installs below DESTDIR" env DESTDIR="$root" cmake --install "$build" --strip
(cd "$root" && find . -type f | sort) >"$work/installed"
expected=$(sort <<'EOF'
etc/default/imakeep-attest
etc/default/imakeep-verifier
etc/imakeep/imakeep.toml
usr/bin/imakeep
usr/bin/imakeep-verifier
usr/lib/systemd/system/imakeep-attest.service
usr/lib/systemd/system/imakeep-unmount.service
usr/lib/systemd/system/imakeep-verifier.service
usr/lib/systemd/system/imakeep.service
usr/lib/sysusers.d/imakeep-verifier.conf
usr/lib/sysusers.d/imakeep.conf
usr/lib/tmpfiles.d/imakeep-verifier.conf
usr/lib/tmpfiles.d/imakeep.conf
usr/share/bash-completion/completions/imakeep
usr/share/bash-completion/completions/imakeep-verifier
usr/share/lintian/overrides/imakeep
usr/share/man/man1/imakeep-appraise.1.gz
usr/share/man/man1/imakeep-attest.1.gz
usr/share/man/man1/imakeep-list.1.gz
usr/share/man/man1/imakeep-log.1.gz
usr/share/man/man1/imakeep-policy.1.gz
usr/share/man/man1/imakeep-verifier.1.gz
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
for document in copyright changelog.gz; do
  check "document $document of the verifier" test -s "$root/usr/share/doc/imakeep-verifier/$document"
done
check "nobody but root may write a file" bash -c '! find "$1" -perm /022 ! -type l | grep .' _ "$root"
check "the installed program starts" "$root/usr/bin/imakeep" --version
check "the installed verifier starts" "$root/usr/bin/imakeep-verifier" --version
check "the verifier's default options are none" bash -c '. "$1" && [[ -z $IMAKEEP_VERIFIER_OPTIONS ]]' _ \
  "$root/etc/default/imakeep-verifier"
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
for unit in sysinit basic local-fs network-online shutdown multi-user; do printf '[Unit]\n' >"$units/$unit.target"; done
check "systemd finds nothing wrong in the units" bash -c '
  said=$(systemd-analyze verify --man=no --root="$1" imakeep.service imakeep-unmount.service imakeep-attest.service imakeep-verifier.service 2>&1)
  code=$?
  echo "$said"
  [[ $code == 0 && -z $said ]]' _ "$root"
check "the manuals that the units name are there" bash -c '
  grep -h ^Documentation= "$1"/usr/lib/systemd/system/imakeep*.service | grep -o "man:[^ ]*" | sort -u |
    while IFS=":()" read -r _ page section _; do ls "$1/usr/share/man/man$section/$page.$section.gz" || exit 1; done' _ "$root"
check "the service is exposed by 2.5 at most" \
  systemd-analyze security --no-pager --offline=true --threshold=25 --root="$root" imakeep.service
echo "      $(systemd-analyze security --no-pager --offline=true --root="$root" imakeep.service | grep Overall)"
for unit in imakeep-attest imakeep-verifier; do
  check "$unit.service is exposed by 2.0 at most" \
    systemd-analyze security --no-pager --offline=true --threshold=20 --root="$root" $unit.service
  echo "      $(systemd-analyze security --no-pager --offline=true --root="$root" $unit.service | grep Overall)"
done
check "the verifier has no capability and no privilege" bash -c '
  grep -qx CapabilityBoundingSet= "$1" && grep -qx AmbientCapabilities= "$1" && grep -qx NoNewPrivileges=yes "$1" &&
    ! grep -E "^(Exec[A-Za-z]*=[-@:]*[+!]|SupplementaryGroups=|DeviceAllow=|User=root)" "$1"' _ \
  "$units/imakeep-verifier.service"
check "systemd makes the users" systemd-sysusers --root="$root" imakeep.conf imakeep-verifier.conf
for user in imakeep imakeep-verifier; do
  check "user and group $user" bash -c 'grep -q "^$2:" "$1/etc/passwd" && grep -q "^$2:" "$1/etc/group"' _ "$root" $user
done
check "the group of the TPM" grep -q '^tss:' "$root/etc/group"
check "systemd makes the folders of archive and verifier" \
  systemd-tmpfiles --root="$root" --create imakeep.conf imakeep-verifier.conf
for user in imakeep imakeep-verifier; do
  check_equal "which is the own one of $user" "700 $(awk -F: -v user=$user '$1 == user { print $3 }' "$root/etc/passwd")" \
    "$(stat -c '%a %u' "$root/var/lib/$user")"
done

# Each program alone.
check "the verifier is installed alone" env DESTDIR="$work/verifier" cmake --install "$build" --strip --component verifier
check_equal "with its files only" "$(grep -F imakeep-verifier "$work/installed")" \
  "$(cd "$work/verifier" && find . -type f | sort)"
check "the keeper is installed alone" env DESTDIR="$work/keeper" cmake --install "$build" --strip --component imakeep
check_equal "without the verifier's files" "$(grep -vF imakeep-verifier "$work/installed")" \
  "$(cd "$work/keeper" && find . -type f | sort)"

# The packages.
make_packages "$build" "$work/package" || exit 1
package=$(package_in "$work/package" imakeep) || exit 1
verifier=$(package_in "$work/package" imakeep-verifier) || exit 1
files_of() { dpkg-deb -c "$1" | grep -v '/$' | sed 's,.* \./,./,' | sort; }
check "there are two" test "$(find "$work/package" -maxdepth 1 -name '*.deb' | wc -l)" = 2
check "together they have what was installed, and nothing twice" \
  diff "$work/installed" <({ files_of "$package"; files_of "$verifier"; } | sort)
check_equal "what is the verifier's is in its package only" "$(grep -F imakeep-verifier "$work/installed")" "$(files_of "$verifier")"
depends=$(dpkg-deb -f "$package" Depends)
for library in libarchive13 libc6 libcurl4 libfuse3-3 libmicrohttpd12 libpcre2-8-0 libre2-9 librpm9 libsqlite3-0 libssl3 libsystemd0 libtss2-esys-3.0.2-0 libtss2-tctildr0 libzstd1; do
  check "it depends on $library" grep -q "\b$library\b" <<<"$depends"
done
check "the keeper's package does not depend on PostgreSQL" bash -c '! grep -o "libpq[^ ,]*" <<<"$1"' _ "$depends"
depends=$(dpkg-deb -f "$verifier" Depends)
for library in libc6 libcbor0.8 libcjose0 libmicrohttpd12 libpq5 libsqlite3-0 libssl3 libsystemd0 libzstd1; do
  check "the verifier depends on $library" grep -q "\b$library\b" <<<"$depends"
done
check "the verifier's package does not depend on FUSE or a TPM" bash -c '! grep -oE "(libfuse|libtss2-esys|libtss2-tctildr)[^ ,]*" <<<"$1"' _ \
  "$depends"
check "the verifier's package does not need the keeper's" bash -c '! grep -owE "imakeep" <<<"$1"' _ "$depends"
# The project has no address that it could name.
for deb in "$package" "$verifier"; do
  check "lintian finds nothing wrong in $(basename "$deb")" lintian --allow-root --fail-on error,warning \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog "$deb"
done
finish_checks
