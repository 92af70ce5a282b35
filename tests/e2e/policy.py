#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of `imakeep policy` that need no mirror: outputs, exit codes, and one line for each error.

    tests/e2e/policy.py IMAKEEP TESTDATA
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

IMAKEEP = pathlib.Path(sys.argv[1]).resolve()
TESTDATA = pathlib.Path(sys.argv[2]).resolve()
CAPTURES = TESTDATA / "linux-7.3.4"
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs/reference/policy.schema.json"
failed = 0


def check(claim, what):
    global failed
    if not claim:
        failed += 1
        print("FAILED:", what)


def policy(*arguments, code=0, **options):
    result = subprocess.run([IMAKEEP, "policy", *map(str, arguments)], capture_output=True, text=True, **options)
    check(result.returncode == code, f"policy {arguments}: exit {result.returncode}, not {code}: {result.stderr}")
    return result


def valid(text, what):
    try:
        import jsonschema
    except ImportError:
        return
    errors = [e.message for e in jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(json.loads(text))]
    check(not errors, f"{what} is valid: {errors[:3]}")


def from_log(work):
    for capture in ("templates/binary_runtime_measurements_sha1", "templates/binary_runtime_measurements_sha512",
                    "staging/0-before/binary_runtime_measurements_sha256", "flush/4-final/binary_runtime_measurements_sha384"):
        text = policy("from-log", CAPTURES / capture).stdout
        valid(text, capture)
        check(json.loads(text)["meta"]["generator"] == 3, "generator 3")
    listed = policy("from-log", CAPTURES / "templates/binary_runtime_measurements_sha256")
    check("violation of" in listed.stderr, f"violations are named: {listed.stderr}")
    subprocess.run([IMAKEEP, "log", "import", "--archive", work / "archive",
                    CAPTURES / "templates/binary_runtime_measurements_sha1"], check=True, capture_output=True)
    archived = policy("from-log", "--archive", work / "archive").stdout
    check(archived == listed.stdout, "an archive gives what its list gives")
    policy("from-log", "--archive", work / "archive", "--chain", 7, code=2)
    policy("from-log", code=2)
    policy("from-log", work / "missing", code=3)
    check("--exclude" in policy("from-log", "--exclude", "(", CAPTURES / "staging/0-before/binary_runtime_measurements_sha256",
                                code=2).stderr, "a bad pattern")
    return listed.stdout


def from_root(work):
    root = work / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/a b").write_text("x")
    (root / "tmp").mkdir()
    (root / "tmp/t").write_text("x")
    text = policy("from-root", root, "--algorithm", "sha1", "--algorithm", "sha256").stdout
    valid(text, "from-root")
    digests = json.loads(text)["digests"]
    check(list(digests) == ["/usr/bin/a_b"] and len(digests["/usr/bin/a_b"]) == 2, f"from-root: {digests}")
    policy("from-root", work / "missing", code=3)
    policy("from-root", root, "--algorithm", "sha7", code=2)
    (work / "noise").write_text("no initramfs")
    check("no compressed data" in policy("from-root", root, "--initramfs", work / "noise", code=1).stderr, "no initramfs")
    return text


def two_policies(work, logged, rooted):
    (work / "log.json").write_text(logged)
    (work / "root.json").write_text(rooted)
    policy("merge", work / "log.json", work / "root.json", "--output", work / "all.json")
    valid((work / "all.json").read_text(), "merge")
    policy("diff", work / "all.json", work / "all.json")
    check("+ digests /usr/bin/a_b" in policy("diff", work / "log.json", work / "all.json", code=1).stdout, "diff")
    found = json.loads(policy("diff", "--json", work / "all.json", work / "log.json", code=1).stdout)
    check(found["removed"] == 1 and found["added"] == 0, f"diff --json: {found['removed']}")
    policy("merge", work / "log.json", work / "root.json", "--update", "u", "--from-record", 9, "--to-record", 8, code=2)
    policy("merge", work / "log.json", "--update", "u", code=2)
    policy("merge", work / "log.json", work / "root.json", "--from-record", 9, code=2)
    bracket = policy("merge", work / "log.json", work / "root.json", "--update", "u", "--from-record", 9).stdout
    valid(bracket, "merge --update")
    (work / "bracket.json").write_text(bracket)
    check('by update "u" for records from 9' in policy("explain", work / "bracket.json", "/usr/bin/a_b").stdout, "explain")
    policy("explain", work / "all.json", "/usr/bin/none", code=1)
    check(json.loads(policy("explain", "--json", work / "all.json", "boot_aggregate").stdout)["accepted"], "explain --json")
    # Nothing is replaced that should stay.
    before = (work / "log.json").read_bytes()
    check("is an input" in policy("merge", work / "log.json", work / "root.json", "--output", work / "log.json", code=2).stderr,
          "an input as output")
    check((work / "log.json").read_bytes() == before, "the input stays")
    policy("merge", work / "log.json", "--output", work / "noise", code=2)
    policy("merge", work / "log.json", "--output", work / "none/policy", code=3)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            lost = subprocess.run([IMAKEEP, "policy", "merge", work / "log.json"], stdout=full, stderr=subprocess.PIPE)
            check(lost.returncode == 3, "a full standard output is reported")


