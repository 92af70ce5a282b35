#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deb.sh BUILD: the Debian packages in a clean Debian 12 root: installed, used, upgraded, removed, purged. No systemd
# runs there; tests/packaging/boot.sh has one.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
need debootstrap
build=$(realpath "$1")
begin_checks
root=
serving=
leave() {
  [[ $serving ]] && kill "$serving" && wait "$serving"
  remove_root
}
trap leave EXIT

make_root_with_packages "$build"

inside() { chroot "$root" "$@"; }
there() { [[ -e $root/$1 || -L $root/$1 ]]; }
gone() { ! there "$1"; }
package_version() { inside dpkg-query -W -f '${db:Status-Status} ${Version}' "${1:-imakeep}"; }
archive=var/lib/imakeep/archive.imk

# ---- installed

apt_install "$root" fuse3 >"$work/apt.out" 2>&1 || { cat "$work/apt.out"; exit 1; }
before=$(inside find /etc /usr /var/lib /run -xdev | sort)
check "apt installs it" apt_install "$root" /root/imakeep.deb
check_equal "it is installed" "installed $(dpkg-deb -f "$package" Version)" "$(package_version)"
check_equal "every file is as packaged" "" "$(inside dpkg --verify imakeep)"
check_equal "the operator's files are known as such" " /etc/default/imakeep-attest  /etc/imakeep/imakeep.toml" \
  "$(inside dpkg-query -W -f '${Conffiles}' imakeep | sed '/^$/d; s/ [0-9a-f]*$//' | paste -sd ' ')"
user=$(inside id -u imakeep)
check "its user is a system's user" bash -c '(($1 > 0 && $1 < 1000))' _ "$user"
check_equal "its user has its group only" "imakeep" "$(inside id -Gn imakeep)"
check_equal "nobody logs in as it" "/usr/sbin/nologin" "$(inside getent passwd imakeep | cut -d: -f7)"
check_equal "its folder is its own" "700 imakeep imakeep" "$(inside stat -c '%a %U %G' /var/lib/imakeep)"
for unit in imakeep imakeep-attest; do
  check_equal "$unit.service is enabled" "enabled" "$(inside systemctl is-enabled $unit.service)"
done
check "no user's group is missing" inside getent group tss
check "systemd finds nothing wrong in its units" bash -c '
  said=$(chroot "$1" systemd-analyze verify --man=no imakeep.service imakeep-unmount.service imakeep-attest.service 2>&1)
  code=$?
  echo "$said"
  [[ $code == 0 && -z $said ]]' _ "$root"

# ---- a keeper, as the unit runs it, on a list that is served by root as Linux serves its own

mkdir -p "$root/run/ima" "$root/run/imakeep"
inside chown imakeep:imakeep /run/imakeep
[[ -e $root/dev/fuse ]] || mknod -m 666 "$root/dev/fuse" c 10 229
chroot "$root" imakeep list serve --mount /run/ima --control /run/list.sock >"$work/serve.out" 2>&1 &
serving=$!
for _ in $(seq 100); do grep -q '^ready' "$work/serve.out" && break; sleep 0.05; done
chmod 666 "$root/run/list.sock"
inside sh -c 'imakeep list add --control /run/list.sock /usr/bin/*' >"$work/add.out" 2>&1
records=$(inside cat /run/ima/runtime_measurements_count)
check "the list has records" bash -c '(($1 > 100))' _ "$records"
inside cat /run/ima/binary_runtime_measurements >"$work/list"
# as_keeper COMMAND...: user, groups and capabilities of the unit.
as_keeper() {
  inside setpriv --reuid imakeep --regid imakeep --groups root,tss --no-new-privs --bounding-set=-all,+sys_admin,+sys_chroot \
    --inh-caps=+sys_admin,+sys_chroot --ambient-caps=+sys_admin,+sys_chroot "$@"
}
check "the keeper runs with the configuration of the package" as_keeper \
  imakeep keep --config /etc/imakeep/imakeep.toml --ima-dir /run/ima --pcrs memory:/run/list.sock --once
