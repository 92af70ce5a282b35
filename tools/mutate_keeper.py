#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the keeper and its view on purpose, one place at a time, and sees whether their tests fail.

Each mutation takes away one check, one mark, one commit, one mount (or one sync of the archive) in a copy of the tree,
builds the tests of that part and runs them until one fails. Those of what mounts and serves the view are run end to end,
which takes root and /dev/fuse. Prints a line each; exits 1 if a mutation survives.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutation"
# As deep below the tree as a build of the tree itself, for ccache.
OUT = TREE / "build" / "out"
TESTS = ["locate_test", "keeper_test", "keeper_captures_test", "keeper_crash_test", "keeper_schedule_test"]
WHOLE_LIST = ["whole_list_test", "view_files_test"]
# Of these files the program itself is run, by one of the scripts in tests/e2e.
END_TO_END = ["src/daemon/view_keeper.cc", "src/daemon/keep_loop.cc", "src/view/mount/mount_child.cc", "src/view/mount/mount_guard.cc",
              "src/view/mount/view_mounts.cc",
              "src/view/libfuse/view_server.cc"]
SCRIPTS = [["view.sh", "{program}", "{testdata}"],
           ["view_readers.py", "{program}", "--restart", "handover", "--bind"],
           ["view_readers.py", "{program}"],
           ["faults.sh", "{program}", "{testdata}", "^mounter_"]]

