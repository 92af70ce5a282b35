#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much memory `imakeep keep --once` takes on served lists of several lengths, as benchmark results.

    keeper_memory.py IMAKEEP OUTPUT_JSON
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

LENGTHS = (10_000, 100_000, 1_000_000)


def peak_bytes(imakeep, length, folder):
    """The longest the keeper's memory was, on a list of that length that it meets for the first time."""
    mount, control = folder / "ima", folder / "control"
    mount.mkdir()
    records = folder / "list"
    subprocess.run([sys.executable, str(pathlib.Path(__file__).parent / "make_list.py"), "/usr", str(length), str(records)],
                   check=True, stdout=subprocess.DEVNULL)
    served = subprocess.Popen([imakeep, "list", "serve", "--mount", str(mount), "--control", str(control),
                               "--banks", "sha1,sha256"], stdout=subprocess.PIPE, text=True)
    try:
        served.stdout.readline()
        subprocess.run([imakeep, "list", "load", "--control", str(control), str(records)], check=True,
                       stdout=subprocess.DEVNULL)
        started = time.monotonic()
        keeper = subprocess.Popen([imakeep, "keep", "--once", "--ima-dir", str(mount), "--archive", str(folder / "archive"),
                                   "--pcrs", f"memory:{control}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(keeper.pid, 0)
        if status != 0:
            sys.exit(f"keep --once ended with {os.waitstatus_to_exitcode(status)} on {length} records")
        return usage.ru_maxrss * 1024, time.monotonic() - started
    finally:
        served.terminate()
        served.wait()


def main():
    imakeep, output = sys.argv[1:]
    results = []
    for length in LENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            peak, seconds = peak_bytes(imakeep, length, pathlib.Path(folder))
        results.append({"name": f"keeper/memory/{length}", "real_time": seconds, "time_unit": "s", "peak_bytes": peak})
        print(f"{length} records: {peak / 1e6:.1f} MB, {seconds:.1f} s", file=sys.stderr)
    pathlib.Path(output).write_text(json.dumps({"benchmarks": results}))


if __name__ == "__main__":
    main()
