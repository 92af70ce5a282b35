# SPDX-License-Identifier: Apache-2.0
"""Imported by tests of the verifier: a verifier process, and hosts without a TPM, whose keys openssl has.

Such a host's quotes have the form of a TPM's, so the verifier has to run with --any-tpm.
"""
import atexit
import base64
import hashlib
import hmac
import http.client
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

EVIDENCE = "application/vnd.imakeep.evidence+cbor"


# ---- a verifier -----------------------------------------------------------------------------------------------------

class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Verifier:
    """A verifier process that answers. What it says goes to DIRECTORY/verifier.err."""

    def __init__(self, program, directory, *options, store=None):
        self.socket = str(directory / "admin.sock")
        with open(directory / "verifier.err", "a") as errors:
            self.process = subprocess.Popen(
                [program, "serve", "--store", store or directory / "v.db", "--state", directory, "--listen",
                 "127.0.0.1:0", "--admin-socket", self.socket, "--any-tpm", *options],
                stdout=subprocess.PIPE, stderr=errors, text=True)
        atexit.register(self.process.kill)  # of a test that fails
        line = self.process.stdout.readline()
        found = re.search(r"https://127\.0\.0\.1:(\d+), pin (\S+)", line)
        assert found, f"the verifier did not start: {line!r}"
        self.port, self.pin = int(found[1]), found[2]

    def connection(self, over_socket, address):
        if over_socket:
            return UnixConnection(self.socket)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60,
                                           source_address=(address, 0))

    def ask(self, method, path, body=None, token=None, over_socket=False, content_type="application/json",
            address="127.0.0.1"):
        """The answer's status, content type and body. Fails as http.client does if no answer comes."""
        headers = {}
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        while True:
            connection = self.connection(over_socket, address)
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read()
            connection.close()
            if response.status != 429:  # too many requests of one address in a second
                return response.status, response.headers.get("Content-Type", ""), data
            time.sleep(0.2)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


# ---- a host whose keys openssl has ----------------------------------------------------------------------------------

def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def tpm2b(data):
    return struct.pack(">H", len(data)) + data


def cbor(kind, number):
    if number < 24:
        return bytes([kind << 5 | number])
    for code, form, most in ((24, ">B", 0xff), (25, ">H", 0xffff), (26, ">I", 0xffffffff)):
        if number <= most:
            return bytes([kind << 5 | code]) + struct.pack(form, number)
    return bytes([kind << 5 | 27]) + struct.pack(">Q", number)


def cbor_bytes(data):
    return cbor(2, len(data)) + data


