#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the keeper, its view, the appraisal and the verifier on purpose, one place at a time, and checks that their tests notice it.

Each file tests/mutations/NAME.patch is one mutation: a sentence that says what is broken, an empty line, and the diff
of one source file as `git diff --full-index` writes it. The tool applies the patch to a copy of the tree below
build/mutation, builds the tests of that file, runs them until one fails, and restores the file. If the file mounts or
serves the view, the tests run the program itself, which takes root and /dev/fuse. Before that, the tests must pass on
the unbroken copy. The tool prints a line for each mutation and exits with 1 if one survives. $IMAKEEP_JOBS says how
many compilers run at once (default: 2).

A patch may still apply after its file has changed. Its `index` line names the blob that it was made from. If the
checkout has this blob, git merges the patch with the file (`git apply --3way`). If not, as in a shallow clone or
without a checkout, the lines around the change must be those of the patch. A patch that does not apply is stale.
docs/hacking.md says how to add a mutation and how to repair a stale one.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "tests" / "mutations"
TREE = ROOT / "build" / "mutation"
# As deep below the tree as a build of the tree itself, for ccache.
OUT = TREE / "build" / "out"
TESTS = ["locate_test", "keeper_test", "keeper_captures_test", "keeper_crash_test", "keeper_schedule_test"]
WHOLE_LIST = ["whole_list_test", "view_files_test"]
# For these files the scripts below, of tests/e2e, run the program itself.
END_TO_END = ["src/daemon/view_keeper.cc", "src/daemon/keep_loop.cc", "src/view/mount/mount_child.cc",
              "src/view/mount/mount_guard.cc", "src/view/mount/view_mounts.cc", "src/view/libfuse/view_server.cc"]
SCRIPTS = [["view.sh", "{program}", "{testdata}"],
           ["view_readers.py", "{program}", "--restart", "handover", "--bind"],
           ["view_readers.py", "{program}"],
           ["faults.sh", "{program}", "{testdata}", "^mounter_"]]


@dataclass(frozen=True)
class Mutation:
    name: str
    what: str  # the sentence at the patch's beginning
    file: str  # the path in the tree of the file that it changes
    patch: Path


def read_mutation(patch):
    text = patch.read_text()
    files = re.findall(r"^diff --git a/(\S+) b/\1$", text, re.MULTILINE)
    if len(files) != 1:
        sys.exit(f"{patch.relative_to(ROOT)}: not a diff of one file with the paths a/FILE and b/FILE; make it with "
                 "git diff --full-index")
    what = text.partition("diff --git ")[0]
    return Mutation(name=patch.stem, what=" ".join(what.split()), file=files[0], patch=patch)


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


class PatchedTree:
    """A copy of the tree to whose files git applies one patch at a time.

    git gets a repository of its own, outside the copy, which sees the objects of the checkout, if ROOT is one.
    """

    def __init__(self, tree, files):
        self.tree = tree
        self.repository = tempfile.TemporaryDirectory()
        # The user's configuration could change what git writes into files.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.environment.update(GIT_DIR=self.repository.name, GIT_WORK_TREE=str(tree), GIT_CONFIG_GLOBAL="/dev/null",
                                GIT_CONFIG_NOSYSTEM="1")
        objects = run(["git", "-C", str(ROOT), "rev-parse", "--path-format=absolute", "--git-path", "objects"])
        if objects.returncode == 0:
            self.environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = objects.stdout.strip()
        self.originals = {file: (tree / file).read_bytes() for file in files if (tree / file).is_file()}
        for command in (["init", "--quiet"], ["add", "--force", "--", *sorted(self.originals)]):
            done = self.git(*command)
            if done.returncode != 0:
                sys.exit(f"git {command[0]} failed for {tree}:\n" + done.stdout)

    def git(self, *words):
        return run(["git", *words], cwd=self.tree, env=self.environment)

    def apply(self, mutation):
        """Returns whether the patch applies. A patch that leaves the file as it is does not count as applied."""
        if mutation.file not in self.originals:
            return False
        # A merge fails if the place has moved within the file. Its lines may then still be those of the patch.
        for merge in (["--3way"], []):
            applied = self.git("apply", *merge, "--whitespace=nowarn", str(mutation.patch))
            same = (self.tree / mutation.file).read_bytes() == self.originals[mutation.file]
            if applied.returncode == 0 and not same:
                return True
            self.restore(mutation.file)
        return False

    def restore(self, file):
        (self.tree / file).write_bytes(self.originals[file])
        self.git("add", "--", file)  # --3way needs an index that is like the file


def copy_tree():
    TREE.mkdir(parents=True, exist_ok=True)
    for part in ["src", "apps", "tests", "cmake", "testdata", "docs", "packaging"]:
        shutil.rmtree(TREE / part, ignore_errors=True)
        # With times of now: what a run before this one broke is built anew.
        shutil.copytree(ROOT / part, TREE / part, copy_function=shutil.copyfile)
    shutil.copy(ROOT / "CMakeLists.txt", TREE)


def build(targets):
    return run(["cmake", "--build", str(OUT), "-j" + os.environ.get("IMAKEEP_JOBS", "2"), "--target", *targets])


