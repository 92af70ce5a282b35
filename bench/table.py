#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of docs/performance.md from the JSON results of the benchmarks, NAME.json in a folder.

    table.py FOLDER [--print]

Replaces the text between the two markers in docs/performance.md, or prints it.
"""
import json
import pathlib
import platform
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs/performance.md"
BEGIN, END = "<!-- bench/run begins -->", "<!-- bench/run ends -->"
UNIT_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def load(path):
    results = json.loads(pathlib.Path(path).read_text())["benchmarks"]
    return {re.sub(r"/(iterations:\d+|manual_time|real_time)", "", r["name"]): r for r in results}


def ns(result, clock="real_time"):
    return result[clock] * UNIT_NS[result["time_unit"]]


def pretty(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def verdict(met):
    return "met" if met else "**missed**"


def write_between(begin, end, text):
    """Replaces the text between the two markers in docs/performance.md."""
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def append_rows(runs):
    hashing = ns(runs["append/hashing_alone"], "cpu_time")
    for records in (0, 1_000_000):
        took = ns(runs[f"append/records_in_list/{records}"], "cpu_time")
        yield (f"append, two banks, {records:,} records in the list",
               f"{pretty(took)}; the hashing alone {pretty(hashing)}: {took / hashing:.2f} ×",
               "≤ 1.3 ×", verdict(took / hashing <= 1.3) if records else "")


def request_rows(runs, locks):
    sizes = (1_000, 100_000, 1_000_000, 10_000_000)
    for request in "ADN":
        times = [ns(runs[f"{request}/whole_request/{n}"]) for n in sizes]
        text = ", ".join(f"{n:,}: {pretty(t)}" for n, t in zip(sizes, times))
        target = "the same at every length" if request == "A" else "(the lock: below)"
        met = verdict(times[-1] <= 10 * times[0]) if request == "A" else ""
        yield f"`{request}`, whole request, by records", text, target, met
    for request in ("append", "A", "D", "N"):
        held = [locks[f"{request}_{part}_ns"] for part in ("median", "p999", "longest")]
        text = " / ".join(pretty(h) for h in held)
        yield f"lock held by {request}: median / 99.9 % / longest", text, "" if request == "append" else "constant", ""


def memory_rows(runs):
    targets = (("kept", 48, 40), ("flushed", 48, 0), ("none", 48, 0))
    for number, (mode, full, after) in enumerate(targets):
        run = runs[f"memory/kept_flushed_none/{number}"]
        yield (f"memory a record beyond its {run['data']:.0f} bytes of data, table {mode}", f"{run['beyond_data']:.1f} B",
               f"≤ {full} B", verdict(run["beyond_data"] <= full + 0.5))
        yield (f"memory a record after `D`, table {mode}", f"{run['after_D']:.1f} B", f"≤ {after} B",
               verdict(run["after_D"] <= after + 0.5))


def read_rows(runs):
    for place, goal in (("process", 1e9), ("fuse", 3e8)):
        for what in ("binary_sha1", "binary_sha256", "ascii_sha256"):
            sizes = (10_000, 100_000, 1_000_000)
            # In process by the CPU's clock, through FUSE by the wall's: there two processes work.
            clock = "cpu_time" if place == "process" else "real_time"
            rates = []
            for n in sizes:
                run = runs[f"read/{place}/{what}/{n}"]
                rates.append(run["list_bytes"] / (ns(run, clock) / 1e9))
            text = ", ".join(f"{n:,}: {rate / 1e6:.0f} MB/s" for n, rate in zip(sizes, rates))
            yield f"read {place}, {what}, by records", text, f"≥ {goal / 1e6:.0f} MB/s, linear", verdict(min(rates) >= goal)


def archive_rows(runs):
    sizes = runs["archive/sizes"]
    yield (f"archive, {sizes['records']:,.0f} records of /usr ({sizes['list_bytes']:.0f} bytes each in a sha1 list)",
           f"{sizes['file_bytes']:.1f} B a record", "≤ 60 B", verdict(sizes["file_bytes"] <= 60))
    hashing = ns(runs["archive/hashing_alone"]) / sizes["records"]
    for banks in (1, 2, 4):
        run = runs[f"archive/ingest/{banks}"]
        took = ns(run) / run["records"]
        hashing_alone = f"; the hashing alone {pretty(hashing)}: {took / hashing:.2f} ×" if banks == 2 else ""
        yield (f"archive, taking in, {banks} bank{'s' if banks > 1 else ''}, durable every 16,384 records",
               f"{1e9 / took:,.0f} records/s, {pretty(took)} a record{hashing_alone}", "≥ 500,000/s", verdict(1e9 / took >= 5e5))
    for bank in ("sha1", "sha256"):
        run = runs[f"archive/export/{bank}"]
        rate = run["bytes"] / (ns(run, "cpu_time") / 1e9)
        yield f"archive, export, binary_{bank}", f"{rate / 1e6:.0f} MB/s", "≥ 300 MB/s", verdict(rate >= 3e8)
    first = ns(runs["archive/first_record"])
    yield "archive, first record from anywhere", pretty(first), "≤ 5 ms", verdict(first <= 5e6)
    check = ns(runs["archive/check"]) / sizes["records"]
    yield "archive, check, two banks", f"{1e9 / check:,.0f} records/s", "", ""


KEEPER_LENGTHS = (10_000, 100_000, 1_000_000)


def keeper_rows(runs, memory):
    def by_length(name):
        return [ns(runs[f"{name}/{n}"]) for n in KEEPER_LENGTHS]

    def text(times, compared):
        return ", ".join(f"{n:,}: {pretty(t)} ({t / b:.1f} ×)" for n, t, b in zip(KEEPER_LENGTHS, times, compared))

    stage, needed = by_length("hold/stage"), by_length("reading_and_one_commit")
    yield ("keeper, list held for itself, by stage (× reading what is staged and one commit)", text(stage, needed),
           "≤ 1.0 ×", verdict(all(t <= n for t, n in zip(stage, needed))))
    count, request = by_length("hold/count"), by_length("one_commit_and_n")
    yield ("keeper, list held for itself, by count (× one commit and `N` itself)", text(count, request),
           "constant", verdict(max(count) <= 1.5 * min(count)))
    peaks = [memory[f"keeper/memory/{n}"]["peak_bytes"] for n in KEEPER_LENGTHS]
    yield ("keeper, memory at most, at the first meeting with a list",
           ", ".join(f"{n:,}: {p / 1e6:.1f} MB" for n, p in zip(KEEPER_LENGTHS, peaks)), "the same at every length",
           # A list shorter than what is committed at once takes less.
           verdict(peaks[-1] <= 1.1 * peaks[-2]))


VIEW_FILES = ("binary_runtime_measurements_sha256", "ascii_runtime_measurements_sha256")


def view_rows(runs):
    def rates(name, file):
        found = [runs[f"{name}/{file}/{n}"] for n in KEEPER_LENGTHS]
        return [run["list_bytes"] / (ns(run) / 1e9) for run in found]

    def by_length(texts):
        return ", ".join(f"{n:,}: {text}" for n, text in zip(KEEPER_LENGTHS, texts))

    for file in VIEW_FILES:
        made, listed = rates("view/read_view_first", file), rates("view/read_list_again", file)
        text = by_length(f"{rate / 1e6:.0f} MB/s ({rate / of_list:.2f} ×)" for rate, of_list in zip(made, listed))
        yield (f"view, reading {file} by 128 KiB, nothing made before (× the list itself through FUSE)", text,
               "≥ 300 MB/s, linear", verdict(min(made) >= 3e8))
    first = [ns(runs[f"view/first_byte/{n}"]) for n in KEEPER_LENGTHS]
    yield "view, first byte anywhere, the longest of 20", by_length(map(pretty, first)), "≤ 5 ms", verdict(max(first) <= 5e6)
    start = [ns(runs[f"view/start/{n}"]) for n in KEEPER_LENGTHS]
    yield "view, from the keeper's start until all is shown", by_length(map(pretty, start)), "", ""
    alone, with_readers = ns(runs["view/trim/alone"]), ns(runs["view/trim/with_readers_200"])
    yield ("trim, with 200 readers of the view", f"{pretty(with_readers)}; alone {pretty(alone)}: {with_readers / alone:.1f} ×",
           "≤ 2 ×", verdict(with_readers <= 2 * alone))


def policy_rows(runs):
    parse, compile_ = ns(runs["policy/parse"], "cpu_time"), ns(runs["policy/compile"], "cpu_time")
    digests = f"{runs['policy/compile']['digests']:,.0f}"
    yield (f"policy of {digests} digests, reading and compiling", f"{pretty(parse)} + {pretty(compile_)}", "≤ 3 s",
           verdict(parse + compile_ <= 3e9))
    beyond = runs["policy/memory"]["beyond_digest"]
    yield f"policy of {digests} digests, memory a digest beyond its bytes", f"{beyond:.1f} B", "≤ 64 B", verdict(beyond <= 64)
    look_up, plain = (ns(runs[f"policy/{name}"], "cpu_time") for name in ("look_up", "look_up_unordered_map"))
    yield (f"policy of {digests} digests, look-up (× std::unordered_map)", f"{pretty(look_up)} ({look_up / plain:.1f} ×)",
           "≤ 1 µs", verdict(look_up <= 1e3))


def appraisal_rows(runs):
    for digests in (10_000, 100_000, 1_000_000):
        replay, strict = (ns(runs[f"appraisal/{name}/{digests}"], "cpu_time") for name in ("replay_sha256", "strict"))
        yield (f"appraisal of 1,000,000 records, strict, no signatures, policy of {digests:,} digests (× replay of sha256)",
               f"{1e6 / (strict / 1e9) / 1e6:.2f} M records/s ({replay / strict:.2f} ×)", "≥ 0.5 ×",
               verdict(replay / strict >= 0.5))
    quote, signature = (ns(runs[f"appraisal/{name}"], "cpu_time") for name in ("quote_10", "verify_p256"))
    yield ("one quote with 10 records, pure code (× check of an ECDSA P-256 signature)",
           f"{pretty(quote)} ({signature / quote:.2f} ×)", "≥ 0.5 ×", verdict(signature / quote >= 0.5))


def main():
    folder = pathlib.Path(sys.argv[1])
    runs = load(folder / "list_bench.json")
    locks = next(iter(load(folder / "lock_bench.json").values()))
    archive = load(folder / "archive_bench.json")
    keeper = keeper_rows(load(folder / "keeper_bench.json"), load(folder / "keeper_memory.json"))
    policy = policy_rows(load(folder / "policy_bench.json"))
    appraisal = appraisal_rows(load(folder / "appraisal_bench.json"))
    view = view_rows(load(folder / "view_bench.json"))
    lines = [f"Measured on {cpu_name()}, {platform.system()} {platform.release()}, g++ -O3.", "",
             "| what | measured | target | |", "|---|---|---|---|"]
    for rows in (append_rows(runs), request_rows(runs, locks), memory_rows(runs), read_rows(runs),
                 archive_rows(archive), keeper, view, policy, appraisal):
        lines += [f"| {what} | {measured} | {target} | {met} |" for what, measured, target, met in rows]
    table = "\n".join(lines)
    if "--print" in sys.argv:
        print(table)
        return
    write_between(BEGIN, END, table)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
