#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the results of `imakeep conformance --json` on Linux's list with those on imakeep's own, check by check.

    compare_conformance.py LINUX.json OURS.json docs/fuse-differences.md

The same are: the same status, and the same thing found. Two kinds of difference are allowed, for checks that the document
names in its tables, and no others: that imakeep's list is `exempt` where Linux passes, for checks of the table with the
column "here"; and that Linux's is skipped, for checks of the table with the column "why not on Linux". An entry that is
in the document but was needed nowhere is no difference. Prints each difference; exits with 1 if there is one.
"""

import json
import re
import sys


def listed(document, column):
    """The checks, in backticks, in the column "check" of the table that has the other column."""
    checks, position = set(), None
    for line in document.splitlines():
        if not line.startswith("|"):
            position = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if position is None:
            position = cells.index("check") if "check" in cells and column in cells else -1
        elif position >= 0:
            checks |= set(re.findall(r"`([^`]+)`", cells[position]))
    return checks


def results(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    return report, {check["id"]: check for check in report["checks"]}


def said(check):
    if check is None:
        return "no such check"
    return f"{check['status']}, found {check['found']!r}" + (f" ({check['reason']})" if check["reason"] else "")


def main():
    linux_report, linux = results(sys.argv[1])
    our_report, ours = results(sys.argv[2])
    with open(sys.argv[3], encoding="utf-8") as file:
        document = file.read()
    exempt, only_ours = listed(document, "here"), listed(document, "why not on Linux")

    differences, allowed = [], []
    for key in ("table", "banks", "staging"):
        if linux_report[key] != our_report[key]:
            differences.append(f"{key}: Linux {linux_report[key]}, imakeep {our_report[key]}")
    for name in sorted(linux.keys() | ours.keys()):
        here, there = ours.get(name), linux.get(name)
        if here and there and (here["status"], here["found"]) == (there["status"], there["found"]):
            continue
        check = name.split(":")[0]
        if here and there and check in exempt and (there["status"], here["status"]) == ("pass", "exempt"):
            allowed.append(name)
        elif here and there and check in only_ours and there["status"] == "skip":
            allowed.append(name)
        else:
            differences.append(f"{name}: Linux {said(there)}; imakeep {said(here)}")
    for difference in differences:
        print(difference)
    totals = ", ".join(f"{linux_report['totals'][status]} {status}" for status in ("pass", "fail", "skip"))
    print(f"{len(linux)} results on Linux ({totals}), {len(allowed)} differences that are documented, {len(differences)} others")
    # A report without results is no proof of anything.
    return 1 if differences or len(linux) < 150 else 0


if __name__ == "__main__":
    sys.exit(main())
