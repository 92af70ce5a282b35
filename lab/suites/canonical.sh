# SPDX-License-Identifier: Apache-2.0
# ima_canonical_fmt, and template ima-sig with a portable EVM signature: lab/guest/forms.sh. On a little-endian machine the
# canonical form is the native one.
# shellcheck shell=bash disable=SC2154,SC2034

suite_canonical() {
  guest=forms
  new_disk archive 64M
  new_tpm sha1,sha256
  openssl genrsa -out "$work/share/key.pem" 2048 2>/dev/null
  boot "ima_canonical_fmt" canonical ima_canonical_fmt ima_template=ima-sig
}
