#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seed corpora of the fuzz targets, fuzz/corpus/TARGET/, from testdata/linux-7.3.4.

The same captures give the same seeds. Seeds that the code under test must refuse are called bad-*.
An input that a fuzzer finds and that is worth keeping goes into the same directory, under a name of its own. This
script writes only the files that it makes.
"""

import base64
import gzip
import hashlib
import io
import json
import lzma
import pathlib
import struct
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent
CAPTURES = ROOT.parent / "testdata" / "linux-7.3.4"
DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


def write(target, name, content):
    folder = ROOT / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def u32(value, order="<"):
    return struct.pack(order + "I", value)


def records(bank):
    """(pcr, digest, template, body, encoded) of every record of the list with all templates."""
    data = (CAPTURES / "templates" / f"binary_runtime_measurements_{bank}").read_bytes()
    size = DIGEST_BYTES[bank]
    found, at = [], 0
    while at < len(data):
        (pcr,) = struct.unpack_from("<I", data, at)
        (name_bytes,) = struct.unpack_from("<I", data, at + 4 + size)
        name_at = at + 8 + size
        body_at = name_at + name_bytes
        name = data[name_at:body_at].decode()
        if name == "ima":
            end = body_at + 24 + struct.unpack_from("<I", data, body_at + 20)[0]
        else:
            end = body_at + 4 + struct.unpack_from("<I", data, body_at)[0]
            body_at += 4
        found.append((pcr, data[at + 4 : at + 4 + size], name, data[body_at:end], data[at:end]))
        at = end
    return found


def record(name, body, pcr=10, digest=b"\xab" * 20, order="<", data_bytes=None):
    length = b"" if name == "ima" else u32(len(body) if data_bytes is None else data_bytes, order)
    return u32(pcr, order) + digest + u32(len(name), order) + name.encode() + length + body


def fields(*values, order="<"):
    return b"".join(u32(len(value), order) + value for value in values)


def ima_body(path, order="<"):
    return b"\xcd" * 20 + u32(len(path), order) + path


DIGEST = b"sha256:\0" + bytes(range(32))


def record_seeds():
    for bank in DIGEST_BYTES:
        seen = set()
        for _, digest, name, _, encoded in records(bank):
            kind = "violation" if not any(digest) else name
            if kind not in seen and len(encoded) < 2000:
                seen.add(kind)
                write("record_fuzz", f"{bank}-{kind}", encoded)
        write("record_fuzz", f"{bank}-list", b"".join(r[4] for r in records(bank)[:6]))

    ng = records("sha1")[0]
    big = fields(DIGEST, b"/a\0", order=">")
    write("record_fuzz", "big-endian", record("ima-ng", big, order=">") + record("ima", ima_body(b"/a", ">"), order=">"))
    write("record_fuzz", "unknown-template", record("acme-v9", b"\0\xff anything"))
    write("record_fuzz", "free-format", record("d-ng|n-ng|imode", fields(DIGEST, b"/a\0", b"\xa4\x81")))
    write("record_fuzz", "empty", b"")
    write("record_fuzz", "bad-pcr", record("ima-ng", ng[3], pcr=24))
    write("record_fuzz", "bad-digest", record("ima-ng", ng[3], digest=b"\x55" * 20))
    write("record_fuzz", "bad-empty-name", record("", ng[3]))
    write("record_fuzz", "bad-long-name", record("x" * 256, ng[3]))
    write("record_fuzz", "bad-unprintable-name", record("ima\n", ng[3]))
    write("record_fuzz", "bad-data-length", record("ima-ng", ng[3], data_bytes=0xFFFFFFFF))
    write("record_fuzz", "bad-fields", record("ima-ng", ng[3][:-1]))
    write("record_fuzz", "bad-ima-path-length", record("ima", ima_body(b"p" * 256)))
    write("record_fuzz", "bad-ima-path-nul", record("ima", ima_body(b"/a\0b")))
    ima = record("ima", ima_body(b"/bin"))
    for part, cut in {"pcr": 2, "digest": 10, "name-length": 26, "name": 30, "data-length": 36, "data": 60}.items():
        write("record_fuzz", f"bad-cut-{part}", ng[4][:cut])
    for part, cut in {"file-digest": 40, "path-length": 53, "path": 57}.items():
        write("record_fuzz", f"bad-cut-ima-{part}", ima[:cut])


def ascii_seeds():
    seen = set()
    for _, digest, name, body, encoded in records("sha1"):
        kind = "violation" if not any(digest) else name
        kind = "newline" if b"new\nline" in body else kind
        if kind not in seen and len(encoded) < 2000:
            seen.add(kind)
            write("ascii_fuzz", kind, encoded)
    numbers = fields(b"/a\0", u32(1000), u32(100), b"\xa4\x81")
    write("ascii_fuzz", "ima-ngv2", record("ima-ngv2", fields(b"verity:" + DIGEST, b"/a\0")))
    write("ascii_fuzz", "ima-modsig", record("ima-modsig", fields(DIGEST, b"/a\0", b"\3\2", DIGEST, b"\x30\x82")))
    write("ascii_fuzz", "free-format", record("n-ng|iuid|igid|imode", numbers))
    write("ascii_fuzz", "number-sizes", record("iuid|iuid|iuid|iuid", fields(b"1", b"12", b"123", b"12345678")))
    write("ascii_fuzz", "xattrs", record("xattrnames|xattrlengths|xattrvalues", fields(b"a|b\0", u32(1) * 2, b"xy")))
    write("ascii_fuzz", "empty-fields", record("evm-sig", fields(*[b""] * 9), pcr=9))
    write("ascii_fuzz", "no-algorithm", record("d-ng", fields(b":\0\1\2")))
    write("ascii_fuzz", "algorithm-only", record("d-ng|d-ng", fields(b"sha256:\0", b"sha256:")))
    write("ascii_fuzz", "unknown-template", record("acme-v9", b"\0\xff anything"))
    big = fields(DIGEST, b"/a\0", u32(1000, ">"), order=">")
    write("ascii_fuzz", "big-endian", record("d-ng|n-ng|iuid", big, order=">"))
    write("ascii_fuzz", "bad-no-colon", record("d-ng", fields(b"sha256\0\1\2")))
    write("ascii_fuzz", "bad-fields-end-early", record("ima-ng", fields(DIGEST)))
    write("ascii_fuzz", "bad-field-length", record("n-ng", u32(0xFFFFFFFF) + b"/a\0"))
    write("ascii_fuzz", "bad-after-last-field", record("n-ng", fields(b"/a\0") + b"more"))


def pcr_file_seeds():
    def text(name, content):
        write("pcr_file_fuzz", name, content.encode())

    captured = (CAPTURES / "templates" / "pcr10.txt").read_text()
    sha1 = captured.split()[1]
    text("captured", captured)
    text("indices", f"sha1 0 {sha1}\nsha1 10 {sha1}\nsha1 23 {sha1}\n")
    text("lower-case", captured.lower())
    text("comments", f"# read at noon\r\n\r\n\tsha1\t {sha1} \r\n")
    text("sm3", "sm3_256 " + "0" * 64 + "\n")
    text("unknown-to-linux", "tpm_alg_27 11 " + "0" * 64 + "\n")
    values = dict(line.split()[0:2] for line in captured.splitlines())
    text("pcrread", "".join(f"  {bank}:\n    0 : 0x{value}\n    10: 0x{value}\n" for bank, value in values.items()))
    text("pcrread-sha3", "  sha384:\n  sha3_256:\n    23: 0x" + "F" * 64 + "\n")
    text("evmctl", "".join(f"PCR-10: {bytes.fromhex(value).hex(' ').upper()} \n" for value in values.values()))
    text("prefix", f"sha1 10 0x{sha1}\n")
    text("bad-no-heading", f"10: 0x{sha1}\n")
    text("bad-heading", f"md5:\n10: 0x{sha1}\n")
    text("bad-evmctl-size", "PCR-10: AB CD\n")
    text("bad-empty", "")
    text("bad-bank", f"md5 {sha1}\n")
    text("bad-words", f"sha1 10 {sha1} more\n")
    text("bad-index", f"sha1 24 {sha1}\n")
    text("bad-negative-index", f"sha1 -1 {sha1}\n")
    text("bad-hex", f"sha1 x{sha1[1:]}\n")
    text("bad-odd-hex", f"sha1 {sha1[1:]}\n")
    text("bad-length", f"sha256 {sha1}\n")
    text("bad-twice", f"sha1 {sha1}\nsha1 10 {sha1}\n")


def fapi_quote():
    clock = {"clock": 1150, "resetCount": 1, "restartCount": 0, "safe": "YES"}
    selection = {"hash": "SHA256", "pcrSelect": [10]}
    return {
        "sig_scheme": {"scheme": "ECDSA", "details": {"hashAlg": "SHA256"}},
        "attest": {
            "magic": "VALUE",
            "type": "ATTEST_QUOTE",
            "qualifiedSigner": "000b" + "ab" * 32,
            "extraData": "61626364",
            "clockInfo": clock,
            "firmwareVersion": [3059506023, 1036150927],
            "attested": {"pcrSelect": [selection], "pcrDigest": "cd" * 32},
        },
    }


def quote_seeds():
    def seed(name, content):
        write("quote_fuzz", name, content)

    def sized(content):
        return struct.pack(">H", len(content)) + content

    folder = CAPTURES / "templates" / "quote-mid"
    quote, signature, key, pem = (
        (folder / name).read_bytes() for name in ("quote.msg", "quote.sig", "ak.tpmt", "ak.pem")
    )
    rsa_head = bytes.fromhex("0001000b00050072000000100014000b080000000000")
    certificate = (ROOT.parent / "testdata" / "keys" / "ec.crt.pem").read_bytes()
    seed("quote", quote)
    b64 = [base64.b64encode(part).decode() for part in (quote, signature, b"\0" * 8)]
    seed("quote-keylime", ("r" + ":".join(b64) + "\n").encode())
    seed("bad-quote-keylime", ("r" + ":".join(b64[:2])).encode())
    seed("quote-fapi", json.dumps(fapi_quote()).encode())
    seed("bad-quote-fapi", json.dumps(fapi_quote() | {"attest": {"magic": "VALUE"}}).encode())
    seed("signature-ecdsa", signature)
    seed("signature-rsassa", bytes.fromhex("0014000b") + sized(b"\x77" * 256))
    seed("signature-rsapss", bytes.fromhex("0016000c") + sized(b"\x77" * 256))
    seed("key-ecc", key)
    seed("key-ecc-sized", sized(key))
    seed("key-rsa", rsa_head + sized(b"\xc1" * 255 + b"\x01"))
    seed("key-pem", pem)
    seed("key-certificate", certificate)
    seed("key-der", base64.b64decode(b"".join(pem.splitlines()[1:-1])))
    certificate_der = (ROOT.parent / "testdata" / "keys" / "ec.crt.der").read_bytes()
    seed("key-certificate-der", certificate_der)
    seed("key-certificate-padded", certificate_der + b"\xff" * 20)
    seed("key-pem-several", pem + certificate)
    seed("bad-key-der", certificate_der[:-1])
    seed("bad-empty", b"")
    seed("bad-quote-cut", quote[:100])
    seed("bad-quote-trailing", quote + b"\0")
    seed("bad-quote-magic", b"\xfe" + quote[1:])
    seed("bad-quote-certify", quote[:4] + b"\x80\x17" + quote[6:])
    seed("bad-quote-safe", quote[:76] + b"\2" + quote[77:])
    seed("bad-quote-banks", quote[:85] + b"\0\0\0\x11" + quote[89:])
    seed("bad-quote-pcr", quote[:91] + b"\4" + quote[92:95] + b"\1" + quote[95:])
    seed("bad-quote-bank", quote[:89] + b"\0\x55" + quote[91:])
    seed("bad-signature-cut", signature[:-1])
    seed("bad-signature-scheme", b"\0\x1c" + signature[2:])
    seed("bad-signature-hash", signature[:2] + b"\0\x0a" + signature[4:])
    seed("bad-key-point", key[:-1] + bytes([key[-1] ^ 1]))
    seed("bad-key-curve", key[:16] + b"\0\x10" + key[18:])
    seed("bad-key-unrestricted", key[:5] + b"\4" + key[6:])
    seed("bad-key-sized-cut", sized(key)[:-1])
    seed("bad-key-rsa-template", rsa_head + sized(b""))
    seed("bad-key-pem", pem[:100])


KEYS = ROOT.parent / "testdata" / "keys"


def with_key(key, rest):
    """The input of signature_fuzz and modsig_fuzz."""
    return struct.pack("<H", len(key)) + key + rest


def signature_seeds():
    def seed(name, attribute, key=b""):
        write("signature_fuzz", name, with_key(key, attribute))

    captured = []
    for _, _, name, body, _ in records("sha1"):
        if name == "ima-sig":
            digest_bytes = struct.unpack_from("<I", body)[0]
            path_bytes = struct.unpack_from("<I", body, 4 + digest_bytes)[0]
            captured.append(body[12 + digest_bytes + path_bytes :])
    rsa = next(attribute for attribute in captured if len(attribute) > 200)
    ec = next(attribute for attribute in captured if 0 < len(attribute) < 200)
    pem, ec_der = (KEYS / "rsa.crt.pem").read_bytes(), (KEYS / "ec.crt.der").read_bytes()
    seed("rsa", rsa, pem)
    seed("ec", ec, ec_der)
    seed("ec-several-keys", ec, pem + (KEYS / "ec.crt.pem").read_bytes())
    seed("rsa-version-3", rsa[:1] + b"\3" + rsa[2:], pem)
    seed("ec-verity", b"\6\3" + ec[2:], ec_der)
    seed("ec-portable", b"\5" + ec[1:], ec_der)
    seed("ec-portable-version-3", b"\5\3" + ec[2:], ec_der)
    seed("ec-of-rsa-key", ec[:3] + rsa[3:7] + ec[7:], pem)
    seed("ml-dsa", b"\3\3\4" + b"\1\2\3\4" + struct.pack(">H", 2420) + b"\x5a" * 2420)
    seed("digest-field", DIGEST)
    seed("digest-field-verity", b"verity:" + DIGEST)
    seed("bad-digest-field-size", DIGEST[:-1])
    seed("bad-digest-field-type", b"tpm:" + DIGEST)
    seed("bad-version-1", rsa[:1] + b"\1" + rsa[2:])
    seed("bad-type", b"\4" + rsa[1:])
    seed("bad-verity-version-2", b"\6" + ec[1:])
    seed("bad-hash", ec[:2] + b"\x17" + ec[3:])
    seed("bad-cut-header", ec[:8])
    seed("bad-cut", ec[:-1])
    seed("bad-trailing", ec + b"\0")


def der(tag, *parts):
    content = b"".join(parts)
    digits = b"" if len(content) < 128 else len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content if digits else bytes([tag, len(content)]) + content


def modsig_seeds():
    """CMS SignedData, RFC 5652, with a signature of zeros: the keys of the tests are made when they run."""
    key = (KEYS / "rsa.crt.der").read_bytes()
    skid = key[key.index(bytes.fromhex("0603551d0e04160414")) + 9 :][:20]
    data, signed = der(6, bytes.fromhex("2a864886f70d010701")), der(6, bytes.fromhex("2a864886f70d010702"))
    sha256 = der(0x30, der(6, bytes.fromhex("608648016503040201")))
    rsa = der(0x30, der(6, bytes.fromhex("2a864886f70d010101")), der(5))
    pss = der(0x30, der(6, bytes.fromhex("2a864886f70d01010a")))
    ml_dsa = der(0x30, der(6, bytes.fromhex("608648016503040312")))
    issuer = der(0x30, der(0x31, der(0x30, der(6, b"\x55\4\3"), der(12, b"x"))))
    by_issuer, by_skid = der(0x30, issuer, der(2, b"\1")), der(0x80, skid)

    def attribute(oid, value):
        return der(0x30, der(6, bytes.fromhex(oid)), der(0x31, value))

    kind, digest = attribute("2a864886f70d010903", data), attribute("2a864886f70d010904", der(4, b"\0" * 32))
    other_kind = attribute("2a864886f70d010903", signed)

    def signer(name=by_skid, attributes=b"", scheme=rsa, hash_algorithm=sha256):
        version = b"\3" if name == by_skid else b"\1"
        attributes = der(0xA0, attributes) if attributes else b""
        return der(0x30, der(2, version), name, hash_algorithm, attributes, scheme, der(4, b"\0" * 256))

    def cms(*signers, content=b""):
        content = der(0x30, data, der(0xA0, der(4, content))) if content else der(0x30, data)
        body = der(0x30, der(2, b"\3"), der(0x31, sha256), content, der(0x31, *signers))
        return der(0x30, signed, der(0xA0, body))

    def seed(name, blob):
        write("modsig_fuzz", name, with_key(key, blob))

    blob = cms(signer())
    seed("skid", blob)
    seed("issuer", cms(signer(by_issuer)))
    seed("attributes", cms(signer(attributes=kind + digest)))
    seed("pss", cms(signer(scheme=pss)))
    seed("ml-dsa", cms(signer(scheme=ml_dsa)))
    seed("bad-attributes-without-digest", cms(signer(attributes=kind)))
    seed("bad-attributes-of-another-kind", cms(signer(attributes=other_kind + digest)))
    seed("bad-hash", cms(signer(hash_algorithm=rsa)))
    seed("bad-content", cms(signer(), content=b"x"))
    seed("bad-two-signers", cms(signer(), signer(by_issuer)))
    seed("bad-no-signer", cms())
    seed("bad-data", der(0x30, data, der(0xA0, der(4, b"x"))))
    seed("bad-cut", blob[:-1])
    seed("bad-cut-length", blob[:2])
    seed("bad-trailing", blob + b"\0")
    seed("bad-indefinite", b"\x30\x80" + blob[4:] + b"\0\0")


def payload_record(name, body, pcr=10, flags=0, own=b""):
    return bytes([flags, pcr, len(name)]) + name.encode() + u32(len(body)) + body + own


def segment_seeds():
    own = struct.pack("<HBB", 4, 0, 20) + b"\xab" * 20
    ng = records("sha1")[0][3]
    listed = b"".join(
        payload_record(name, body, pcr, 0 if any(digest) else 1)
        for pcr, digest, name, body, _ in records("sha1")[:12]
    )
    write("segment_fuzz", "list", listed)
    write("segment_fuzz", "own-digest", payload_record("ima-ng", ng, flags=2, own=own))
    write("segment_fuzz", "ima", payload_record("ima", ima_body(b"/bin")))
    write("segment_fuzz", "bad-flags", payload_record("ima-ng", ng, flags=4))
    write("segment_fuzz", "bad-violation-with-digest", payload_record("ima-ng", ng, flags=3, own=own))
    write("segment_fuzz", "bad-own-algorithm", payload_record("ima-ng", ng, flags=2, own=b"\xff\xff" + own[2:]))
    write("segment_fuzz", "bad-own-padded", payload_record("ima-ng", ng, flags=2, own=own[:2] + b"\x02" + own[3:]))
    write("segment_fuzz", "bad-pcr", payload_record("ima-ng", ng, pcr=24))
    write("segment_fuzz", "bad-cut", payload_record("ima-ng", ng)[:-1])
    write("segment_fuzz", "bad-ima-short", payload_record("ima", b"\xcd" * 10))
    # One frame without compression, RFC 8878: magic, header with the content's size in one byte, a raw last block.
    raw = payload_record("x", b"")
    frame = b"\x28\xb5\x2f\xfd\x20" + bytes([len(raw)]) + struct.pack("<I", len(raw) << 3 | 1)[:3] + raw
    write("segment_fuzz", "frame", frame)
    write("segment_fuzz", "bad-frame-trailing", frame + b"more")
    write("segment_fuzz", "bad-frame-cut", frame[:-1])


def digest_seeds():
    bodies = [r[3] for r in records("sha256")]

    def messages(*parts):
        return b"".join(bytes([len(p)]) + p for p in parts)

    write("digest_fuzz", "list", messages(*[body for body in bodies if len(body) < 256]))
    write("digest_fuzz", "around-blocks", messages(*[b"x" * n for n in (0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128)]))
    write("digest_fuzz", "one", messages(bodies[0][:255]))


def import_seeds():
    encoded = [r[4] for r in records("sha1")[:8]]

    def lists(options, *parts):
        return bytes([options]) + b"".join(struct.pack("<H", len(p)) + p for p in parts)

    whole, head, tail = b"".join(encoded), b"".join(encoded[:6]), b"".join(encoded[4:])
    write("import_fuzz", "one", lists(0, whole))
    write("import_fuzz", "grown", lists(0, head, whole))
    write("import_fuzz", "overlap", lists(1, head, tail))
    write("import_fuzz", "after", lists(0, b"".join(encoded[1:3]), b"".join(encoded[3:5])))
    write("import_fuzz", "pcrs", lists(2, head, tail))
    write("import_fuzz", "empty", lists(0, b"", whole, b""))
    write("import_fuzz", "bad-ambiguous", lists(0, head, tail))
    write("import_fuzz", "bad-another-boot", lists(0, tail, whole))
    write("import_fuzz", "bad-cut", lists(0, whole[:-1]))


def policy_text(**members):
    policy = {
        "meta": {"version": 1, "generator": 3},
        "release": 0,
        "digests": {"/usr/bin/a": ["aa" * 32, "bb" * 20], "boot_aggregate": ["cc" * 32]},
        "excludes": ["/tmp/.*"],
        "keyrings": {".ima": ["dd" * 32]},
        "ima": {"ignored_keyrings": ["*"], "log_hash_alg": "sha256", "dm_policy": None},
        "ima-buf": {"kexec-cmdline": ["ee" * 32]},
        "verification-keys": json.dumps({"keyids": [7], "pubkeys": ["Zm9v"]}),
    }
    return json.dumps(policy | members)


SUPERSET = {
    "version": 1,
    "algorithms": ["sha1", "sha256"],
    "any_path": ["aa" * 32],
    "boot_aggregates": ["11" * 32],
    "verity_digests": {"/usr/bin/v": ["22" * 32]},
    "path_classes": {"c": {"paths": ["/a"], "patterns": ["/b.*"]}},
    "violations": {"classes": ["c"]},
    "signatures": [{"where": {"patterns": ["/lib/.*"]}, "keyrings": [".ima"]}],
    "records": {"pcrs": [10], "templates": ["ima-sig"]},
    "updates": [{"name": "u", "from_record": 1, "to_record": 2, "old": {"/a": ["33" * 32]}, "new": {"/a": ["44" * 32]}}],
    "packages": [{"name": "p", "version": "1", "architecture": "amd64", "digests": ["aa" * 32]}],
}


def policy_seeds():
    def seed(name, text, modes=b"\0\1"):
        for mode in modes:
            write("policy_fuzz", f"{name}-{'strict' if mode == 0 else 'keylime'}", bytes([mode]) + text.encode())

    seed("plain", policy_text())
    seed("superset", policy_text(imakeep=SUPERSET))
    seed("look-around", policy_text(excludes=["(?!/usr)/.*"]), b"\1")
    seed("odd-digest", policy_text(digests={"/a": ["a" * 41]}), b"\1")
    seed("bad-look-around", policy_text(excludes=["(?!/usr)/.*"]), b"\0")
    seed("bad-slow", policy_text(excludes=["(a+)+$"]), b"\1")
    seed("bad-hex", policy_text(digests={"/a": ["AA" * 32]}), b"\0")
    seed("bad-twice", policy_text()[:-1] + ', "release": 1}', b"\0")
    seed("bad-nested", policy_text(x=json.loads("[" * 20 + "]" * 20)), b"\0")
    seed("bad-unknown", policy_text(imakeep=SUPERSET | {"x": 1}), b"\0")
    seed("bad-cut", policy_text()[:-1], b"\0")


def appraisal_corpus():
    return json.loads((ROOT.parent / "testdata" / "appraisal" / "corpus.json").read_text())


def appraisal_seeds():
    """The records and lines of testdata/appraisal: one seed for each subject, and the added keys before its records."""
    corpus = appraisal_corpus()
    keys = []
    for name in ("rsa", "ec"):
        certificate = base64.b64decode(corpus["keys"][name])
        digest = b"sha256:\0" + hashlib.sha256(certificate).digest()
        keys.append(record("ima-buf", fields(digest, b".ima\0", certificate)))
    subjects = {}
    for case in corpus["cases"]:
        for step in case["steps"]:
            subjects.setdefault((case["about"], "line" in step), []).append(step)
    for (about, has_lines), steps in subjects.items():
        name = "-".join("".join(c if c.isalnum() else " " for c in about).split()).lower()
        if has_lines:
            lines = "\n".join(dict.fromkeys(step["line"] for step in steps)).encode("utf-8", "surrogateescape")
            write("appraisal_fuzz", f"lines-{name}", b"l" + lines)
            continue
        encoded = []
        for of in (step["record"] for step in steps):
            digest = b"\0" * 20 if of.get("violation") else b"\xab" * 20
            encoded.append(record(of["template"], bytes.fromhex(of["body"]), of.get("pcr", 10), digest))
        write("appraisal_fuzz", f"records-{name}", b"r" + b"".join(keys + encoded))
    write("appraisal_fuzz", "lines-without-policy", b"n10 " + b"0" * 40 + b" ima-ng sha1:" + b"a" * 40 + b" /a\n\nx")
    captured = [r[4] for r in records("sha1") if len(r[4]) < 1000]
    write("appraisal_fuzz", "records-captured", b"r" + b"".join(captured[:20]))


def learned_keys_seeds():
    certificates = {name: base64.b64decode(text) for name, text in appraisal_corpus()["keys"].items()}
    certificates["pem"] = (KEYS / "rsa.crt.pem").read_bytes()
    for name, certificate in certificates.items():
        write("learned_keys_fuzz", f"buffer-{name}", b"b" + certificate)

    def saved(*buffers, count=None):
        keys = b"".join(struct.pack("<QH4sI", 9, 4, b".ima", len(b)) + b for b in buffers)
        return b"simklkey1" + u32(len(buffers) if count is None else count) + keys

    rsa, ec = certificates["rsa"], certificates["ec"]
    write("learned_keys_fuzz", "saved", saved(rsa, ec))
    write("learned_keys_fuzz", "saved-empty", saved())
    write("learned_keys_fuzz", "bad-saved-twice", saved(ec, ec))
    write("learned_keys_fuzz", "bad-saved-no-key", saved(b"no key"))
    write("learned_keys_fuzz", "bad-saved-cut", saved(ec)[:-1])
    write("learned_keys_fuzz", "bad-saved-fewer", saved(ec, count=2))
    write("learned_keys_fuzz", "bad-saved-more", saved(ec, count=0))
    write("learned_keys_fuzz", "bad-buffer-trailing", b"b" + ec + b"\0")
    write("learned_keys_fuzz", "bad-buffer-cut", b"b" + ec[:-1])


def envelope_seeds():
    def envelope(text, **members):
        parts = {
            "payload": base64.b64encode(text.encode()).decode(),
            "payloadType": "application/vnd.keylime+json",
            "signatures": [{"keyid": "k", "sig": base64.b64encode(b"\x30\6\2\1\1\2\1\1").decode()}],
        }
        return json.dumps(parts | members).encode()

    write("envelope_fuzz", "signed", envelope(policy_text()))
    write("envelope_fuzz", "signed-numbers", envelope(policy_text(), signatures=[{"sig": "A" * 86 + "=="}]))
    write("envelope_fuzz", "plain", policy_text().encode())
    write("envelope_fuzz", "bad-type", envelope(policy_text(), payloadType="text/plain"))
    write("envelope_fuzz", "bad-base64", envelope(policy_text(), payload="%"))
    write("envelope_fuzz", "bad-in-itself", envelope(envelope(policy_text()).decode()))
    write("envelope_fuzz", "bad-unsigned", envelope(policy_text(), signatures=[]))
    keys = ROOT.parent / "testdata" / "keys"
    write("envelope_fuzz", "key-pem", (keys / "ec.crt.pem").read_bytes())
    write("envelope_fuzz", "key-der", (keys / "rsa.crt.der").read_bytes())


def pattern_seeds():
    def seed(name, pattern, text):
        write("pattern_fuzz", name, pattern.encode() + b"\0" + text)

    seed("directory", "/tmp/.*", b"/tmp/a")
    seed("start", "^(/var|/tmp)(/.*)?$", b"/var")
    seed("class", "[^](*]+\\.log", b"a.log")
    seed("look-around", "(?!/usr)/.*", b"/tmp")
    seed("named-group", "(?P<x>/a)(?P=x)", b"/a/a")
    seed("no-utf8", "/tmp/", b"/tmp/\xff")
    seed("bad-group", "(a)\\1", b"aa")
    seed("bad-slow", "(a+)+$", b"a" * 40 + b"!")
    seed("bad-verb", "(*FAIL)", b"a")
    seed("bad-open", "a(", b"a")
    seed("bad-large", "\\pL{300}" * 3, b"a")


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
P256_Y = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5


def jwt(claims, header=None, change=lambda signature: signature):
    """Signed by the private key 1 with the nonce 1: r is the generator's x, and s is the hash plus r."""
    head = json.dumps(header or {"alg": "ES256", "typ": "eat+jwt", "kid": "g"}).encode()
    text = b64url(head) + "." + b64url(claims)
    r = P256_X % P256_ORDER
    s = (int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") + r) % P256_ORDER
    return (text + "." + b64url(change(r.to_bytes(32, "big") + s.to_bytes(32, "big")))).encode()


def ear_claims(profile, **members):
    def name(veraison, ietf):
        return ietf if profile == "i" else veraison

    digest = "sha256:" + "aa" * 32
    proof = {
        "chain": 1, "first": 0, "n": 9, "pcrs": {"sha256": {"10": b64url(bytes(32))}}, "reset_count": 1, "restart_count": 0,
        "clock": 5, "quote_digest": digest, "policies": [{"id": "p", "digest": digest, "from": 0, "to": 9}], "failed": 1,
        "findings": [{"index": 3, "path": "/a", "reason": "unknown-file", "rule": "p"}], "deletable": 9,
    }
    appraisal = {
        name("ear.status", "ear_status"): "warning",
        name("ear.trustworthiness-vector", "ear_trustworthiness_vector"): {"instance-identity": 2, "executables": 33},
        name("ear.appraisal-policy-id", "ear_appraisal_policy_ids"): name("p", ["p"]),
        name("ear.imakeep.proof", "ear_imakeep_proof"): proof,
    }
    claims = {
        "eat_profile": name("tag:github.com,2023:veraison/ear", "tag:ietf.org,2026:rats/ear#03"),
        "iat": 1800000000, "exp": 1800000300,
        name("ear.verifier-id", "ear_verifier_id"): {"developer": "d", "build": "b"},
        "eat_nonce": "AAAAAAAAAAA=", "submods": {"imakeep": appraisal},
    }
    return json.dumps(claims | members).encode()


def jwt_seeds():
    def seed(name, kind, text):
        write("jwt_fuzz", name, kind.encode() + text)

    seed("token", "t", jwt(ear_claims("i")))
    seed("bad-other-profile", "t", jwt(ear_claims("v")))
    seed("bad-none", "t", jwt(ear_claims("i"), {"alg": "none"}))
    seed("bad-hmac", "t", jwt(ear_claims("i"), {"alg": "HS256", "typ": "eat+jwt", "kid": "g"}))
    seed("bad-critical", "t", jwt(ear_claims("i"), {"alg": "ES256", "typ": "eat+jwt", "kid": "g", "crit": ["x"]}))
    seed("bad-kid", "t", jwt(ear_claims("i"), {"alg": "ES256", "typ": "eat+jwt", "kid": "h"}))
    seed("bad-no-alg", "t", jwt(ear_claims("i"), {"typ": "eat+jwt"}))
    seed("bad-signature", "t", jwt(ear_claims("i"), change=lambda s: s[:-1] + bytes([s[-1] ^ 1])))
    seed("bad-long-signature", "t", jwt(ear_claims("i"), change=lambda s: b"\0" + s[:32] + b"\0" + s[32:]))
    seed("bad-empty-parts", "t", b"..")
    seed("bad-expired", "t", jwt(ear_claims("i", iat=1, exp=2)))
    key = {"kty": "EC", "crv": "P-256", "x": b64url(P256_X.to_bytes(32, "big")), "y": b64url(P256_Y.to_bytes(32, "big"))}
    seed("keys", "k", json.dumps({"keys": [key | {"kid": "a", "use": "sig", "alg": "ES256"}, key | {"kid": "b"}]}).encode())
    seed("keys-of-others", "k", json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, key]}).encode())
    seed("bad-keys-private", "k", json.dumps({"keys": [key | {"d": "AQ"}]}).encode())
    seed("bad-keys-no-point", "k", json.dumps({"keys": [key | {"y": key["x"]}]}).encode())
    for profile, name in (("v", "veraison"), ("i", "ietf")):
        seed(f"claims-{name}", profile, ear_claims(profile))
        seed(f"bad-claims-{name}-submods", profile, ear_claims(profile, submods={}))
        seed(f"bad-claims-{name}-iat", profile, ear_claims(profile, iat=1.5))
    seed("bad-claims-twice", "i", ear_claims("i")[:-1] + b', "iat": 1}')
    seed("bad-claims-nested", "i", b'{"x": ' + b"[" * 40 + b"]" * 40 + b"}")
    seed("accept", "a", b'text/html, application/eat+jwt; q=0.5; eat_profile="tag:ietf.org,2026:rats/ear#03"')
    seed("pem", "p", b"-----BEGIN EC PRIVATE KEY-----\nMDECAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"
         b"oAoGCCqGSM49AwEH\n-----END EC PRIVATE KEY-----\n")
    seed("bad-pem", "p", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


def newc(name, data=b"", mode=0o100644, inode=1, links=1):
    numbers = [inode, mode, 0, 0, links, 0, len(data), 8, 1, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def newc_seeds():
    end = newc(b"TRAILER!!!")
    early = newc(b"kernel/x86/microcode/AuthenticAMD.bin", b"microcode") + end
    main = (newc(b"bin", b"usr/bin", 0o120777) + newc(b"./init", b"#!/bin/sh\n", 0o100755) + newc(b"bin/a b", b"x") +
            newc(b"usr/bin/one", b"", inode=7, links=2) + newc(b"usr/bin/two", b"data", inode=7, links=2) + end)
    write("newc_fuzz", "plain", main)
    write("newc_fuzz", "two", early + b"\0" * 64 + main)
    write("newc_fuzz", "early-gzip", early + gzip.compress(main, mtime=0))
    write("newc_fuzz", "xz", lzma.compress(main))
    write("newc_fuzz", "bad-cut", main[:200])
    write("newc_fuzz", "bad-number", main.replace(b"070701000", b"07070100g", 1))
    write("newc_fuzz", "bad-rest", main + b"rest")


def deb822_seeds():
    sha = b"ab" * 32
    write("deb822_fuzz", "status",
          b"Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: all\nConffiles:\n /etc/a 0123\n "
          b"/etc/b 4567 obsolete\nFilename: pool/a.deb\nSize: 5\nSHA256: " + sha + b"\n\nPackage: gone\nStatus: "
          b"deinstall ok config-files\n")
    write("deb822_fuzz", "release",
          b"Suite: stable\nCodename: bookworm\nAcquire-By-Hash: yes\nValid-Until: Sat, 18 Jul 2026 10:16:37 UTC\n"
          b"SHA256:\n " + sha + b" 12 main/binary-all/Packages.xz\n")
    write("deb822_fuzz", "diversions", b"/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n")
    write("deb822_fuzz", "bad-continuation", b" first\n")
    write("deb822_fuzz", "bad-twice", b"A: 1\na: 2\n")


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data, kind, link in files:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def ar(*members):
    out = b"!<arch>\n"
    for name, data in members:
        out += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(data)) + data + b"\n" * (len(data) % 2)
    return out


def deb_seeds():
    text = b"Package: a\nVersion: 1\nArchitecture: all\nMulti-Arch: same\n"
    control = tar([("./control", text, tarfile.REGTYPE, ""), ("./postinst", b"#!/bin/sh\n", tarfile.REGTYPE, "")])
    data = tar([("./usr/", b"", tarfile.DIRTYPE, ""), ("./usr/bin/a", b"a", tarfile.REGTYPE, ""),
                ("./usr/bin/b", b"", tarfile.LNKTYPE, "./usr/bin/a"), ("./usr/bin/c", b"", tarfile.SYMTYPE, "a")])
    version = (b"debian-binary", b"2.0\n")
    write("deb_fuzz", "gzip", ar(version, (b"control.tar.gz", gzip.compress(control, mtime=0)),
                                 (b"data.tar.gz", gzip.compress(data, mtime=0))))
    write("deb_fuzz", "xz", ar(version, (b"control.tar.xz", lzma.compress(control)), (b"data.tar.xz", lzma.compress(data))))
    write("deb_fuzz", "plain", ar(version, (b"control.tar", control[:2048]), (b"data.tar", data[:3072])))
    write("deb_fuzz", "bad-order", ar(version, (b"data.tar.gz", gzip.compress(data, mtime=0))))
    write("deb_fuzz", "bad-link", ar(version, (b"control.tar.gz", gzip.compress(control, mtime=0)),
                                     (b"data.tar.gz", gzip.compress(tar([("b", b"", tarfile.LNKTYPE, "a")]), mtime=0))))


def cbor_head(kind, number):
    """The head of a CBOR item: RFC 8949, section 3."""
    if number < 24:
        return bytes([kind << 5 | number])
    for more, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | more]) + number.to_bytes(size, "big")


