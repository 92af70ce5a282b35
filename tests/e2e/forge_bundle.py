#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""forge_bundle.py BUNDLE OUTPUT WHAT [FILE]: an altered evidence bundle (docs/formats/bundle.md) with a right checksum.

WHAT is "record" (another path in the fourth record), "no-quotes", "version" or "ek-certificate" (that of FILE). Needs the program zstd.
"""
import hashlib
import subprocess
import sys


def head(major, number):
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if size == 1 and number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encode(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(encode(one) for one in value)
    return head(5, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())


def decode(data, at):
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if low == 31:  # a byte string in chunks
        whole = b""
        while data[at] != 0xFF:
            chunk, at = decode(data, at)
            whole += chunk
        return whole, at + 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)
    number = int.from_bytes(data[at:at + size], "big") if size else low
    at += size
    if major == 0:
        return number, at
    if major in (2, 3):
        value = data[at:at + number]
        return value if major == 2 else value.decode(), at + number
    if major == 4:
        values = []
        for _ in range(number):
            value, at = decode(data, at)
            values.append(value)
        return values, at
    values = {}
    for _ in range(number):
        key, at = decode(data, at)
        values[key], at = decode(data, at)
    return values, at


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def with_altered_record(records):
    at = 0
    for _ in range(3):
        name = int.from_bytes(records[at + 4:at + 8], "little")
        body = int.from_bytes(records[at + 8 + name:at + 12 + name], "little")
        at += 12 + name + body
    name = int.from_bytes(records[at + 4:at + 8], "little")
    body = int.from_bytes(records[at + 8 + name:at + 12 + name], "little")
    last = at + 12 + name + body - 2  # the path ends with a NUL
    return records[:last] + bytes([records[last] ^ 1]) + records[last + 1:]


def main():
    source, output, what = sys.argv[1:4]
    with open(source, "rb") as file:
        members, _ = decode(file.read(), 0)
    if what == "record":
        members[10] = zstd(with_altered_record(zstd(members[10], "-d")))
    elif what == "no-quotes":
        members[8] = []
    elif what == "version":
        members[2] = 2
    elif what == "ek-certificate":
        with open(sys.argv[4], "rb") as file:
            members[7] = file.read()
    data = head(5, len(members))
    for key in sorted(members)[:-1]:
        value = encode(members[key])
        data += encode(key) + (b"\x5f" + value + b"\xff" if key == 10 else value)
    data += encode(11)
    with open(output, "wb") as file:
        file.write(data + encode(hashlib.sha256(data).digest()))


main()
