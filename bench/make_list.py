#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a binary list of ima-ng records of the files below a folder: what IMA would measure if all were read.

    make_list.py FOLDER RECORDS OUTPUT [BANK]      as the file of that bank shows it, sha256 if left out

Files are real, and so are their digests. Where the folder has fewer than RECORDS, it is gone through again as after an
upgrade: the same paths, each file's digest that of its old digest and the number of the round.
"""
import hashlib
import os
import struct
import sys


def files(folder):
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(os.fsencode(root), os.fsencode(name))
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def measure(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def field(value):
    return struct.pack("<I", len(value)) + value


def record(path, digest, bank):
    data = field(b"sha256:\0" + digest) + field(path.replace(b" ", b"_") + b"\0")
    return struct.pack("<I", 10) + hashlib.new(bank, data).digest() + field(b"ima-ng") + field(data)


def main():
    folder, wanted, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    bank = sys.argv[4] if len(sys.argv) > 4 else "sha256"
    measured = [(path, measure(path)) for path in files(folder)]
    written = 0
    with open(output, "wb") as out:
        for generation in range(wanted // max(len(measured), 1) + 1):
            for path, digest in measured[: wanted - written]:
                now = hashlib.sha256(digest + bytes([generation])).digest() if generation else digest
                out.write(record(path, now, bank))
                written += 1
    print(f"{len(measured)} files, {written} records")


main()