def cbor(value):
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(cbor(each) for each in value)
    return cbor_head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())


def evidence_seeds():
    def seed(name, kind, text):
        write("evidence_fuzz", name, kind.encode() + text)

    def evidence(change=lambda members: members, piece_bytes=255):
        members = {1: 1, 2: "t", 3: "h", 4: bytes(28), 5: b"q", 6: b"s", 7: {"sha1": {0: bytes(20)}}, 8: 3, 9: 1, 10: 0,
                   11: 0, 12: 0, 14: plain}
        return bytes([piece_bytes]) + cbor(change(members))

    plain = u32(10) + u32(7) + b"ima-buf" + u32(4) + b"0123"
    # A zstd frame of one raw block: RFC 8878, section 3.1.
    frame = bytes.fromhex("28b52ffd20") + bytes([len(plain)]) + (len(plain) << 3 | 1).to_bytes(3, "little") + plain
    part = {11: 1, 13: bytes(32)}
    seed("evidence", "e", evidence())
    seed("evidence-pieces", "e", evidence(piece_bytes=0))
    seed("evidence-zstd", "e", evidence(lambda m: m | {10: 1, 14: frame}))
    seed("evidence-part", "e", evidence(lambda m: {key: value for key, value in sorted((m | part).items())
                                                   if key not in (5, 6, 7)}))
    seed("evidence-violation", "e", evidence(lambda m: m | {14: u32(1 << 31 | 11) + plain[4:]}))
    seed("evidence-chunks", "e", evidence(lambda m: m | {9: 0, 14: b""})[:-1] + b"\x5f\x40\xff")
    seed("bad-evidence-count", "e", evidence(lambda m: m | {9: 2}))
    seed("bad-evidence-version", "e", evidence(lambda m: m | {1: 2}))
    seed("bad-evidence-frame", "e", evidence(lambda m: m | {10: 1, 14: frame[:-1]}))
    seed("bad-evidence-long", "e", evidence()[: -len(plain) - 1] + bytes.fromhex("5bffffffffffffffff"))
    seed("cmw-json", "j", b'["application/eat+jwt","AAAA",8]')
    seed("bad-cmw-json-collection", "j", b'{"a":["a/b","AAAA"]}')
    seed("cmw-cbor", "c", cbor(["application/eat+cwt", b"0123", 4]))
    seed("cmw-cbor-format", "c", cbor([30001, b"0123"]))
    seed("bad-cmw-cbor-collection", "c", cbor({"a": ["a/b", b""]}))
    message = {"version": 1, "tenant": "t", "host": "h"}
    b64 = base64.b64encode(b"0123").decode()
    enrolment = {"version": 1, "enrolment": "e-1"}
    messages = {
        "request": ("q", message | {"banks": ["sha256", "x"], "reset_count": 1, "records": 2}),
        "challenge": ("h", {"version": 1, "nonce": b64url(bytes(32)), "token": b64url(bytes(28)), "chain": 1, "first": 0,
                            "reset_count": 1, "pcrs": {"sha256": [0, 10]}, "limits": {"records": 9, "bytes": 9},
                            "policies": ["sha256:" + "a" * 64], "interval_s": 60}),
        "enrolment": ("r", message | {"ek_certificates": [b64], "ek_public": b64, "ak_public": b64,
                                      "ak_certificates": [b64], "token": "t"}),
        "credential": ("d", enrolment | {"credential": b64}),
        "proof": ("p", enrolment | {"secret": b64}),
        "result": ("s", {"version": 1, "status": "enrolled"}),
    }
    for name, (kind, content) in messages.items():
        text = json.dumps(content).encode()
        seed(name, kind, text)
        seed(f"bad-{name}-version", kind, json.dumps(content | {"version": 2}).encode())
        seed(f"bad-{name}-twice", kind, text[:-1] + b', "version": 1}')


