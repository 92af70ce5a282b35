#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reseal.py ARCHIVE: computes the checksums and seals of an archive file anew, for tests that write rows of their own.

Written from docs/formats/archive.md ("Checksums"), without imakeep's code: so it also tests that page.
"""
import hashlib
import sqlite3
import struct
import sys

SEALED_BY_CHAIN = ("anchor", "violation")
SEALED = ("chain", "pending", "source", "verifier", "list", "origin", "incident") + SEALED_BY_CHAIN


def checksum(table, columns):
    """Of (name, value) pairs, in the table's order."""
    covered = table.encode() + b"\0"
    for name, value in columns:
        covered += name.encode() + b"\0"
        if value is None:
            covered += b"n"
        elif isinstance(value, int):
            covered += b"i" + struct.pack("<q", value)
        elif isinstance(value, bytes):
            covered += b"b" + struct.pack("<Q", len(value)) + value
        else:
            covered += b"t" + struct.pack("<Q", len(value.encode())) + value.encode()
    return checksum_of_data(covered)


def checksum_of_data(data):
    return struct.unpack("<q", hashlib.sha256(data).digest()[:8])[0]


def signed(value):
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def reseal(archive):
    database = sqlite3.connect(archive)
    database.execute("DELETE FROM seal")
    for rowid, data in database.execute("SELECT rowid, data FROM segment").fetchall():
        database.execute("UPDATE segment SET data_checksum = ? WHERE rowid = ?", (checksum_of_data(data), rowid))
    for table in SEALED + ("segment",):
        names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")') if row[1] not in ("checksum", "data")]
        listed = ", ".join(f'"{name}"' for name in names)
        seals = {}
        for rowid, *values in database.execute(f'SELECT rowid, {listed} FROM "{table}"').fetchall():
            of_row = checksum(table, zip(names, values))
            database.execute(f'UPDATE "{table}" SET checksum = ? WHERE rowid = ?', (of_row, rowid))
            chain = values[names.index("chain")] if table in SEALED_BY_CHAIN else 0
            rows, total = seals.get(chain, (0, 0))
            seals[chain] = rows + 1, total + of_row
        for chain, (rows, total) in seals.items() if table != "segment" else ():
            sealed = [("name", table), ("chain", chain), ("rows", rows), ("sum", signed(total))]
            database.execute("INSERT INTO seal VALUES (?, ?, ?, ?, ?)",
                             [value for _, value in sealed] + [checksum("seal", sealed)])
    database.commit()
    database.close()


if __name__ == "__main__":
    reseal(sys.argv[1])
