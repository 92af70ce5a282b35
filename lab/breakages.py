#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks imakeep on purpose, for `lab/run --self-test`: each breakage must make a suite of the lab fail.

  lab/breakages.py                 a line each: NAME, the suite, the check that has to fail, with tabs between
  lab/breakages.py NAME COPY       makes or updates a copy of the tree that is broken so; what stays the same is not written
  lab/breakages.py --stale         whether each still has its one place in the sources
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["src", "apps", "cmake", "docs", "packaging", "CMakeLists.txt"]  # what imakeep is built from

# name, suite, a regular expression for the failed check, file, and pairs of what is there once and what takes its place
BREAKAGES = [
    ("an errno changed in imakeep's list", "conformance", "answer the same", "src/mlist/measurement_list.cc",
     [('refuse(EEXIST, "records are staged already")', 'refuse(EBUSY, "records are staged already")')]),
    # The keeper waits before A, so that records come in after its last look. It then drops one of them, unproven.
    ("a record dropped by the keeper", "keep-stage", "verified by the quote|nothing was found", "src/keeper/trim.cc",
     [("state.chain.end, views, source_.bank()",
       "state.chain.end, std::span(views).first(views.size() - (views.empty() ? 0 : 1)), source_.bank()"),
      ("  if (!staged) {\n", "  if (!staged) {\n    clock_.sleep_ms(300);\n"),
      ("    if (!proves_exactly(end, left, *evidence)) return std::nullopt;\n    state.row.proven = state.chain.end + batch.size();\n", "")]),
    ("a byte flipped in the archive", "crash", "the archive is sound", "src/archive/segment.cc",
     [("  frame.resize(bytes);", "  frame.resize(bytes);\n  frame[bytes / 2] ^= std::byte{1};")]),
]


def has_its_places(root, breakage):
    text = (root / breakage[3]).read_text()
    return all(text.count(there) == 1 for there, _ in breakage[4])


def update(path, content):
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main(arguments):
    if not arguments:
        for name, suite, check, *_ in BREAKAGES:
            print(f"{name}\t{suite}\t{check}")
        return 0
    if arguments == ["--stale"]:
        lost = [breakage[0] for breakage in BREAKAGES if not has_its_places(ROOT, breakage)]
        for name in lost:
            print(f"breakage without a place: {name}")
        return 1 if lost else 0
    name, copy = arguments
    breakage = next(b for b in BREAKAGES if b[0] == name)
    if not has_its_places(ROOT, breakage):
        sys.exit(f"{breakage[3]} has not the one place of each part of: {name}")
    for part in PARTS:
        for file in [ROOT / part] if (ROOT / part).is_file() else (ROOT / part).rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                if file == ROOT / breakage[3]:
                    for there, instead in breakage[4]:
                        content = content.replace(there.encode(), instead.encode())
                update(Path(copy) / file.relative_to(ROOT), content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
