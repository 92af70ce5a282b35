#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A list's server, a keeper and others as real processes, under random schedules of faults.

  fault_schedules.py IMAKEEP [--first SEED] [--schedules N] [--trace]

Each schedule measures records, violations among them, while others delete records of the list, hold it or stage it, and
while the keeper is killed, stopped, started anew, loses a file next to its archive, its disk, its descriptors or the process
that mounts. In the end all is mended and a keeper looks once more. Then the archive has to hold every record that was
measured, once and in order, but for those that others deleted before they were archived; and those have to be called
a gap. A schedule that deletes nothing unseen has no incident.
Exits with 1 at the first schedule that fails, and prints it; 77 without root or /dev/fuse.
"""
import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HASH_BYTES = 32
GAPS = {"gap", "gap-or-extend"}


class Failure(Exception):
    pass


def record(path, violation=False):
    """A record of template ima-ng in a binary list of bank sha256."""
    text = path.encode() + b"\0"
    digest = b"\0" * HASH_BYTES if violation else hashlib.sha256(text).digest()
    named = b"sha256:\0" + digest
    data = struct.pack("<I", len(named)) + named + struct.pack("<I", len(text)) + text
    shown = b"\0" * HASH_BYTES if violation else hashlib.sha256(data).digest()
    return struct.pack("<I", 10) + shown + struct.pack("<I", 6) + b"ima-ng" + struct.pack("<I", len(data)) + data


def split(list_bytes):
    records, at = [], 0
    while at < len(list_bytes):
        start = at
        at += 4 + HASH_BYTES
        for _ in range(2):
            (size,) = struct.unpack_from("<I", list_bytes, at)
            at += 4 + size
        records.append(list_bytes[start:at])
    return records


def name_of(one):
    """The path that it names, which is the last of its data."""
    (size,) = struct.unpack_from("<I", one, 4 + HASH_BYTES + 4 + 6 + 4)
    return one[4 + HASH_BYTES + 4 + 6 + 4 + 4 + size + 4 : -1].decode()


def is_subsequence(part, whole):
    at = iter(whole)
    return all(each in at for each in part)


class Schedule:
    def __init__(self, program, seed, trace):
        self.program, self.random, self.trace = program, random.Random(seed), trace
        self.work = Path(tempfile.mkdtemp(prefix="imakeep-faults-"))
        self.mount, self.view, self.disk = self.work / "ima", self.work / "view", self.work / "disk"
        self.control, self.archive = self.work / "list.sock", self.work / "disk/archive"
        self.server = self.keeper = None
        self.measured, self.names = [], 0
        # Indexes in `measured`: what others deleted, and of these what was not archived then.
        self.deleted, self.unseen = set(), set()
        self.headless = False  # others deleted records, not always the first ones, before anything was archived
        self.story = []
        # If a -wal is removed, a crash loses its content. An actor that deletes archived records relies on that content.
        self.others_delete = self.random.random() < 0.6

    def say(self, what):
        self.story.append(what)
        if self.trace:
            print(f"  {what}", flush=True)

    # ---- processes

    def start_server(self):
        self.server = subprocess.Popen(
            [self.program, "list", "serve", "--mount", self.mount, "--control", self.control, "--banks", "sha1,sha256"],
            stdout=subprocess.DEVNULL, stderr=open(self.work / "serve.err", "w"))
        self.wait_for(lambda: (self.mount / "violations").exists() and self.control.exists(), "the list")

    def start_keeper(self):
        if self.keeper:
            return
        command = [self.program, "keep", "--ima-dir", self.mount, "--archive", self.archive, "--pcrs",
                   f"memory:{self.control}", "--every", "150ms", "--follow-every", "50ms", "--pressure", "off"]
        if self.random.random() < 0.5:
            command += ["--view", self.view]
        if self.random.random() < 0.5:
            command += ["--method", "stage"]
        said = len(self.said())
        self.keeper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.work / "keep.err", "a"))
        # One that has not opened its archive yet makes another if that is moved away, and its -wal then lies next to the first.
        self.wait_for(lambda: "keeping" in self.said()[said:] or self.keeper.poll() is not None, "the keeper", 60)
        self.say("keeper starts")

    def end_keeper(self, how):
        if not self.keeper:
            return
        self.keeper.send_signal(signal.SIGCONT)
        self.keeper.send_signal(how)
        try:
            code = self.keeper.wait(7)
        except subprocess.TimeoutExpired:
            raise Failure(f"the keeper does not end by {how.name}")
        if code not in ((0, 3) if how == signal.SIGTERM else (-how, 0, 3)):
            raise Failure(f"the keeper ends by {how.name} with {code}")
        self.keeper = None
        self.say(f"keeper ended by {how.name}")

    @staticmethod
    def wait_for(true, what, seconds=10):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise Failure(f"{what} is not there")
            time.sleep(0.02)

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, timeout=60)

    # ---- what happens

    def measure(self):
        for _ in range(self.random.randint(1, 12)):
            if self.random.random() < 0.3:
                self.append(record(f"/violation/{self.random.randint(0, 2)}", violation=True))
            else:
                self.names += 1
                self.append(record(f"/record/{self.names}"))

    def append(self, one):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.control))
            head = {"op": "append", "bank": "sha256", "payload_bytes": len(one)}
            client.sendall(json.dumps(head).encode() + b"\n" + one)
            answer = json.loads(client.makefile("rb").readline())
        if answer.get("added") != 1:
            raise Failure(f"the list took no record: {answer}")
        self.measured.append(one)

    def archived_chains(self):
        # A keeper that was ended before it had made the archive leaves an empty file.
        if not self.archive.exists() or self.archive.stat().st_size == 0:
            return 0
        status = self.run("status", "--archive", self.archive, "--json")
        if status.returncode > 1:
            raise Failure(f"the archive cannot be read: {status.stderr}")
        return json.loads(status.stdout)["archive"]["chains"]

    def archived(self):
        chains = []
        for chain in range(1, self.archived_chains() + 1):
            exported = self.run("log", "--archive", self.archive, "--format", "binary", "--bank", "sha256", "--chain", str(chain))
            if exported.returncode != 0:
                raise Failure(f"chain {chain} of the archive cannot be exported: {exported.stderr}")
            chains.append(split(exported.stdout))
        # A crash or a full disk between the chain's row and its first records leaves an empty chain.
        filled = [records for records in chains if records]
        if len(filled) > 1:
            raise Failure(f"the records of one boot are in {len(filled)} chains")
        return filled[0] if filled else []

    def open_list(self, staged=False):
        name = "binary_runtime_measurements_sha256" + ("_staged" if staged else "")
        for _ in range(100):
            try:
                return os.open(self.mount / name, os.O_RDWR)
            except OSError:
                time.sleep(0.02)
        return None

    def read_held(self, held):
        parts = []
        while part := os.read(held, 1 << 20):
            parts.append(part)
        return split(b"".join(parts))

    def seen(self):
        """How many of the measured records the archive has, but for those that were deleted unseen."""
        archived = iter(self.archived())
        for index, one in enumerate(self.measured):
            if index not in self.unseen and one not in archived:
                return index
        return len(self.measured)

    def other_deletes(self):
        """By a number or by A and D; while it holds the list, what is archived does not change."""
        staged = self.random.random() < 0.5
        held = self.open_list(staged)
        if held is None:
            return
        try:
            if staged:
                try:
                    os.write(held, b"A\n")
                except OSError:
                    pass  # something is staged already, or there is nothing
            records = self.read_held(held)
            count = len(records) if staged else self.random.randint(0, len(records))
            if count == 0:
                return
            # The list ends with what was measured last; what is staged lies before the rest.
            after = int((self.mount / "runtime_measurements_count").read_text()) if staged else 0
            left = [index for index in range(len(self.measured)) if index not in self.deleted]
            first = len(left) - after - len(records)
            if records != [self.measured[index] for index in left[first : first + len(records)]]:
                raise Failure(f"the list is not what was measured: {' '.join(name_of(each) for each in records)}")
            seen = self.seen()
            deleted = set(left[first : first + count])
            os.write(held, b"D\n" if staged else f"{count}\n".encode())
            self.deleted |= deleted
            self.unseen |= {index for index in deleted if index >= seen}
            self.headless |= seen == 0
            self.say(f"other deletes {sorted(deleted)}, and what lies before {seen} is archived")
        except OSError as error:
            self.say(f"other is refused: {error}")
        finally:
            os.close(held)

    def other_holds(self):
        held = self.open_list()
        if held is not None:
            self.measure()
            time.sleep(self.random.uniform(0, 0.4))
            os.close(held)

    def other_stages(self):
        held = self.open_list(staged=True)
        if held is None:
            return
        try:
            os.write(held, b"A\n")
            self.say("other stages")
        except OSError:
            pass
        os.close(held)

    def kill_keeper(self):
        self.end_keeper(signal.SIGKILL)

    def stop_keeper(self):
        if self.keeper:
            self.keeper.send_signal(signal.SIGSTOP)
            # It may have the list open: others wait for it.
            time.sleep(self.random.uniform(0, 0.3))
            self.keeper.send_signal(signal.SIGCONT)

    def stop_server(self):
        self.server.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.1, 0.6))
        self.server.send_signal(signal.SIGCONT)

    def hurt_mounter(self):
        if self.keeper:
            found = subprocess.run(["pgrep", "-P", str(self.keeper.pid), "imakeep-mounts"], capture_output=True, text=True)
            for pid in found.stdout.split():
                with contextlib.suppress(ProcessLookupError):  # it may just have ended
                    os.kill(int(pid), self.random.choice([signal.SIGKILL, signal.SIGSTOP]))
                self.say("the process that mounts is killed or stopped")

    def lose_file(self):
        suffix = self.random.choice([".lock", "-shm"] if self.others_delete else ["-wal", "-shm", ".lock"])
        self.say(f"{suffix} is removed")
        Path(f"{self.archive}{suffix}").unlink(missing_ok=True)

    def move_archive(self):
        if not self.archive.exists():
            return
        away = self.archive.with_name("away")
        self.archive.rename(away)
        self.measure()
        time.sleep(self.random.uniform(0, 0.5))
        # A keeper that was started meanwhile would have made another one; this one goes on with none.
        away.rename(self.archive)
        self.end_keeper(self.random.choice([signal.SIGTERM, signal.SIGKILL]))
        self.say("the archive was away for a while")

    def fill_disk(self):
        try:
            with open(self.disk / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 4096)
        except OSError:
            pass
        self.say("the disk is full")
        self.measure()
        time.sleep(self.random.uniform(0, 0.5))
        (self.disk / "filler").unlink()

    def lack_descriptors(self):
        if not self.keeper:
            return
        most = self.random.randint(3, 30)
        before = self.limit_descriptors(lambda old: (most, old[1]))
        self.measure()
        time.sleep(self.random.uniform(0, 0.5))
        if before:
            self.limit_descriptors(lambda _: before)

    def limit_descriptors(self, change):
        """Gives what the limits were. A keeper that has ended meanwhile has none."""
        try:
            before = resource.prlimit(self.keeper.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(self.keeper.pid, resource.RLIMIT_NOFILE, change(before))
            return before
        except (PermissionError, ProcessLookupError):
            if self.keeper.poll() is None:
                raise
            return None

    def pause(self):
        time.sleep(self.random.uniform(0, 0.5))

    def go(self):
        self.disk.mkdir()
        self.mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.disk], check=True)
        self.start_server()
        self.measure()
        self.start_keeper()
        self.wait_for(lambda: self.archive.exists(), "the archive")
        steps = [self.measure] * 4 + [self.pause] * 3 + [self.other_holds, self.kill_keeper, self.stop_keeper,
                                                       self.stop_server, self.hurt_mounter, self.lose_file,
                                                       self.move_archive, self.fill_disk, self.lack_descriptors]
        if self.others_delete:
            steps += [self.other_deletes] * 3 + [self.other_stages]
        for _ in range(self.random.randint(5, 15)):
            step = self.random.choice(steps)
            self.say(step.__name__)
            step()
            if self.keeper and self.keeper.poll() is not None:
                if self.keeper.returncode not in (1, 3):
                    raise Failure(f"the keeper ended with {self.keeper.returncode}")
                self.say(f"the keeper ended with {self.keeper.returncode}")
                self.keeper = None
            if self.random.random() < 0.6:
                self.start_keeper()
        self.end_keeper(self.random.choice([signal.SIGTERM, signal.SIGKILL]))
        self.judge()

    def judge(self):
        for _ in range(2):  # the second proves what the first archived unproven
            last = self.run("keep", "--once", "--ima-dir", self.mount, "--archive", self.archive, "--pcrs",
                            f"memory:{self.control}")
            self.append(record(f"/last/{len(self.measured)}"))
        last = self.run("keep", "--once", "--ima-dir", self.mount, "--archive", self.archive, "--pcrs",
                        f"memory:{self.control}")
        archived = self.archived()
        expected = [one for index, one in enumerate(self.measured) if index not in self.unseen]
        status = json.loads(self.run("status", "--archive", self.archive, "--json").stdout)
        kinds = {each["kind"] if "kind" in each else each["diagnosis"] for each in status["incidents"]}
        for name, records in [("measured", self.measured), ("archived", archived)]:
            self.say(f"{name}: {' '.join(name_of(each) for each in records)}")
        if last.returncode != 0:
            raise Failure(f"the last keeper ends with {last.returncode}: {last.stderr.decode()}")
        if not self.unseen:
            if archived != expected:
                raise Failure(f"{len(expected)} records measured, and the archive has {len(archived)} or others")
            if kinds:
                raise Failure(f"nothing was deleted unseen, but the archive has incidents: {kinds}")
        else:
            if not is_subsequence(expected, archived):
                raise Failure(f"of {len(expected)} records that were not deleted unseen some are not archived in order")
            # No gap lies before the first archived record: the keeper finds a list that was trimmed already.
            if not kinds & (GAPS | ({"headless"} if self.headless else set())):
                raise Failure(f"{len(self.unseen)} records were deleted unseen, and the incidents are {kinds}")

    def end(self):
        for process in (self.keeper, self.server):
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        for place in (self.view, self.mount, self.disk):
            subprocess.run(["umount", "-l", place], capture_output=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def said(self):
        keeper = self.work / "keep.err"
        return keeper.read_text() if keeper.exists() else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=int(os.environ.get("IMAKEEP_FAULT_SCHEDULES", "10")))
    parser.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        print("skipped: needs root and /dev/fuse")
        return 77
    unseen = 0
    for seed in range(given.first, given.first + given.schedules):
        schedule = Schedule(os.path.realpath(given.program), seed, given.trace)
        try:
            schedule.go()
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as failure:
            print(f"schedule {seed}: {failure!r}", *schedule.story, schedule.said()[-3000:], sep="\n  ")
            print(f"what happens, but for its timing, again: fault_schedules.py IMAKEEP --first {seed} --schedules 1")
            return 1
        finally:
            schedule.end()
        unseen += 1 if schedule.unseen else 0
    print(f"{given.schedules} schedules, {unseen} of them with records deleted unseen: nothing lost, nothing double")
    return 0


if __name__ == "__main__":
    sys.exit(main())
