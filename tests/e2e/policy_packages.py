#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""policy from-packages against a mirror of its own: a signed repository, by http and as a directory, with each fault.

    tests/e2e/policy_packages.py IMAKEEP

The repository is made by dpkg-deb and gpg. Ends with 77, skipped, without them.
"""
import gzip
import http.server
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import own_mirror
from own_mirror import ENV, WORK, check, make_key, sh, sha256

IMAKEEP = os.path.abspath(sys.argv[1])
MIRROR = WORK / "mirror"


def deb(name, version, files, links=(), postinst=None, fields=""):
    """Builds a package in the pool. Returns its paragraph for Packages."""
    root = WORK / "build"
    shutil.rmtree(root, ignore_errors=True)
    (root / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: M <m@example.org>\n{fields}Description: {name}\n"
    (root / "DEBIAN/control").write_text(control)
    if postinst:
        (root / "DEBIAN/postinst").write_text(postinst)
        (root / "DEBIAN/postinst").chmod(0o755)
    for path, content in files.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text(content)
    for path, target in links:
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).symlink_to(target)
    pool = MIRROR / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    file = pool / f"{name}_{version.replace(':', '%3a')}_all.deb"
    sh("dpkg-deb", "--root-owner-group", "--build", str(root), str(file))
    data = file.read_bytes()
    return control + f"Filename: pool/{file.name}\nSize: {len(data)}\nSHA256: {sha256(data)}\n"


def publish(paragraphs, suite="stable", extra="", key="one"):
    """Writes Packages and the signed InRelease."""
    index = MIRROR / f"dists/{suite}/main/binary-all"
    index.mkdir(parents=True, exist_ok=True)
    text = "\n".join(paragraphs).encode()
    lines = []
    for name, data in (("Packages", text), ("Packages.xz", lzma.compress(text)), ("Packages.gz", gzip.compress(text))):
        (index / name).write_bytes(data)
        lines.append(f" {sha256(data)} {len(data)} main/binary-all/{name}")
    release = f"Suite: {suite}\nCodename: {suite}\n{extra}SHA256:\n" + "\n".join(lines) + "\n"
    (WORK / "Release").write_text(release)
    inrelease = MIRROR / f"dists/{suite}/InRelease"
    inrelease.unlink(missing_ok=True)
    sh("gpg", "--batch", "--quiet", "--local-user", key, "--clear-sign", "--output", str(inrelease), str(WORK / "Release"))


def status(packages, conffiles=""):
    file = WORK / "status"
    file.write_text("\n".join(
        f"Package: {n}\nStatus: install ok installed\nArchitecture: all\nVersion: {v}\n{conffiles}" for n, v in packages))
    return file


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the mirror; `cut` bytes an answer, if it is set; with ranges."""
    cut = None
    refuse_ranges = False
    requests = []

    def __init__(self, *args):
        super().__init__(*args, directory=str(MIRROR))

    def do_GET(self):
        Handler.requests.append((self.path, self.headers.get("Range")))
        try:
            data = pathlib.Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            self.send_error(404)
            return
        begin = 0
        ranged = self.headers.get("Range")
        if ranged and not Handler.refuse_ranges:
            begin = int(ranged.split("=")[1].split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[begin:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = Handler.cut if Handler.cut and self.path.endswith(".deb") else None
        self.wfile.write(body[:limit])
        self.wfile.flush()
        if limit and len(body) > limit:
            self.close_connection = True
            self.connection.close()

    def log_message(self, *args):
        pass


def run(*arguments, cache="cache", source=None, keyring="one.gpg", limit=None):
    command = [IMAKEEP, "policy", "from-packages", "--source", source or f"{URL} stable main", "--keyring",
               str(WORK / keyring), "--cache", str(WORK / cache), "--installed", str(WORK / "status"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ, no_proxy="*"))


def refused(result, code, text, what):
    check(result.returncode == code, f"{what}: exit {result.returncode}, not {code}: {result.stderr}")
    check(text in result.stderr, f"{what}: message: {result.stderr}")
    check(result.stderr.count("\n") == 1, f"{what}: one line: {result.stderr}")


def good_mirror(paragraphs):
    result = run("--output", str(WORK / "policy.json"))
    check(result.returncode == 0, f"a good mirror: {result.stderr}")
    policy = json.loads((WORK / "policy.json").read_text())
    names = policy["digests"]
    check(names.get("/bin/tool") == [sha256(b"tool 1")], "the name in the package")
    check(names.get("/usr/bin/tool") == [sha256(b"tool 1")], "the name after usrmerge")
    check(names.get("/var/lib/dpkg/info/tool.postinst") == [sha256(b"#!/bin/sh\n")], "the script of the package")
    check({p["name"]: p["version"] for p in policy["imakeep"]["packages"]} == {"tool": "1:1-1", "big": "1"}, "package and version")
    explained = subprocess.run([IMAKEEP, "policy", "explain", WORK / "policy.json", "/usr/bin/tool"],
                               capture_output=True, text=True)
    check("of package tool 1:1-1 all" in explained.stdout, f"explain: {explained.stdout}")
    first = (WORK / "policy.json").read_bytes()
    before = len(Handler.requests)
    run("--output", str(WORK / "policy.json"))
    check(not [r for r in Handler.requests[before:] if r[0].endswith(".deb")], "packages are taken from the cache")
    check((WORK / "policy.json").read_bytes() == first, "the same packages give the same bytes")
    as_directory = run(source=f"{MIRROR} stable main", cache="cache2")
    check(as_directory.stdout.encode() == first, f"a directory is a mirror: {as_directory.stderr}")
    for compression in ("Packages.xz", "Packages.gz"):
        text = (WORK / "Release").read_text()
        (WORK / "Release").write_text("\n".join(l for l in text.split("\n") if not l.endswith(compression)))
        (MIRROR / "dists/stable/InRelease").unlink()
        sh("gpg", "--batch", "--local-user", "one", "--clear-sign", "--output", str(MIRROR / "dists/stable/InRelease"), str(WORK / "Release"))
        check(run().stdout.encode() == first, f"without {compression}")
    publish(paragraphs)


def bad_inputs(paragraphs):
    policy = WORK / "policy.json"
    before = policy.read_bytes()
    output = ("--output", str(policy))
    refused(run(*output, keyring="two.gpg"), 1, "the signature does not verify: no key of", "another key")
    inrelease = MIRROR / "dists/stable/InRelease"
    signed = inrelease.read_bytes()
    inrelease.write_bytes(signed.replace(b"Suite: stable", b"Suite: stabl2"))
    refused(run(*output), 1, "a signature is bad", "an altered InRelease")
    inrelease.write_bytes(signed)
    refused(run(*output, source=f"{URL} testing main"), 3, "404", "a suite that is not there")
    refused(run(*output, source=f"{URL} stable contrib"), 1, "names no Packages of component contrib", "a component")
    refused(run(*output, source="nonsense"), 2, "a source is", "a source that is none")
    publish(paragraphs, extra="Valid-Until: Sat, 11 Jul 2020 10:16:37 UTC\n")
    refused(run(*output), 1, "use another mirror", "an old state")
    publish(paragraphs)
    index = MIRROR / "dists/stable/main/binary-all/Packages.xz"
    packed = index.read_bytes()
    index.write_bytes(packed[:-1] + b"x")
    refused(run(*output, cache="c1"), 1, "and the index names", "an altered Packages")
    index.write_bytes(packed)
    file = MIRROR / "pool/tool_1%3a1-1_all.deb"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused(run(*output, cache="c2"), 1, "and the index names " + sha256(data), "an altered .deb")
    file.write_bytes(data[:-1])
    refused(run(*output, cache="c3"), 3, f"it ends after {len(data) - 1} of {len(data)} bytes", "a shorter .deb")
    file.write_bytes(data + b"x")
    refused(run(*output, cache="c4"), 1, "has more than", "a longer .deb")
    file.unlink()
    refused(run(*output, cache="c5"), 3, "404", "a .deb that is not there")
    file.write_bytes(b"!<arch>\n")
    other = file.read_bytes()
    publish([paragraphs[0].replace(sha256(data), sha256(other)).replace(f"Size: {len(data)}", f"Size: {len(other)}")])
    refused(run(*output, cache="c6"), 1, "no .deb", "a file that is no package")
    file.write_bytes(data)
    publish(paragraphs)
    (WORK / "notes").write_text("mine")
    refused(run("--output", str(WORK / "notes")), 2, "is no policy", "an output that is no policy")
    refused(run("--output", str(WORK / "status")), 2, "is an input", "an input as output")
    check(policy.read_bytes() == before, "no failure changed the policy")


def cut_off(paragraphs):
    size = (MIRROR / "pool/big_1_all.deb").stat().st_size
    Handler.cut = size // 3 + 1
    Handler.requests.clear()
    result = run(cache="cut")
    check(result.returncode == 0, f"a mirror that cuts off is continued: {result.stderr}")
    ranges = [r[1] for r in Handler.requests if r[0].endswith("big_1_all.deb")]
    check(ranges[0] is None and ranges[1] == f"bytes={Handler.cut}-", f"by ranges: {ranges}")
    Handler.refuse_ranges = True
    result = run(cache="cut2")
    refused(result, 3, "cannot download", "a mirror that cuts off and cannot continue")
    Handler.refuse_ranges = False
    Handler.cut = None
    check(run(cache="cut2").returncode == 0, "and the next run completes it")


def full_disk():
    disk = WORK / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True).returncode:
        print("full disk: not tried without root")
        return
    try:
        refused(run(cache="disk/cache"), 3, "No space left on device", "a full disk")
        sh("mount", "-o", "remount,size=8m", str(disk))
        check(run(cache="disk/cache").returncode == 0, "and with more room it goes on")
    finally:
        sh("umount", str(disk))


def machine():
    """A root with files of the packages, changed ones, and files that a script made."""
    root = WORK / "root"
    for path, content in {"/usr/bin/tool": "tool 1", "/usr/bin/foreign": "x", "/usr/lib/a/__pycache__/m.pyc": "x",
                          "/usr/share/data": "changed", "/boot/initrd.img-1": "x"}.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text(content)
    status([("tool", "1:1-1"), ("big", "1"), ("elsewhere", "3")])
    result = run("--output", str(WORK / "policy.json"), "--compare", str(root), "--json")
    check(result.returncode == 1, f"refused files: exit {result.returncode}: {result.stderr}")
    check("no source has elsewhere 3 all" in result.stderr, f"a missing package is named: {result.stderr}")
    found = {f["path"]: f["cause"] for f in json.loads(result.stdout)["names"]}
    check(found == {"/usr/bin/foreign": "not explained", "/usr/lib/a/__pycache__/m.pyc": "made on the machine",
                    "/usr/share/data": "other content than in its package", "/boot/initrd.img-1": "made on the machine"},
          f"causes: {found}")


def main():
    global URL
    make_key("one")
    make_key("two")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    URL = f"http://127.0.0.1:{server.server_port}"
    noise = "".join(sha256(str(i).encode()) for i in range(20000))
    paragraphs = [deb("tool", "1:1-1", {"/bin/tool": "tool 1"}, postinst="#!/bin/sh\n"),
                  deb("big", "1", {"/usr/share/data": noise}, links=[("/usr/share/link", "data")])]
    publish(paragraphs)
    status([("tool", "1:1-1"), ("big", "1")])
    good_mirror(paragraphs)
    bad_inputs(paragraphs)
    cut_off(paragraphs)
    full_disk()
    machine()


own_mirror.run(main)