def check_and_sign(work):
    check("0 errors, 0 warnings" in policy("check", work / "all.json").stdout, "check")
    (work / "bad.json").write_text((work / "all.json").read_text().replace('"release"', '"releases"'))
    check("release" in policy("check", work / "bad.json", code=1).stdout, "check names the member")
    for name, text in (("bad.json", None), ("text", "no policy"), ("twice", '{"meta": 1, "meta": 2}')):
        if text:
            (work / name).write_text(text)
        result = policy("merge", work / name, code=1)
        check(result.stderr.count("\n") == 1 and name in result.stderr, f"one line: {result.stderr}")
    key, public = work / "key.pem", work / "pub.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    policy("sign", work / "all.json", "--key", key, "--output", work / "signed.json")
    policy("check", work / "signed.json", "--key", public)
    policy("check", work / "all.json", "--key", public, code=1)
    check(policy("diff", work / "signed.json", work / "all.json").returncode == 0, "an envelope is read")
    check("no private key" in policy("sign", work / "all.json", "--key", public, code=1).stderr, "a public key")
    check("is an input" in policy("sign", work / "all.json", "--key", key, "--output", key, code=2).stderr, "the key")


def what_if(work):
    archive, other = work / "archive", work / "other"
    subprocess.run([IMAKEEP, "log", "import", "--archive", other, CAPTURES / "staging/0-before/binary_runtime_measurements_sha1"],
                   check=True, capture_output=True)
    against = ("--against", archive, "--against", other)
    plain = policy("check", work / "log.json", *against, code=1)
    check(f"refused {archive} 1 52 2 - violation - /data/openw\n" in plain.stdout, f"a dry run: {plain.stdout}")
    check(f"{archive}, chain 1: 135 records, 4 refused\n" in plain.stdout, "  with counts")
    check(plain.stderr.count("\n") == 1 and "log.json refuses " in plain.stderr, f"  and one line: {plain.stderr}")
    check(f"{other}, chain 1: " in plain.stdout, "  of each archive")
    same = policy("check", work / "log.json", *against, "--before", work / "log.json").stdout
    check(" 0 refused that were accepted, " in same and "4 refused as before" in same, f"the same policy: {same}")
    document = json.loads((work / "log.json").read_text())
    name = next(name for name in document["digests"] if name.startswith("/"))
    del document["digests"][name]
    document["imakeep"] = {"version": 1, "violations": {"paths": ["/data/openw"]}}
    (work / "changed.json").write_text(json.dumps(document))
    changed = json.loads(policy("check", work / "changed.json", "--before", work / "log.json", "--against", archive, "--json", code=1).stdout)
    found = {(c["change"], c["path"]) for c in changed["changes"]}
    check(found == {("refused", name), ("accepted", "/data/openw")}, f"changes: {found}")
    check(changed["changes"][0]["archive"] == str(archive) and changed["chains"][0]["refused"] >= 1, "where they are")
    better = policy("check", work / "log.json", "--before", work / "changed.json", "--against", archive, code=1)
    check(f"accepted {archive} 1 " in better.stdout, f"the other way round: {better.stdout}")
    policy("check", work / "log.json", "--against", archive, "--mode", "keylime", code=1)
    policy("check", work / "log.json", "--before", work / "log.json", code=2)
    for arguments, code, text in ((("--against", work / "none"), 3, "none"), ((*against, "--before", work / "none"), 3, "none"),
                                  ((*against, "--against", archive), 2, "archive"),
                                  ((*against, "--keys", work / "root"), 2, "has no key")):
        result = policy("check", work / "log.json", *arguments, code=code)
        check(result.stderr.count("\n") == 1 and text in result.stderr, f"one line: {result.stderr}")
        check(result.stdout == "", "and no answer")


def main():
    with tempfile.TemporaryDirectory(prefix="imakeep-policy-") as folder:
        work = pathlib.Path(folder)
        logged = from_log(work)
        rooted = from_root(work)
        two_policies(work, logged, rooted)
        check_and_sign(work)
        what_if(work)
    print("failed:", failed)
    return 1 if failed else 0


sys.exit(main())
