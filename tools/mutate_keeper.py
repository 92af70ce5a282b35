#!/usr/bin/env python3
"""Breaks the keeper on purpose, one place at a time, and sees whether its tests fail.

  tools/mutate_keeper.py [NAME...]     all mutations, or those whose name contains one of the words
  tools/mutate_keeper.py --stale       only whether each still has its place in the sources

Each mutation takes away one check, one mark or one commit of the keeper (or one sync of the archive) in a copy of the
tree, builds the keeper's tests and runs them until one fails. Prints a line each; exits 1 if a mutation survives.
"""
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutation"
TESTS = ["keeper_test", "keeper_captures_test", "keeper_crash_test", "keeper_schedule_test"]

# name, file, a regular expression that is found at least `at` + 1 times, its replacement, which of them (from 0)
MUTATIONS = [
    ("stage: no mark", "src/keeper/trim.cc", r"\{\.list = &state\.row, \.pending = &mark\}", "{.list = &state.row}", 0),
    ("stage: mark cleared before D", "src/keeper/trim.cc", r"  const auto deleted = source_\.request\(\"D\\n\"\);",
     '  (void)archive_.clear_pending();\n  const auto deleted = source_.request("D\\\\n");', 0),
    ("stage: new records not committed before D", "src/keeper/trim.cc", r"state\.chain\.end, views, source_\.bank\(\)",
     "state.chain.end, std::vector<archive::IncomingView>(views.begin(), views.begin()), source_.bank()", 0),
    ("stage: PCRs not compared under the hold", "src/keeper/trim.cc",
     r"stands_exactly_at_end\(state, end, left\);\n    if \(!exact\) return unexpected\(exact\.error\(\)\);\n    if \(!\*exact\)",
     "stands_exactly_at_end(state, end, left);\n    if (!exact) return unexpected(exact.error());\n    if (false)", 0),
    ("count: violations in the place of others deleted", "src/keeper/trim.cc",
     r"if \(evidence->count_before <= unsafe\) return std::nullopt;\n    \*records = [^;]*;", "(void)unsafe;", 0),
    ("stage: what is staged not compared with the archive", "src/keeper/trim.cc",
     r"!compared->same \|\| compared->records == 0", "compared->records == 0", 0),
    ("stage: ENOMEM taken for a failure", "src/keeper/trim.cc", r"!deleted && refused_with\(deleted\.error\(\), ENOMEM\)", "false", 0),
    ("count: mark cleared before N", "src/keeper/trim.cc", r"  const auto deleted = source_\.request\(std::to_string",
     "  (void)archive_.clear_pending();\n  const auto deleted = source_.request(std::to_string", 0),
    ("count: PCRs not compared under the hold", "src/keeper/trim.cc",
     r"state\.chain\.end_pcrs, in_list\);\n    if \(!exact\) return unexpected\(exact\.error\(\)\);\n    if \(!\*exact\)",
     "state.chain.end_pcrs, in_list);\n    if (!exact) return unexpected(exact.error());\n    if (false)", 0),
    ("count: nothing left in the list", "src/keeper/trim.cc",
     r"return last_lasting > 0 \? last_lasting : index - std::min<std::uint64_t>\(index, 1\);", "return last_lasting > 0 ? index : index;", 0),
    ("count: EINVAL not taken for a flushed table", "src/keeper/trim.cc", r"!deleted && refused_with\(deleted\.error\(\), EINVAL\)", "false", 0),
    ("count: without PCRs the list not compared", "src/keeper/trim.cc", r"!compared->same \|\| compared->known != in_list", "false", 0),
    ("trim: unproven records deleted", "src/keeper/trim.cc", r"!followed->proven && !options_\.unproven", "false", 0),
    ("trim: a list with altered records trimmed", "src/keeper/trim.cc", r"altered != followed->found\.end\(\)", "false", 0),
    ("trim: head not put down", "src/keeper/trim.cc", r"shape\.advance\(records\);", "", 0),
    ("hold: never closed", "src/keeper/hold.h", r"~Hold\(\) \{ close\(\); \}", "~Hold() = default;", 0),
    ("follow: archives what the PCRs do not cover", "src/keeper/follow.cc", r"\*state, placement\.fits_until, !with_pcrs", "*state, placement.records, !with_pcrs", 0),
    ("follow: an anchor proves itself", "src/keeper/follow.cc", r"with_pcrs && !\(state->anchor && state->anchor->number == end\)", "with_pcrs", 0),
    ("follow: mark never cleared", "src/keeper/follow.cc", r"\.clear_pending = decides && state->pending\.has_value\(\), \.incidents", ".clear_pending = false, .incidents", 0),
    ("follow: anchored though records come in", "src/keeper/follow.cc", r"const bool settled = evidence\.settled \|\| !with_pcrs;", "const bool settled = true;", 0),
    ("follow: no second look", "src/keeper/follow.cc", r"\(placed->misfit \|\| placed->placement->in_flight \|\|", "(placed->placement &&", 0),
    ("follow: no anchor", "src/keeper/follow.cc", r"with_pcrs && settled && worth_it \? &anchor : nullptr", "worth_it ? nullptr : nullptr", 0),
    ("follow: incidents not put down", "src/keeper/follow.cc", r"\.incidents = incidents\},\n", ".incidents = {}},\n", 0),
    ("follow: others judged by a look that tells nothing", "src/keeper/follow.cc", r"placement\.certain \|\| evidence\.settled \|\| !with_pcrs;", "true;", 0),
    ("follow: mark of a closed chain stays", "src/keeper/follow.cc", r"\.clear_pending = last->pending\.has_value\(\)", ".clear_pending = false", 0),
    ("follow: altered digest kept for a proven record", "src/keeper/follow.cc", r"placement\.fits_until, !with_pcrs, beside", "placement.fits_until, true, beside", 0),
    ("follow: a list that is never quiet never archived", "src/keeper/follow.cc", r"unsettled_ < kPatience", "true", 0),
    ("follow: an anchor for every record that does not fit", "src/keeper/follow.cc", r"const bool worth_it = !same_break", "const bool worth_it = true || !same_break", 0),
    ("place: a damaged segment stops the archiving", "src/keeper/placement.cc", r"!archived && \(!damaged \|\| evidence_\.pcrs\.empty\(\)\)", "!archived", 0),
    ("place: what was archived unproven not explained", "src/keeper/placement.cc", r"std::max\(known_->proven, chain\.first_kept\)", "chain.end", 0),
    ("mark: not believed", "src/keeper/chain_state.cc", r"pending && pending->first == shape\.head\(\)", "false", 0),
    ("place: known records not compared", "src/keeper/placement.cc", r"!\*record \|\| \(!damaged && !\(\(\*record\)->content\(\) == \*\*archived\)\)\) return std::nullopt;", "!*record) return std::nullopt;", 0),
    ("place: PCRs may stand anywhere before the count", "src/keeper/placement.cc", r"\(known \+ \*held >= least \|\| \(in_flight && !evidence_\.settled\)\)", "true", 0),
    ("place: an extend on the way that is not", "src/keeper/placement.cc", r"in_flight && !evidence_\.settled", "in_flight", 0),
    ("place: a list that became shorter taken for whole", "src/keeper/placement.cc", r"known \+ \*found > most", "most == 0", 0),
    ("place: a kexec's drops not looked for", "src/keeper/candidates.cc", r"if \(found\.start_length > 0 && found\.start_length < list_\.size\(\)\)", "if (false)", 0),
    ("place: deletions behind staged records not looked for", "src/keeper/candidates.cc", r"    if \(at\) add_split\(staged\.size\(\), \*at\);", "    (void)at;", 0),
    ("place: one that needs an extend on the way taken at once", "src/keeper/placement.cc", r"if \(fits > 1\)", "if (false)", 0),
    ("place: another kernel's list taken for this one's", "src/keeper/placement.cc", r"if \(!overlaps \|\| all\[base\]\.gone > 0 \|\| all\[base\]\.known > restored_\)", "if (!overlaps)", 0),
    ("place: without PCRs another kernel's list taken for this one's", "src/keeper/placement.cc",
     r"\(!other_kernel\(\) \|\| \(candidate\.known > 0 && candidate\.known <= restored_\)\)", "(true)", 0),
    ("place: violations taken for sure signs", "src/keeper/placement.cc", r"if \(counts && !\(\*record\)->content\(\)\.violation\) return true;", "if (counts) return true;", 0),
    ("place: a violation taken for a mark to go by", "src/keeper/placement.cc", r"!\(\*archived\)->violation && ", "", 0),
    ("place: an archive ahead not noticed", "src/keeper/placement.cc", r"    if \(\*ahead\) \{", "    if (false) {", 0),
    ("archive: commits not synced", "src/archive/sqlite/open.cc", r"PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", 0),
]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def copy_tree():
    tree = COPY / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    for part in ["src", "apps", "tests", "cmake", "testdata", "docs", "packaging"]:
        shutil.rmtree(tree / part, ignore_errors=True)
        # With times of now: what a run before this one broke is built anew.
        shutil.copytree(ROOT / part, tree / part, copy_function=shutil.copyfile)
    shutil.copy(ROOT / "CMakeLists.txt", tree)
    return tree