# name, file, a regular expression that is found at least `at` + 1 times, its replacement, which of them (from 0)
MUTATIONS = [
    ("stage: no mark", "src/keeper/trim.cc", r"\{\.list = &state\.row, \.pending = &pending\}", "{.list = &state.row}", 0),
    ("stage: mark cleared before D", "src/keeper/trim.cc", r"  const auto deleted = source_\.request\(\"D\\n\"\);",
     '  (void)archive_.clear_pending();\n  const auto deleted = source_.request("D\\\\n");', 0),
    ("stage: new records not committed before D", "src/keeper/trim.cc", r"state\.chain\.end, views, source_\.bank\(\)",
     "state.chain.end, std::vector<archive::IncomingView>(views.begin(), views.begin()), source_.bank()", 0),
    ("stage: PCRs not compared under the hold", "src/keeper/trim.cc",
     r"!stood_exactly_at\(end, left, \*evidence\)", "false", 0),
    ("stage: PCRs read when the staged records were", "src/keeper/trim.cc",
     r"if \(const std::uint32_t named = end\.touched_pcrs\(\); named != pcrs\)", "if (const std::uint32_t named = end.touched_pcrs(); true)", 0),
    ("stage: other PCRs that new records name not read", "src/keeper/trim.cc",
     r"if \(const std::uint32_t named = end\.touched_pcrs\(\); named != pcrs\)", "if (const std::uint32_t named = end.touched_pcrs(); false)", 0),
    ("stage: an altered digest archived", "src/keeper/trim.cc", r"!imalog::digest_matches\(source_\.bank\(\), content, \(\*record\)->digest\)", "false", 0),
    ("stage: staged though records come in", "src/keeper/trim.cc", r"now->count_before != now->count_after", "false", 0),
    ("stage: not tried where the PCRs never catch up", "src/keeper/trim.cc", r"!lagging \|\| stages \|\|", "!lagging ||", 0),
    ("count: violations in the place of others deleted", "src/keeper/trim.cc",
     r"look->evidence\.count_before - std::min\(look->evidence\.count_before, unsafe\)", "unsafe == 0 ? 0 : found->new_from.records", 0),
    ("stage: what is staged not compared with the archive", "src/keeper/trim.cc",
     r"!compared->same \|\| compared->records == 0", "compared->records == 0", 0),
    ("stage: ENOMEM taken for a failure", "src/keeper/trim.cc", r"!deleted && refused_with\(deleted\.error\(\), ENOMEM\)", "false", 0),
    ("count: mark cleared before N", "src/keeper/trim.cc", r"  const auto deleted = source_\.request\(std::to_string",
     "  (void)archive_.clear_pending();\n  const auto deleted = source_.request(std::to_string", 0),
    ("count: PCRs not compared under the hold", "src/keeper/trim.cc",
     r"!stood_exactly_at\(end, in_list, \*evidence\)", "false", 0),
    ("count: nothing left in the list", "src/keeper/trim.cc",
     r"return last_lasting > 0 \? last_lasting : index - std::min<std::uint64_t>\(index, 1\);", "return last_lasting > 0 ? index : index;", 0),
    ("count: EINVAL not taken for a flushed table", "src/keeper/trim.cc", r"!deleted && refused_with\(deleted\.error\(\), EINVAL\)", "false", 0),
    ("count: without PCRs the list not compared", "src/keeper/trim.cc", r"!compared->same \|\| compared->known != in_list", "false", 0),
    ("count: given up where the PCRs never catch up", "src/keeper/trim.cc", r"stages \|\| last_try\)", "stages)", 0),
    ("count: records that only the list proves not looked for", "src/keeper/trim.cc",
     r"found->matched_until < found->new_from\.records", "false", 0),
    ("trim: unproven records deleted", "src/keeper/trim.cc", r"!followed->proven && !options_\.unproven", "false", 0),
    ("trim: a list with altered records trimmed", "src/keeper/trim.cc", r"altered != followed->found\.end\(\)", "false", 0),
    ("trim: head not put down", "src/keeper/trim.cc", r"shape\.advance\(records\);", "", 0),
    ("hold: never closed", "src/keeper/hold.h", r"~Hold\(\) \{ close\(\); \}", "~Hold() = default;", 0),
    ("follow: archives what the PCRs do not cover", "src/keeper/follow.cc", r"\*state, position\.matched_until, !with_pcrs", "*state, position.records, !with_pcrs", 0),
    ("follow: an anchor proves itself", "src/keeper/follow.cc", r" && !\(state->anchor && state->anchor->number == end\)", "", 0),
    ("follow: mark never cleared", "src/keeper/follow.cc", r"\.clear_pending = decides && state->pending\.has_value\(\), \.incidents", ".clear_pending = false, .incidents", 0),
    ("follow: anchored though records come in", "src/keeper/follow.cc", r"const bool settled = evidence\.settled \|\| !with_pcrs;", "const bool settled = true;", 0),
    ("follow: no second look", "src/keeper/follow.cc", r"\(look->placed\.mismatch \|\| look->placed\.position->in_flight \|\|", "(look->placed.position &&", 0),
    ("follow: no anchor", "src/keeper/follow.cc", r"with_pcrs && settled && worth_it \? &anchor : nullptr", "worth_it ? nullptr : nullptr", 0),
    ("follow: incidents not put down", "src/keeper/follow.cc", r"\.incidents = incidents\},\n", ".incidents = {}},\n", 0),
    ("follow: others judged by a look that tells nothing", "src/keeper/follow.cc", r"position\.certain \|\| evidence\.settled \|\| !with_pcrs;", "true;", 0),
    ("follow: mark of a closed chain stays", "src/keeper/follow.cc", r"\.clear_pending = last->pending\.has_value\(\)", ".clear_pending = false", 0),
    ("follow: altered digest kept for a proven record", "src/keeper/follow.cc", r"position\.matched_until, !with_pcrs, options", "position.matched_until, true, options", 0),
    ("follow: a list that is never quiet never archived", "src/keeper/follow.cc", r"unsettled_ < kPatience", "true", 0),
    ("follow: an anchor for every record that does not fit", "src/keeper/follow.cc", r": !same_break \|\| end ==", ": true || end ==", 0),
    ("place: a damaged segment stops the archiving", "src/keeper/list_position.cc", r"!archived && \(!damaged \|\| !with_pcrs\(\)\)", "!archived", 0),
    ("place: what was archived unproven not explained", "src/keeper/list_position.cc", r"std::max\(known_->proven, chain\.first_kept\)", "chain.end", 0),
    ("mark: not believed", "src/keeper/chain_state.cc", r"pending && pending->first == shape\.head\(\)", "false", 0),
    ("place: known records not compared", "src/keeper/list_position.cc", r"!\*record \|\| \(!damaged && !\(\(\*record\)->content\(\) == \*\*archived\)\)\) return std::nullopt;", "!*record) return std::nullopt;", 0),
    ("place: PCRs may stand anywhere before the count", "src/keeper/locate.cc",
     r"known \+ value->last < window\.least && \(!in_flight \|\| window\.settled\)", "false", 0),
    ("place: an extend on the way that is not", "src/keeper/locate.cc", r"\(!in_flight \|\| window\.settled\)", "!in_flight", 0),
    ("place: a list that became shorter taken for whole", "src/keeper/locate.cc", r" \|\| known \+ value->first > window\.most", "", 0),
    ("place: a kexec's drops not looked for", "src/keeper/alignment.cc", r"if \(found\.start_length > 0 && found\.start_length < list_\.size\(\)\)", "if (false)", 0),
    ("place: deletions behind staged records not looked for", "src/keeper/alignment.cc", r"    if \(at\) add_split\(staged\.size\(\), \*at\);", "    (void)at;", 0),
    ("place: records that the list lacks not looked for", "src/keeper/alignment.cc", r"    add_lacking\(lengths\);\n", "", 0),
    ("place: bound of candidates", "src/keeper/alignment.cc", r"family\.count = last - i \+ 1;", "family.count = std::min<std::uint64_t>(last - i + 1, 256);", 0),
    ("place: the last of a run not told from others", "src/keeper/locate.cc", r"if \(i < family\.count\) trail\.forks\[i\] = \*trail\.first;", "if (i < family.count) trail.forks[family.count - 1 - i] = *trail.first;", 0),
    ("place: ignore the pending trim", "src/keeper/alignment.cc", r"  void add_pending\(\) \{\n", "  void add_pending() {\n    if (!list_.empty()) return;\n", 0),
    ("place: compare only PCR 10", "src/keeper/keeper.cc", r"if \(\(pcrs >> pcr & 1\) == 0\) continue;", "if (pcr != 10) continue;", 0),
    ("place: content decides", "src/keeper/diagnose.cc", r"return facts\.table_kept && !facts\.any_kexec;", "return true;", 0),
    ("place: content decides after a kexec", "src/keeper/diagnose.cc", r"facts\.table_kept && !facts\.any_kexec", "facts.table_kept", 0),
    ("place: content decides for another kernel", "src/keeper/diagnose.cc", r" \|\| facts\.other_kernel\) return false;", ") return false;", 0),
    ("place: a list that grew anchored without a copy", "src/keeper/follow.cc", r"if \(!mismatch\.grown\) return true;", "return !mismatch.grown;", 0),
    ("place: a copy of the list for every extend", "src/keeper/follow.cc", r"return grown_end - state\.anchor->number >=[^;]*;", "return grown_end > copies;", 0),
    ("place: a machine that went on after it was set back taken for a gap", "src/keeper/set_back.cc", r"    return went_on\(\);", "    return search;", 0),
    ("place: violations alone decide where other PCRs parted", "src/keeper/list_position.cc", r"    if \(only && !told_apart\([^\n]*\n", "", 0),
    ("place: a set-back behind a record that came again not found", "src/keeper/set_back.cc", r"    take_every_place\(\);\n", "", 0),
    ("follow: what never fits waited for until it is quiet", "src/keeper/follow.cc", r"if \(ahead \|\| unsettled_ < kPatience\) return followed;", "return followed;", 0),
    ("place: boots alike taken for one", "src/keeper/list_position.cc", r"if \(placed && placed->position && !placed->position->new_chain\) placed = told_from_alike", "if (false) placed = told_from_alike", 0),
    ("set back: a lost violation taken for it", "src/keeper/set_back.cc", r"if \(list_holds_rest\(place\)\) continue;", "", 0),
    ("set back: not seen where the same comes again", "src/keeper/set_back.cc", r"if \(!list_\.violations\[listed\]\) return false;", "", 0),
    ("follow: a kexec blamed for what others deleted", "src/keeper/alignment.cc", r"contents\.other_kernel && contents\.list\.begins_with_kernel\(\)", "contents.other_kernel", 0),
    ("follow: others blamed for what a kexec dropped", "src/keeper/alignment.cc", r"contents\.other_kernel && contents\.list\.begins_with_kernel\(\)", "false", 0),
    ("follow: an empty chain taken for another boot's", "src/keeper/follow.cc", r"!state \|\| is_left_empty\(\*state\)", "!state", 0),
    ("place: an unreadable PCR leaves content to decide", "src/keeper/list_position.cc", r"other_kernel\(\) && \(!with_pcrs\(\) \|\| evidence_\.unread != 0\)", "other_kernel() && !with_pcrs()", 0),
    ("place: reset counts ignored", "src/keeper/list_position.cc", r"    if \(other_life\(\)\) \{", "    if (false) {", 0),
    ("place: the right TPM after a wrong one begins a chain", "src/keeper/list_position.cc", r"from_reset->position && is_this_list\(\)", "false", 0),
    ("place: imported chains taken for the host's", "src/keeper/chain_state.cc", r"archive\.host_chain\(\)", "archive.chain_or_last(std::nullopt)", 0),
    ("pcrs: one that cannot be read proves", "src/keeper/follow.cc", r"with_pcrs && evidence\.unread == 0 && !\(state->anchor", "with_pcrs && !(state->anchor", 0),
    ("place: one that needs an extend on the way taken at once", "src/keeper/list_position.cc", r"if \(matches > 1\)", "if (false)", 0),
    ("place: another kernel's list taken for this one's", "src/keeper/diagnose.cc", r"return over_kexec \|\| facts", "return facts.by_content || facts", 0),
    ("place: without PCRs another kernel's list taken for this one's", "src/keeper/list_position.cc",
     r"return !other_kernel\(\) \|\| \(known > 0 && known <= restored_records\(\)\);", "return true;", 0),
    ("place: violations taken for sure signs", "src/keeper/alignment.cc", r"violations\.push_back\(content\.violation\);", "violations.push_back(false);", 0),
    ("place: a violation taken for a mark to go by", "src/keeper/list_position.cc", r"!\(\*archived\)->violation && ", "", 0),
    ("place: an archive ahead not noticed", "src/keeper/diagnose.cc", r"if \(facts\.set_back\) return", "if (false) return", 0),
    ("archive: commits not synced", "src/archive/sqlite/open.cc", r"PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", 0),
    ("whole list: a chain without its beginning shown", "src/view/whole_list.cc", r"if \(chain_\.first_kept == 0\) return;", "return;", 0),
    ("whole list: digests half as long in ASCII", "src/view/whole_list.cc", r"mark\.first \* 2 \* digest_bytes", "mark.first * digest_bytes", 0),
    ("whole list: every record a violation", "src/view/whole_list.cc", r"record\.content\.violation \? 1u : 0u", "1u", 0),
    ("whole list: goes on behind damage", "src/view/whole_list.cc", r"    if \(!damage_\.empty\(\)\) return \{\};\n", "", 0),
    ("whole list: reads from the front each time", "src/view/whole_list.cc", r"chain_, growth->end\(\)\.first, end\)", "chain_, 0, end)", 0),
    ("whole list: damage has no size", "src/view/whole_list.cc", r"\(damage_\.empty\(\) \? 0 : 1\)", "0", 0),
    ("whole list: a block at the end", "src/view/whole_list.cc", r"if \(offset >= offset_of\(file, end_\)\)", "if (offset > offset_of(file, end_))", 0),
    ("whole list: damage is the end", "src/view/whole_list.cc", r"    if \(!damage_\.empty\(\)\) return fail\(ErrorCode::kMalformed, damage_\);\n", "", 0),
    ("whole list: the block before", "src/view/whole_list.cc", r"std::ranges::upper_bound\(blocks_", "std::ranges::lower_bound(blocks_", 0),
    ("whole list: a block of another size given out", "src/view/whole_list.cc", r"binary\.size\(\) != block\.bytes \|\| ", "", 0),
    ("whole list: a block of another archive given out", "src/view/whole_list.cc", r" \|\| sum != block\.content_after", "", 0),
    ("whole list: digests made anew", "src/view/whole_list.cc", r"archive::add_shown\(digests, record\)", "digests.add_shown(record.content)", 0),
    ("whole list: one block for all", "src/view/whole_list.cc", r"end_\.binary_bytes - block_->binary_bytes < bytes\)", "bytes > 0)", 0),
    ("view: half a chain shown", "src/view/view_files.cc", r"  if \(!extended && chain_ != list->chain\(\)\) return extended;\n", "", 0),
    ("view: changed at every look", "src/view/view_files.cc", r"\|\| list->records\(\) != before\)", "|| list->records() >= before)", 0),
    ("view: never changed", "src/view/view_files.cc", r"changed_ = now;", "(void)now;", 0),
    ("view: readable by all", "src/view/view_files.cc", r"S_IFREG \| 0440", "S_IFREG | 0444", 0),
    ("view: handles of another process given out", "src/view/view_files.cc", r"next_handle_\(\(std[^\n]*\)\)? \{\n", "next_handle_(1) {\n", 0),
    ("view: handles never forgotten", "src/view/view_files.cc", r"open_\.erase\(handle\);", "(void)handle;", 0),
    ("view: nobody waits", "src/view/view_files.cc", r"  open\.had_news = true;\n  return true;", "  return false;", 0),
    ("view: waits for a chain that is over", "src/view/view_files.cc", r" \|\| list->chain\(\) != chain_", "", 0),
    ("view: waits whenever it comes to what is shown", "src/view/view_files.cc", r"if \(open\.had_news \|\| ", "if (", 0),
    ("view: waits once though it began anew", "src/view/view_files.cc", r"  if \(!reads_on\) open\.had_news = false;\n", "  (void)reads_on;\n", 0),
    ("view: waits once for ever", "src/view/view_files.cc", r"  if \(bytes->empty\(\)\) open\.had_news = false;\n", "", 0),
    ("view: waits once whatever the pause", "src/view/view_files.cc", r" && clock_\.monotonic_us\(\)[^;]*;", ";", 0),
    ("view: waits once wherever it goes on", "src/view/view_files.cc", r"offset == open\.next_offset", "offset + 1 > 0", 0),
    ("view: waits at every read", "src/view/view_files.cc", r" \|\| \(offset < size && size - offset >= count\)", "", 0),
    ("view: the end of an old chain told for ever", "src/view/view_files.cc", r"if \(std::exchange\(open\.told_end, true\)\) return stale\(\);", "", 0),
    ("view: the end of an old chain never told", "src/view/view_files.cc", r"if \(std::exchange\(open\.told_end, true\)\) return stale\(\);", "return stale();", 0),
    ("view: counts what is damaged", "src/view/view_files.cc", r"  if \(const std::string damage[^\n]*\n", "", 0),
    ("view: an error for what lies before damage", "src/view/view_files.cc", r"      if \(!bytes\.empty\(\)\) break;\n", "", 0),
    ("view: more bytes than asked for", "src/view/view_files.cc", r"std::min\(rest\.size\(\), count - bytes\.size\(\)\)", "rest.size()", 0),
    ("view: a block of another file", "src/view/view_files.cc", r"\.node = node, \.first", ".node = 0, .first", 0),
    ("view: a block of another chain", "src/view/view_files.cc", r"\{\.chain = list\.chain\(\), \.node", "{.chain = 0, .node", 0),
    ("view: a block as it was", "src/view/view_files.cc", r"\.end = block\.end\}", ".end = 0}", 0),
    ("view: blocks kept for good", "src/view/view_files.cc", r"while \(cached_bytes_ > kCacheBytes &&", "while (false &&", 0),
    ("view: a connection for each block", "src/view/view_files.cc", r"  stores_\.push_back\(std::move\(\*store\)\);\n", "", 0),
    ("view: a block made by each who comes", "src/view/view_files.cc", r"if \(making_\.insert\(key\)\.second\) break;", "break;", 0),
    ("view: never reads ahead", "src/view/view_files.cc", r"  static_cast<void>\(produced\(\*list, node, \*\*block\)\);\n", "", 0),
    ("view: reads ahead of who reads anywhere", "src/view/view_files.cc", r" \|\| !open->second\.in_order", "", 0),
    ("view: reads ahead what may grow", "src/view/view_files.cc", r" \|\| \(\*block\)->end == list->records\(\)", "", 0),
    ("catch up: nobody waits", "src/view/catch_up.cc", r"if \(!ended_\) \{\n      const Time until", "if (false) {\n      const Time until", 0),
    ("catch up: fewer are no news", "src/view/catch_up.h", r"return seen_ == count;", "return seen_ && *seen_ >= count;", 0),
    ("catch up: a list that may have more taken for seen", "src/view/catch_up.h", r"\{ seen_ = count; \}", "{ if (count) seen_ = count; }", 0),
    ("catch up: a look that began before is enough", "src/view/catch_up.cc", r"answered_ = taken;", "answered_ = std::max(taken, asked_);", 0),
    ("catch up: nobody is told", "src/view/catch_up.cc", r"    ready = take_ready\([^\n]*\n  \}\n  for", "  }\n  for", 0),
    ("catch up: the keeper is not woken", "src/view/catch_up.cc", r"::eventfd_write\(event_\.get\(\), 1\);", "", 0),
    ("catch up: woken for ever", "src/view/catch_up.cc", r"::eventfd_read\(event_\.get\(\), &ignored\);", "(void)ignored;", 0),
    ("catch up: the end is told to nobody", "src/view/catch_up.cc", r"ended_ = true;\n  changed_\.notify_all\(\);", "ended_ = true;", 0),
    ("catch up: waits for ever", "src/view/catch_up.cc", r"waiting_\.front\(\)\.until <= now", "(waiting_.front().until <= now && false)", 0),
    ("keep: no look for who waits", "src/daemon/keep_loop.cc", r"if \(count && !catch_up\(\)->has_seen\(\*count\)\)", "if (false)", 0),
    ("keep: shown before a look", "src/daemon/keep_loop.cc", r"  if \(!placed_\) return;\n", "", 0),
    ("keep: a look tells nobody", "src/daemon/keep_loop.cc", r"  looked\(\);\n  const keeper", "  const keeper", 0),
    ("keep: unsettled lists taken for seen", "src/daemon/keep_loop.cc", r"last\.lag == 0 && !last_error\(\)", "!last_error()", 0),
    ("keep: readers not waited for", "src/daemon/view_keeper.cc", r"  server_->wait_for_news = [^\n]*\n", "", 0),
    ("keep: a view that somebody unmounted not mounted again", "src/daemon/view_keeper.cc", r"if \(ended_ \|\| \(server_ != nullptr && !\*in_place\)\)", "if (false)", 0),
    ("keep: what somebody uncovered not covered again", "src/daemon/view_keeper.cc", r"if \(ended_ \|\| \(server_ != nullptr && !\*in_place\)\)", "if (ended_)", 0),
    ("keep: covered at every look", "src/daemon/view_keeper.cc", r"  if \(bound_chain_ == files_->chain\(\)\) return false;\n", "", 0),
    ("keep: dead covers left", "src/daemon/view_keeper.cc", r"IMAKEEP_CHECK\(view->guard_->uncover\(absolute\.ima_dir\)\);", "", 0),
    ("keep: the list read through what covers it", "src/daemon/view_keeper.cc", r"  source_path_ = \"/proc/self/fd/\" \+ [^;]*;", "", 0),
    ("keep: mounts not left to the next", "src/daemon/view_keeper.cc", r"if \(store_works_ && mounted\(\)\) \{", "if (false) {", 0),
    ("keep: the view not given to the next", "src/daemon/view_keeper.cc", r"  keep_descriptor\(kViewName, server_->descriptor\(\)\);\n", "", 0),
    ("keep: the view not taken over", "src/daemon/view_keeper.cc", r"if \(server_ == nullptr && !take_over\(\)\)", "if (server_ == nullptr)", 0),
    ("guard: busy mounts stay", "src/view/mount/view_mounts.cc", r"MNT_DETACH \| UMOUNT_NOFOLLOW", "UMOUNT_NOFOLLOW", 0),
    ("guard: a dead keeper's mounts stay", "src/view/mount/mount_child.cc", r"    if \(!leave_\) static_cast<void>\(unmount\(\)\);\n", "", 0),
    ("guard: what covers the list stays", "src/view/mount/mount_child.cc", r"    for \(const std::string& path : bound_\) \{", "    for (const std::string& path : std::vector<std::string>()) {", 0),
    ("guard: unmounts what the next keeper mounted", "src/view/mount/view_mounts.cc", r"\(!only_source\.empty\(\) && source != only_source\)", "only_source == \"none\"", 0),
    ("guard: a keeper's view that answers unmounted", "src/view/mount/mount_child.cc", r"      if \(answers\(path, kPeerLimit\)\) \{", "      if (false) {", 0),
    ("guard: covers that answer taken away", "src/view/mount/mount_child.cc", r"if \(alive\[source\]\) continue;", "", 0),
    ("guard: a child that is gone not replaced", "src/view/mount/mount_guard.cc", r"    IMAKEEP_CHECK\(replace_child\(\)\);\n", "", 0),
    ("guard: a new child does not go on with the mounts", "src/view/mount/mount_guard.cc", r"if \(directory_\.empty\(\)\) return \{\};\n  const auto goes_on", "if (true) return {};\n  const auto goes_on", 0),
    ("guard: covers not looked at", "src/view/mount/mount_child.cc", r"return bare == bound_\.end\(\) \? \"\" :[^;]*;", "(void)bare;\n    return {};", 0),
    ("guard: readable by all", "src/view/mount/mount_guard.cc", r"default_permissions,allow_other", "allow_other", 0),
    ("guard: readable by the keeper alone", "src/view/mount/mount_guard.cc", r"default_permissions,allow_other", "default_permissions", 0),
    ("guard: writable", "src/view/mount/mount_child.cc", r" \| MS_RDONLY", "", 0),
    ("guard: paths not made canonical", "src/view/mount/view_mounts.cc", r"if \(auto whole = [^\n]*\n", "\n", 0),
    ("guard: spaces in paths stay octal", "src/view/mount/mountinfo.cc", r"views\.insert_or_assign\(unescaped\(words\[kMountPoint\]\)", "views.insert_or_assign(words[kMountPoint]", 0),
    ("server: read through the page cache", "src/view/libfuse/view_server.cc", r"info->direct_io = 1;", "", 0),
    ("server: a size told without waiting", "src/view/libfuse/view_server.cc", r"server\.post_after_news\(\[&server, request, inode\]", "server.workers_.post([&server, request, inode]", 0),
    ("server: reads without waiting", "src/view/libfuse/view_server.cc", r"if \(server\.files_\.wants_news\(inode, info->fh, from, count\)\)", "if (false)", 0),
    ("server: sizes cached", "src/view/libfuse/view_server.cc", r"fuse_reply_attr\(request, &\*attributes, 0\)", "fuse_reply_attr(request, &*attributes, 3600)", 0),
    ("server: names cached", "src/view/libfuse/view_server.cc", r"entry\.attr = \*attributes;", "entry.attr = *attributes; entry.entry_timeout = 3600;", 0),
    ("server: names left out", "src/view/libfuse/view_server.cc", r"files_\.nodes\(\)\.size\(\) \+ 2", "files_.nodes().size() + 1", 0),
    ("server: what was left unanswered not asked for", "src/view/libfuse/view_server.cc", r"  if \(::write\(descriptor\(\), &resend, sizeof resend\) != sizeof resend\) \{", "  if (resend.len == 0) {", 0),
    ("server: every error EIO", "src/fuse/session.h", r"return error\.os_errno != 0 \? error\.os_errno : EIO;", "return (void)error, EIO;", 0),
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
    if Path(file).stem == "mountinfo":
        return ["view_mount_test"], [binary("view_mount_test")]
    if Path(file).stem == "catch_up":
        return ["view_test"], [binary("view_test", "--gtest_filter=CatchUp*")]
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stale", action="store_true", help="only check that each mutation has its place in the sources")
    parser.add_argument("words", nargs="*", metavar="NAME", help="run those whose name contains one of these (default: all)")
    options = parser.parse_args()
    if options.stale:
        stale()
    wanted = [m for m in MUTATIONS if not options.words or any(word in m[0] for word in options.words)]
    if not wanted:
        parser.error("no mutation has such a name")
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
