#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each route of docs/reference/openapi.json, asked of a running verifier: status, content type and body are as there.

    tests/e2e/verifier_api.py IMAKEEP_VERIFIER SOURCE

The host of this test has no TPM: soft_host.py.
"""
import base64
import hashlib
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from soft_host import EVIDENCE, Host, Verifier

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

if shutil.which("jose") is None:
    print("skipped: jose is not installed")
    sys.exit(77)

VERIFIER = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
API = json.loads((SOURCE / "docs/reference/openapi.json").read_text())
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


# ---- the routes -----------------------------------------------------------------------------------------------------

def enrolled(verifier, host, token):
    begun = asked(verifier, "POST", "/v1/enrol", host.enrolment(token))
    proof = {"version": 1, "enrolment": begun["enrolment"], "secret": host.secret(begun["credential"])}
    wrong = proof | {"secret": base64.b64encode(bytes(32)).decode()}
    asked(verifier, "POST", "/v1/enrol/proof", wrong, reason="enrolment-secret")
    status = asked(verifier, "POST", "/v1/enrol/proof", proof)["status"]
    check(status == "waiting-for-approval", f"the enrolled host is {status}")
    asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": host.name}, reason="not-enrolled")


def check_result(verifier, host, result):
    """The program `jose` verifies the result with the published keys, and no result that was altered."""
    def accepts(token):
        files = [host.directory / name for name in ("result.jws", "jwks.json")]
        for file, text in zip(files, (token, json.dumps(keys))):
            file.write_text(text)
        command = ["jose", "jws", "ver", "-i", files[0], "-k", files[1], "-O", "-"]
        return subprocess.run(command, capture_output=True)

    keys = asked(verifier, "GET", "/.well-known/jwks.json")
    done = accepts(result)
    check(done.returncode == 0, f"jose refuses the result {result}: {done.stderr.decode()}")
    check(f'"{host.name}"'.encode() in done.stdout, f"the result is not about the host: {done.stdout[:200]!r}")
    head, claims, signature = result.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    other = ("A" if claims[20] != "A" else "B")
    for altered in (f"{head}.{claims[:20]}{other}{claims[21:]}.{signature}", f"{unsigned}.{claims}.",
                    f"{head}.{claims}.{signature[1:]}{signature[0]}"):
        check(accepts(altered).returncode != 0, f"jose accepts the altered result {altered}")


def attested(verifier, host, first):
    challenge = asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": host.name})
    check(challenge["first"] == first, f"record {challenge['first']} is wanted, not {first}")
    if first or host.retain:
        evidence = host.evidence(challenge, first)
    else:
        part, evidence = host.evidence_in_parts(challenge)
        receipt = asked(verifier, "POST", "/v1/evidence", part, 202, content_type=EVIDENCE)
        check(receipt["first"] == 1, f"the receipt of a part is {receipt}")
        problem = asked(verifier, "POST", "/v1/evidence", part, reason="first", content_type=EVIDENCE)
        check(problem["first"] == 1, f"the refusal of a part that is sent twice is {problem}")
    asked(verifier, "POST", "/v1/evidence", evidence[:-1], reason="malformed", content_type=EVIDENCE)
    verdict = asked(verifier, "POST", "/v1/evidence", evidence, content_type=EVIDENCE)
    check(verdict.get("n") == 1, f"the verdict is {verdict}")
    again = asked(verifier, "POST", "/v1/evidence", evidence, content_type=EVIDENCE)
    check(again == verdict, "the same evidence has the same verdict")
    check_result(verifier, host, verdict.get("result", ""))
    return evidence


def everybody(verifier):
    for path in ("/.well-known/jwks.json", "/healthz", "/readyz", "/metrics"):
        asked(verifier, "GET", path)


def hosts(verifier, directory, local):
    """The routes of hosts. Returns the digest of the policy that judges the host."""
    token = asked(verifier, "POST", "/v1/admin/tokens", {"name": "rack", "role": "enrol", "uses": 1}, 201, **local)
    host = Host(directory, "web-1")
    host.measure("/evil")
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


def retained(verifier, directory, local):
    """A host without an archive: its records are kept, and read back as a binary list."""
    token = asked(verifier, "POST", "/v1/admin/tokens", {"name": "small", "role": "enrol", "uses": 1}, 201, **local)
    host = Host(directory, "small-1", retain=True)
    host.measure("/evil")
    enrolled(verifier, host, token["token"])
    asked(verifier, "POST", "/v1/admin/hosts/small-1/approve", **local)
    check(asked(verifier, "POST", "/v1/challenge", {"version": 1, "host": "small-1"})["retains"], "the challenge says so")
    attested(verifier, host, 0)
    page = asked(verifier, "GET", "/v1/admin/hosts/small-1/records?chain=1&from=0&limit=1", **local)
    check([one["number"] for one in page["records"]] == [0] and page["next"] == 1, f"the record is kept: {page}")
    page = asked(verifier, "GET", "/v1/admin/hosts/small-1/records?from=1", **local)
    check(page == {"chain": 1, "records": []}, f"no other record is kept: {page}")
    check(not asked(verifier, "GET", "/v1/admin/hosts/web-1/records", **local)["records"], "none of another host is kept")
    asked(verifier, "GET", "/v1/admin/hosts/small-1/records?chain=-1", reason="malformed", **local)
    asked(verifier, "GET", "/v1/admin/hosts/nobody/records", reason="not-found", **local)
    written = subprocess.run([VERIFIER, "hosts", "records", "small-1", "--socket", verifier.socket],
                             stdout=subprocess.PIPE, check=True).stdout
    body = host.records[0][14:]
    digest = hashlib.sha256(body[4:]).digest()
    check(written == struct.pack("<I", 10) + digest + struct.pack("<I", 6) + b"ima-ng" + body, "hosts records writes a list")
    asked(verifier, "DELETE", "/v1/admin/hosts/small-1", **local)
    asked(verifier, "DELETE", "/v1/admin/tokens/" + hashlib.sha256(token["token"].encode()).hexdigest(), **local)


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
        verifier = Verifier(VERIFIER, directory, "--approval")
        try:
            local = {"over_socket": True}
            everybody(verifier)
            digest = hosts(verifier, directory, local)
            retained(verifier, directory, local)
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
