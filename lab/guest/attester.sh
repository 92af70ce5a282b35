# SPDX-License-Identifier: Apache-2.0
# Sourced in a machine that attests: the verifier on the machine that runs the lab, and how to attest to it.
# shellcheck shell=bash disable=SC2034,SC2154
read -r url pin token </share/verifier

attest() { imakeep attest "$@" --state /var/lib/imakeep/attest; }
# once: with $records as the options of the records; the verdict is in /share/verdict.
once() { attest once "${records[@]}" --json >/share/verdict 2>/share/attest-said || { code=$?; cat /share/attest-said; return $code; }; }
verdict() { grep -oE "\"$1\":[0-9]+" /share/verdict | tr -dc 0-9; }
# attested: whatever the policy says of it.
attested() { once || [[ $? == 1 && $(</share/verdict) == *'"attested"'* ]] || { cat /share/attest-said /share/verdict && return 1; }; }
# verdict_is CHAIN FIRST
verdict_is() { equal "chain $1 from $2" "chain $(verdict chain) from $(verdict first)"; }

ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
