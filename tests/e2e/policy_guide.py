#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/guides/policies.md, in their order, in one directory, on a small mirror and root.

    tests/e2e/policy_guide.py IMAKEEP TESTDATA

Ends with 77, skipped, without dpkg-deb and gpg.
"""
import json
import pathlib
import re
import subprocess
import sys

import own_mirror
from own_mirror import ENV, WORK, check, make_key, sh, sha256

IMAKEEP = pathlib.Path(sys.argv[1]).resolve()
TESTDATA = pathlib.Path(sys.argv[2]).resolve()
GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/policies.md"


def publish(version, content):
    """The mirror has this version too. Returns the status of a host that has it installed."""
    root, mirror = WORK / f"tool-{version}", WORK / "mirror"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_text(content)
    control = f"Package: tool\nVersion: {version}\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: tool\n"
    (root / "DEBIAN/control").write_text(control)
    index = mirror / "dists/stable/main/binary-all"
    index.mkdir(parents=True, exist_ok=True)
    file = mirror / f"tool_{version}_all.deb"
    sh("dpkg-deb", "--root-owner-group", "--build", str(root), str(file))
    data = file.read_bytes()
    with (index / "Packages").open("a") as packages:
        packages.write(f"{control}Filename: {file.name}\nSize: {len(data)}\nSHA256: {sha256(data)}\n\n")
    text = (index / "Packages").read_bytes()
    (WORK / "Release").write_text(f"Suite: stable\nSHA256:\n {sha256(text)} {len(text)} main/binary-all/Packages\n")
    (mirror / "dists/stable/InRelease").unlink(missing_ok=True)
    sh("gpg", "--batch", "--clear-sign", "--output", str(mirror / "dists/stable/InRelease"), str(WORK / "Release"))
    return f"Package: tool\nStatus: install ok installed\nVersion: {version}\nArchitecture: all\n"


def main():
    make_key("one")
    (WORK / "status").write_text(publish("1", "old"))
    (WORK / "status.new").write_text(publish("2", "new"))
    root = WORK / "root"
    for path, content in {"usr/bin/tool": "old", "usr/local/bin/own": "own", "usr/lib/python3/x.pyc": "code"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    lists = TESTDATA / "linux-7.3.4/templates/binary_runtime_measurements_sha256"
    sh(str(IMAKEEP), "log", "import", "--archive", str(WORK / "archive"), str(lists))
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    check(len(blocks) >= 8, f"the guide has {len(blocks)} blocks")
    settings = (f"source='{WORK}/mirror stable main' keyring={WORK}/one.gpg cache={WORK}/cache status={WORK}/status "
                f"root={root} archive={WORK}/archive\n")
    (WORK / "run").mkdir()
    environment = ENV | {"PATH": f"{IMAKEEP.parent}:{ENV['PATH']}"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", settings + "\n".join(blocks)], env=environment, cwd=WORK / "run",
                          capture_output=True, text=True)
    check(done.returncode == 0, f"exit {done.returncode}: {done.stdout}\n{done.stderr}")
    if done.returncode:
        return

    def digests(name):
        return json.loads((WORK / "run" / name).read_text())["digests"]

    records = 135  # of the list that was imported
    check(digests("first.json")["/usr/bin/tool"] == [sha256("old")], "the first policy has the package")
    check("/usr/local/bin/own" in digests("policy.json"), "and what no package holds")
    check("/usr/bin/tool" not in digests("during.json"), "during the update the digest is bracketed")
    update = json.loads((WORK / "run/after.json").read_text())["imakeep"]["updates"][0]
    check(update["from_record"] == records and update["to_record"] == records, f"the bracket: {update}")
    check(update["old"] == {"/usr/bin/tool": [sha256("old")]}, "old")
    check(update["new"] == {"/usr/bin/tool": [sha256("new")]}, "new")
    against = [line for line in done.stdout.splitlines() if line.startswith(f"{WORK}/archive, chain 1: {records} records")]
    check(len(against) == 3, f"three questions about the archive: {against}")
    check(all(" 0 refused that were accepted" in line for line in against[1:]), f"no verdict changes: {against}")
    check("2 files, 1 accepted" not in done.stdout, "nothing else was compared")
    check("1 accepted, 1 made on the machine, 1 local" in done.stdout, f"the comparison: {done.stdout}")
    print(f"{len(blocks)} blocks")


own_mirror.run(main)