check_equal "it trimmed all but the last record" "1" "$(inside cat /run/ima/runtime_measurements_count)"
kill "$serving" && wait "$serving"
serving=
check_equal "the archive is its user's alone" "600 imakeep" "$(inside stat -c '%a %U' /$archive)"
check "the archive has the list, byte for byte" bash -c \
  'chroot "$1" imakeep log --archive /"$2" --format binary | cmp - "$3"' _ "$root" "$archive" "$work/list"
kept=$(sha256sum <"$root/$archive")

# ---- upgraded

echo '# of the operator' >>"$root/etc/imakeep/imakeep.toml"
check "it is upgraded" apt_install "$root" /root/newer.deb
check_equal "to the newer version" "installed 99" "$(package_version)"
check_equal "the archive is as it was" "$kept" "$(sha256sum <"$root/$archive")"
check "the operator's configuration is as it was" grep -q '^# of the operator' "$root/etc/imakeep/imakeep.toml"
check_equal "it is enabled still" "enabled" "$(inside systemctl is-enabled imakeep.service)"
check "the archive can be read" inside imakeep log --archive /$archive --check
inside systemctl disable imakeep.service >"$work/disable.out" 2>&1
check "it is downgraded" apt_install "$root" --allow-downgrades /root/imakeep.deb
check_equal "what the operator disabled stays so" "disabled" "$(inside systemctl is-enabled imakeep.service)"
inside systemctl enable imakeep.service >"$work/enable.out" 2>&1

# ---- removed

check "it is removed" inside apt-get remove -y imakeep
check_equal "it is removed, not purged" "config-files" "$(package_version | cut -d' ' -f1)"
check "the program is gone" gone usr/bin/imakeep
check "the unit is gone" gone usr/lib/systemd/system/imakeep.service
check_equal "the archive stays" "$kept" "$(sha256sum <"$root/$archive")"
check "the configuration stays" there etc/imakeep/imakeep.toml
check_equal "the user stays" "$user" "$(inside id -u imakeep)"
check "it is installed again" apt_install "$root" /root/imakeep.deb
check_equal "on the same archive" "$kept" "$(sha256sum <"$root/$archive")"
check_equal "enabled as before" "enabled" "$(inside systemctl is-enabled imakeep.service)"

# ---- purged

said=$(inside apt-get purge -y imakeep 2>&1)
check_equal "it is purged" "0" "$?"
check "which says that the archive stays" grep -q '/var/lib/imakeep holds the archive' <<<"$said"
check_equal "the archive stays as evidence" "$kept" "$(sha256sum <"$root/$archive")"
check_equal "in the folder of its user" "700 $user" "$(stat -c '%a %u' "$root/var/lib/imakeep")"
check "the configuration is gone" gone etc/imakeep
check "no unit is wanted" bash -c '! ls "$1" | grep imakeep' _ "$root/etc/systemd/system/multi-user.target.wants"
check "nothing else is left of it" bash -c '
  ! find "$1"/etc "$1"/usr "$1"/var/lib "$1"/run -xdev -name "*imakeep*" ! -path "*/var/lib/imakeep" | grep .' _ "$root"
check "it is installed again, after a purge" apt_install "$root" /root/imakeep.deb
check_equal "its user has its number" "$user" "$(inside id -u imakeep)"
rm -rf "$root/var/lib/imakeep/"*
said=$(inside apt-get purge -y imakeep 2>&1)
check_equal "it is purged without an archive" "0" "$?"
check_equal "says nothing of one" "" "$(grep 'holds the archive' <<<"$said")"
check "its empty folder is gone" gone var/lib/imakeep
inside apt-get autoremove -y --purge >"$work/autoremove.out" 2>&1
check_equal "nothing that was not there before is named imakeep" "" \
  "$(inside find /etc /usr /var/lib /run -xdev | sort | comm -13 <(echo "$before") - | grep imakeep)"
# ---- the verifier

before=$(inside find /etc /usr /var/lib /run -xdev | sort)
check "apt installs the verifier" apt_install "$root" /root/verifier.deb
check_equal "it is installed" "installed $(dpkg-deb -f "$verifier_package" Version)" "$(package_version imakeep-verifier)"
check "without the keeper" gone usr/bin/imakeep
check_equal "every file is as packaged" "" "$(inside dpkg --verify imakeep-verifier)"
check_equal "the operator's file is known as such" " /etc/default/imakeep-verifier" \
  "$(inside dpkg-query -W -f '${Conffiles}' imakeep-verifier | sed '/^$/d; s/ [0-9a-f]*$//')"