def bundle_seeds():
    plain = u32(10) + u32(7) + b"ima-buf" + u32(4) + b"0123"
    frame = bytes.fromhex("28b52ffd20") + bytes([len(plain)]) + (len(plain) << 3 | 1).to_bytes(3, "little") + plain
    quote = [1, 7, b"q", b"s", b"k", {"sha1": {0: bytes(20)}}]

    def seed(name, change=lambda members: members, piece_bytes=255, end=b""):
        members = {1: "imakeep evidence bundle", 2: 1, 3: "h", 4: 5, 5: 1, 6: 0, 7: b"", 8: [quote], 9: 1, 10: frame, 11: bytes(32)}
        members = change(members)
        whole = cbor_head(5, len(members))
        for key, value in members.items():
            whole += cbor(key) + (b"\x5f" + cbor(value) + b"\xff" if key == 10 else cbor(value))
        write("bundle_fuzz", name, bytes([piece_bytes]) + whole + end)

    seed("bundle")
    seed("bundle-pieces", piece_bytes=0)
    seed("bundle-no-quote", lambda m: m | {8: []})
    seed("bundle-certificate", lambda m: m | {7: bytes(40)})
    seed("bundle-big-endian", lambda m: m | {6: 1})
    seed("bundle-two-quotes", lambda m: m | {8: [quote, quote]})
    seed("bad-bundle-version", lambda m: m | {2: 2})
    seed("bad-bundle-count", lambda m: m | {9: 2})
    seed("bad-bundle-quote", lambda m: m | {8: [[2] + quote[1:]]})
    seed("bad-bundle-nested", lambda m: m | {8: [[[[1]]]]})
    seed("bad-bundle-frame", lambda m: m | {10: frame[:-1]})
    seed("bad-bundle-member", lambda m: {key: value for key, value in m.items() if key != 9})
    seed("bad-bundle-end", end=b"\0")


