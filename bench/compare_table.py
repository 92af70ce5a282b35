#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes bench/compare's table, plot and ratios from the results in a folder.

    compare_table.py FOLDER [--write | --against FILE]
"""
import json
import pathlib
import sys

from peers import LENGTHS
from plot import plot
from table import cpu_name, load, ns, verdict, write_between

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- bench/compare begins -->", "<!-- bench/compare ends -->"
# A ratio that fell below so much of what it was is a regression.
LEAST_OF_BEFORE = 0.8


class Rates:
    """Records a second, by what and by length."""

    def __init__(self, folder):
        self.runs = {**load(folder / "replay_bench.json"), **load(folder / "peers.json")}

    def of(self, name):
        clock = "cpu_time" if name.startswith("replay/") else "real_time"
        return [n / (ns(self.runs[f"{name}/{n}"], clock) / 1e9) for n in LENGTHS]


# What is measured, what it is compared with, and the target ratio; None without a target.
ROWS = (
    ("replay, sha256, one thread, compared with the chain's limit", "replay/sha256", "replay/chain_limit", 0.6),
    ("replay, sha1 and sha256, one thread, compared with `evmctl ima_measurement`", "replay/sha1_sha256", "process/evmctl", 10),
    ("`imakeep verify`, sha1 and sha256, compared with `evmctl ima_measurement`", "process/imakeep", "process/evmctl", None),
    ("replay, sha256, compared with the same by OpenSSL alone", "replay/sha256", "replay/sha256_portable", None),
    ("replay, sha1 and sha256, looking for a prefix, compared with not looking", "replay/sha1_sha256_searched",
     "replay/sha1_sha256", None),
    ("replay, four banks, compared with sha1 and sha256", "replay/four_banks", "replay/sha1_sha256", None),
)


def table(rates, ratios):
    lines = [f"Measured on {cpu_name()}, g++ -O3, by lists of 10,000, 100,000 and 1,000,000 ima-ng records of /usr.", "",
             "| what | records/s | compared with | ratio | target | |", "|---|---|---|---|---|---|"]
    for what, name, compared, target in ROWS:
        lines.append(f"| {what} | {short(rates.of(name))} | {short(rates.of(compared))} | "
                     f"{', '.join(f'{r:.2f}' for r in ratios[what])} | {'' if target is None else f'≥ {target} ×'} | "
                     f"{'' if target is None else verdict(min(ratios[what]) >= target)} |")
    blocks = rates.runs["openssl_speed/sha256_64"]["blocks_per_s"]
    lines += ["", f"`openssl speed` makes {blocks / 1e6:.1f} million blocks of SHA-256 a second of messages of 64 bytes; the "
                  f"chain's limit is {2 * rates.of('replay/chain_limit')[-1] / 1e6:.1f} million."]
    return "\n".join(lines)


def short(rates):
    return ", ".join(f"{rate / 1e6:.2f} M" for rate in rates)


def check_against(path, ratios):
    before = json.loads(pathlib.Path(path).read_text())
    fallen = [f"{what}: {min(ratios[what]):.2f}, was {min(was):.2f}" for what, was in before.items()
              if what not in ratios or min(ratios[what]) < LEAST_OF_BEFORE * min(was)]
    for line in fallen:
        print(f"fell by more than a fifth: {line}", file=sys.stderr)
    sys.exit(1 if fallen else 0)


def main():
    folder, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
    rates = Rates(folder)
    ratios = {what: [a / b for a, b in zip(rates.of(name), rates.of(compared))] for what, name, compared, _ in ROWS}
    text = table(rates, ratios)
    if options[:1] == ["--write"]:
        write_between(BEGIN, END, text)
        (ROOT / "bench/ratios.json").write_text(json.dumps(ratios, indent=1) + "\n")
        plot(ROOT / "docs/replay.svg", LENGTHS, {"chain's limit": rates.of("replay/chain_limit"),
                                                 "imakeep, sha256": rates.of("replay/sha256"),
                                                 "imakeep, sha1 and sha256": rates.of("replay/sha1_sha256"),
                                                 "imakeep verify": rates.of("process/imakeep"),
                                                 "evmctl": rates.of("process/evmctl")})
    else:
        print(text)
    if options[:1] == ["--against"]:
        check_against(options[1], ratios)


main()
