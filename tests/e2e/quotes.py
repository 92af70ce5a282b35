#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quotes of a real TPM 2.0 (an swtpm process): `imakeep verify` accepts one if and only if tpm2_checkquote does.

    tests/e2e/quotes.py IMAKEEP TESTDATA [--quotes N] [--seed N]

Every scheme (RSASSA, RSAPSS, ECDSA on P-256 and P-384) signs with every hash that the TPM offers for it, over random
PCRs of sha1, sha256, sha384, sha512 and mixes of them. PCRs are extended between the quotes: PCR 10 by the records of a real
list. Both programs check each quote as it is, and once with one thing altered: a bit of the quote, of the signature, of
the nonce or of a PCR value, another nonce, another key, or another quote's signature.

The programs may differ where EXPLAINED says so, and nowhere else. tpm2_checkquote before tpm2-tools 5.6 takes each RSA
signature for RSASSA (https://github.com/tpm2-software/tpm2-tools/issues/3283). If it refuses an RSAPSS quote, the TPM is
asked itself with tpm2_verifysignature, and this script compares nonce and PCR digest.
"""
import argparse
import collections
import hashlib
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

NEEDED = ("swtpm", "tpm2_quote", "tpm2_checkquote")
BANKS = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
HASHES = ("sha1", "sha256", "sha384", "sha512")
SCHEMES = {"rsassa": ("rsa", "rsassa"), "rsapss": ("rsa", "rsapss"), "p256": ("ecc", "ecdsa"),
           "p384": ("ecc384", "ecdsa")}
# (tpm2_checkquote accepts, imakeep accepts, what imakeep says) -> why that is right.
EXPLAINED = {
    (True, False, "the quote is signed over sha1"):
        "imakeep accepts no signature over sha1, since sha1 can be forged",
}
ALTERATIONS = ("quote bit", "signature bit", "nonce bit", "nonce size", "PCR value bit", "other key", "other signature")


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def must(*command):
    done = run(*command)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr}")
    return done.stdout


class Tpm:
    """An swtpm process, and tpm2-tools that talk to it."""

    def __init__(self, directory, chance):
        self.directory = directory
        (directory / "state").mkdir()
        for _ in range(20):
            port = chance.randrange(10000, 32000, 2)
            pid = directory / "pid"
            pid.unlink(missing_ok=True)
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={directory}/state", "--server",
                 f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}", "--flags",
                 "not-need-init,startup-clear", "--pid", f"file={pid}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # It writes its pid once both ports are its own, and ends when one is not to be had.
            while self.process.poll() is None:
                if pid.exists() and pid.read_text():
                    self.tcti = f"swtpm:host=127.0.0.1,port={port}"
                    return
                time.sleep(0.02)
        sys.exit("swtpm did not start")

    def tool(self, name, *arguments):
        return must(name, "-T", self.tcti, *arguments)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def values_at(pcrs):
    """Where the PCR values are in what tpm2_quote -o writes: a TPML_PCR_SELECTION as C has it in memory, a count, and as
    many TPML_DIGEST, each of a count and 8 digests of a size and 64 bytes."""
    selection_bytes, digests, digest_bytes = 4 + 16 * 8, 8, 2 + 64
    (lists,) = struct.unpack_from("<I", pcrs, selection_bytes)
    at, found = selection_bytes + 4, []
    for _ in range(lists):
        (count,) = struct.unpack_from("<I", pcrs, at)
        for number in range(count):
            place = at + 4 + number * digest_bytes
            found.append((place + 2, struct.unpack_from("<H", pcrs, place)[0]))
        at += 4 + digests * digest_bytes
    assert at == len(pcrs), f"{at} bytes of PCR values expected, not {len(pcrs)}"
    return found


def flipped(data, chance):
    """The bytes with one bit changed."""
    at = chance.randrange(8 * len(data))
    changed = bytearray(data)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


class Quotes:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.chance = random.Random(options.seed)
        self.tpm = Tpm(directory, self.chance)
        captured = options.testdata / "linux-7.3.4/kexec/first-deleted-1"
        self.list = captured / "binary_runtime_measurements_sha256_staged"
        # A record's digest in each bank, as the kernel extended it: 0xff for a violation, which is zeros in the list.
        self.records = []
        for bank in BANKS:
            lines = (captured / f"ascii_runtime_measurements_{bank}_staged").read_text().splitlines()
            digests = [line.split()[1] for line in lines]
            digests = [digest if digest.strip("0") else "f" * len(digest) for digest in digests]
            self.records.append([f"{bank}={digest}" for digest in digests])
        self.records = [",".join(of) for of in zip(*self.records)]
        self.extended = 0
        self.by_tpm = 0
        self.kinds = []  # (scheme, hash)
        self.differ = collections.Counter()
        self.unexplained = []
        self.accepted = collections.Counter()
        self.refused = collections.Counter()

    def make_keys(self):
        self.tpm.tool("tpm2_createek", "-Q", "-G", "rsa", "-c", self.directory / "ek", "-u", self.directory / "ek.pub")
        for scheme, (kind, signing) in SCHEMES.items():
            for halg in HASHES:
                for number in (1, 2):  # the second for "other key"
                    name = self.directory / f"{scheme}-{halg}-{number}"
                    if number == 2 and halg != "sha256":
                        continue
                    self.tpm.tool("tpm2_flushcontext", "-t")
                    self.tpm.tool("tpm2_createak", "-Q", "-C", self.directory / "ek", "-c", f"{name}.ctx", "-u",
                                  f"{name}.pub", "-G", kind, "-g", halg, "-s", signing)
                    self.tpm.tool("tpm2_flushcontext", "-t")
                    self.tpm.tool("tpm2_readpublic", "-Q", "-c", f"{name}.ctx", "-f", "pem", "-o", f"{name}.pem")
                self.kinds.append((scheme, halg))
        self.tpm.tool("tpm2_flushcontext", "-t")

    def extend(self):
        """Sometimes a record of the list, sometimes another PCR in all banks."""
        while self.extended == 0 or (self.extended < len(self.records) and self.chance.random() < 0.2):
            self.tpm.tool("tpm2_pcrextend", f"10:{self.records[self.extended]}")
            self.extended += 1
        if self.chance.random() < 0.5:
            pcr = self.chance.choice([pcr for pcr in range(16) if pcr != 10])
            values = (f"{bank}={self.chance.randbytes(size).hex()}" for bank, size in BANKS.items())
            self.tpm.tool("tpm2_pcrextend", f"{pcr}:{','.join(values)}")

    def selection(self):
        """Banks and PCRs. The list needs PCR 10 in one bank; other banks may have it or not."""
        banks = self.chance.sample(list(BANKS), self.chance.choice((1, 1, 1, 2, 3, 4)))
        chosen = {}
        for bank in banks:
            pcrs = set(self.chance.sample(range(24), self.chance.choice((1, 1, 2, 4, 9))))
            if not chosen or self.chance.random() < 0.5:
                pcrs.add(10)
            chosen[bank] = sorted(pcrs)
        return chosen

    def quote(self, scheme, halg):
        """Makes a quote, and returns what belongs to it."""
        chosen = self.selection()
        made = {"scheme": scheme, "hash": halg, "key": f"{scheme}-{halg}-1", "chosen": chosen,
                "nonce": self.chance.randbytes(self.chance.choice((1, 8, 20, 32)))}
        files = {name: self.directory / f"quote.{name}" for name in ("msg", "sig", "pcrs")}
        words = "+".join(f"{bank}:{','.join(map(str, pcrs))}" for bank, pcrs in chosen.items())
        self.tpm.tool("tpm2_quote", "-Q", "-c", self.directory / f"{made['key']}.ctx", "-l", words, "-q",
                      made["nonce"].hex(), "-m", files["msg"], "-s", files["sig"], "-o", files["pcrs"],
                      "-g", halg, "--scheme", SCHEMES[scheme][1])
        self.tpm.tool("tpm2_flushcontext", "-t")
        made.update((name, file.read_bytes()) for name, file in files.items())
        made["words"] = words
        return made

    def altered(self, made, how, other):
        """The same with one thing altered."""
        changed = dict(made)
        if how == "quote bit":
            changed["msg"] = flipped(made["msg"], self.chance)
        elif how == "signature bit":
            changed["sig"] = flipped(made["sig"], self.chance)
        elif how == "nonce bit":
            changed["nonce"] = flipped(made["nonce"], self.chance)
        elif how == "nonce size":
            changed["nonce"] = made["nonce"] + b"\0" if self.chance.random() < 0.5 else made["nonce"][:-1] or b"\1\2"
        elif how == "PCR value bit":
            # imakeep takes the value of PCR 10 from the list.
            place, (at, size) = self.chance.choice(list(enumerate(values_at(made["pcrs"]))))
            value = flipped(made["pcrs"][at:at + size], self.chance)
            changed["pcrs"] = made["pcrs"][:at] + value + made["pcrs"][at + size:]
            pcrs = [pcr for of in made["chosen"].values() for pcr in of]
            if pcrs[place] == 10:
                changed["list"] = self.altered_list()
        elif how == "other key":
            changed["key"] = f"{made['scheme']}-sha256-2"
        else:
            changed["sig"] = other["sig"]
        return changed

    def altered_list(self):
        """The list with a bit changed in the boot aggregate, its first record, which is extended before any quote."""
        data = self.list.read_bytes()
        at = data.index(b"sha256:\0") + len(b"sha256:\0")
        size = BANKS["sha256"]
        return data[:at] + flipped(data[at:at + size], self.chance) + data[at + size:]

    def theirs(self, made):
        """Whether tpm2_checkquote accepts it, and what it says."""
        done = run("tpm2_checkquote", "-Q", "-u", self.directory / f"{made['key']}.pem", "-m",
                   self.file("m", made["msg"]), "-s", self.file("s", made["sig"]), "-f", self.file("f", made["pcrs"]),
                   "-g", made["hash"], "-q", made["nonce"].hex())
        if done.returncode != 0 and made["scheme"] == "rsapss":
            return self.of_tpm(made)
        return done.returncode == 0, done.stderr

    def of_tpm(self, made):
        """Whether the TPM accepts the signature, and nonce and PCR values are those of the quote."""
        self.by_tpm += 1
        done = run("tpm2_verifysignature", "-T", self.tpm.tcti, "-Q", "-c", self.directory / f"{made['key']}.ctx", "-g",
                   made["hash"], "-m", self.file("m", made["msg"]), "-s", self.file("s", made["sig"]))
        self.tpm.tool("tpm2_flushcontext", "-t")
        if done.returncode != 0:
            return False, done.stderr
        # TPMS_ATTEST: magic, type, the signer's name, the nonce; at the end the PCR digest.
        (signer,) = struct.unpack_from(">H", made["msg"], 6)
        (size,) = struct.unpack_from(">H", made["msg"], 8 + signer)
        nonce = made["msg"][10 + signer:10 + signer + size]
        values = b"".join(made["pcrs"][at:at + length] for at, length in values_at(made["pcrs"]))
        digest = hashlib.new(made["hash"], values).digest()
        return nonce == made["nonce"] and made["msg"].endswith(digest), "nonce or PCR digest differ"

    def ours(self, made):
        """Whether imakeep accepts it, and what it says."""
        pcrs = [(bank, pcr) for bank, of in made["chosen"].items() for pcr in of]
        values = "".join(f"{bank} {pcr} {made['pcrs'][at:at + size].hex()}\n"
                         for (bank, pcr), (at, size) in zip(pcrs, values_at(made["pcrs"]), strict=True) if pcr != 10)
        form = self.chance.choice(("pem", "pub"))
        given = ("--pcrs", self.file("p", values.encode())) if values else ()
        measured = self.file("list", made["list"]) if "list" in made else self.list
        done = run(self.options.imakeep, "verify", "--quote", self.file("m", made["msg"]), "--signature",
                   self.file("s", made["sig"]), "--key", self.directory / f"{made['key']}.{form}", "--nonce",
                   made["nonce"].hex(), *given, measured)
        if done.returncode not in (0, 1):
            self.unexplained.append(f"exit {done.returncode}: {done.stderr}")
        return done.returncode == 0, done.stderr

    def file(self, name, data):
        path = self.directory / f"check.{name}"
        path.write_bytes(data)
        return path

    def compare(self, made, what):
        (theirs, they_say), (ours, says) = self.theirs(made), self.ours(made)
        (self.accepted if ours else self.refused)[what] += 1
        if theirs == ours:
            return
        for (their_way, our_way, begin), why in EXPLAINED.items():
            if (theirs, ours) == (their_way, our_way) and begin in says:
                self.differ[why] += 1
                return
        self.unexplained.append(f"{made['scheme']} over {made['hash']}, {made['words']}, {what}: tpm2_checkquote "
                                f"{'accepts' if theirs else 'refuses'}, imakeep {'accepts' if ours else 'refuses'}: "
                                f"{says or they_say}")
        if self.options.keep:
            for name in ("msg", "sig", "pcrs"):
                (self.options.keep / f"{len(self.unexplained)}.{name}").write_bytes(made[name])

    def run(self):
        self.make_keys()
        before = {}  # the last quote of each kind
        for number in range(self.options.quotes):
            self.extend()
            kind = self.kinds[number % len(self.kinds)]
            made = self.quote(*kind)
            how = ALTERATIONS[number % len(ALTERATIONS)]
            if how == "other signature" and kind not in before:
                how = "quote bit"
            self.compare(made, "as it is")
            self.compare(self.altered(made, how, before.get(kind)), how)
            before[kind] = made

    def report(self):
        print(f"{self.options.quotes} quotes of {len(self.kinds)} kinds, seed {self.options.seed}; each was checked "
              f"twice; {self.by_tpm} checks of RSAPSS by the TPM")
        for what in ("as it is", *ALTERATIONS):
            print(f"  {what}: imakeep accepts {self.accepted[what]}, refuses {self.refused[what]}")
        for why, count in self.differ.items():
            print(f"  tpm2_checkquote accepts {count} more: {why}")
        for line in self.unexplained:
            print("FAILED:", line)
        # A run that accepts nothing, or refuses nothing, shows nothing.
        if not self.accepted["as it is"] or not sum(self.refused[how] for how in ALTERATIONS):
            self.unexplained.append("nothing")
            print("FAILED: nothing was accepted, or nothing was refused")
        return 1 if self.unexplained else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imakeep", type=pathlib.Path)
    parser.add_argument("testdata", type=pathlib.Path)
    parser.add_argument("--quotes", type=int, default=48, help="number of quotes (default: 48)")
    parser.add_argument("--seed", type=int, default=1, help="of what is chosen; keys differ in each run (default: 1)")
    parser.add_argument("--keep", type=pathlib.Path, help="directory for quotes on which the programs differ")
    options = parser.parse_args()
    for tool in NEEDED:
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return 77
    options.imakeep = options.imakeep.resolve()
    with tempfile.TemporaryDirectory() as name:
        quotes = Quotes(options, pathlib.Path(name))
        try:
            quotes.run()
        finally:
            quotes.tpm.stop()
    return quotes.report()


sys.exit(main())
