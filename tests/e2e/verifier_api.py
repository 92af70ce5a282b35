#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each route of docs/reference/openapi.json, asked of a running verifier: status, content type and body are as there.

    tests/e2e/verifier_api.py IMAKEEP_VERIFIER SOURCE

The host of this test is no TPM: openssl has its keys, so the verifier runs with --any-tpm.
"""
import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

VERIFIER = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
API = json.loads((SOURCE / "docs/reference/openapi.json").read_text())
EVIDENCE = "application/vnd.imakeep.evidence+cbor"
POLICY = json.dumps({"meta": {"version": 1, "generator": 3}, "release": 0, "digests": {}, "excludes": [],
                     "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
                     "ima-buf": {}, "verification-keys": ""})
failed = 0
answered = {}  # "POST /v1/challenge" -> the statuses that it gave


def check(claim, what):
    global failed
    if not claim:
        failed += 1
        print("FAILED:", what)


def resolved(schema):
    """The schema with what it refers to; none of ours refers to itself."""
    if isinstance(schema, list):
        return [resolved(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return {name: resolved(value) for name, value in schema.items()}


# ---- requests -------------------------------------------------------------------------------------------------------

class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Verifier:
    def __init__(self, directory):
        self.socket = str(directory / "admin.sock")
        self.process = subprocess.Popen(
            [VERIFIER, "serve", "--store", directory / "v.db", "--state", directory, "--listen", "127.0.0.1:0",
             "--admin-socket", self.socket, "--any-tpm", "--approval"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"https://127\.0\.0\.1:(\d+), pin (\S+)", line)
        assert found, f"the verifier did not start: {line!r}"
        self.port, self.pin = int(found[1]), found[2]

    def connection(self, over_socket):
        if over_socket:
            return UnixConnection(self.socket)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)

    def ask(self, method, path, body=None, token=None, over_socket=False, content_type="application/json"):
        headers = {}
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        while True:
            connection = self.connection(over_socket)
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read()
            connection.close()
            if response.status != 429:  # too many requests of one address in a second
                return response.status, response.headers.get("Content-Type", ""), data
            time.sleep(0.2)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def operation_of(method, path):
    path = path.split("?")[0]
    fitting = [(template, of) for template, of in API["paths"].items()
               if re.fullmatch(re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(template)), path)]
    exact = [(template, of) for template, of in fitting if template == path]
    template, of = (exact or fitting)[0]
    return template, of[method.lower()]


def asked(verifier, method, path, body=None, status=None, reason=None, **options):
    """Asks, compares the answer with the API file, and returns its body."""
    template, operation = operation_of(method, path)
    got, content_type, data = verifier.ask(method, path, body, **options)
    what = f"{method} {path}: {got} {content_type} {data[:200]!r}"
    answers = operation["responses"]
    contents = answers.get(str(got), answers["default"])["content"]
    if str(got) not in answers:
        check(got >= 400, what + " is no status of the route")
    media_type = content_type.split(";")[0]
    check(media_type in contents, what + " has a content type that the route does not have")
    value = data.decode()
    if media_type.endswith("json"):
        value = json.loads(data)
        schema = resolved(contents.get(media_type, {}).get("schema", {}))
        errors = list(jsonschema.Draft4Validator(schema).iter_errors(value))
        check(not errors, f"{what} is not as its schema: {[e.message for e in errors[:2]]}")
    if reason is None:
        check(got == (status or 200), what + f", and not {status or 200}")
        answered.setdefault(f"{method} {template}", set()).add(got)
    else:
        check(media_type == "application/problem+json" and value["reason"] == reason, what + f", and not {reason}")
    return value


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
    def __init__(self, directory, name):
        self.name, self.directory = name, directory
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
        # One record of template ima-ng, and PCR 10 after it.
        fields = (b"sha256:\0" + hashlib.sha256(b"evil").digest(), b"/evil\0")
        body = b"".join(struct.pack("<I", len(field)) + field for field in fields)
        self.records = struct.pack("<II", 10, 6) + b"ima-ng" + struct.pack("<I", len(body)) + body
        self.pcr10 = hashlib.sha256(bytes(32) + hashlib.sha256(body).digest()).digest()
        self.clock = 1000

    def enrolment(self, token):
        encoded = {name: base64.b64encode(value).decode()
                   for name, value in (("ak_public", self.ak_public), ("ek_public", self.ek_public))}
        return {"version": 1, "host": self.name, "token": token, **encoded}

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
        """The evidence from record `first` on: all of it, a part with the one record, and the part that ends it."""
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

        def encoded(first, more):
            members = common + [(8, cbor(0, first)), (9, cbor(0, 0 if first else 1)), (11, cbor(0, more)),
                                (14, cbor_bytes(b"" if first else self.records))]
            return cbor(5, len(members)) + b"".join(cbor(0, key) + value for key, value in members)

        return encoded(first, 0), encoded(0, 1), encoded(1, 0)


# ---- the routes -----------------------------------------------------------------------------------------------------

def enrolled(verifier, host, token):
    begun = asked(verifier, "POST", "/v1/enrol", host.enrolment(token))
    proof = {"version": 1, "enrolment": begun["enrolment"], "secret": host.secret(begun["credential"])}
    wrong = proof | {"secret": base64.b64encode(bytes(32)).decode()}
    asked(verifier, "POST", "/v1/enrol/proof", wrong, reason="enrolment-secret")
    status = asked(verifier, "POST", "/v1/enrol/proof", proof)["status"]
    check(status == "waiting-for-approval", f"the enrolled host is {status}")
    asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": host.name}, reason="not-enrolled")


def attested(verifier, host, first):
    challenge = asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": host.name})
    check(challenge["first"] == first, f"record {challenge['first']} is wanted, not {first}")
    evidence, part, last_part = host.evidence(challenge, first)
    if first == 0:
        receipt = asked(verifier, "POST", "/v1/evidence", part, 202, content_type=EVIDENCE)
        check(receipt["first"] == 1, f"the receipt of a part is {receipt}")
        problem = asked(verifier, "POST", "/v1/evidence", part, reason="first", content_type=EVIDENCE)
        check(problem["first"] == 1, f"the refusal of a part that comes twice is {problem}")
        evidence = last_part
    asked(verifier, "POST", "/v1/evidence", evidence[:-1], reason="malformed", content_type=EVIDENCE)
    verdict = asked(verifier, "POST", "/v1/evidence", evidence, content_type=EVIDENCE)
    check(verdict.get("n") == 1, f"the verdict is {verdict}")
    again = asked(verifier, "POST", "/v1/evidence", evidence, content_type=EVIDENCE)
    check(again == verdict, "the same evidence has the same verdict")
    return evidence


def everybody(verifier):
    for path in ("/.well-known/jwks.json", "/healthz", "/readyz", "/metrics"):
        asked(verifier, "GET", path)


def hosts(verifier, directory, local):
    """The routes of hosts. Returns the digest of the policy that judges the host."""
    token = asked(verifier, "POST", "/v1/admin/tokens", {"name": "rack", "role": "enrol", "uses": 1}, 201, **local)
    host = Host(directory, "web-1")
    asked(verifier, "POST", "/v1/enrol", host.enrolment("wrong"), reason="enrolment-token")
    enrolled(verifier, host, token["token"])
    asked(verifier, "POST", "/v1/enrol", host.enrolment(token["token"]), reason="enrolment-token")
    asked(verifier, "POST", "/v1/admin/hosts/web-1/approve", **local)
    asked(verifier, "POST", "/v1/admin/hosts/web-1/approve", reason="conflict", **local)
    digest = asked(verifier, "POST", "/v1/admin/policies", POLICY, 201, **local)["digest"]
    asked(verifier, "PUT", "/v1/admin/policy-lists/servers", {"policies": [digest]}, **local)
    asked(verifier, "PUT", "/v1/admin/hosts/web-1/policies", {"list": "servers"}, **local)
    attested(verifier, host, 0)
    evidence = attested(verifier, host, 1)
    asked(verifier, "POST", "/v1/evidence", evidence, reason="malformed", content_type="text/plain")
    asked(verifier, "POST", "/v1/challenge", {"version": 2}, reason="unsupported")
    asked(verifier, "POST", "/v1/challenge", "{", reason="malformed")
    asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": "web-9"}, reason="unknown-host")
    return digest


def administration(verifier, digest, local):
    shown = asked(verifier, "GET", "/v1/admin/hosts/web-1", **local)
    check(shown["n"] == 1 and shown["open_findings"] >= 1, f"the host is {shown}")
    check(len(asked(verifier, "GET", "/v1/admin/hosts?limit=5", **local)["hosts"]) == 1, "one host is listed")
    page = asked(verifier, "GET", "/v1/admin/hosts/web-1/history?limit=1", **local)
    check(page["history"], "the host has a history")
    finding = asked(verifier, "GET", "/v1/admin/findings?state=open&host=web-1", **local)["findings"][0]
    check(finding["path"] == "/evil", f"the finding is {finding}")
    known = {"host": "web-1", "identity": finding["identity"], "why": "known", "who": "kim"}
    asked(verifier, "POST", "/v1/admin/findings/acknowledge", known, **local)
    asked(verifier, "GET", "/v1/admin/findings?state=acknowledged", **local)
    asked(verifier, "GET", "/v1/admin/findings?state=none", reason="malformed", **local)
    text = asked(verifier, "GET", f"/v1/admin/policies/{digest}", **local)
    check(text == json.loads(POLICY), "the policy comes back")
    asked(verifier, "GET", "/v1/admin/policies", **local)
    asked(verifier, "GET", "/v1/admin/policy-lists/servers", **local)
    asked(verifier, "POST", "/v1/admin/policies", "{}", reason="bad-policy", **local)
    asked(verifier, "DELETE", f"/v1/admin/policies/{digest}", reason="conflict", **local)
    asked(verifier, "PUT", "/v1/admin/policy-lists/servers", {"policies": []}, **local)
    asked(verifier, "DELETE", f"/v1/admin/policies/{digest}", **local)
    for act in ("disable", "enable"):
        asked(verifier, "POST", f"/v1/admin/hosts/web-1/{act}", **local)
    asked(verifier, "POST", "/v1/admin/keys/rotate", {"overlap_s": 1000}, **local)
    asked(verifier, "GET", "/v1/admin/tenants", **local)
    asked(verifier, "POST", "/v1/admin/tenants", {"tenant": "blue"}, 201, **local)
    asked(verifier, "POST", "/v1/admin/tenants", {"tenant": "blue"}, reason="conflict", **local)
    for act in ("disable", "enable"):
        asked(verifier, "POST", f"/v1/admin/tenants/blue/{act}", **local)


def roles(verifier, local):
    """Each operation says which roles may use it; each other token is refused over HTTPS."""
    tokens = {role: asked(verifier, "POST", "/v1/admin/tokens", {"name": role, "role": role}, 201, **local)
              for role in ("admin", "viewer", "auditor", "enrol")}
    for template, of in API["paths"].items():
        for method, operation in of.items():
            if "x-roles" not in operation:
                continue
            path = re.sub(r"\{[a-z]+\}", "nothing", template)
            body = {} if "requestBody" in operation else None
            asked(verifier, method.upper(), path, body, reason="unauthorized")
            for role, token in tokens.items():
                if role in operation["x-roles"]:
                    got = verifier.ask(method.upper(), path, body, token=token["token"])
                    check(got[0] not in (401, 403), f"{role} may {method} {template}: {got}")
                else:
                    asked(verifier, method.upper(), path, body, reason="forbidden", token=token["token"])
    listed = asked(verifier, "GET", "/v1/admin/tokens", token=tokens["viewer"]["token"])["tokens"]
    check(len(listed) == 5, f"the tokens are {listed}")
    asked(verifier, "DELETE", "/v1/admin/tokens/" + tokens["viewer"]["id"], token=tokens["admin"]["token"])
    asked(verifier, "GET", "/v1/admin/tokens", reason="unauthorized", token=tokens["viewer"]["token"])


def command_line(verifier, directory, digest_file):
    def ran(*arguments, code=0):
        result = subprocess.run([VERIFIER, *map(str, arguments)], capture_output=True, text=True)
        check(result.returncode == code, f"{arguments}: exit {result.returncode}, not {code}: {result.stderr}")
        return result

    to = ("--socket", verifier.socket)
    check("web-1" in ran("hosts", "list", *to).stdout, "hosts list shows the host")
    check(json.loads(ran("hosts", "show", "web-1", "--json", *to).stdout)["host"] == "web-1", "hosts show prints JSON")
    digest = ran("policy", "add", digest_file, *to).stdout.strip()
    check(len(digest) == 64, f"policy add prints a digest: {digest}")
    check(digest in ran("policy", "assign-list", "cli", digest, *to).stdout, "assign-list shows the list")
    check(digest in ran("policy", "show-list", "cli", *to).stdout, "show-list shows the list")
    ran("hosts", "assign", "web-1", "cli", *to)
    ran("policy", "remove", digest, *to, code=1)
    ran("hosts", "assign", "web-1", *to)
    ran("policy", "assign-list", "cli", *to)
    ran("policy", "remove", digest, *to)
    check("/evil" in ran("findings", "list", "--host", "web-1", *to).stdout, "findings list shows the finding")
    check("affirming" in ran("history", "web-1", *to).stdout or "warning" in ran("history", "web-1", *to).stdout
          or "contraindicated" in ran("history", "web-1", *to).stdout, "history shows the outcome")
    token = directory / "token"
    token.write_text(ran("tokens", "add", "cli", "--role", "viewer", "--lifetime", "1h", *to).stdout)
    https = ("--server", f"https://127.0.0.1:{verifier.port}", "--pin", verifier.pin, "--token-file", token)
    check("web-1" in ran("hosts", "list", *https).stdout, "hosts list works over HTTPS")
    refused = ran("hosts", "disable", "web-1", *https, code=3)
    check("forbidden" in refused.stderr, f"a viewer disables nothing: {refused.stderr}")
    ran("tenants", "add", "red", *to)
    check("red" in ran("tenants", "list", *to).stdout, "tenants list shows the tenant")
    check("retire" in ran("keys", "rotate", "--overlap", "1h", *to).stdout, "keys rotate says when the old ones retire")
    ran("hosts", "show", "nobody", *to, code=1)
    nobody = ran("hosts", "list", "--socket", directory / "nothing", code=3)
    check(str(directory / "nothing") in nobody.stderr, f"the error names the socket: {nobody.stderr}")
    ran("hosts", "list", "--server", "https://127.0.0.1:1", code=2)


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        verifier = Verifier(directory)
        try:
            local = {"over_socket": True}
            everybody(verifier)
            digest = hosts(verifier, directory, local)
            administration(verifier, digest, local)
            roles(verifier, local)
            policy = directory / "policy.json"
            policy.write_text(POLICY)
            command_line(verifier, directory, policy)
            asked(verifier, "DELETE", "/v1/admin/hosts/web-1", **local)
            asked(verifier, "GET", "/v1/admin/hosts/web-1", reason="not-found", **local)
        finally:
            code = verifier.stop()
        check(code == 0, f"the verifier ended with {code}")
    for template, of in API["paths"].items():
        for method, operation in of.items():
            wanted = {int(status) for status in operation["responses"] if status != "default"}
            got = answered.get(f"{method.upper()} {template}", set())
            check(got >= wanted, f"{method} {template} was not answered with {wanted}")
    print(f"{len(answered)} routes, {failed} failures")
    return 1 if failed else 0


sys.exit(main())
