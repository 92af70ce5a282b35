#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks docs/reference/policy.schema.json by a validator that is not ours.

    tests/tools/policy_schema.py [TREE]

The schema must be one; it must say of each case of testdata/policies what the case says; and it must accept each
policy that docs/reference/policy.md shows. policy_test reads the same cases. Ends with 77, skipped, without
python3-jsonschema.
"""
import json
import pathlib
import re
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: no python3-jsonschema")
    sys.exit(77)

TREE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + "/../../..").resolve()
failed = 0


def check(what, expected, actual):
    global failed
    if expected != actual:
        failed += 1
        print(f"FAILED: {what}: expected {expected}, got {actual}")


def merged(value, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


def main():
    schema = json.loads((TREE / "docs/reference/policy.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    data = json.loads((TREE / "testdata/policies/cases.json").read_text())
    for case in data["cases"]:
        check(case["name"], case["schema"], validator.is_valid(merged(data["base"], case["patch"])))
    page = (TREE / "docs/reference/policy.md").read_text()
    shown = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for number, text in enumerate(shown, 1):
        errors = [error.message for error in validator.iter_errors(json.loads(text))]
        check(f"policy {number} of policy.md", [], errors)
    check("number of cases", True, len(data["cases"]) > 40)
    check("policies in policy.md", True, len(shown) > 0)
    print(f"{len(data['cases'])} cases, {len(shown)} policies of the page, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
