# SPDX-License-Identifier: Apache-2.0
"""Builds lines, records, keys and signatures for make_corpus.py, with hashlib and openssl only.

The layouts are those of docs/formats/ima-record.md and docs/formats/ima-signature.md.
"""
import base64
import hashlib
import json
import pathlib
import re
import struct
import subprocess

HASH_IDS = {"md5": 1, "sha1": 2, "sha256": 4, "sha384": 5, "sha512": 6, "sha224": 7, "sha3-256": 20}
PYTHON_NAMES = {"sha3-256": "sha3_256"}


def hash_of(algorithm, data):
    return hashlib.new(PYTHON_NAMES.get(algorithm, algorithm), data).digest()


# ---- template data

def field(data):
    return struct.pack("<I", len(data)) + data


def named(algorithm, digest):
    return algorithm.encode() + b":\0" + digest


def text(name):
    return (name if isinstance(name, bytes) else name.encode()) + b"\0"


def data_ng(algorithm, digest, name, *more):
    return field(named(algorithm, digest)) + field(text(name)) + b"".join(field(each) for each in more)


def data_ima(digest, name):
    """What the template hash of "ima" is computed over."""
    return digest + name.encode().ljust(256, b"\0")


def line(template, rest, data, log_hash="sha1", pcr="10", shown=None):
    return f"{pcr} {(shown if shown is not None else hash_of(log_hash, data).hex())} {template} {rest}"


def line_ima(digest, name, **options):
    return line("ima", f"{digest.hex()} {name}", data_ima(digest, name), **options)


def line_ng(algorithm, digest, name, **options):
    return line("ima-ng", f"{algorithm}:{digest.hex()} {name}", data_ng(algorithm, digest, name), **options)


def line_sig(algorithm, digest, name, signature=b"", hashed_as=None, **options):
    data = data_ng(algorithm, digest, name, signature if hashed_as is None else hashed_as)
    return line("ima-sig", f"{algorithm}:{digest.hex()} {name} {signature.hex()}", data, **options)


def line_buf(algorithm, digest, name, buffer, **options):
    return line("ima-buf", f"{algorithm}:{digest.hex()} {name} {buffer.hex()}",
                data_ng(algorithm, digest, name, buffer), **options)


def record(template, body, **more):
    return {"template": template, "body": body.hex(), **more}


def record_ima(digest, name, **more):
    return record("ima", digest + struct.pack("<I", len(name)) + name.encode(), **more)


def record_ng(algorithm, digest, name, **more):
    return record("ima-ng", data_ng(algorithm, digest, name), **more)


def record_ngv2(kind, algorithm, digest, name, **more):
    return record("ima-ngv2", data_ng(f"{kind}:{algorithm}", digest, name), **more)


def record_sig(algorithm, digest, name, signature=b"", **more):
    return record("ima-sig", data_ng(algorithm, digest, name, signature), **more)


def record_sigv2(kind, algorithm, digest, name, signature=b"", **more):
    return record("ima-sigv2", data_ng(f"{kind}:{algorithm}", digest, name, signature), **more)


def record_buf(algorithm, name, buffer, digest=None, **more):
    return record("ima-buf", data_ng(algorithm, hash_of(algorithm, buffer) if digest is None else digest, name, buffer),
                  **more)


def record_modsig(algorithm, digest, name, modsig_digest, modsig, signature=b"", **more):
    appended = named(algorithm, modsig_digest) if modsig_digest else b""
    return record("ima-modsig", data_ng(algorithm, digest, name, signature, appended, modsig), **more)


# ---- keys

