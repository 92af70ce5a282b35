#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases.json next to it: policies, and what the schema and the reader say about them.

Each case is a merge patch (RFC 7396) for "base". "schema" says whether docs/reference/policy.schema.json accepts it.
"strict" and "keylime" are "accepted" or the pointer at which the reader refuses it in that mode. The digests are made
up.
"""
import json
import pathlib

A, B = "aa" * 32, "bb" * 20
BASE = {
    "meta": {"version": 1, "generator": 3},
    "release": 0,
    "digests": {"/usr/bin/a": [A, B], "boot_aggregate": [A]},
    "excludes": ["/tmp/.*"],
    "keyrings": {".ima": [A]},
    "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None},
    "ima-buf": {"kexec-cmdline": [A]},
    "verification-keys": "",
}
cases = []


def case(name, patch, schema=True, strict="accepted", keylime=None):
    cases.append({"name": name, "patch": patch, "schema": schema, "strict": strict, "keylime": keylime or strict})


def ours(name, members, *args, **kwargs):
    case(name, {"imakeep": {"version": 1} | members}, *args, **kwargs)


def refused(name, patch, pointer):
    case(name, patch, False, pointer)


case("base", {})
case("further members", {"x": {"y": [1]}, "meta": {"x": 1}})
for member in BASE:
    refused(f"without {member}", {member: None}, "(top)")
refused("generator 4", {"meta": {"generator": 4}}, "/meta/generator")
refused("version below 0", {"meta": {"version": -1}}, "/meta/version")
refused("timestamp a number", {"meta": {"timestamp": 1}}, "/meta/timestamp")
refused("release a text", {"release": "0"}, "/release")
refused("upper case", {"digests": {"/b": ["AA" * 32]}}, "/digests/~1b/0")
refused("with algorithm", {"digests": {"/b": ["sha256:" + A]}}, "/digests/~1b/0")
refused("39 digits", {"keyrings": {"k": ["a" * 39]}}, "/keyrings/k/0")
refused("129 digits", {"ima-buf": {"b": ["a" * 129]}}, "/ima-buf/b/0")
refused("no digest", {"digests": {"/b": []}}, "/digests/~1b")
refused("digest no text", {"digests": {"/b": [1]}}, "/digests/~1b/0")
case("41 digits", {"digests": {"/b": ["a" * 41]}}, True, "/digests/~1b/0", "accepted")
refused("exclude no text", {"excludes": [1]}, "/excludes/0")
refused("exclude too long", {"excludes": ["a" * 4097]}, "/excludes/0")
case("look-around", {"excludes": ["(?!/usr)/.*"]}, True, "/excludes/0", "accepted")
case("slow", {"excludes": ["(a+)+$"]}, True, "accepted", "/excludes/0")
case("no pattern", {"excludes": ["a("]}, True, "/excludes/0")
refused("unknown log_hash_alg", {"ima": {"log_hash_alg": "md5"}}, "/ima/log_hash_alg")
refused("dm_policy", {"ima": {"dm_policy": {}}}, "/ima/dm_policy")
refused("keys no text", {"verification-keys": []}, "/verification-keys")
case("keys no JSON", {"verification-keys": "x"}, True, "/verification-keys")

case("version alone", {"imakeep": {"version": 1}})
refused("no version", {"imakeep": {}}, "/imakeep")
refused("version 2", {"imakeep": {"version": 2}}, "/imakeep/version")
ours(
    "everything",
    {
        "algorithms": ["sha1", "sm3"],
        "any_path": [A],
        "boot_aggregates": [B],
        "verity_digests": {"/v": [A]},
        "path_classes": {"c": {"paths": ["/a"], "patterns": ["/b.*"]}},
        "violations": {"classes": ["c"], "paths": [], "patterns": []},
        "signatures": [{"where": {"classes": ["c"]}, "keyrings": [".ima"]}, {"where": {}}],
        "records": {"pcrs": [10, 23], "templates": ["ima-sig"]},
        "updates": [{"name": "u", "from_record": 1, "to_record": 1, "old": {"/a": [A]}, "new": {"/a": [B]}}],
        "packages": [{"name": "p", "version": "1", "architecture": "amd64", "digests": [A]}],
    },
)
for place, members in {
    "x": {"x": 1},
    "path_classes/c/classes": {"path_classes": {"c": {"classes": []}}},
    "violations/x": {"violations": {"x": []}},
    "signatures/0/x": {"signatures": [{"where": {}, "x": 1}]},
    "signatures/0": {"signatures": [{}]},
    "records/x": {"records": {"x": 1}},
    "records/pcrs/0": {"records": {"pcrs": [24]}},
    "records/pcrs": {"records": {"pcrs": []}},
    "records/templates": {"records": {"templates": []}},
    "updates/0/x": {"updates": [{"name": "u", "x": 1}]},
    "updates/0": {"updates": [{}]},
    "updates/0/name": {"updates": [{"name": ""}]},
    "updates/0/from_record": {"updates": [{"name": "u", "from_record": -1}]},
    "updates/0/old/~1a": {"updates": [{"name": "u", "old": {"/a": []}}]},
    "updates": {"updates": [{"name": str(i)} for i in range(101)]},
    "packages/0/x": {"packages": [{"name": "p", "version": "1", "digests": [], "x": 1}]},
    "packages/0": {"packages": [{"name": "p", "version": "1"}]},
    "packages/0/version": {"packages": [{"name": "p", "version": "", "digests": []}]},
    "any_path/0": {"any_path": ["a"]},
    "boot_aggregates": {"boot_aggregates": {}},
    "verity_digests/~1v": {"verity_digests": {"/v": []}},
    "algorithms": {"algorithms": []},
    "algorithms/0": {"algorithms": ["md5"]},
    "path_classes/": {"path_classes": {"": {}}},
}.items():
    ours(f"refused: {place}", members, False, f"/imakeep/{place}")
ours("class that is not there", {"violations": {"classes": ["c"]}}, True, "/imakeep/violations/classes/0")
ours("two algorithms of a length", {"algorithms": ["sha1", "sha256", "sm3"]}, True, "/imakeep/algorithms/2")
ours("update ends before it begins", {"updates": [{"name": "u", "from_record": 2, "to_record": 1}]}, True, "/imakeep/updates/0/to_record")
ours("updates of one name", {"updates": [{"name": "u"}, {"name": "u"}]}, True, "/imakeep/updates/1/name")

out = pathlib.Path(__file__).resolve().parent / "cases.json"
out.write_text(json.dumps({"base": BASE, "cases": cases}, indent=1) + "\n")
