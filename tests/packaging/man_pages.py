#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""man_pages.py PROGRAM... DOCS: the man pages name each command and option that --help names, and no others.

A page's heading `## imakeep log import` begins the options of that command. docs/imakeep.toml and imakeep.toml(5) name
the same keys.
"""
import pathlib
import re
import subprocess
import sys
import tomllib

failures = []
checks = 0


def check(name, fine, why):
    global checks
    checks += 1
    print(("ok    " if fine else "FAIL  ") + name + ("" if fine else ": " + why))
    if not fine:
        failures.append(name)


def help_of(program, command):
    text = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=True).stdout
    parts = {}
    part = ""
    for line in text.splitlines():
        if heading := re.fullmatch(r"([A-Z][a-z]+):", line):
            part = heading[1]
        elif entry := re.match(r"  (\S+)", line):
            parts.setdefault(part, []).append(entry[1])
    options = {re.sub(r"\{.*", "", name) for names in parts.get("Options", []) for name in names.split(",")}
    return options, parts.get("Subcommands", [])


def commands_of(program, command=()):
    options, below = help_of(program, command)
    found = {" ".join((pathlib.Path(program).name, *command)): options}
    for name in below:
        found |= commands_of(program, (*command, name))
    return found


def options_of(source):
    """The options that a page defines, by heading; a definition is a line that begins with an option in bold."""
    sections = {}
    heading = ""
    for line in source.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            if line.startswith("## "):
                sections[heading] = set()
        elif line.startswith("*-"):
            sections.setdefault(heading, set()).update(re.findall(r"\*(-[^*]+)\*", line))
    return sections


def compare(name, expected, found):
    missing = ", ".join(sorted(expected - found))
    wrong = ", ".join(sorted(found - expected))
    check(name, expected == found, f"the page lacks {missing or 'nothing'}; it has and --help has not: {wrong or 'nothing'}")


def main():
    programs, docs = sys.argv[1:-1], pathlib.Path(sys.argv[-1])
    commands = {}
    for program in programs:
        commands |= commands_of(program)
    known = set().union(*commands.values())
    described = {}
    pages = sorted((docs / "man").glob("*.scd"))
    for page in pages:
        source = page.read_text()
        title = page.name.removesuffix(".scd")
        made = subprocess.run(["scdoc"], input=source, capture_output=True, text=True)
        check(f"{title} is made", made.returncode == 0, made.stderr.strip())
        first = source.splitlines()[0]
        check(f"{title} has its title", first == re.sub(r"\.(\d)$", r"(\1)", title), first)
        mentioned = set(re.findall(r"\*(--?[a-z0-9][a-z0-9-]*)\*", source))
        check(f"{title} mentions real options only", mentioned <= known, ", ".join(sorted(mentioned - known)))
        referred = set(re.findall(r"\*(imakeep[a-z.-]*)\*\((\d)\)", source))
        there = {tuple(other.name.removesuffix(".scd").rsplit(".", 1)) for other in pages}
        check(f"{title} refers to pages that are there", referred <= there, str(sorted(referred - there)))
        if page.stem != "imakeep.toml.5":
            described |= options_of(source)
    compare("every command has its options in a page", set(commands), set(described))
    for command, options in commands.items():
        compare(f"options of {command}", options, described.get(command, set()))

    keys = set(tomllib.loads((docs / "imakeep.toml").read_text()))
    defined = set(re.findall(r"^\*(\w+)\*$", (docs / "man/imakeep.toml.5.scd").read_text(), re.MULTILINE))
    compare("keys of imakeep.toml", keys, defined)
    flags = {"--" + key.replace("_", "-") for key in keys}
    check("every key is an option of imakeep keep", flags <= commands["imakeep keep"],
          ", ".join(sorted(flags - commands["imakeep keep"])))
    print(f"{checks} checks, {len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
