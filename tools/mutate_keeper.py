#!/usr/bin/env python3
"""Breaks the keeper and its view on purpose, one place at a time, and sees whether their tests fail.

  tools/mutate_keeper.py [NAME...]     all mutations, or those whose name contains one of the words
  tools/mutate_keeper.py --stale       only whether each still has its place in the sources

Each mutation takes away one check, one mark, one commit, one mount (or one sync of the archive) in a copy of the tree,
builds the tests of that part and runs them until one fails. Those of what mounts and serves the view are run end to end,
which takes root and /dev/fuse. Prints a line each; exits 1 if a mutation survives.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutation"
# As deep below the tree as a build of the tree itself, for ccache.
OUT = TREE / "build" / "out"
TESTS = ["keeper_test", "keeper_captures_test", "keeper_crash_test", "keeper_schedule_test"]
WHOLE_LIST = ["whole_list_test", "view_files_test"]
# Of these files the program itself is run, by one of the scripts in tests/e2e.
END_TO_END = ["apps/imakeep/keep_view.cc", "apps/imakeep/keep_loop.cc", "src/fusefs/libfuse/mount_guard.cc",
              "src/fusefs/libfuse/view_server.cc"]
SCRIPTS = [["view.sh", "{program}", "{testdata}"],
           ["view_readers.py", "{program}", "--restart", "handover", "--bind"],
           ["view_readers.py", "{program}"]]

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
     r"evidence->count_before - std::min\(evidence->count_before, unsafe\)", "unsafe == 0 ? 0 : found->new_from.records", 0),
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
    ("count: given up where the PCRs never catch up", "src/keeper/trim.cc", r"!lagging \|\| last_try", "!lagging", 0),
    ("count: records that only the list proves not looked for", "src/keeper/trim.cc",
     r"found->fits_until < found->new_from\.records", "false", 0),
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
    ("whole list: a chain without its beginning shown", "src/keeper/whole_list.cc", r"if \(chain_\.first_kept == 0\) return;", "return;", 0),
    ("whole list: digests half as long in ASCII", "src/keeper/whole_list.cc", r"mark\.first \* 2 \* digest_bytes", "mark.first * digest_bytes", 0),
    ("whole list: every record a violation", "src/keeper/whole_list.cc", r"record\.content\.violation \? 1u : 0u", "1u", 0),
    ("whole list: goes on behind damage", "src/keeper/whole_list.cc", r"    if \(!damage_\.empty\(\)\) return \{\};\n", "", 0),
    ("whole list: reads from the front each time", "src/keeper/whole_list.cc", r"chain_, growth->end\(\)\.first, end\)", "chain_, 0, end)", 0),
    ("whole list: damage has no size", "src/keeper/whole_list.cc", r"\(damage_\.empty\(\) \? 0 : 1\)", "0", 0),
    ("whole list: a block at the end", "src/keeper/whole_list.cc", r"if \(offset >= offset_of\(file, end_\)\)", "if (offset > offset_of(file, end_))", 0),
    ("whole list: damage is the end", "src/keeper/whole_list.cc", r"    if \(!damage_\.empty\(\)\) return fail\(ErrorCode::kMalformed, damage_\);\n", "", 0),
    ("whole list: the block before", "src/keeper/whole_list.cc", r"std::ranges::upper_bound\(blocks_", "std::ranges::lower_bound(blocks_", 0),
    ("whole list: a block of another size given out", "src/keeper/whole_list.cc", r"if \(binary\.size\(\) != block\.bytes\)", "if (false)", 0),
    ("whole list: digests made anew", "src/keeper/whole_list.cc", r"archive::add_shown\(digests, record\)", "digests.add_shown(record.content)", 0),
    ("whole list: one block for all", "src/keeper/whole_list.cc", r"end_\.binary_bytes - block_->binary_bytes < bytes\)", "bytes > 0)", 0),
    ("view: half a chain shown", "src/fusefs/view_files.cc", r"  if \(!extended && chain_ != list->chain\(\)\) return extended;\n", "", 0),
    ("view: changed at every look", "src/fusefs/view_files.cc", r"\|\| list->records\(\) != before\)", "|| list->records() >= before)", 0),
    ("view: never changed", "src/fusefs/view_files.cc", r"changed_ = now;", "(void)now;", 0),
    ("view: readable by all", "src/fusefs/view_files.cc", r"S_IFREG \| 0440", "S_IFREG | 0444", 0),
    ("view: handles of another process given out", "src/fusefs/view_files.cc", r"next_handle_\(\(std[^\n]*\)\)? \{\n", "next_handle_(1) {\n", 0),
    ("view: handles never forgotten", "src/fusefs/view_files.cc", r"open_\.erase\(handle\);", "(void)handle;", 0),
    ("view: nobody waits", "src/fusefs/view_files.cc", r"    catch_up\(\);\n", "", 0),
    ("view: waits and reads what was there before", "src/fusefs/view_files.cc", r"    catch_up\(\);\n    bytes = [^;]*;", "    catch_up();", 0),
    ("view: waits for a chain that is over", "src/fusefs/view_files.cc", r" && list->chain\(\) == chain\(\) && !caught_up", " && !caught_up", 0),
    ("view: waits whenever it comes to what is shown", "src/fusefs/view_files.cc", r"&& !caught_up;", "&& (true || caught_up);", 0),
    ("view: waits once though it began anew", "src/fusefs/view_files.cc", r"  if \(!reads_on\) open\.caught_up = false;\n  return open", "  return reads_on && open", 0),
    ("view: waits once for ever", "src/fusefs/view_files.cc", r"  if \(bytes->empty\(\)\) open\.caught_up = false;\n", "", 0),
    ("view: waits once whatever the pause", "src/fusefs/view_files.cc", r" && clock_\.monotonic_us\(\)[^;]*;", ";", 0),
    ("view: waits once wherever it goes on", "src/fusefs/view_files.cc", r"offset == open\.next_offset", "offset + 1 > 0", 0),
    ("view: waits at every read", "src/fusefs/view_files.cc", r"bytes && bytes->size\(\) < count &&", "bytes &&", 0),
    ("view: the end of an old chain told for ever", "src/fusefs/view_files.cc", r"if \(std::exchange\(open\.told_end, true\)\) return stale\(\);", "", 0),
    ("view: the end of an old chain never told", "src/fusefs/view_files.cc", r"if \(std::exchange\(open\.told_end, true\)\) return stale\(\);", "return stale();", 0),
    ("view: counts what is damaged", "src/fusefs/view_files.cc", r"  if \(const std::string damage[^\n]*\n", "", 0),
    ("view: an error for what lies before damage", "src/fusefs/view_files.cc", r"      if \(!bytes\.empty\(\)\) break;\n", "", 0),
    ("view: more bytes than asked for", "src/fusefs/view_files.cc", r"std::min\(rest\.size\(\), count - bytes\.size\(\)\)", "rest.size()", 0),
    ("view: a block of another file", "src/fusefs/view_files.cc", r"\.node = node, \.first", ".node = 0, .first", 0),
    ("view: a block of another chain", "src/fusefs/view_files.cc", r"\{\.chain = list\.chain\(\), \.node", "{.chain = 0, .node", 0),
    ("view: a block as it was", "src/fusefs/view_files.cc", r"\.end = block\.end\}", ".end = 0}", 0),
    ("view: blocks kept for good", "src/fusefs/view_files.cc", r"while \(cached_bytes_ > kCacheBytes &&", "while (false &&", 0),
    ("view: a connection for each block", "src/fusefs/view_files.cc", r"  stores_\.push_back\(std::move\(\*store\)\);\n", "", 0),
    ("view: a block made by each who comes", "src/fusefs/view_files.cc", r"if \(making_\.insert\(key\)\.second\) break;", "break;", 0),
    ("view: never reads ahead", "src/fusefs/view_files.cc", r"  static_cast<void>\(produced\(\*list, node, \*\*block\)\);\n", "", 0),
    ("view: reads ahead of who reads anywhere", "src/fusefs/view_files.cc", r" \|\| !open->second\.in_order", "", 0),
    ("view: reads ahead what may grow", "src/fusefs/view_files.cc", r" \|\| \(\*block\)->end == list->records\(\)", "", 0),
    ("catch up: nobody waits", "apps/imakeep/catch_up.cc", r"seen_ == \*count", "true", 0),
    ("catch up: fewer are no news", "apps/imakeep/catch_up.cc", r"seen_ == \*count", "(seen_ && *seen_ >= *count)", 0),
    ("catch up: a list that may have more taken for seen", "apps/imakeep/catch_up.cc", r"seen_ = count;", "if (count) seen_ = count;", 0),
    ("catch up: a look that began before is enough", "apps/imakeep/catch_up.cc", r"answered_ = taken;", "answered_ = std::max(taken, asked_);", 0),
    ("catch up: nobody is told", "apps/imakeep/catch_up.cc", r"answered_ = taken;\n  changed_\.notify_all\(\);", "answered_ = taken;", 0),
    ("catch up: the keeper is not woken", "apps/imakeep/catch_up.cc", r"= ::write\(event_\.get\(\), &one, sizeof one\)", "= 0; (void)one", 0),
    ("catch up: woken for ever", "apps/imakeep/catch_up.cc", r"= ::read\(event_\.get\(\), &events, sizeof events\)", "= 0; (void)events", 0),
    ("catch up: the end is told to nobody", "apps/imakeep/catch_up.cc", r"ended_ = true;\n  changed_\.notify_all\(\);", "ended_ = true;", 0),
    ("catch up: waits for ever", "apps/imakeep/catch_up.cc", r"if \(changed_\.wait_until\(mutex_, until\) == std::cv_status::timeout\) return;", "changed_.wait(mutex_); (void)until;", 0),
    ("catch up: a list that cannot be counted waited for", "apps/imakeep/catch_up.cc", r"ended_ \|\| !count \|\| seen_ == \*count", "ended_ || (count && seen_ == *count)", 0),
    ("keep: shown before a look", "apps/imakeep/keep_loop.cc", r"  if \(!placed_\) return;\n", "", 0),
    ("keep: a look tells nobody", "apps/imakeep/keep_loop.cc", r"  looked\(\);\n  const keeper", "  const keeper", 0),
    ("keep: unsettled lists taken for seen", "apps/imakeep/keep_loop.cc", r"last\.lag == 0 && !last_error\(\)", "!last_error()", 0),
    ("keep: readers not waited for", "apps/imakeep/keep_view.cc", r"if \(catch_up_\) catch_up_->wait_for_news\(\);", "", 0),
    ("keep: a view that somebody unmounted not mounted again", "apps/imakeep/keep_view.cc", r"if \(ended_ \|\| \(server_ != nullptr && !guard_->stands\(\)\)\)", "if (false)", 0),
    ("keep: what somebody uncovered not covered again", "apps/imakeep/keep_view.cc", r"if \(ended_ \|\| \(server_ != nullptr && !guard_->stands\(\)\)\)", "if (ended_)", 0),
    ("keep: covered at every look", "apps/imakeep/keep_view.cc", r"  if \(bound_chain_ == files_->chain\(\)\) return false;\n", "", 0),
    ("keep: dead covers left", "apps/imakeep/keep_view.cc", r"IMAKEEP_CHECK\(view->guard_->uncover\(absolute\.ima_dir\)\);", "", 0),
    ("keep: the list read through what covers it", "apps/imakeep/keep_view.cc", r"  source_path_ = \"/proc/self/fd/\" \+ [^;]*;", "", 0),
    ("keep: mounts not left to the next", "apps/imakeep/keep_view.cc", r"if \(store_works_ && mounted\(\)\) \{", "if (false) {", 0),
    ("keep: the view not given to the next", "apps/imakeep/keep_view.cc", r"  keep_descriptor\(kViewName, server_->descriptor\(\)\);\n", "", 0),
    ("keep: the view not taken over", "apps/imakeep/keep_view.cc", r"if \(server_ == nullptr && !take_over\(\)\)", "if (server_ == nullptr)", 0),
    ("guard: busy mounts stay", "src/fusefs/libfuse/mount_guard.cc", r"MNT_DETACH \| UMOUNT_NOFOLLOW", "UMOUNT_NOFOLLOW", 0),
    ("guard: a dead keeper's mounts stay", "src/fusefs/libfuse/mount_guard.cc", r"    if \(!leave_\) static_cast<void>\(unmount\(\)\);\n", "", 0),
    ("guard: what covers the list stays", "src/fusefs/libfuse/mount_guard.cc", r"    for \(const std::string& path : bound_\) \{", "    for (const std::string& path : std::vector<std::string>()) {", 0),
    ("guard: unmounts what the next keeper mounted", "src/fusefs/libfuse/mount_guard.cc", r"\(!only_source\.empty\(\) && source != only_source\)", "only_source == \"none\"", 0),
    ("guard: a keeper's view that answers unmounted", "src/fusefs/libfuse/mount_guard.cc", r"      if \(answers\(path\)\) \{", "      if (false) {", 0),
    ("guard: covers that answer taken away", "src/fusefs/libfuse/mount_guard.cc", r"if \(alive\[source\]\) continue;", "", 0),
    ("guard: covers not looked at", "src/fusefs/libfuse/mount_guard.cc", r"if \(bare != bound_\.end\(\)\) return[^;]*;", "", 0),
    ("guard: readable by all", "src/fusefs/libfuse/mount_guard.cc", r"default_permissions,allow_other", "allow_other", 0),
    ("guard: readable by the keeper alone", "src/fusefs/libfuse/mount_guard.cc", r"default_permissions,allow_other", "default_permissions", 0),
    ("guard: writable", "src/fusefs/libfuse/mount_guard.cc", r" \| MS_RDONLY", "", 0),
    ("guard: paths not made canonical", "src/fusefs/libfuse/mount_guard.cc", r"if \(auto whole = [^\n]*\n", "\n", 0),
    ("guard: spaces in paths stay octal", "src/fusefs/libfuse/mount_guard.cc", r"views\.insert_or_assign\(unescaped\(words\[4\]\)", "views.insert_or_assign(words[4]", 0),
    ("server: read through the page cache", "src/fusefs/libfuse/view_server.cc", r"info->direct_io = 1;", "", 0),
    ("server: a size told without waiting", "src/fusefs/libfuse/view_server.cc", r"      server\.files_\.catch_up\(\);\n", "", 0),
    ("server: sizes cached", "src/fusefs/libfuse/view_server.cc", r"fuse_reply_attr\(request, &\*attributes, 0\)", "fuse_reply_attr(request, &*attributes, 3600)", 0),
    ("server: names cached", "src/fusefs/libfuse/view_server.cc", r"entry\.attr = \*attributes;", "entry.attr = *attributes; entry.entry_timeout = 3600;", 0),
    ("server: names left out", "src/fusefs/libfuse/view_server.cc", r"files_\.nodes\(\)\.size\(\) \+ 2", "files_.nodes().size() + 1", 0),
    ("server: what was left unanswered not asked for", "src/fusefs/libfuse/view_server.cc", r"  if \(::write\(descriptor\(\), &resend, sizeof resend\) != sizeof resend\) \{", "  if (resend.len == 0) {", 0),
    ("server: every error EIO", "src/fusefs/libfuse/view_server.cc", r"return error\.os_errno != 0 \? error\.os_errno : EIO;", "return (void)error, EIO;", 0),
]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def copy_tree():
    TREE.mkdir(parents=True, exist_ok=True)
    for part in ["src", "apps", "tests", "cmake", "testdata", "docs", "packaging"]:
        shutil.rmtree(TREE / part, ignore_errors=True)
        # With times of now: what a run before this one broke is built anew.
        shutil.copytree(ROOT / part, TREE / part, copy_function=shutil.copyfile)
    shutil.copy(ROOT / "CMakeLists.txt", TREE)


def build(targets):
    return run(["cmake", "--build", str(OUT), "-j2", "--target", *targets])


def tests_of(file):
    """Programs to build, and the commands that test a file."""
    def binary(test, *options):
        return [str(OUT / "bin" / test), "--gtest_fail_fast", *options]

    if file.startswith("src/archive"):
        return ["archive_fault_test"], [binary("archive_fault_test", "--gtest_filter=*SyncsEveryCommit*")]
    if file.endswith("catch_up.cc"):
        return ["keep_test"], [binary("keep_test", "--gtest_filter=CatchUp*")]
    if file.endswith(("whole_list.cc", "view_files.cc")):
        return WHOLE_LIST, [binary(test) for test in WHOLE_LIST]
    if file in END_TO_END:
        words = {"program": OUT / "bin/imakeep", "testdata": ROOT / "testdata"}
        return ["imakeep"], [[str(ROOT / "tests/e2e" / script[0]), *(word.format(**words) for word in script[1:])] for script in SCRIPTS]
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


def stale():
    lost = [m[0] for m in MUTATIONS if len(list(re.finditer(m[2], (ROOT / m[1]).read_text()))) <= m[4]]
    for name in lost:
        print(f"mutation without a place: {name}")
    sys.exit(1 if lost else 0)


def main():
    if sys.argv[1:] == ["--stale"]:
        stale()
    wanted = [m for m in MUTATIONS if not sys.argv[1:] or any(word in m[0] for word in sys.argv[1:])]
    copy_tree()
    configure = run(["cmake", "-S", str(TREE), "-B", str(OUT), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                     "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"])
    if configure.returncode != 0:
        sys.exit("cannot configure:\n" + configure.stdout[-3000:])
    environment = dict(os.environ, IMAKEEP_SCHEDULES=os.environ.get("IMAKEEP_SCHEDULES", "2000"),
                       IMAKEEP_FAIL_FAST="1")
    parts = [tests_of(file) for file in sorted({m[1] for m in wanted})]
    unbroken = build(sorted({program for programs, _ in parts for program in programs}))
    if unbroken.returncode != 0:
        sys.exit("cannot build the unbroken tree:\n" + unbroken.stdout[-3000:])
    for command in sorted({tuple(command) for _, commands in parts for command in commands}):
        if not passes(command, environment):
            sys.exit(f"fails on the unbroken tree: {' '.join(command)}")
    survived = []
    for name, file, pattern, replacement, at in wanted:
        path = TREE / file
        original = path.read_text()
        places = list(re.finditer(pattern, original))
        if len(places) <= at:
            survived.append(name)
            print(f"{name}: STALE, {file} has no such place", flush=True)
            continue
        place = places[at]
        path.write_text(original[: place.start()] + place.expand(replacement) + original[place.end():])
        started = time.monotonic()
        programs, commands = tests_of(file)
        built = build(programs)
        if built.returncode != 0:
            verdict = "does not build:\n" + built.stdout[-1500:]
        else:
            failed = next((command for command in commands if not passes(command, environment)), None)
            verdict = "SURVIVED" if failed is None else f"found by {Path(failed[0]).name}"
        if not verdict.startswith("found"):
            survived.append(name)
        path.write_text(original)
        print(f"{name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(wanted) - len(survived)} of {len(wanted)} mutations found")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
