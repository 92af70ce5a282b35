# SPDX-License-Identifier: Apache-2.0
# A policy that measures into PCR 11 and PCR 10: lab/guest/forms.sh.
# shellcheck shell=bash disable=SC2154,SC2034

suite_pcr_rules() {
  guest=forms
  new_disk archive 64M
  new_tpm sha1,sha256
  boot "rules with pcr=11" pcr
}
