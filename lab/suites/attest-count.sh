# SPDX-License-Identifier: Apache-2.0
# The keeper trims by N what a verifier on this machine has proven: lab/guest/attest.sh.
# shellcheck shell=bash

suite_attest_count() { attest_and_trim count; }