user=$(inside id -u imakeep-verifier)
check "its user is a system's user" bash -c '(($1 > 0 && $1 < 1000))' _ "$user"
check_equal "its user has its group only" "imakeep-verifier" "$(inside id -Gn imakeep-verifier)"
check_equal "nobody logs in as it" "/usr/sbin/nologin" "$(inside getent passwd imakeep-verifier | cut -d: -f7)"
state=var/lib/imakeep-verifier
check_equal "its folder is its own" "700 imakeep-verifier imakeep-verifier" "$(inside stat -c '%a %U %G' /$state)"
check_equal "it is enabled" "enabled" "$(inside systemctl is-enabled imakeep-verifier.service)"
check "systemd finds nothing wrong in its unit" bash -c '
  said=$(chroot "$1" systemd-analyze verify --man=no imakeep-verifier.service 2>&1)
  code=$?
  echo "$said"
  [[ $code == 0 && -z $said ]]' _ "$root"

# serve_as_unit: begins a verifier with the unit's user and without capabilities; only the port is another.
serve_as_unit() {
  : >"$work/verifier.out"
  chroot "$root" setpriv --reuid imakeep-verifier --regid imakeep-verifier --clear-groups --no-new-privs --bounding-set=-all \
    --inh-caps=-all sh -c 'umask 077 && exec imakeep-verifier serve --listen 127.0.0.1:0' >"$work/verifier.out" 2>&1 &
  serving=$!
  for _ in $(seq 200); do grep -q 'listens on' "$work/verifier.out" && return; sleep 0.05; done
  cat "$work/verifier.out"
  return 1
}
# end_verifier: as systemd does. Its exit code.
end_verifier() {
  local code=0
  kill -TERM "$serving"
  wait "$serving" || code=$?
  serving=
  return $code
}
socket=$root/run/imakeep-verifier/admin.sock
mkdir -m 750 "$root/run/imakeep-verifier"
inside chown imakeep-verifier:imakeep-verifier /run/imakeep-verifier
check "the verifier runs as the unit runs it" serve_as_unit
check "it is healthy" curl -sSf --unix-socket "$socket" http://localhost/healthz
check_equal "its group may administer it" "660 imakeep-verifier" "$(inside stat -c '%a %G' /run/imakeep-verifier/admin.sock)"
check "it ends by a signal" end_verifier
check_equal "its database and its key are its user's alone" "600 imakeep-verifier" \
  "$(inside stat -c '%a %U' /$state/verifier.db /$state/server.key | sort -u)"
pin=$(sed -n 's/.*, pin //p' "$work/verifier.out")
check "it has a certificate" test -n "$pin"

echo '# of the operator' >>"$root/etc/default/imakeep-verifier"
check "it is upgraded" apt_install "$root" /root/newer_verifier.deb
check_equal "to the newer version" "installed 99" "$(package_version imakeep-verifier)"
check "the operator's options are as they were" grep -q '^# of the operator' "$root/etc/default/imakeep-verifier"
check "it runs on its state" serve_as_unit
check "it ends by a signal" end_verifier
check_equal "with its certificate" "$pin" "$(sed -n 's/.*, pin //p' "$work/verifier.out")"
check "it is removed" inside apt-get remove -y imakeep-verifier
check "the program is gone" gone usr/bin/imakeep-verifier
check "the options stay" there etc/default/imakeep-verifier
said=$(inside apt-get purge -y imakeep-verifier 2>&1)
check_equal "it is purged" "0" "$?"
check "which says that the state stays" grep -q '/var/lib/imakeep-verifier holds keys' <<<"$said"
check "the state stays as evidence" there $state/verifier.db
check_equal "in the folder of its user" "700 $user" "$(stat -c '%a %u' "$root/$state")"
check "the options are gone" gone etc/default/imakeep-verifier
check "the unit is not wanted" gone etc/systemd/system/multi-user.target.wants/imakeep-verifier.service
rm -rf "${root:?}/$state"
check_equal "nothing that was not there before is named imakeep" "" \
  "$(inside find /etc /usr /var/lib /run -xdev | sort | comm -13 <(echo "$before") - | grep imakeep)"
finish_checks
