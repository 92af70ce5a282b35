#!/usr/bin/env python3
"""Fails on an #include between layers of src/ that tools/layers.txt does not list.

A layer is a folder of src/, an adapter a folder within a layer. Prints each forbidden arrow with the file and line it
comes from. Tests beside their sources count as their layer; apps/, tests/, bench/ and fuzz/ may include anything.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def allowed_arrows():
    arrows = {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, seen = line.partition("->")
            arrows[name.strip()] = set(seen.split())
    return arrows


def home_of(path, layers):
    """The longest name in layers.txt that the path lies in."""
    for depth in range(len(path.parts) - 1, 0, -1):
        name = "/".join(path.parts[:depth])
        if name in layers:
            return name
    return None


def main():
    arrows = allowed_arrows()
    source = ROOT / "src"
    faults = []
    used = set()
    for file in sorted(source.rglob("*.h")) + sorted(source.rglob("*.cc")):
        home = home_of(file.relative_to(source), arrows)
        if home is None:
            faults.append(f"{file.relative_to(ROOT)}: its folder is no layer of tools/layers.txt")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = home_of(pathlib.PurePath(match[1]), arrows)
            own_layer = home.split("/")[0]
            if target is None or target in (home, own_layer):
                if target is None:
                    faults.append(f"{file.relative_to(ROOT)}:{number}: {match[1]} is in no layer")
                continue
            used.add((home, target))
            if target not in arrows[home]:
                faults.append(f"{file.relative_to(ROOT)}:{number}: {home} -> {target} is not in tools/layers.txt")
    for fault in faults:
        print(fault)
    print(f"layers: {len(arrows)} layers, {len(used)} arrows in use, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
