#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes corpus.json next to it: records, the policy that judges them, and the verdict that the rules demand.

Mode "keylime": what Keylime does at its commit 9b1f6e6a, read from keylime/ima/ima.py, ast.py and file_signatures.py.
Mode "strict": docs/reference/findings.md. Nothing here comes from running imakeep: expected verdicts are written by
hand, template hashes come from hashlib, keys and signatures from openssl. Keys are new each time, and the private ones
are thrown away, so a new corpus differs in its bytes.

A case is {"name", "about", "mode", "policy" (a merge patch for "base", or null for none),
    "given" (keyring -> keys that the
caller gives), "boot_pcrs", "violations_fail", "now", "steps"}. A step is one line or one record, in order,
    with "accepted"
(a rule), or "reasons" and "events". A replay is {"name", "bank", "state", "quoted", "lines", "reasons", "next"}.
"""
import base64
import json
import pathlib
import struct
import tempfile

from corpus_tools import (Key, data_ng, evm_record, field, hash_of, line, line_buf, line_ima, line_ng, line_sig,
    named, record,
                          record_buf, record_ima, record_modsig, record_ng, record_ngv2, record_sig, record_sigv2, text,
                          verification_keys, data_ima)

EVENTS = {
    "unreadable-record": "ima.parser.entry", "unknown-template": "ima.parser.entry",
    "template-digest": "ima.validation.ima_hash", "pcr": "ima.validation.ima_pcr",
    "template": "imakeep.validation.template", "violation": "ima.validation.tomtou",
    "unknown-path": "ima.validation.ima-ng.not_in_allowlist",
    "other-digest": "ima.validation.ima-ng.runtime_policy_hash",
    "digest-algorithm": "imakeep.validation.digest_algorithm",
    "unknown-boot-aggregate": "ima.validation.ima-ng.not_in_allowlist",
    "other-boot-aggregate": "ima.validation.ima-ng.runtime_policy_hash",
    "boot-aggregate-pcrs": "imakeep.validation.boot_aggregate",
    "unknown-keyring": "ima.validation.ima-ng.not_in_allowlist",
        "other-key": "ima.validation.ima-ng.runtime_policy_hash",
    "invalid-key": "ima.invalid_key", "unknown-buffer": "ima.validation.ima-ng.not_in_allowlist",
    "other-buffer": "ima.validation.ima-ng.runtime_policy_hash", "buffer-digest": "imakeep.validation.buffer_digest",
    "signature-missing": "imakeep.signature.missing", "signature-unreadable": "imakeep.signature.unreadable",
    "signature-key": "imakeep.signature.key", "signature-bad": "ima.validator.ima-sig.invalid_signature",
    "signature-digest": "imakeep.signature.digest", "signature-keyring": "imakeep.signature.keyring",
    "signature-unchecked": "imakeep.signature.unchecked", "signature-dates": "imakeep.signature.dates",
    "no-policy": "imakeep.policy.none", "quote-progress": "ima.quote_progress", "pcr-mismatch": "ima.pcr_mismatch",
}
A, B, C = (bytes([each]) * 32 for each in (0xAA, 0xBB, 0xCC))
A1, B1 = bytes([0xAA]) * 20, bytes([0xBB]) * 20
CMDLINE = b"root=/dev/sda1 ro"
CMDLINE_DIGEST = hash_of("sha256", CMDLINE)
FIGURES = b"kexec_segment_size=81920;ima_binary_runtime_size=76543;ima_runtime_measurements_count=1234;"
BASE = {
    "meta": {"version": 1, "generator": 3}, "release": 0,
    "digests": {"/bin/a": [A.hex(), A1.hex()], "/bin/two": [A.hex(), B.hex()], "/bin/with space": [A.hex()]},
    "excludes": ["/tmp", "/var/(log|cache)/"], "keyrings": {},
    "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
    "ima-buf": {"kexec-cmdline": [CMDLINE_DIGEST.hex()]}, "verification-keys": "",
}
SHA256_LOG = {"ima": {"log_hash_alg": "sha256"}}
cases, replays = [], []


def step(what, verdict, **more):
    entry = {"line": what} if isinstance(what, str) else {"record": what}
    entry.update(more)
    if isinstance(verdict, str):
        entry["accepted"] = verdict
    else:
        entry["reasons"] = verdict
        entry["events"] = [EVENTS[reason] for reason in verdict]
    return entry


def case(mode, about, name, policy, *steps, **more):
    cases.append({"name": name, "about": about, "mode": mode, "policy": policy, "steps": list(steps), **more})


def keylime(about, name, what, verdict, policy={}, **more):
    case("keylime", about, name, policy, step(what, verdict), **more)


def strict(about, name, what, verdict, policy={}, **more):
    number = {"number": more.pop("number")} if "number" in more else {}
    case("strict", about, name, policy, step(what, verdict, **number), **more)


def ours(**members):
    return {"imakeep": {"version": 1, **members}}


# ---- mode keylime: the form of a line

def keylime_lines():
    about = "3.2 a line"
    keylime(about, "template ima", line_ima(A1, "/bin/a"), "digest")
    keylime(about, "template ima-ng", line_ng("sha256", A, "/bin/a"), "digest")
    keylime(about, "template ima-sig without a signature", line_sig("sha256", A, "/bin/a"), "digest")
    keylime(about, "template ima-buf", line_buf("sha256", CMDLINE_DIGEST, "kexec-cmdline", CMDLINE), "buffer")
    for template in ("ima-ngv2", "ima-sigv2", "ima-modsig", "evm-sig", "d-ng|n-ng", "own"):
        keylime(about, f"template {template}", line(template, f"sha256:{A.hex()} /bin/a", data_ng("sha256", A,
            "/bin/a")),
                ["unknown-template"])
    keylime(about, "empty line", "", "nothing")
    zeros = "00" * 20
    bad = ["unreadable-record"]
    keylime(about, "three parts", f"10 {zeros} ima-ng", bad)
    keylime(about, "one part", "10", bad)
    keylime(about, "hash no hex", f"10 {'zz' * 20} ima-ng sha256:{A.hex()} /bin/a", bad)
    keylime(about, "hash of odd digits", f"10 {'0' * 39} ima-ng sha256:{A.hex()} /bin/a", bad)
    keylime(about, "two spaces", line_ng("sha256", A, "/bin/a").replace("10 ", "10  ", 1), ["unknown-template"])
    keylime(about, "PCR of one digit, padded", " " + line_ng("sha256", A, "/bin/a", pcr="9"), bad)
    keylime(about, "ima-ng without a name", f"10 {zeros} ima-ng sha256:{A.hex()}", bad)
    keylime(about, "ima without a name", f"10 {zeros} ima {A1.hex()}", bad)
    keylime(about, "ima-sig without its last space", f"10 {zeros} ima-sig sha256:{A.hex()} /bin/a", bad)
    keylime(about, "ima-sig without a name", f"10 {zeros} ima-sig sha256:{A.hex()}", bad)
    keylime(about, "ima-buf without its last space", f"10 {zeros} ima-buf sha256:{A.hex()} kexec-cmdline", bad)
    keylime(about, "name with a space in ima-ng", line_ng("sha256", A, "/bin/with space"), "digest")
    keylime(about, "name with a space in ima", line_ima(A1, "/bin/with space"), ["other-digest"])
    keylime(about, "name with a space in ima-sig", line_sig("sha256", A, "/bin/with space"), bad)
    keylime(about, "signature no hex", line_sig("sha256", A, "/bin/a") + "03zz", bad)
    keylime(about, "buffer of odd digits", line_buf("sha256", A, "kexec-cmdline", b"") + "0", bad)
    keylime(about, "digest no hex", f"10 {zeros} ima-ng sha256:{'zz' * 32} /bin/a", bad)
    keylime(about, "digest of fs-verity", f"10 {zeros} ima-ng verity:sha256:{A.hex()} /bin/a", bad)
    keylime(about, "digest of 20 bytes without algorithm", line_ng("sha1", A1, "/bin/a").replace("sha1:", ""), "digest")
    md5 = bytes([0xAB]) * 16
    keylime(about, "digest of 16 bytes without algorithm", line_ima(md5, "/bin/a"), ["other-digest"])
    keylime(about, "md5 is hashed as md5", line_ng("md5", md5, "/bin/a").replace("md5:", ""), ["other-digest"])
    keylime(about, "digest of 32 bytes without algorithm", line_ima(A, "/bin/a"), bad)
    keylime(about, "algorithm that nobody knows", line_ng("foo", A, "/bin/a"), "digest")
    longest = "/" + "x" * 254
    keylime(about, "ima with a name of 255 bytes", line_ima(A1, longest), "digest", {"digests": {longest: [A1.hex()]}})
    keylime(about, "PCR 11", line_ng("sha256", A, "/bin/a", pcr="11"), ["pcr"])
    keylime(about, "PCR 010", line_ng("sha256", A, "/bin/a", pcr="010"), ["pcr"])
    keylime(about, "PCR 11 and an unknown path", line_ng("sha256", A, "/bin/b", pcr="11"), ["pcr", "unknown-path"])
    keylime(about, "PCR 11 and a wrong template hash", line_ng("sha256", A, "/bin/a", pcr="11", shown="11" * 20),
            ["pcr", "template-digest"])
    about = "3.2 template hash"
    keylime(about, "wrong, with a listed digest", line_ng("sha256", A, "/bin/a", shown="11" * 20), ["template-digest"])
    keylime(about, "wrong, and nothing else is looked at", line_ng("sha256", C, "/bin/b", shown="11" * 20),
            ["template-digest"])
    keylime(about, "wrong, of an excluded name", line_ng("sha256", C, "/tmp/x", shown="11" * 20), ["template-digest"])
    keylime(about, "sha256, as the policy says", line_ng("sha256", A, "/bin/a", log_hash="sha256"), "digest",
        SHA256_LOG)
    keylime(about, "sha1, but the policy says sha256", line_ng("sha256", A, "/bin/a"), ["template-digest"], SHA256_LOG)
    keylime(about, "sha384", line_ng("sha256", A, "/bin/a", log_hash="sha384"), "digest",
        {"ima": {"log_hash_alg": "sha384"}})
    keylime(about, "sha512", line_ng("sha256", A, "/bin/a", log_hash="sha512"), "digest",
        {"ima": {"log_hash_alg": "sha512"}})
    keylime(about, "of a name with another length", line_ng("sha256", A, "/bin/a").replace("/bin/a", "/bin/aa"),
            ["template-digest"])
    cut = bytes.fromhex("0302040a0b0c0d0010") + bytes(15)  # announces 16 bytes
    keylime(about, "signature of another size counts as absent", line_sig("sha256", A, "/bin/a", cut, hashed_as=b""),
        "digest")
    keylime(about, "signature of another size is not hashed", line_sig("sha256", A, "/bin/a", cut), ["template-digest"])
    keylime(about, "signature shorter than its header", line_sig("sha256", A, "/bin/a", b"\3\2\4", hashed_as=b""),
        "digest")
    about = "3.2 a record as lines"
    keylime(about, "record of ima-ng", record_ng("sha256", A, "/bin/a"), "digest")
    keylime(about, "record of ima", record_ima(A1, "/bin/a"), "digest")
    keylime(about, "record of ima-ngv2", record_ngv2("ima", "sha256", A, "/bin/a"), ["unknown-template"])
    keylime(about, "record whose digest does not match", record_ng("sha256", A, "/bin/a", digest_matches=False),
            ["template-digest"])
    keylime(about, "name with a newline", record_ng("sha256", A, "/bin/a\nb"), ["template-digest"])
    keylime(about, "second line of a record", record_ng("sha256", A, "\n/bin/a", violation=True), ["unreadable-record"])
    keylime(about, "record that does not split", record("ima-ng", b"\1"), ["unreadable-record"])
    keylime(about, "record of PCR 9", record_ng("sha256", A, "/bin/a", pcr=9), ["unreadable-record"])
    keylime(about, "record of PCR 11", record_ng("sha256", A, "/bin/a", pcr=11), ["pcr"])
    keylime(about, "record of a list of sha256 whose digest does not match",
            record_ng("sha256", A, "/bin/a", bank="sha256", digest_matches=False), ["template-digest"])
    keylime(about, "record of a list of sha256", record_ng("sha256", A, "/bin/a", bank="sha256"), "digest")


def keylime_violations():
    about = "3.3 violations"
    zeros = bytes(32)
    line_of = lambda shown, **more: line_ng("sha256", zeros, "/bin/b", shown=shown, **more)  # noqa: E731
    keylime(about, "accepted, whatever the path", line_of("00" * 20), "violation-ignored")
    keylime(about, "refused if the option says so", line_of("00" * 20), ["violation"], violations_fail=True)
    keylime(about, "refused even of an excluded path", line_ng("sha256", zeros, "/tmp/x", shown="00" * 20),
        ["violation"],
            violations_fail=True)
    keylime(about, "without a policy", line_of("00" * 20), "violation-ignored", None)
    keylime(about, "zeros of another size", line_of("00" * 32), ["template-digest"])
    keylime(about, "zeros of sha256", line_of("00" * 32), "violation-ignored", SHA256_LOG)
    keylime(about, "zeros of sha1 in a list of sha256", line_of("00" * 20), ["template-digest"], SHA256_LOG)
    keylime(about, "of PCR 11", line_of("00" * 20, pcr="11"), ["pcr"])
    keylime(about, "of PCR 11, if the option says so", line_of("00" * 20, pcr="11"), ["pcr", "violation"],
            violations_fail=True)
    keylime(about, "of an unknown template", line("ima-ngv2", f"ima:sha256:{zeros.hex()} /bin/b", b"", shown="00" * 20),
            ["unknown-template"])
    keylime(about, "of a line that does not split", f"10 {'00' * 20} ima-ng sha256:00", ["unreadable-record"])
    keylime(about, "with a signature that is none", line_sig("sha256", zeros, "/bin/b", b"\xff", shown="00" * 20),
            "violation-ignored")
    keylime(about, "record", record_ng("sha256", zeros, "/bin/b", violation=True), "violation-ignored")
    keylime(about, "record in a list of sha256", record_ng("sha256", zeros, "/bin/b", violation=True),
        "violation-ignored",
            SHA256_LOG)


def keylime_digests():
    about = "3.4 digests"
    keylime(about, "no policy", line_ng("sha256", C, "/bin/b"), "no-rule", None)
    keylime(about, "unknown path", line_ng("sha256", A, "/bin/b"), ["unknown-path"])
    keylime(about, "prefix of a known path", line_ng("sha256", A, "/bin"), ["unknown-path"])
    keylime(about, "other digest", line_ng("sha256", B, "/bin/a"), ["other-digest"])
    keylime(about, "second digest of a path", line_ng("sha256", B, "/bin/two"), "digest")
    keylime(about, "half of a digest", line_ng("sha256", A[:31], "/bin/a"), ["other-digest"])
    keylime(about, "the algorithm is not compared", line_ng("sha3-256", A, "/bin/a"), "digest")
    keylime(about, "upper case", line_ng("sha256", A, "/bin/a").replace(A.hex(), A.hex().upper()), "digest")
    keylime(about, "excluded", line_ng("sha256", C, "/tmp/x"), "exclude")
    keylime(about, "excludes match at the start only", line_ng("sha256", C, "/tmpfoo"), "exclude")
    keylime(about, "excludes are anchored", line_ng("sha256", C, "/a/tmp"), ["unknown-path"])
    keylime(about, "second exclude", line_ng("sha256", C, "/var/cache/x"), "exclude")
    keylime(about, "excluded, though the digest is another", line_ng("sha256", C, "/bin/a"), "exclude",
            {"excludes": ["/bin/a"]})
    keylime(about, "an exclude with a choice", line_ng("sha256", C, "/bin/b"), "exclude", {"excludes": ["/x|/bin"]})
    keylime(about, "look-around", line_ng("sha256", C, "/opt/x"), "exclude", {"excludes": ["/(?!bin)"]})
    keylime(about, "look-around that does not match", line_ng("sha256", C, "/bin/x"), ["unknown-path"],
            {"excludes": ["/(?!bin)"]})
    keylime(about, "template ima", line_ima(B1, "/bin/a"), ["other-digest"])
    keylime(about, "template ima-sig", line_sig("sha256", B, "/bin/a"), ["other-digest"])
    keylime(about, "members of ours do not count", line_ng("sha256", C, "/bin/b"), ["unknown-path"],
            ours(any_path=[C.hex()]))
    keylime(about, "records of ours do not count", line_ng("sha256", A, "/bin/a"), "digest",
        ours(records={"pcrs": [11]}))
    keylime(about, "required signatures of ours do not count", line_ng("sha256", A, "/bin/a"), "digest",
            ours(signatures=[{"where": {"paths": ["/bin/a"]}}]))


# ---- mode keylime: signatures, keys, boot aggregates

def keylime_signatures(keys):
    about = "3.5 ima-sig"
    rsa, ec, other = keys["rsa"], keys["ec"], keys["other"]
    with_keys = {"verification-keys": verification_keys((rsa, rsa.certificate_id()), (ec, ec.certificate_id()))}
    unknown, listed = "/bin/b", "/bin/a"

    def signed(name, path, signature, verdict, policy=with_keys, digest=A, algorithm="sha256", **more):
        keylime(about, name, line_sig(algorithm, digest, path, signature), verdict, policy, **more)

    signed("RSA", unknown, rsa.sign("sha256", A), "signature")
    signed("ECDSA", unknown, ec.sign("sha256", A), "signature")
    signed("a signature accepts, whatever the digests are", listed, rsa.sign("sha256", B), "signature", digest=B)
    signed("type 5 is taken for one over the file", unknown, rsa.sign("sha256", A, kind=5), "signature")
    signed("type 5 over metadata", unknown, rsa.sign_evm("sha256", b"x", 0, 0, 0), ["unknown-path"])
    for algorithm in ("sha1", "sha224", "sha384", "sha512", "md5"):
        digest = hash_of(algorithm, b"file")
        signed(f"over {algorithm}", unknown, rsa.sign(algorithm, digest), "signature", digest=digest,
            algorithm=algorithm)
    sha3 = hash_of("sha3-256", b"file")
    signed("over sha3-256, which Keylime does not know", unknown, rsa.sign("sha3-256", sha3), ["unknown-path"],
        digest=sha3,
           algorithm="sha3-256")
    signed("of another algorithm than the digest", unknown, rsa.sign("sha512", hash_of("sha512", b"")),
        ["unknown-path"])
    signed("over a digest with another algorithm's name", unknown, rsa.sign("sha256", A), ["unknown-path"],
           algorithm="sha3-256")
    signed("type 6", unknown, rsa.sign("sha256", A, kind=6, version=3), ["unknown-path"])
    signed("type 6, of a listed digest", listed, rsa.sign("sha256", A, kind=6, version=3), "digest")
    signed("type 6 of version 2", unknown, rsa.sign("sha256", A, kind=6), ["unknown-path"])
    signed("version 3", unknown, rsa.sign("sha256", A, version=3), ["unknown-path"])
    signed("version 3 over the digest itself", unknown, rsa.header(rsa.signed("sha256", A), "sha256", version=3),
           ["unknown-path"])
    signed("type 2", unknown, rsa.sign("sha256", A, kind=2), ["unknown-path"])
    signed("key that no keyring has", unknown, other.sign("sha256", A), ["unknown-path"])
    signed("key that no keyring has, of a listed digest", listed, other.sign("sha256", A), "digest")
    signed("over another digest", unknown, rsa.sign("sha256", B), ["unknown-path"])
    signed("over another digest, of a listed one", listed, rsa.sign("sha256", B), "digest")
    signed("over another digest, of another one", listed, rsa.sign("sha256", A), ["other-digest"], digest=B)
    signed("bad, of an excluded path", "/tmp/x", rsa.sign("sha256", B), "exclude")
    signed("good, of an excluded path: the exclude comes first", "/tmp/x", rsa.sign("sha256", A), "exclude")
    signed("without keys, of an unknown path", unknown, rsa.sign("sha256", A), ["unknown-path"], {})
    signed("with the id that the list states", unknown, rsa.sign("sha256", A, key_id=7), "signature",
           {"verification-keys": verification_keys((rsa, 7))})
    signed("with an id that the list does not state", unknown, rsa.sign("sha256", A), ["unknown-path"],
           {"verification-keys": verification_keys((rsa, 7))})
    signed("only the first key of an id counts", unknown, ec.sign("sha256", A, key_id=7), ["unknown-path"],
           {"verification-keys": verification_keys((rsa, 7), (ec, 7))})
    signed("the first key of an id", unknown, rsa.sign("sha256", A, key_id=7), "signature",
           {"verification-keys": verification_keys((rsa, 7), (ec, 7))})
    given = {"given": {"vendor": ["rsa"]}}
    signed("no policy, good", unknown, rsa.sign("sha256", A), "signature", None, **given)
    signed("no policy, bad", unknown, rsa.sign("sha256", B), ["signature-bad"], None, **given)
    signed("no policy, absent", unknown, b"", ["signature-bad"], None, **given)
    signed("no policy, no keys", unknown, rsa.sign("sha256", B), "no-rule", None)
    keylime(about, "signatures of other templates do not count", line_ng("sha256", A, unknown), ["unknown-path"],
        with_keys)


def keylime_keys(keys):
    about = "3.6 ima-buf"
    rsa, ec = keys["rsa"], keys["ec"]
    key_digest = bytes([0xDD]) * 32  # Keylime does not compare it with the buffer
    with_key = {"keyrings": {".ima": [key_digest.hex()]}}
    signed = line_sig("sha256", A, "/bin/b", rsa.sign("sha256", A))

    def added(buffer, name=".ima", digest=key_digest):
        return line_buf("sha256", digest, name, buffer)

    certificate = rsa.certificate()
    learned, unsigned = step(signed, "signature"), step(signed, ["unknown-path"])
    case("keylime", about, "a listed key is learned", with_key, unsigned, step(added(certificate), "key"), learned)
    case("keylime", about, "a key is learned once", with_key, step(added(certificate), "key"),
         step(added(certificate), "key"), learned)
    case("keylime", about, "certificate in PEM", with_key, step(added(rsa.certificate("PEM")), "key"), learned)
    id_of_public = int.from_bytes(hash_of("sha1", rsa.run("openssl", "rsa", "-in", f"{rsa.stem}.key",
        "-RSAPublicKey_out",
                                                          "-outform", "DER"))[-4:], "big")
    by_public = step(line_sig("sha256", A, "/bin/b", rsa.sign("sha256", A, key_id=id_of_public)), "signature")
    for form, buffer in (("public key in DER", rsa.public()), ("public key in PEM", rsa.public("PEM")),
                         ("private key in DER", rsa.private()), ("private key in PEM", rsa.private("PEM"))):
        case("keylime", about, form, with_key, step(added(buffer), "key"), by_public)
    ec_id = int.from_bytes(hash_of("sha1", ec.public()[-65:])[-4:], "big")
    case("keylime", about, "public key of ECDSA", with_key, step(added(ec.public()), "key"),
         step(line_sig("sha256", A, "/bin/b", ec.sign("sha256", A, key_id=ec_id)), "signature"))
    case("keylime", about, "key of an unknown keyring", with_key, step(added(certificate, ".evm"), ["unknown-keyring"]),
         unsigned)
    case("keylime", about, "another key", with_key, step(added(certificate, digest=C), ["other-key"]), unsigned)
    case("keylime", about, "digests of files are none of keys", {}, step(added(certificate, "/bin/a", A),
        ["unknown-keyring"]))
    case("keylime", about, "digests of buffers are none of keys", {},
         step(added(certificate, "kexec-cmdline", CMDLINE_DIGEST), ["unknown-keyring"]))
    for name in (".ima", "*"):
        ignored = {"ima": {"ignored_keyrings": [name]}}
        case("keylime", about, f"ignored keyring {name}: not learned", ignored,
             step(added(certificate), "ignored-keyring"), unsigned)
    case("keylime", about, "another ignored keyring", {"ima": {"ignored_keyrings": [".evm"]}},
         step(added(certificate), ["unknown-keyring"]))
    case("keylime", about, "an excluded keyring is learned", {"excludes": [r"\.ima"]}, step(added(certificate),
        "exclude"),
         learned)
    case("keylime", about, "no policy: learned", None, step(added(certificate), "no-rule"), learned)
    case("keylime", about, "key of an unsupported kind", with_key, step(added(keys["ed25519"].certificate()),
        ["invalid-key"]))
    case("keylime", about, "key of an unsupported kind, ignored", {"ima": {"ignored_keyrings": ["*"]}},
         step(added(keys["ed25519"].certificate()), ["invalid-key"]))
    keylime(about, "certificate with a byte after it", added(certificate + b"\0"), ["unknown-buffer"], with_key)
    keylime(about, "buffer of an unknown name", line_buf("sha256", A, "selinux-state", b"x"), ["unknown-buffer"])
    keylime(about, "another buffer", line_buf("sha256", A, "kexec-cmdline", b"x"), ["other-buffer"])
    keylime(about, "the digest is not compared with the buffer", line_buf("sha256", CMDLINE_DIGEST, "kexec-cmdline",
        b"x"),
            "buffer")
    keylime(about, "excluded buffer", line_buf("sha256", A, "kexec_load", FIGURES), "exclude", {"excludes": ["kexec_"]})
    keylime(about, "critical data of kexec", line_buf("sha256", A, "kexec_load", FIGURES), ["unknown-buffer"])
    keylime(about, "digests of files are none of buffers", line_buf("sha256", A, "/bin/a", b"x"), ["unknown-buffer"])
    keylime(about, "digests of buffers are none of files", line_ng("sha256", CMDLINE_DIGEST, "kexec-cmdline"),
            ["unknown-path"])
    about = "3.7 dm_policy"
    keylime(about, "without it, device mapper is a buffer", line_buf("sha256", A, "dm_table_load", b"x"), "buffer",
            {"ima-buf": {"dm_table_load": [A.hex()]}})
    keylime(about, "without it, an unknown one is refused", line_buf("sha256", A, "dm_device_resume", b"x"),
            ["unknown-buffer"])


def boot_pcrs(algorithm, count=10):
    return {str(pcr): hash_of(algorithm, b"pcr %d" % pcr).hex() for pcr in range(count)}


def aggregate(algorithm, count):
    return hash_of(algorithm, b"".join(hash_of(algorithm, b"pcr %d" % pcr) for pcr in range(count)))


def keylime_boot_aggregates():
    about = "3.8 boot_aggregate"
    listed = {"digests": {"boot_aggregate": [A.hex()]}}
    boot = lambda algorithm, digest: line_ng(algorithm, digest, "boot_aggregate")  # noqa: E731
    keylime(about, "listed", boot("sha256", A), "digest", listed)
    keylime(about, "another", boot("sha256", B), ["other-digest"], listed)
    keylime(about, "not listed", boot("sha256", A), ["unknown-path"])
    both = {"boot_pcrs": {"sha256": boot_pcrs("sha256"), "sha1": boot_pcrs("sha1", 8)}}
    keylime(about, "over PCRs 0 to 9", boot("sha256", aggregate("sha256", 10)), "boot-pcrs", **both)
    keylime(about, "over PCRs 0 to 7", boot("sha256", aggregate("sha256", 8)), "boot-pcrs", **both)
    keylime(about, "of another bank", boot("sha1", aggregate("sha1", 8)), "boot-pcrs", **both)
    keylime(about, "the algorithm is not compared", boot("foo", aggregate("sha1", 8)), "boot-pcrs", **both)
    keylime(about, "over PCRs 0 to 9 of a bank that has 0 to 7", boot("sha1", aggregate("sha1", 10)),
        ["other-digest"], **both)
    keylime(about, "not that of the PCRs, and not listed", boot("sha256", A), ["other-digest"], **both)
    keylime(about, "not that of the PCRs, but listed", boot("sha256", A), "digest", listed, **both)
    keylime(about, "of the PCRs, and another is listed", boot("sha256", aggregate("sha256", 10)), "boot-pcrs", listed,
        **both)
    keylime(about, "PCR values say nothing about other names", line_ng("sha256", aggregate("sha256", 10), "/bin/b"),
            ["unknown-path"], **both)
    keylime(about, "excluded", boot("sha256", C), "exclude", {"excludes": ["boot_aggregate"]})
    case("keylime", about, "a second one is judged alike", listed, step(boot("sha256", A), "digest"),
         step(line_ng("sha256", A, "/bin/a"), "digest"), step(boot("sha256", B), ["other-digest"]))


def keylime_replays():
    lines = [line_ng("sha256", A, "/bin/a"), line_ng("sha256", B, "/bin/b", pcr="11"),
             line_ng("sha256", bytes(32), "/bin/c", shown="00" * 20), line_sig("sha256", A, "/bin/d", b"\3\2",
                 hashed_as=b"")]
    extended = [hash_of("sha256", data) for data in (data_ng("sha256", A, "/bin/a"), data_ng("sha256", B, "/bin/b"))]
    extended += [b"\xff" * 32, hash_of("sha256", data_ng("sha256", A, "/bin/d", b""))]
    values = [bytes(32)]
    for each in extended:
        values.append(hash_of("sha256", values[-1] + each))

    def replay(name, quoted, reasons, following, of=None, start=0, lag=0):
        of = lines[start:] if of is None else of
        state = {"pcr": values[start].hex(), "next_entry": start, "lag": lag}
        at, next_lag = following
        pcr = quoted if quoted in values else values[at]
        replays.append({"name": name, "bank": "sha256", "state": state, "quoted": quoted.hex(), "lines": of,
            "reasons": reasons,
                        "events": [EVENTS[reason] for reason in reasons],
                        "next": {"pcr": pcr.hex(), "next_entry": at, "lag": next_lag}})

    replay("before any line", values[0], [], (0, 4))
    for at in range(1, 5):
        replay(f"after line {at}", values[at], [], (at, 4 - at))
    replay("no match", C, ["pcr-mismatch"], (0, 0))
    replay("no match leaves the state as it was", C, ["pcr-mismatch"], (2, 1), start=2, lag=1)
    replay("from a stored state", values[3], [], (3, 1), start=1)
    own = hash_of("sha256", values[1] + hash_of("sha256", b"x"))
    replay("a line that is not read is not extended, so the kernel's PCR does not match", own, ["pcr-mismatch"], (0, 0),
           [lines[0], "10 00 own x"])
    replay("the lines that are read match without it", values[4], [], (5, 0), [lines[0], "10 00 own x", *lines[1:]])
    replay("a line that is not read counts as a line", values[1], [], (1, 1), [lines[0], "10 00 own x"])
    replay("a quote that lagged and does not gain", values[1], ["quote-progress"], (1, 3), lag=3)
    replay("a quote that lagged and gains", values[3], [], (3, 1), lag=3)
    replay("a quote that lagged and gains more", values[3], [], (3, 1), lag=2)
    replay("a quote that lagged and caught up", values[4], [], (4, 0), lag=5)
    replay("a quote that did not lag", values[1], [], (1, 3))


# ---- mode strict

def strict_templates(keys):
    about = "strict: templates"
    rsa = keys["rsa"]
    strict(about, "ima", record_ima(A1, "/bin/a"), "digest")
    strict(about, "ima-ng", record_ng("sha256", A, "/bin/a"), "digest")
    strict(about, "ima-ngv2", record_ngv2("ima", "sha256", A, "/bin/a"), "digest")
    strict(about, "ima-sig", record_sig("sha256", A, "/bin/a", rsa.sign("sha256", B)), "digest")
    strict(about, "ima-sigv2", record_sigv2("ima", "sha256", A, "/bin/a"), "digest")
    strict(about, "ima-buf", record_buf("sha256", "kexec-cmdline", CMDLINE), "buffer")
    strict(about, "ima-buf of a file", record("ima-buf", data_ng("sha256", A, "/bin/a", b"")), "digest")
    strict(about, "ima-modsig", record_modsig("sha256", A, "/bin/a", b"", b""), "digest")
    strict(about, "evm-sig", evm_record(None, "sha256", A, "/bin/a", b"\4\4" + A), "digest")
    strict(about, "free format", record("n-ng|d-ng", field(text("/bin/a")) + field(named("sha256", A))), "digest")
    strict(about, "big-endian", {"template": "ima-ng", "order": "big", "body": (
        struct.pack(">I", 40) + named("sha256", A) + struct.pack(">I", 7) + text("/bin/a")).hex()}, "digest")
    strict(about, "template that Linux lacks", record("own", b""), ["unknown-template"])
    bad = ["unreadable-record"]
    strict(about, "data that end within a field", record("ima-ng", field(named("sha256", A)) + b"\7\0\0\0/bin"), bad)
    strict(about, "data after the last field", record("ima-ng", data_ng("sha256", A, "/bin/a", b"")), bad)
    strict(about, "no digest", record("n-ng", field(text("/bin/a"))), bad)
    strict(about, "no name", record("d-ng", field(named("sha256", A))), bad)
    strict(about, "empty name", record_ng("sha256", A, ""), bad)
    strict(about, "two digests", record("d-ng|d-ngv2|n-ng", field(named("sha256", A)) + field(named("ima:sha256",
        B)) + field(
        text("/bin/a"))), bad)
    strict(about, "two names", record("d-ng|n|n-ng", field(named("sha256", A)) + field(text("/bin/a")) + field(
        text("/bin/b"))), bad)
    strict(about, "name with bytes after its NUL", record_ng("sha256", A, b"/bin/a\0b"), bad)
    strict(about, "digest without algorithm", record("ima-ng", field(b":\0" + A) + field(text("/bin/a"))), bad)
    strict(about, "digest of another size", record_ng("sha256", A[:31], "/bin/a"), bad)
    strict(about, "digest of an unknown algorithm", record_ng("foo", A, "/bin/a"), bad)
    strict(about, "digest of an unknown type", record_ngv2("foo", "sha256", A, "/bin/a"), bad)
    strict(about, "field d of another size", record("d|n", field(A[:19]) + field(text("/bin/a"))), bad)
    strict(about, "user id of another size", record("d-ng|n-ng|iuid", data_ng("sha256", A, "/bin/a", b"\0")), bad)
    strict(about, "digest that does not match its record", record_ng("sha256", A, "/bin/a", digest_matches=False),
           ["template-digest"])
    strict(about, "digest that does not match, of an excluded path", record_ng("sha256", A, "/tmp",
        digest_matches=False),
           ["template-digest"])
    strict(about, "no policy", record_ng("sha256", A, "/bin/a"), ["no-policy"], None)
    about = "strict: records"
    strict(about, "every PCR", record_ng("sha256", A, "/bin/a", pcr=11), "digest")
    strict(about, "PCR 11 is not accepted", record_ng("sha256", A, "/bin/a", pcr=11), ["pcr"],
        ours(records={"pcrs": [10]}))
    strict(about, "PCR 10 is accepted", record_ng("sha256", A, "/bin/a"), "digest", ours(records={"pcrs": [10]}))
    strict(about, "template is not accepted", record_ng("sha256", A, "/bin/a"), ["template"],
           ours(records={"templates": ["ima-sig"]}))
    strict(about, "template is accepted", record_sig("sha256", A, "/bin/a"), "digest",
        ours(records={"templates": ["ima-sig"]}))
    strict(about, "neither is accepted", record_ng("sha256", A, "/tmp", pcr=11), ["pcr"],
           ours(records={"pcrs": [10], "templates": ["ima-sig"]}))
    strict(about, "violation of a PCR that is not accepted", record_ng("sha256", bytes(32), "/bin/a", pcr=11,
        violation=True),
           ["pcr"], ours(records={"pcrs": [10]}, violations={"paths": ["/bin/a"]}))


def strict_violations():
    about = "strict: violations"
    zeros = bytes(32)
    of = lambda path: record_ng("sha256", zeros, path, violation=True)  # noqa: E731
    strict(about, "no rule", of("/bin/a"), ["violation"])
    strict(about, "of an excluded path", of("/tmp"), ["violation"])
    rules = ours(path_classes={"logs": {"patterns": ["/var/log/.*"]}},
                 violations={"paths": ["/a"], "patterns": ["/b/.*"], "classes": ["logs"]})
    strict(about, "by path", of("/a"), "violation-path", rules)
    strict(about, "by pattern", of("/b/x"), "violation-path", rules)
    strict(about, "by class", of("/var/log/x"), "violation-path", rules)
    strict(about, "of another path", of("/a/x"), ["violation"], rules)
    strict(about, "template ima", record_ima(bytes(20), "/a", violation=True), "violation-path", rules)
    strict(about, "of a record that does not split", record("ima-ng", b"\1", violation=True), ["unreadable-record"],
        rules)
    strict(about, "of a template that Linux lacks", record("own", b"", violation=True), ["unknown-template"], rules)
    strict(about, "of a boot aggregate", of("boot_aggregate"), ["violation"], rules)


def strict_digests():
    about = "strict: digests"
    strict(about, "unknown path", record_ng("sha256", A, "/bin/b"), ["unknown-path"])
    strict(about, "other digest", record_ng("sha256", B, "/bin/a"), ["other-digest"])
    strict(about, "excludes match a whole name", record_ng("sha256", C, "/tmp"), "exclude")
    strict(about, "excludes do not match a longer name", record_ng("sha256", C, "/tmpfoo"), ["unknown-path"])
    strict(about, "a path below needs a pattern that says so", record_ng("sha256", C, "/tmp/x"), ["unknown-path"])
    strict(about, "such a pattern", record_ng("sha256", C, "/tmp/x"), "exclude", {"excludes": ["/tmp(/.*)?"]})
    strict(about, "the algorithm is compared", record_ng("sha3-256", A, "/bin/a"), ["digest-algorithm"])
    strict(about, "the algorithm of a length may be told", record_ng("sha3-256", A, "/bin/a"), "digest",
           ours(algorithms=["sha3-256", "sha1"]))
    strict(about, "then the usual one does not count", record_ng("sha256", A, "/bin/a"), ["digest-algorithm"],
           ours(algorithms=["sha3-256", "sha1"]))
    strict(about, "md5", record_ima(A1[:16], "/bin/a"), ["digest-algorithm"])
    strict(about, "md5 of an unknown path", record_ng("md5", A[:16], "/bin/b"), ["unknown-path"])
    strict(about, "at any path", record_ng("sha256", C, "/bin/b"), "any-path", ours(any_path=[C.hex()]))
    strict(about, "at any path, by another algorithm", record_ng("sha3-256", C, "/bin/b"), ["unknown-path"],
           ours(any_path=[C.hex()]))
    verity = ours(verity_digests={"/bin/b": [C.hex()]})
    strict(about, "fs-verity", record_ngv2("verity", "sha256", C, "/bin/b"), "digest", verity)
    strict(about, "another of fs-verity", record_ngv2("verity", "sha256", B, "/bin/b"), ["other-digest"], verity)
    strict(about, "a digest of content is none of fs-verity", record_ngv2("verity", "sha256", A, "/bin/a"),
        ["unknown-path"])
    strict(about, "a digest of fs-verity is none of content", record_ngv2("ima", "sha256", C, "/bin/b"),
        ["unknown-path"], verity)
    strict(about, "name with a newline", record_ng("sha256", A, "/bin/a\nb"), "digest",
        {"digests": {"/bin/a\nb": [A.hex()]}})
    strict(about, "name with a newline that is not listed", record_ng("sha256", A, "/bin/a\nb"), ["unknown-path"])
    strict(about, "imakeep's own program has no rule of its own", record_ng("sha256", C, "/usr/bin/imakeep"),
        ["unknown-path"])
    strict(about, "imakeep's own program, excluded", record_ng("sha256", C, "/usr/bin/imakeep"), "exclude",
           {"excludes": ["/usr/bin/imakeep"]})
    update = ours(updates=[{"name": "u", "from_record": 100, "to_record": 200, "old": {"/bin/u": [A.hex()]},
                            "new": {"/bin/u": [B.hex()]}}])
    about = "strict: updates"
    for digest, number, verdict in ((A, 99, "digest"), (B, 99, ["other-digest"]), (A, 100, "digest"), (B, 100,
        "digest"),
                                    (A, 199, "digest"), (A, 200, ["other-digest"]), (B, 200, "digest")):
        strict(about, f"{'old' if digest == A else 'new'} at record {number}", record_ng("sha256", digest, "/bin/u"),
            verdict,
               update, number=number)


def strict_boot_aggregates():
    about = "strict: boot_aggregate"
    boot = lambda algorithm, digest, name="boot_aggregate": record_ng(algorithm, digest, name)  # noqa: E731
    listed = {"digests": {"boot_aggregate": [A.hex()]}}
    right, fewer = aggregate("sha256", 10), aggregate("sha256", 8)
    both = {"boot_pcrs": {"sha256": boot_pcrs("sha256"), "sha1": boot_pcrs("sha1", 8)}}
    strict(about, "listed", boot("sha256", A), "digest", listed)
    strict(about, "listed by ours", boot("sha256", B), "digest", {**listed, **ours(boot_aggregates=[B.hex()])})
    strict(about, "not listed, no PCRs", boot("sha256", A), ["unknown-boot-aggregate"])
    strict(about, "another is listed", boot("sha256", B), ["other-boot-aggregate"], listed)
    strict(about, "of the PCRs, and none is listed", boot("sha256", right), "boot-pcrs", **both)
    strict(about, "over PCRs 0 to 7", boot("sha256", fewer), "boot-pcrs", **both)
    strict(about, "of another bank", boot("sha1", aggregate("sha1", 8)), "boot-pcrs", **both)
    strict(about, "template ima", record_ima(aggregate("sha1", 8), "boot_aggregate"), "boot-pcrs", **both)
    strict(about, "not that of the PCRs", boot("sha256", B), ["boot-aggregate-pcrs"], **both)
    strict(about, "listed, but not that of the PCRs", boot("sha256", A), ["boot-aggregate-pcrs"], listed, **both)
    strict(about, "of the PCRs, but another is listed", boot("sha256", right), ["other-boot-aggregate"], listed, **both)
    strict(about, "of the PCRs and listed", boot("sha256", right), "digest",
        {"digests": {"boot_aggregate": [right.hex()]}}, **both)
    strict(about, "the digits of another bank", boot("sha3-256", right), ["unknown-boot-aggregate"], **both)
    strict(about, "a bank whose PCRs are not given", boot("sha384", hash_of("sha384", b"")),
        ["unknown-boot-aggregate"], **both)
    strict(about, "measured late", boot("sha256", right, "boot_aggregate_late"), "boot-pcrs", **both)
    strict(about, "measured late, not of the PCRs", boot("sha256", A, "boot_aggregate_late"), ["boot-aggregate-pcrs"],
        **both)
    of_two = {"boot_pcrs": {"sha256": boot_pcrs("sha256"), "tpm_alg_27": boot_pcrs("sha3-256")}}
    strict(about, "of another bank of the same size", boot("sha256", aggregate("sha3-256", 10)),
           ["boot-aggregate-pcrs"], **of_two)
    strict(about, "of its bank, of two of the same size", boot("sha3-256", aggregate("sha3-256", 10)),
           "boot-pcrs", **of_two)
    strict(about, "excluded", boot("sha256", C), "exclude", {"excludes": ["boot_aggregate"]})
    case("strict", about, "a second one is judged alike", {}, step(boot("sha256", right), "boot-pcrs"),
         step(boot("sha256", A), ["boot-aggregate-pcrs"]), **both)
    strict(about, "a buffer of that name is a buffer", record_buf("sha256", "boot_aggregate", b"x"),
        ["unknown-buffer"], **both)


def strict_buffers(keys):
    about = "strict: buffers"
    rsa, ed25519 = keys["rsa"], keys["ed25519"]
    strict(about, "digest that is not the buffer's", record_buf("sha256", "kexec-cmdline", b"x", CMDLINE_DIGEST),
        ["buffer-digest"])
    strict(about, "digest that is not the buffer's, excluded", record_buf("sha256", "/tmp", b"x", A), ["buffer-digest"])
    strict(about, "another buffer", record_buf("sha256", "kexec-cmdline", b"x"), ["other-buffer"])
    strict(about, "unknown buffer", record_buf("sha256", "selinux-state", b"x"), ["unknown-buffer"])
    strict(about, "excluded buffer", record_buf("sha256", "selinux-state", b"x"), "exclude",
        {"excludes": ["selinux-.*"]})
    strict(about, "digests of files are none of buffers", record_buf("sha256", "/bin/x", b"x"), ["unknown-buffer"],
           {"digests": {"/bin/x": [hash_of("sha256", b"x").hex()]}})
    about = "strict: critical data of kexec"
    strict(about, "load", record_buf("sha256", "kexec_load", FIGURES), "kexec-figures")
    strict(about, "execute", record_buf("sha256", "kexec_execute", FIGURES), "kexec-figures")
    strict(about, "another name", record_buf("sha256", "kexec_other", FIGURES), ["unknown-buffer"])
    for name, buffer in (("more text", FIGURES + b"x"), ("no last semicolon", FIGURES[:-1]), ("no digits",
        FIGURES.replace(b"1234", b"")),
                         ("a sign", FIGURES.replace(b"1234", b"-1")), ("too many digits", FIGURES.replace(b"1234",
                             b"1" * 21)),
                         ("another order", FIGURES.replace(b"ima_binary", b"ima_other"))):
        strict(about, name, record_buf("sha256", "kexec_load", buffer), ["unknown-buffer"])
    strict(about, "digest that is not the figures'", record_buf("sha256", "kexec_load", FIGURES, A), ["buffer-digest"])
    strict(about, "the policy names the buffer", record_buf("sha256", "kexec_load", FIGURES), ["other-buffer"],
           {"ima-buf": {"kexec_load": [A.hex()]}})
    about = "strict: keys"
    certificate = rsa.certificate()
    with_key = {"keyrings": {".ima": [hash_of("sha256", certificate).hex()]}}
    signed = record_sig("sha256", A, "/bin/b", rsa.sign("sha256", A))
    learned, unsigned = step(signed, "signature"), step(signed, ["unknown-path"])
    case("strict", about, "a listed key is learned", with_key, unsigned, step(record_buf("sha256", ".ima",
        certificate), "key"),
         learned, step(record_sig("sha256", A, "/bin/b", rsa.sign("sha256", B)), ["unknown-path", "signature-bad"]))
    case("strict", about, "digest that is not the key's", with_key,
         step(record_buf("sha256", ".ima", certificate, hash_of("sha256", b"")), ["buffer-digest"]), unsigned)
    case("strict", about, "unknown keyring", with_key, step(record_buf("sha256", ".evm", certificate),
        ["unknown-keyring"]),
         unsigned)
    case("strict", about, "another key", {"keyrings": {".ima": [A.hex()]}},
         step(record_buf("sha256", ".ima", certificate), ["other-key"]), unsigned)
    for name in (".ima", "*"):
        case("strict", about, f"ignored keyring {name}: not learned", {"ima": {"ignored_keyrings": [name]}},
             step(record_buf("sha256", ".ima", certificate), "ignored-keyring"), unsigned)
    case("strict", about, "another ignored keyring", {"ima": {"ignored_keyrings": [".evm"]}},
         step(record_buf("sha256", ".ima", certificate), ["unknown-keyring"]), unsigned)
    case("strict", about, "an excluded keyring is not learned", {"excludes": [r"\.ima"]},
         step(record_buf("sha256", ".ima", certificate), "exclude"), unsigned)
    odd = ed25519.certificate()
    strict(about, "key of an unsupported kind", record_buf("sha256", ".ima", odd), ["unknown-keyring", "invalid-key"])
    strict(about, "another key, of an unsupported kind", record_buf("sha256", ".ima", odd), ["other-key",
        "invalid-key"], with_key)
    strict(about, "key of an unsupported kind, listed", record_buf("sha256", ".ima", odd), "key",
           {"keyrings": {".ima": [hash_of("sha256", odd).hex()]}})
    strict(about, "digests of buffers are none of keys", record_buf("sha256", ".ima", certificate), ["unknown-keyring"],
           {"ima-buf": {".ima": [hash_of("sha256", certificate).hex()]}})
    strict(about, "certificate with a byte after it", record_buf("sha256", ".ima", certificate + b"\0"),
        ["unknown-buffer"], with_key)


def strict_signatures(keys):
    about = "strict: signatures"
    rsa, ec, other = keys["rsa"], keys["ec"], keys["other"]
    given = {"given": {".ima": ["rsa"], "vendor": ["ec"]}}
    path = "/bin/b"

    def signed(name, signature, verdict, policy={}, digest=A, of=path, algorithm="sha256", **more):
        strict(about, name, record_sig(algorithm, digest, of, signature), verdict, policy, **{**given, **more})

    signed("RSA", rsa.sign("sha256", A), "signature")
    signed("ECDSA", ec.sign("sha256", A), "signature")
    signed("version 3", ec.sign("sha256", A, version=3), "signature")
    signed("RSA, version 3", rsa.sign("sha256", A, version=3), "signature")
    signed("sha512", rsa.sign("sha512", hash_of("sha512", b"f")), "signature", digest=hash_of("sha512", b"f"),
        algorithm="sha512")
    signed("sha3-256", rsa.sign("sha3-256", hash_of("sha3-256", b"f")), "signature", digest=hash_of("sha3-256", b"f"),
           algorithm="sha3-256")
    signed("of a listed digest, the digest accepts", rsa.sign("sha256", A), "digest", of="/bin/a")
    signed("accepts another digest of a known path", rsa.sign("sha256", B), "signature", digest=B, of="/bin/a")
    signed("of an excluded path, the exclude accepts", rsa.sign("sha256", B), "exclude", of="/tmp")
    signed("bad, of a listed digest", rsa.sign("sha256", B), "digest", of="/bin/a")
    signed("bad, of another digest", rsa.sign("sha256", A), ["other-digest", "signature-bad"], digest=B, of="/bin/a")
    signed("bad, of an unknown path", rsa.sign("sha256", B), ["unknown-path", "signature-bad"])
    signed("key that no keyring has", other.sign("sha256", A), ["unknown-path", "signature-key"])
    signed("of another algorithm", rsa.sign("sha512", hash_of("sha512", b"")), ["unknown-path", "signature-digest"])
    signed("cut short", rsa.sign("sha256", A)[:-1], ["unknown-path", "signature-unreadable"])
    signed("version 1", b"\3\1" + bytes(20), ["unknown-path", "signature-unreadable"])
    signed("type 6 over a digest of content", rsa.sign("sha256", A, kind=6, version=3), "signature")
    signed("a digest in place of a signature", b"\4\4" + A, ["unknown-path"])
    signed("portable, which a file's record cannot check", rsa.sign("sha256", A, kind=5), ["unknown-path",
        "signature-unchecked"])
    mldsa = rsa.header(bytes(3309), "sha512", version=3, key_id=0x12345678)
    signed("ML-DSA", mldsa, ["unknown-path", "signature-unchecked"], digest=hash_of("sha512", b"f"), algorithm="sha512")
    signed("without keys", rsa.sign("sha256", B), ["unknown-path"], given={})
    signed("by a key of the policy", rsa.sign("sha256", A, key_id=7), "signature",
           {"verification-keys": verification_keys((rsa, 7))}, given={})
    strict(about, "fs-verity", record_sigv2("verity", "sha256", A, path, rsa.sign("sha256", A, kind=6, version=3)),
        "signature", **given)
    strict(about, "fs-verity, signed as content", record_sigv2("verity", "sha256", A, path, rsa.sign("sha256", A,
        version=3)),
           ["unknown-path", "signature-digest"], **given)
    strict(about, "content, signed as fs-verity", record_sigv2("ima", "sha256", A, path, rsa.sign("sha256", A, kind=6,
        version=3)),
           ["unknown-path", "signature-digest"], **given)
    about = "strict: required signatures"
    need = ours(signatures=[{"where": {"paths": ["/bin/a", "/tmp"]}}])
    signed("there", rsa.sign("sha256", A), "digest", need, of="/bin/a")
    signed("missing", b"", ["signature-missing"], need, of="/bin/a")
    signed("missing, no keys", b"", ["signature-missing"], need, of="/bin/a", given={})
    signed("bad", rsa.sign("sha256", B), ["signature-bad"], need, of="/bin/a")
    signed("missing, of an excluded path", b"", ["signature-missing"], need, of="/tmp")
    signed("missing, of another path", b"", "digest", need, of="/bin/two")
    strict(about, "missing, of a template without signatures", record_ng("sha256", A, "/bin/a"),
        ["signature-missing"], need, **given)
    by_ima = ours(signatures=[{"where": {"paths": ["/bin/a"]}, "keyrings": [".ima", "none"]}])
    signed("of that keyring", rsa.sign("sha256", A), "digest", by_ima, of="/bin/a")
    signed("of another keyring", ec.sign("sha256", A), ["signature-keyring"], by_ima, of="/bin/a")
    signed("in both keyrings", ec.sign("sha256", A), "digest", by_ima, of="/bin/a", given={".ima": ["ec"],
        "vendor": ["ec"]})
    two = ours(signatures=[{"where": {"paths": ["/bin/a"]}}, {"where": {"patterns": ["/bin/.*"]},
        "keyrings": ["vendor"]}])
    signed("of two rules, both hold", ec.sign("sha256", A), "digest", two, of="/bin/a")
    signed("of two rules, one holds", rsa.sign("sha256", A), ["signature-keyring"], two, of="/bin/a")
    signed("of two rules, none holds", b"", ["signature-missing"], two, of="/bin/a")
    about = "strict: dates"
    signed("an expired certificate counts", rsa.sign("sha256", A), "signature", now=4102444800)
    signed("unless dates have to be valid", rsa.sign("sha256", A), ["unknown-path", "signature-dates"],
        now=4102444800, require_validity=True)
    about = "strict: appended signatures"
    content = b"module"
    cms, content_digest = rsa.cms(content), hash_of("sha256", content)

    def appended(name, digest, blob, verdict, policy={}, **more):
        strict(about, name, record_modsig("sha256", A, path, digest, blob), verdict, policy, **{**given, **more})

    appended("good", content_digest, cms, "appended-signature")
    appended("over another digest", A, cms, ["unknown-path", "signature-bad"])
    appended("cut short", content_digest, cms[:-1], ["unknown-path", "signature-unreadable"])
    appended("without its digest", b"", cms, ["unknown-path", "signature-unreadable"])
    appended("key that no keyring has", content_digest, cms, ["unknown-path", "signature-key"],
        given={"vendor": ["ec"]})
    appended("required and good", content_digest, cms, "appended-signature",
        ours(signatures=[{"where": {"paths": [path]}}]))
    strict(about, "a good one and a bad one", record_modsig("sha256", A, path, content_digest, cms, rsa.sign("sha256",
        B)),
           "appended-signature", **given)
    about = "strict: portable signatures"
    good = b"\4\4" + A
    strict(about, "with the record's digest", evm_record(rsa, "sha256", A, path, good), "portable-signature", **given)
    strict(about, "version 3", evm_record(rsa, "sha256", A, path, good, version=3), "portable-signature", **given)
    strict(about, "with a plain sha1 digest", evm_record(rsa, "sha1", A1, path, b"\1" + A1), "portable-signature",
        **given)
    strict(about, "with another digest", evm_record(rsa, "sha256", A, path, b"\4\4" + B), ["unknown-path",
        "signature-digest"], **given)
    strict(about, "with another algorithm", evm_record(rsa, "sha256", A, path, b"\4\5" + A), ["unknown-path",
        "signature-digest"], **given)
    strict(about, "with a plain digest of another algorithm", evm_record(rsa, "sha256", A, path, b"\1" + A),
           ["unknown-path", "signature-digest"], **given)
    strict(about, "with a signature over the record's digest", evm_record(rsa, "sha256", A, path, ec.sign("sha256", A)),
           "portable-signature", **given)
    strict(about, "with a signature over another digest", evm_record(rsa, "sha256", A, path, ec.sign("sha256", B)),
           ["unknown-path", "signature-digest"], **given)
    strict(about, "without security.ima", evm_record(rsa, "sha256", A, path, good, names="security.selinux"),
           ["unknown-path", "signature-digest"], **given)
    strict(about, "key that no keyring has", evm_record(other, "sha256", A, path, good), ["unknown-path",
        "signature-key"], **given)
    broken = evm_record(rsa, "sha256", A, path, good)
    broken["body"] = broken["body"][:-2] + "ff"
    strict(about, "over another mode", broken, ["unknown-path", "signature-bad"], **given)
    moved = evm_record(rsa, "sha256", A, path, good, names="security.ima|security.selinux")
    moved["body"] = moved["body"].replace(struct.pack("<II", 34, 27).hex(), struct.pack("<II", 33, 28).hex())
    strict(about, "with other bounds of the values", moved, ["unknown-path", "signature-digest"], **given)
    short = evm_record(rsa, "sha256", A, path, good)
    short["body"] = short["body"].replace(struct.pack("<II", 34, 27).hex(), struct.pack("<II", 34, 26).hex())
    strict(about, "with bytes that belong to no value", short, ["unknown-path", "signature-digest"], **given)
    lacking = record("d-ng|n-ng|evmsig", data_ng("sha256", A, path, rsa.sign("sha256", A, kind=5)))
    strict(about, "without metadata", lacking, ["unknown-path", "signature-unchecked"], **given)


def main():
    with tempfile.TemporaryDirectory() as directory:
        rsa_2048 = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        p256 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        keys = {"rsa": Key(directory, "rsa", rsa_2048), "ec": Key(directory, "ec", p256), "other": Key(directory,
            "other", p256),
                "ed25519": Key(directory, "ed25519", ("-algorithm", "ED25519"))}
        keylime_lines()
        keylime_violations()
        keylime_digests()
        keylime_signatures(keys)
        keylime_keys(keys)
        keylime_boot_aggregates()
        keylime_replays()
        strict_templates(keys)
        strict_violations()
        strict_digests()
        strict_boot_aggregates()
        strict_buffers(keys)
        strict_signatures(keys)
        certificates = {name: base64.b64encode(key.certificate()).decode() for name, key in keys.items()}
    corpus = {"base": BASE, "keys": certificates, "cases": cases, "replays": replays}
    parts = [f'"base": {json.dumps(BASE)}', f'"keys": {json.dumps(certificates)}']
    for member in ("cases", "replays"):
        parts.append(f'"{member}": [\n' + ",\n".join(json.dumps(each) for each in corpus[member]) + "\n]")
    pathlib.Path(__file__).with_name("corpus.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(sum(len(each["steps"]) for each in cases) + len(replays), "lines and records")


if __name__ == "__main__":
    main()