def tests_of(file):
    """Programs to build, and the commands that test a file."""
    def binary(test, *options):
        return [str(OUT / "bin" / test), "--gtest_fail_fast", *options]

    if file.startswith("src/appraisal"):
        return ["appraisal_test"], [binary("appraisal_test")]
    if file in ("src/attest/increment.cc", "src/attest/verified_chain.cc"):
        return ["attest_test", "verifier_test"], [binary("attest_test"), binary("verifier_test")]
    if file.startswith(("src/evidence/", "src/enrol/")):
        own = file.split("/")[1] + "_test"
        return [own, "verifier_test"], [binary(own), binary("verifier_test")]
    if file.startswith("src/bundle/"):
        return ["bundle_test"], [binary("bundle_test")]
    if file.startswith("src/logappraisal/"):
        return ["logappraisal_test", "verifier_test"], [binary("logappraisal_test"), binary("verifier_test")]
    if file.startswith("src/attester/direct"):
        return ["attest_direct_test"], [binary("attest_direct_test")]
    if file.startswith("src/verifier/"):
        return ["verifier_test"], [binary("verifier_test")]
    if file == "src/archive/retention.cc":
        return ["archive_contract_test"], [binary("archive_contract_test")]
    if file.startswith("src/archive"):
        return ["archive_fault_test"], [binary("archive_fault_test", "--gtest_filter=*SyncsEveryCommit*")]
    if Path(file).stem == "mountinfo":
        return ["view_mount_test"], [binary("view_mount_test")]
    if Path(file).stem == "catch_up":
        return ["view_test"], [binary("view_test", "--gtest_filter=CatchUp*")]
    if file.endswith(("whole_list.cc", "view_files.cc")):
        return WHOLE_LIST, [binary(test) for test in WHOLE_LIST]
    if file in END_TO_END:
        words = {"program": OUT / "bin/imakeep", "testdata": ROOT / "testdata"}
        return ["imakeep"], [[str(ROOT / "tests/e2e" / script[0]), *(word.format(**words) for word in script[1:])]
                             for script in SCRIPTS]
    return TESTS, [binary(test) for test in TESTS]


def passes(command, environment):
    """What hangs is ended with all that it started, by a signal that lets a script clean up."""
    with tempfile.TemporaryFile() as output:
        test = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
        for how in (None, signal.SIGTERM, signal.SIGKILL):
            if how:
                os.killpg(test.pid, how)
            try:
                return test.wait(600 if how is None else 60) == 0
            except subprocess.TimeoutExpired:
                pass
    return False


def name_stale(wanted):
    """Names each patch that does not apply to the sources as they are. Changes nothing in the tree."""
    lost = 0
    with tempfile.TemporaryDirectory() as directory:
        for file in {mutation.file for mutation in wanted if (ROOT / mutation.file).is_file()}:
            copy = Path(directory, file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, copy)
        tree = PatchedTree(Path(directory), {mutation.file for mutation in wanted})
        for mutation in wanted:
            if tree.apply(mutation):
                tree.restore(mutation.file)
            else:
                lost += 1
                print(f"stale: {mutation.patch.relative_to(ROOT)} does not apply to {mutation.file}")
    sys.exit(1 if lost else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the name and the sentence of each; run nothing")
    parser.add_argument("--stale", action="store_true",
                        help="name each patch that does not apply to the sources, and exit with 1 if one does not; "
                             "run nothing")
    parser.add_argument("words", nargs="*", metavar="NAME",
                        help="part of a patch's file name; only patches that contain one are used (default: all)")
    options = parser.parse_args()
    wanted = [read_mutation(patch) for patch in sorted(PATCHES.glob("*.patch"))
              if not options.words or any(word in patch.stem for word in options.words)]
    if not wanted:
        parser.error("no mutation has such a name; --list prints all names")
    if options.list:
        for mutation in wanted:
            print(f"{mutation.name}: {mutation.what}")
        return
    if options.stale:
        name_stale(wanted)
    copy_tree()
    configure = run(["cmake", "-S", str(TREE), "-B", str(OUT), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                     "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"])
    if configure.returncode != 0:
        sys.exit("cannot configure:\n" + configure.stdout[-3000:])
    environment = dict(os.environ, IMAKEEP_SCHEDULES=os.environ.get("IMAKEEP_SCHEDULES", "2000"),
                       IMAKEEP_FAIL_FAST="1")
    files = sorted({mutation.file for mutation in wanted})
    parts = [tests_of(file) for file in files]
    unbroken = build(sorted({program for programs, _ in parts for program in programs}))
    if unbroken.returncode != 0:
        sys.exit("cannot build the unbroken tree:\n" + unbroken.stdout[-3000:])
    for command in sorted({tuple(command) for _, commands in parts for command in commands}):
        if not passes(command, environment):
            sys.exit(f"fails on the unbroken tree: {' '.join(command)}")
    tree = PatchedTree(TREE, files)
    survived = []
    for mutation in wanted:
        if not tree.apply(mutation):
            survived.append(mutation)
            print(f"{mutation.name}: STALE, does not apply to {mutation.file}", flush=True)
            continue
        started = time.monotonic()
        programs, commands = tests_of(mutation.file)
        built = build(programs)
        if built.returncode != 0:
            verdict = "does not build:\n" + built.stdout[-1500:]
        else:
            failed = next((command for command in commands if not passes(command, environment)), None)
            verdict = "SURVIVED" if failed is None else f"found by {Path(failed[0]).name}"
        if not verdict.startswith("found"):
            survived.append(mutation)
        tree.restore(mutation.file)
        print(f"{mutation.name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(wanted) - len(survived)} of {len(wanted)} mutations found")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