class Host:
    def __init__(self, directory, name, retain=False):
        self.name, self.directory, self.retain = name, directory, retain
        self.ak, self.ek = directory / f"{name}.ak.pem", directory / f"{name}.ek.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.ak)
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.ek)
        point = openssl("pkey", "-in", self.ak, "-pubout", "-outform", "DER")[-64:]
        area = struct.pack(">HHI", 0x23, 0x0b, 0x00050072) + tpm2b(b"")
        area += struct.pack(">5H", 0x10, 0x18, 0x0b, 0x03, 0x10) + tpm2b(point[:32]) + tpm2b(point[32:])
        self.ak_public = tpm2b(area)
        self.ak_name = b"\x00\x0b" + hashlib.sha256(area).digest()
        modulus = bytes.fromhex(openssl("rsa", "-in", self.ek, "-noout", "-modulus").decode().strip().split("=")[1])
        # As the template of TCG's EK Credential Profile, but without a policy: restricted, AES-128-CFB, 2048 bits.
        self.ek_public = tpm2b(struct.pack(">HHI", 0x01, 0x0b, 0x000300b2) + tpm2b(b"")
                               + struct.pack(">5HI", 0x06, 128, 0x43, 0x10, 2048, 0) + tpm2b(modulus))
        self.records = []  # of template ima-ng
        self.pcr10 = bytes(32)
        self.clock = 1000

    def measure(self, path):
        fields = (b"sha256:\0" + hashlib.sha256(path.encode()).digest(), path.encode() + b"\0")
        body = b"".join(struct.pack("<I", len(field)) + field for field in fields)
        self.records.append(struct.pack("<II", 10, 6) + b"ima-ng" + struct.pack("<I", len(body)) + body)
        self.pcr10 = hashlib.sha256(self.pcr10 + hashlib.sha256(body).digest()).digest()

    def enrolment(self, token):
        encoded = {name: base64.b64encode(value).decode()
                   for name, value in (("ak_public", self.ak_public), ("ek_public", self.ek_public))}
        retain = {"retain": True} if self.retain else {}
        return {"version": 1, "host": self.name, "token": token, **retain, **encoded}

    def secret(self, credential):
        """What TPM2_ActivateCredential gives: TPM 2.0 Library, part 1, section 24."""
        data = base64.b64decode(credential)[8:]
        size = struct.unpack(">H", data[:2])[0]
        id_object, encrypted = data[2:2 + size], data[2 + size + 2:]
        seed = openssl("pkeyutl", "-decrypt", "-inkey", self.ek, "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt",
                       "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256", "-pkeyopt",
                       "rsa_oaep_label:" + b"IDENTITY\0".hex(), data=encrypted)
        key = hmac.new(seed, b"\0\0\0\1STORAGE\0" + self.ak_name + struct.pack(">I", 128), "sha256").digest()[:16]
        plain = openssl("enc", "-d", "-aes-128-cfb", "-K", key.hex(), "-iv", "00" * 16, data=id_object[34:])
        return base64.b64encode(plain[2:]).decode()

    def evidence(self, challenge, first):
        return self.evidence_and_quote(challenge, first)[0]

    def evidence_and_quote(self, challenge, first):
        common, quote = self.quoted(challenge)
        return self.encoded(common, first, self.records[first:]), quote

    def evidence_in_parts(self, challenge):
        """A part with all records, and one without any that ends the evidence."""
        common, _ = self.quoted(challenge)
        return self.encoded(common, 0, self.records, more=1), self.encoded(common, len(self.records), [])

    def quoted(self, challenge):
        """The members of the evidence that do not depend on its records, and the quote."""
        def decoded(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        self.clock += 1000
        pcrs = challenge["pcrs"]["sha256"]
        bits = sum(1 << pcr for pcr in pcrs)
        values = b"".join(self.pcr10 if pcr == 10 else bytes(32) for pcr in pcrs)
        quote = struct.pack(">IH", 0xff544347, 0x8018) + tpm2b(bytes(34)) + tpm2b(decoded(challenge["nonce"]))
        quote += struct.pack(">QIIBQ", self.clock, 1, 0, 1, 7) + struct.pack(">IHB", 1, 0x0b, 3)
        quote += struct.pack("<I", bits)[:3] + tpm2b(hashlib.sha256(values).digest())
        der = openssl("dgst", "-sha256", "-sign", self.ak, data=quote)
        first_end = 4 + der[3]
        numbers = [der[4:first_end], der[first_end + 2:]]
        signature = struct.pack(">HH", 0x18, 0x0b)
        signature += b"".join(tpm2b(number.lstrip(b"\0").rjust(32, b"\0")) for number in numbers)
        others = [pcr for pcr in pcrs if pcr != 10]
        common = [(1, cbor(0, 1)), (3, cbor(3, len(self.name)) + self.name.encode()),
                  (4, cbor_bytes(decoded(challenge["token"]))), (5, cbor_bytes(quote)), (6, cbor_bytes(signature)),
                  (7, cbor(5, 1) + cbor(3, 6) + b"sha256" + cbor(5, len(others))
                   + b"".join(cbor(0, pcr) + cbor_bytes(bytes(32)) for pcr in others))]
        return common, quote

    @staticmethod
    def encoded(common, first, records, more=0):
        members = common + [(8, cbor(0, first)), (9, cbor(0, len(records))), (11, cbor(0, more)),
                            (14, cbor_bytes(b"".join(records)))]
        return cbor(5, len(members)) + b"".join(cbor(0, key) + value for key, value in members)
