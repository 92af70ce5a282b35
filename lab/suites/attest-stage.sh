# SPDX-License-Identifier: Apache-2.0
# The keeper trims by A, read and D what a verifier on this machine has proven: lab/guest/attest.sh.
# shellcheck shell=bash

suite_attest_stage() { attest_and_trim stage; }