def build(targets):
    return run(["cmake", "--build", str(COPY / "out"), "-j2", "--target", *targets])


def tests_of(file):
    if file.startswith("src/archive"):
        return [("archive_fault_test", ["--gtest_filter=*SyncsEveryCommit*"])]
    return [(test, []) for test in TESTS]


def stale():
    lost = [m[0] for m in MUTATIONS if len(list(re.finditer(m[2], (ROOT / m[1]).read_text()))) <= m[4]]
    for name in lost:
        print(f"mutation without a place: {name}")
    sys.exit(1 if lost else 0)


def main():
    if sys.argv[1:] == ["--stale"]:
        stale()
    wanted = [m for m in MUTATIONS if not sys.argv[1:] or any(word in m[0] for word in sys.argv[1:])]
    tree = copy_tree()
    configure = run(["cmake", "-S", str(tree), "-B", str(COPY / "out"), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                     "-DCMAKE_CXX_FLAGS_RELEASE=-O1", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"])
    if configure.returncode != 0:
        sys.exit("cannot configure:\n" + configure.stdout[-3000:])
    environment = dict(os.environ, IMAKEEP_SCHEDULES=os.environ.get("IMAKEEP_SCHEDULES", "2000"))
    unbroken = build(TESTS + ["archive_fault_test"])
    if unbroken.returncode != 0:
        sys.exit("cannot build the unbroken tree:\n" + unbroken.stdout[-3000:])
    for test in TESTS:
        ran = run([str(COPY / "out/bin" / test)], env=environment)
        if ran.returncode != 0:
            sys.exit(f"{test} fails on the unbroken tree:\n" + ran.stdout[-3000:])
    survived = []
    for name, file, pattern, replacement, at in wanted:
        path = tree / file
        original = path.read_text()
        places = list(re.finditer(pattern, original))
        if len(places) <= at:
            survived.append(name)
            print(f"{name}: STALE, {file} has no such place", flush=True)
            continue
        place = places[at]
        path.write_text(original[: place.start()] + place.expand(replacement) + original[place.end():])
        started = time.monotonic()
        built = build([test for test, _ in tests_of(file)])
        verdict = None
        if built.returncode != 0:
            verdict = "does not build:\n" + built.stdout[-1500:]
            survived.append(name)
        else:
            for test, options in tests_of(file):
                try:
                    ran = run([str(COPY / "out/bin" / test), "--gtest_fail_fast", *options], env=environment, timeout=600)
                    failed = ran.returncode != 0
                except subprocess.TimeoutExpired:
                    failed = True
                if failed:
                    verdict = f"found by {test}"
                    break
            if verdict is None:
                verdict = "SURVIVED"
                survived.append(name)
        path.write_text(original)
        print(f"{name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(wanted) - len(survived)} of {len(wanted)} mutations found")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
