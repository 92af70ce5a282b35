#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long whole programs take to verify a list against PCRs, as benchmark results; and the machine's own hash.

    peers.py IMAKEEP SHA1_LIST OUTPUT_JSON

`evmctl ima_measurement` and `imakeep verify`, both for sha1 and sha256, for the list's first 10,000, 100,000 and 1,000,000
records; each the best of three. The PCRs are the true ones, and both must say so.
"""
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

LENGTHS = (10_000, 100_000, 1_000_000)
BANKS = ("sha1", "sha256")
TRIES = 3


def prefixes(data):
    """(records, bytes, PCR 10 by bank) for each length."""
    at, pcrs = 0, {bank: bytes(hashlib.new(bank).digest_size) for bank in BANKS}
    for number in range(1, max(LENGTHS) + 1):
        name_length, = struct.unpack_from("<I", data, at + 24)
        body_at = at + 28 + name_length
        body_length, = struct.unpack_from("<I", data, body_at)
        body = data[body_at + 4:body_at + 4 + body_length]
        at = body_at + 4 + body_length
        pcrs = {bank: hashlib.new(bank, pcr + hashlib.new(bank, body).digest()).digest() for bank, pcr in pcrs.items()}
        if number in LENGTHS:
            yield number, at, pcrs


def evmctl_pcrs(path, pcr):
    """As tpm_pcrread of ima-evm-utils wants them."""
    lines = (f"PCR-{i:02}: " + " ".join(f"{b:02X}" for b in (pcr if i == 10 else bytes(len(pcr)))) for i in range(24))
    path.write_text("\n".join(lines) + "\n")
    return path


def best_of(command):
    times = []
    for _ in range(TRIES):
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - began)
    return min(times)


def hash_rate():
    """Blocks of SHA-256 a second in messages of 64 bytes, by `openssl speed`: two blocks each."""
    said = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "64", "sha256"], check=True,
                          capture_output=True, text=True).stdout
    rate = float(re.search(r"^\+F:\d+:sha256:([0-9.]+)", said, re.M).group(1))  # bytes a second
    return rate / 64 * 2


def main():
    imakeep, list_path, output = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    data = list_path.read_bytes()
    results = [{"name": "openssl_speed/sha256_64", "blocks_per_s": hash_rate()}]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for records, size, pcrs in prefixes(data):
            part = folder / "list"
            part.write_bytes(data[:size])
            (folder / "pcrs").write_text("".join(f"{bank} 10 {pcr.hex()}\n" for bank, pcr in pcrs.items()))
            given = [option for bank, pcr in pcrs.items()
                     for option in ("--pcrs", f"{bank},{evmctl_pcrs(folder / bank, pcr)}")]
            for program, command in (("evmctl", ["evmctl", "ima_measurement", *given, str(part)]),
                                     ("imakeep", [imakeep, "verify", "--pcrs", str(folder / "pcrs"), str(part)])):
                results.append({"name": f"process/{program}/{records}", "real_time": best_of(command), "time_unit": "s"})
    pathlib.Path(output).write_text(json.dumps({"benchmarks": results}))


if __name__ == "__main__":
    main()
