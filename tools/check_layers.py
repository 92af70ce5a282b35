#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the layers of the tree against tools/layers.txt.

    tools/check_layers.py [TREE]      TREE is another copy of the tree (default: this one)

Fails, and names the place, on
  - an #include, in quotes or angle brackets, of a layer that the including layer may not see;
  - an #include of a private header from outside its directory;
  - a CMake target that depends on the target of a layer that it may not see;
  - an arrow of layers.txt that no #include uses;
  - a circle of arrows.
A layer is a directory of src/ or apps/, an adapter is a directory in a layer. Tests next to their sources count as their
layer. tests/, bench/ and fuzz/ may include every header.
"""
import graphlib
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')
LIBRARY = re.compile(r"imakeep_library\((\w+)(.*?)\)", re.DOTALL)
SECTION = re.compile(r"\b(SOURCES|DEPENDS|TESTS|TEST_DEPENDS|TEST_LABELS)\b")


class Tree:
    def __init__(self, root):
        self.root = root
        self.arrows = {}
        self.private = set()
        self.faults = []
        self.used = set()
        for line in (root / "tools/layers.txt").read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("private "):
                self.private.update(line.split()[1:])
                continue
            name, _, seen = line.partition("->")
            self.arrows.setdefault(name.strip(), set()).update(seen.split())

    def layer_of(self, path):
        """The longest name in layers.txt that contains the path, or None."""
        for depth in range(len(path.parts) - 1, 0, -1):
            name = "/".join(path.parts[:depth])
            if name in self.arrows:
                return name
        return None

    def check_arrow(self, where, layer, target, what):
        if target in (layer, layer.split("/")[0]):
            return
        if what == "include":
            self.used.add((layer, target))
        if target not in self.arrows[layer]:
            self.faults.append(f"{where}: {layer} -> {target} ({what}) is not in tools/layers.txt")

    def check_includes(self, file, layer, path):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = f"{file.relative_to(self.root)}:{number}"
            included = self.name_in_tree(file, match[1])
            target = self.layer_of(included)
            if target is None:
                if path.stem.endswith("_test") and included.parts[0] == "support":
                    continue
                if '"' in line:
                    self.faults.append(f"{where}: {included} is in no layer")
                elif (self.root / "src" / included).exists():
                    self.faults.append(f"{where}: {included} is a header of this tree in no layer")
                continue
            if str(included) in self.private and included.parent != path.parent:
                self.faults.append(f"{where}: {included} is private to its directory")
            self.check_arrow(where, layer, target, "include")

    def name_in_tree(self, file, name):
        """The included header's path as the layers have it: below src/, or from the root of the tree on."""
        sibling = (file.parent / name).resolve()
        if sibling.exists():
            for base in (self.root / "src", self.root):
                if sibling.is_relative_to(base):
                    return pathlib.PurePosixPath(sibling.relative_to(base))
        return pathlib.PurePosixPath(name)

    def check_sources(self):
        for base in (self.root / "src", self.root / "apps"):
            for file in sorted(base.rglob("*.h")) + sorted(base.rglob("*.cc")):
                path = pathlib.PurePosixPath(file.relative_to(base if base.name == "src" else self.root))
                layer = self.layer_of(path)
                if layer is None:
                    self.faults.append(f"{file.relative_to(self.root)}: its directory is no layer of tools/layers.txt")
                else:
                    self.check_includes(file, layer, path)

    def layer_of_target(self, name):
        """The layer whose CMake target is imakeep_NAME, or None: "archive_sqlite" is archive/sqlite."""
        return next((layer for layer in self.arrows if layer.replace("/", "_") == name), None)

    def check_targets(self):
        for lists in sorted((self.root / "src").rglob("CMakeLists.txt")):
            where = lists.relative_to(self.root)
            for name, body in LIBRARY.findall(lists.read_text()):
                layer = self.layer_of_target(name)
                if layer is None:
                    self.faults.append(f"{where}: imakeep_{name} is the target of no layer")
                    continue
                parts = SECTION.split(body)
                depends = parts[parts.index("DEPENDS") + 1].split() if "DEPENDS" in parts else []
                for depend in depends:
                    if not depend.startswith("imakeep_"):
                        continue
                    target = self.layer_of_target(depend.removeprefix("imakeep_"))
                    if target is None:
                        self.faults.append(f"{where}: imakeep_{name} depends on {depend}, the target of no layer")
                    else:
                        self.check_arrow(where, layer, target, "CMake target")

    def check_use(self):
        for layer, seen in self.arrows.items():
            for target in sorted(seen):
                if target not in self.arrows:
                    self.faults.append(f"tools/layers.txt: {layer} -> {target}, which is no layer")
                elif (layer, target) not in self.used:
                    self.faults.append(f"tools/layers.txt: no #include uses {layer} -> {target}")
        for header in self.private:
            if not (self.root / "src" / header).exists():
                self.faults.append(f"tools/layers.txt: {header} is private and does not exist")


    def check_circles(self):
        try:
            graphlib.TopologicalSorter(self.arrows).prepare()
        except graphlib.CycleError as circle:
            self.faults.append(f"tools/layers.txt: a circle: {' <- '.join(circle.args[1])}")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    tree = Tree(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default)
    tree.check_sources()
    tree.check_targets()
    tree.check_use()
    tree.check_circles()
    for fault in tree.faults:
        print(fault)
    print(f"layers: {len(tree.arrows)} layers, {len(tree.used)} arrows in use, {len(tree.faults)} faults")
    return 1 if tree.faults else 0


sys.exit(main())