def enrol_seeds():
    def sized(content):
        return struct.pack(">H", len(content)) + content

    point = sized(P256_X.to_bytes(32, "big")) + sized(P256_Y.to_bytes(32, "big"))
    ecdsa = bytes.fromhex("0010" "0018000b" "0003" "0010")
    aes = bytes.fromhex("000600800043" "0010" "0003" "0010")
    for name, attributes, parameters in (("ak", 0x50072, ecdsa), ("ek", 0x300B2, aes), ("bad-ak", 0x40072, ecdsa)):
        area = bytes.fromhex("0023000b") + struct.pack(">I", attributes) + sized(b"") + parameters + point
        write("enrol_fuzz", name, b"a" + sized(area))
    write("enrol_fuzz", "credential", b"c" + bytes.fromhex("badcc0de00000001") + sized(b"i" * 70) + sized(b"s" * 68))
    keys = ROOT.parent / "testdata" / "keys"
    write("enrol_fuzz", "certificate", b"x" + (keys / "ec.crt.der").read_bytes())
    write("enrol_fuzz", "certificate-padded", b"x" + (keys / "ec.crt.der").read_bytes() + b"\xff" * 9)
    write("enrol_fuzz", "trust", b"t" + (keys / "ec.crt.pem").read_bytes())
    write("enrol_fuzz", "pins", b"p# EK\nsha256:" + b"a" * 64 + b"\n")


if __name__ == "__main__":
    newc_seeds()
    deb822_seeds()
    deb_seeds()
    record_seeds()
    ascii_seeds()
    pcr_file_seeds()
    quote_seeds()
    signature_seeds()
    modsig_seeds()
    segment_seeds()
    import_seeds()
    digest_seeds()
    policy_seeds()
    envelope_seeds()
    pattern_seeds()
    jwt_seeds()
    appraisal_seeds()
    learned_keys_seeds()
    evidence_seeds()
    bundle_seeds()
    enrol_seeds()
