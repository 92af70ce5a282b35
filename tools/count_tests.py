#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""count_tests.py FILE: prints "PASSED FAILED SKIPPED" of a JUnit file that ctest wrote. Fails if it names no test.
count_tests.py --not-passed FILE: prints what each test that failed or was skipped said last, under its name, without its
checks that held."""
import sys
import xml.etree.ElementTree as tree

LINES = 60

cases = tree.parse(sys.argv[-1]).getroot().findall("testcase")
if not cases:
    sys.exit("no tests in " + sys.argv[-1])
if sys.argv[1] == "--not-passed":
    for case in cases:
        if case.get("status") != "run":
            print("----", case.get("name"), case.get("status"))
            lines = (case.findtext("system-out") or "").splitlines()
            print(*[line for line in lines if not line.startswith("ok ")][-LINES:], sep="\n")
else:
    statuses = [case.get("status") for case in cases]
    passed, failed = statuses.count("run"), statuses.count("fail")
    print(passed, failed, len(cases) - passed - failed)