class Key:
    """A key pair that openssl makes in a scratch directory, with a certificate."""

    def __init__(self, directory, name, algorithm, skid=None):
        self.stem = pathlib.Path(directory, name)
        self.run("openssl", "genpkey", *algorithm, "-out", f"{self.stem}.key")
        extension = ["-addext", f"subjectKeyIdentifier={skid}"] if skid else []
        self.run("openssl", "req", "-x509", "-new", "-key", f"{self.stem}.key", "-subj", f"/O=imakeep/CN={name}",
            "-days",
                 "3650", *extension, "-out", f"{self.stem}.crt")

    @staticmethod
    def run(*command, data=None):
        return subprocess.run(command, input=data, check=True, capture_output=True).stdout

    def certificate(self, form="DER"):
        return self.run("openssl", "x509", "-in", f"{self.stem}.crt", "-outform", form)

    def public(self, form="DER"):
        return self.run("openssl", "pkey", "-in", f"{self.stem}.key", "-pubout", "-outform", form)

    def private(self, form="DER"):
        return self.run("openssl", "pkey", "-in", f"{self.stem}.key", "-outform", form)

    def skid(self):
        shown = self.run("openssl", "x509", "-in", f"{self.stem}.crt", "-noout", "-ext",
            "subjectKeyIdentifier").decode()
        return bytes.fromhex(re.search(r"((?:[0-9A-F]{2}:)*[0-9A-F]{2})\s*$", shown)[1].replace(":", ""))

    def certificate_id(self):
        return int.from_bytes(self.skid()[-4:], "big")

    def signed(self, algorithm, digest):
        """The key's signature over a digest: PKCS#1 v1.5 or ECDSA."""
        pathlib.Path(f"{self.stem}.digest").write_bytes(digest)
        return self.run("openssl", "pkeyutl", "-sign", "-inkey", f"{self.stem}.key", "-pkeyopt", f"digest:{algorithm}",
                        "-in", f"{self.stem}.digest")

    def header(self, signature, algorithm, kind=3, version=2, key_id=None):
        key_id = self.certificate_id() if key_id is None else key_id
        return struct.pack(">BBBIH", kind, version, HASH_IDS[algorithm], key_id, len(signature)) + signature

    def sign(self, algorithm, digest, kind=3, version=2, key_id=None):
        """security.ima of a file with this digest."""
        over = digest
        if version == 3:
            over = hash_of(algorithm, bytes([kind, HASH_IDS[algorithm]]) + digest)
        return self.header(self.signed(algorithm, over), algorithm, kind, version, key_id)

    def sign_evm(self, algorithm, values, uid, gid, mode, version=2):
        """security.evm: a portable signature over the values of attributes and the rest of the metadata."""
        misc = bytes(8 + 4) + struct.pack("<IIH", uid, gid, mode) + bytes(2)
        digest = hash_of(algorithm, values + misc)
        return self.sign(algorithm, digest, kind=5, version=version)

    def cms(self, content):
        """An appended signature as the kernel's sign-file makes it, but by openssl."""
        pathlib.Path(f"{self.stem}.content").write_bytes(content)
        return self.run("openssl", "cms", "-sign", "-binary", "-noattr", "-nocerts", "-nosmimecap", "-keyid",
            "-outform",
                        "DER", "-md", "sha256", "-signer", f"{self.stem}.crt", "-inkey", f"{self.stem}.key", "-in",
                        f"{self.stem}.content")


def verification_keys(*keys):
    """The policy's member of that name. Each key is (key, key id)."""
    return json.dumps({"keyids": [key_id for _, key_id in keys],
                       "pubkeys": [base64.b64encode(key.public()).decode() for key, _ in keys]})


def evm_record(key, algorithm, digest, name, ima_value, names="security.ima|security.selinux", version=2, **more):
    others = b"system_u:object_r:bin_t:s0\0"
    values = [ima_value, others] if "|" in names else [ima_value if "ima" in names else others]
    joined = b"".join(values)
    signature = key.sign_evm(algorithm, joined, 0, 0, 0o100755, version) if key else b""
    body = data_ng(algorithm, digest, name, signature, text(names), b"".join(struct.pack("<I", len(v)) for v in values),
                   joined, struct.pack("<I", 0), struct.pack("<I", 0), struct.pack("<H", 0o100755))
    return record("evm-sig", body, **more)
