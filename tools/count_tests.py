#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" of a JUnit file that ctest wrote. Fails if it names no test."""
import sys
import xml.etree.ElementTree as tree

suite = tree.parse(sys.argv[1]).getroot()
cases = suite.findall("testcase")
failed = sum(1 for case in cases if case.get("status") == "fail")
passed = sum(1 for case in cases if case.get("status") == "run")
if not cases:
    sys.exit("no tests in " + sys.argv[1])
print(passed, failed, len(cases) - passed - failed)
