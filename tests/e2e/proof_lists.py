#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proof_lists.py DIRECTORY RECORD...: writes a binary list and the PCR values after its replay.

RECORD is PCR:PATH, or PCR:boot_aggregate for a record over made-up values of PCRs 0 to 9. In the directory:
  list       the records, with sha256 digests
  pcrs       "ALG PCR HEX" lines for each PCR that a record names, in sha1, sha256, sha384 and sha512
  firmware   the same for PCRs 0 to 9, as boot_aggregate was computed over them
  extends    "PCR:sha1=HEX,sha256=HEX,..." lines: what tpm2_pcrextend is given for each record
A replay of its own: nothing of imakeep is used.
"""
import hashlib
import pathlib
import sys

BANKS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
FIRMWARE = {alg: [of(b"firmware %d" % pcr).digest() for pcr in range(10)] for alg, of in BANKS.items()}


def u32(value):
    return value.to_bytes(4, "little")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    listed = b""
    extends = []
    values = {}
    for word in sys.argv[2:]:
        pcr, path = word.split(":", 1)
        digest = hashlib.sha256(path.encode()).digest()
        if path == "boot_aggregate":
            digest = hashlib.sha256(b"".join(FIRMWARE["sha256"])).digest()
        fields = [b"sha256:\0" + digest, path.encode() + b"\0"]
        data = b"".join(u32(len(field)) + field for field in fields)
        listed += u32(int(pcr)) + hashlib.sha256(data).digest() + u32(6) + b"ima-ng" + u32(len(data)) + data
        for alg, of in BANKS.items():
            before = values.get((alg, int(pcr)), bytes(of().digest_size))
            values[alg, int(pcr)] = of(before + of(data).digest()).digest()
        extends.append(f"{pcr}:" + ",".join(f"{alg}={of(data).hexdigest()}" for alg, of in BANKS.items()))
    (folder / "list").write_bytes(listed)
    (folder / "pcrs").write_text("".join(f"{alg} {pcr} {value.hex()}\n" for (alg, pcr), value in values.items()))
    (folder / "firmware").write_text("".join(
        f"{alg} {pcr} {value.hex()}\n" for alg, all_values in FIRMWARE.items() for pcr, value in enumerate(all_values)))
    (folder / "extends").write_text("".join(line + "\n" for line in extends))


main()
