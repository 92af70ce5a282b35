#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# attest_guide.sh IMAKEEP VERIFIER - runs the commands of docs/guides/attestation.md in their order, as they are written. The paths are
# the real ones, in a mount namespace with empty /run and /var/lib; the TPM is an swtpm process, which each `imakeep attest` is told.
# shellcheck disable=SC2034,SC2119  # the commands of the guide use them; no arguments
set -u
if [[ -z ${IMAKEEP_OWN_MOUNTS:-} ]]; then
  ((EUID == 0)) || { echo "skipped: only root can mount"; exit 77; }
  command -v swtpm >/dev/null || { echo "skipped: swtpm is not installed"; exit 77; }
  IMAKEEP_OWN_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
fi
here=$(realpath "$(dirname "$0")")
# shellcheck source=lib.sh
source "$here/lib.sh"
begin "$1"
verifier=$(realpath "$2")
guide=$here/../../docs/guides/attestation.md
serving=
keeper=
stop_all() {
  [[ -z $serving ]] || { kill "$serving"; wait "$serving"; } 2>/dev/null
  end_keeper
  end_list
  end_swtpm
  rm -rf "$work"
}
trap stop_all EXIT
mount -t tmpfs none /run && mount -t tmpfs none /var/lib || exit 1
mkdir /run/imakeep /run/imakeep-verifier /var/lib/imakeep /var/lib/imakeep-verifier
cd "$work" || exit 1

# What the units start, with the configuration of the package and the line that the guide asks for.
unset TSS2_LOG
start_swtpm
start_list --tcti "$tcti"
"$imakeep" list add --control "$sock" /bin/ls /bin/cat /bin/true /bin/false >/dev/null
grep -qx '    trim_after = "verified"' "$guide" || { echo "the guide does not say what to configure"; exit 1; }
{ sed 's/^group = .*/group = "root"/' "$here/../../packaging/imakeep.toml" && echo 'trim_after = "verified"'; } >imakeep.toml
"$imakeep" keep --config imakeep.toml --ima-dir "$mount" --pcrs "tcti:$tcti" --every 200ms 2>keep.err &
keeper=$!
started "the keeper" "$keeper" keep.err keeper_answers /run/imakeep/imakeep.sock
"$verifier" serve --listen 127.0.0.1:0 --any-tpm >verifier.out 2>verifier.err &
serving=$!
started "the verifier" "$serving" verifier.err grep -q listens verifier.out

# The settings, as a reader finds them out.
server=$(sed -n 's/.*listens on \(.*\), pin .*/\1/p' verifier.out)
pin=$(sed -n 's/.*, pin //p' verifier.out)
token=
digest=
imakeep() { if [[ $1 == attest ]]; then "$imakeep" "$@" --tcti "$tcti"; else "$imakeep" "$@"; fi; }
imakeep-verifier() { "$verifier" "$@"; }

# block NUMBER: the commands of that block.
block() { awk -v wanted="$1" '/^```sh$/ { ++block; inside = 1; next } /^```$/ { inside = 0 } inside && block == wanted' "$guide"; }
all_archived() { [[ $("$imakeep" log --archive /var/lib/imakeep/archive.imk --format json | wc -l) == 4 ]]; }
trimmed() { [[ $(cat "$mount/runtime_measurements_count") == 1 ]]; }

soon all_archived
commands=$(grep -c '^```sh$' "$guide")
check_equal "the guide has ten commands" 10 "$commands"
for ((number = 1; number <= commands; ++number)); do
  command=$(block $number)
  eval "$command" >out 2>err
  code=$?
  check_equal "$(head -n 1 <<<"$command")" "0" "$code$([[ $code == 0 ]] || echo ": $(cat err)")"
  case $command in
    "imakeep-verifier tokens"*) token=$(<out) ;;
    "imakeep-verifier policy add"*) digest=$(<out) ;;
    "imakeep attest once"*) check "  the keeper trims" soon trimmed ;;
    "imakeep status"*) check "  it names the verifier" grep -qF "$server" out ;;
    "imakeep-verifier findings"*) check_equal "  there is none" 1 "$(wc -l <out)" ;;
    "imakeep-verifier history"*) check "  the quote was accepted" grep -q affirming out ;;
  esac
done
"$imakeep" list add --control "$sock" /bin/date >/dev/null
found() { imakeep attest once --archive /var/lib/imakeep/archive.imk >/dev/null 2>&1; "$verifier" findings list | grep -q /bin/date; }
check "what the policy does not have is found" soon found
finish_checks
