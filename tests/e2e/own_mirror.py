# SPDX-License-Identifier: Apache-2.0
"""What the tests with a mirror of their own share: a directory to work in, with a keyring for gpg, checks, and the end."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

WORK = pathlib.Path(tempfile.mkdtemp(prefix="imakeep-mirror-"))
ENV = dict(os.environ, GNUPGHOME=str(WORK / "gnupg"), LC_ALL="C", SOURCE_DATE_EPOCH="1700000000")
failed = 0


def check(claim, what):
    global failed
    if not claim:
        failed += 1
        print("FAILED:", what)


def sh(*command):
    return subprocess.run(command, check=True, env=ENV, capture_output=True).stdout


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def make_key(name):
    """A key that signs; its public part is WORK/NAME.gpg."""
    sh("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
    (WORK / f"{name}.gpg").write_bytes(sh("gpg", "--export", name))


def run(main):
    """Ends the program: with 77 without a program that is needed, with 1 if a check failed. Removes WORK."""
    try:
        missing = [program for program in ("gpg", "gpgv", "dpkg-deb") if not shutil.which(program)]
        if missing:
            print("skipped: no", *missing)
            sys.exit(77)
        (WORK / "gnupg").mkdir(mode=0o700)
        main()
        print("failed:", failed)
        sys.exit(1 if failed else 0)
    finally:
        if shutil.which("gpgconf"):
            subprocess.run(["gpgconf", "--kill", "all"], env=ENV, capture_output=True)
        shutil.rmtree(WORK, ignore_errors=True)
