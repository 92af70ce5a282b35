#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Readers of the view, all at once, while the keeper trims every 100 ms.

  view_readers.py IMAKEEP [--seconds N] [--readers N] [--restart kill|handover|none] [--restart-every S] [--bind]

Every record is added to two lists: one that is kept, and one that is never trimmed. All bytes that a reader of
the view gets have to be a prefix of what the other list shows, byte for byte, in every bank and both forms; and in the end
all of it. `kill` ends the keeper by SIGKILL and starts another: readers may get the errors that docs/agents.md names, and
never other bytes. `handover` does the same, by SIGTERM every other time, with the keeper's descriptors held by a service
manager (this program, as systemd does it): then no reader may get any error at all.
It lasts --seconds, or as many as $IMAKEEP_VIEW_SECONDS says. Prints a line for each kind of reader; exits 1 if one saw
something else, 77 if a program is missing.
"""
import argparse
import array
import ctypes
import errno
import mmap
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BANKS = ["sha1", "sha256", "sha384", "sha512"]
FORMS = ["binary", "ascii"]
# Errors that a reader may get without a keeper, or when it was cut off from the last keeper.
DOCUMENTED = {errno.ENOTCONN, errno.ENOENT, errno.ECONNABORTED, errno.ESTALE}
FILES = [f"{form}_runtime_measurements_{bank}" for form in FORMS for bank in BANKS]


class Failure(Exception):
    pass


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.rounds, self.errors, self.wrong = {}, {}, []

    def round(self, kind):
        with self.lock:
            self.rounds[kind] = self.rounds.get(kind, 0) + 1

    def error(self, kind, error):
        with self.lock:
            key = (kind, errno.errorcode.get(error.errno, str(error.errno)))
            self.errors[key] = self.errors.get(key, 0) + 1

    def differs(self, kind, what):
        with self.lock:
            self.wrong.append(f"{kind}: {what}")


class ServiceManager:
    """The notify socket and the descriptor store of a service, as systemd has them."""

    def __init__(self, path):
        self.path = path
        self.stored = {}
        self.sent = set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        self.stored["mountns"] = namespace
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 16))
            fds = array.array("i")
            for _, _, content in ancillary:
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
            lines = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
            name = lines.get("FDNAME", "stored")
            if "FDSTOREREMOVE" in lines and name in self.stored:
                os.close(self.stored.pop(name))
            if "FDSTORE" in lines and len(fds) > 0:
                if name in self.stored:
                    os.close(self.stored.pop(name))
                self.stored[name] = fds[0]
            for key in lines:
                self.sent.add(key)

    def start(self, command, **options):
        """As a child that finds the stored descriptors after standard error."""
        stored = sorted(self.stored.items())
        source = [os.dup(fd) for _, fd in stored]
        highest = 3 + len(stored) + 100

        def descriptors():
            high = [os.dup2(fd, highest + i) for i, fd in enumerate(source)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
                os.set_inheritable(3 + i, True)

        shell = ["bash", "-c", 'LISTEN_PID=$$ exec "$@"', "start", *command]
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.path), LISTEN_FDS=str(len(stored)),
                           LISTEN_FDNAMES=":".join(name for name, _ in stored))
        process = subprocess.Popen(shell, preexec_fn=descriptors, close_fds=False, env=environment, **options)
        for fd in source:
            os.close(fd)
        return process


class World:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.report = Report()
        self.stop = threading.Event()
        self.kept, self.whole = work / "kept", work / "whole"
        self.view, self.measured = work / "view", work / "measured"
        for directory in [self.kept, self.whole, self.view, self.measured]:
            directory.mkdir()
        self.shown = self.view
        self.servers, self.keeper, self.manager = [], None, None
        self.starts, self.added = 0, 0
        # While a keeper is missing on purpose, a reader's documented error is all right.
        self.gap = options.restart == "kill"

    def run(self, *command, **options):
        return subprocess.run([self.options.imakeep, *map(str, command)], check=True, stdout=subprocess.PIPE, **options)

    def serve(self, mount):
        output = open(self.work / f"{mount.name}.out", "wb")
        server = subprocess.Popen([self.options.imakeep, "list", "serve", "--mount", str(mount), "--control",
                                   str(self.work / f"{mount.name}.sock"), "--banks", ",".join(BANKS)], stdout=output)
        self.servers.append(server)
        self.wait_for(lambda: b"ready" in (self.work / f"{mount.name}.out").read_bytes(), f"the list on {mount}")

    def wait_for(self, done, what, seconds=60):
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise Failure(f"{what}: not there after {seconds} s")
            time.sleep(0.02)

    def start_keeper(self):
        command = [self.options.imakeep, "keep", "--ima-dir", str(self.kept), "--archive", str(self.work / "archive"),
                   "--pcrs", f"memory:{self.work / 'kept.sock'}", "--view", str(self.view), "--every", "100ms",
                   "--follow-every", "50ms", "--pressure", "off"]
        if self.options.bind:
            command.append("--bind")
        log = open(self.work / "keeper.log", "ab")
        self.starts += 1
        if self.options.restart == "handover":
            self.keeper = self.manager.start(command, stdout=log, stderr=log)
        else:
            self.keeper = subprocess.Popen(command, stdout=log, stderr=log)

    def view_is_up(self):
        try:
            return all((self.shown / name).stat().st_size > 0 for name in FILES)
        except OSError:
            return False

    def add(self):
        """Measures new files into both lists, in the same order."""
        while not self.stop.is_set():
            batch = []
            for _ in range(random.randint(1, 40)):
                path = self.measured / f"file-{self.added}-{'x' * random.randint(0, 80)}"
                path.write_text(f"{self.added}")
                batch.append(str(path))
                self.added += 1
            # First to the list that is never trimmed, so that it never lacks a record.
            for name in ["whole", "kept"]:
                self.run("list", "add", "--control", self.work / f"{name}.sock", *batch)
            time.sleep(0.1)

    def truth(self, name):
        return (self.whole / name).read_bytes()

    def compare(self, kind, name, got, offset=0):
        expected = self.truth(name)[offset : offset + len(got)]
        if got == expected:
            return
        at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
        self.report.differs(kind, f"{name} differs from the whole list at byte {offset + at} ({len(got)} read at {offset})")

    def reader(self, kind, once):
        """Calls once() until the end; documented errors are counted, others are failures."""
        while not self.stop.is_set():
            try:
                once()
                self.report.round(kind)
            except OSError as error:
                if not (self.gap and error.errno in DOCUMENTED):
                    self.report.differs(kind, f"error {error}")
                    return
                self.report.error(kind, error)
                time.sleep(0.05)
            except subprocess.TimeoutExpired:
                self.report.differs(kind, "hangs")
                return

    # ---- the readers

    def whole_file(self):
        name = random.choice(FILES)
        self.compare("whole file", name, (self.shown / name).read_bytes())

    def program(self, kind, command, name):
        """The output of a program for the file; its own errors are told by its exit code and message."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        if done.returncode != 0:
            text = done.stderr.decode(errors="replace")
            for number in DOCUMENTED:
                if os.strerror(number) in text:
                    raise OSError(number, text.strip())
            raise OSError(0, f"{command[0]}: {text.strip()}")
        self.compare(kind, name, done.stdout)

    def cat(self):
        name = random.choice(FILES)
        self.program("cat", ["cat", str(self.shown / name)], name)

    def dd(self):
        name = random.choice(FILES)
        size = random.choice([1, 7, 333, 4095, 4097, 65537, 300001])
        limit = ["count=3000"] if size < 100 else []
        self.program("dd", ["dd", f"if={self.shown / name}", f"bs={size}", "status=none", *limit], name)

    def copy(self):
        """By programs that try copy_file_range() or sendfile() first: the view refuses these, and they read."""
        name = random.choice(FILES)
        self.program("cp", ["cp", str(self.shown / name), "/dev/stdout"], name)
        copied = self.work / f"copied-{threading.get_ident()}"
        copied.unlink(missing_ok=True)  # a copy that cannot begin leaves what was there
        try:
            shutil.copyfile(self.shown / name, copied)
        finally:
            got = copied.read_bytes() if copied.exists() else b""
            self.compare("copyfile", name, got)

    def evmctl(self):
        """The PCRs are read first, so they lie within the list that is read then."""
        values = {}
        for line in self.run("list", "pcrs", "--control", self.work / "kept.sock").stdout.decode().splitlines():
            bank, pcr, value = line.split()
            values.setdefault(bank, {})[int(pcr)] = value
        arguments = []
        for bank in ["sha1", "sha256"]:
            zeros = "0" * len(next(iter(values[bank].values())))
            text = "".join(f"PCR-{i:02}: " + " ".join(
                values[bank].get(i, zeros)[j : j + 2] for j in range(0, len(zeros), 2)) + "\n" for i in range(24))
            (self.work / f"pcrs.{bank}").write_text(text)
            arguments += ["--pcrs", f"{bank},{self.work / f'pcrs.{bank}'}"]
        done = subprocess.run(["evmctl", "ima_measurement", *arguments, str(self.shown / "binary_runtime_measurements")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        if done.returncode == 0:
            return
        text = done.stdout.decode(errors="replace")
        if self.gap and not os.access(self.shown / FILES[0], os.R_OK):
            raise OSError(errno.ENOTCONN, text)
        if self.gap and "Matched per TPM bank" not in text:
            return  # the keeper was killed while evmctl read
        self.report.differs("evmctl", text[-500:])

    def long_held(self):
        """As Keylime's agent in Rust: one descriptor for good, offsets and record counts that are remembered."""
        name = "ascii_runtime_measurements_sha256"
        path = self.shown / name
        seen, lines = b"", 0
        with open(path, "rb", buffering=0) as held:
            while not self.stop.is_set():
                held.seek(len(seen))
                more = held.readall()
                self.compare("held descriptor", name, more, len(seen))
                seen += more
                lines += more.count(b"\n")
                if seen and not seen.endswith(b"\n"):
                    self.report.differs("held descriptor", f"half a line at {len(seen)}")
                back = random.randrange(len(seen)) if seen else 0
                held.seek(back)
                again = held.read(random.randint(1, 5000))
                # It may be longer now than what was seen, which the next round looks at.
                before = seen[back : back + len(again)]
                if again[: len(before)] != before:
                    self.report.differs("held descriptor", f"other bytes at {back} than before")
                count = int((self.shown / "runtime_measurements_count").read_text())
                if count < lines:
                    self.report.differs("held descriptor", f"the count is {count}, and {lines} records were read")
                self.report.round("held descriptor")
                time.sleep(0.02)

    def start_tail(self):
        output = open(self.work / "tail.out", "wb")
        return subprocess.Popen(["tail", "-c", "+1", "-s", "0.1", "-f", str(self.shown / "ascii_runtime_measurements_sha1")],
                                stdout=output, stderr=subprocess.PIPE)

    def check_page_cache(self):
        """Checks docs/agents.md on calls that would go through the page cache."""
        fd = os.open(self.shown / "binary_runtime_measurements_sha256", os.O_RDONLY)
        size = os.fstat(fd).st_size
        output = os.open(self.work / "copied", os.O_WRONLY | os.O_CREAT)
        into_pipe = os.pipe()
        refused = {errno.EINVAL, errno.EIO}  # EIO since Linux 7.3
        calls = {
            "sendfile": (refused, lambda: os.sendfile(output, fd, 0, size)),
            "splice": (refused, lambda: os.splice(fd, into_pipe[1], size, 0)),
            "copy_file_range": ({errno.EXDEV}, lambda: os.copy_file_range(fd, output, size, 0)),
            "shared mapping": ({errno.ENODEV}, lambda: mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)),
        }
        for name, (expected, call) in calls.items():
            try:
                self.report.differs(name, f"gave {call()}")
            except OSError as error:
                if error.errno not in expected:
                    self.report.differs(name, f"{error}")
                self.report.round(name)
        child = os.fork()
        if child == 0:
            try:
                private = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
                os._exit(private[0] & 0)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGBUS:
            self.report.differs("private mapping", f"gave bytes: status {status}")
        self.report.round("private mapping")
        for held in [fd, output, *into_pipe]:
            os.close(held)

    def check_inotify(self):
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_NONBLOCK)
        path = str(self.shown / "ascii_runtime_measurements_sha1").encode()
        if libc.inotify_add_watch(watch, path, 0x2) < 0:  # IN_MODIFY
            self.report.differs("inotify", os.strerror(ctypes.get_errno()))
        time.sleep(1)
        try:
            os.read(watch, 4096)
            self.report.differs("inotify", "an event came, which nothing promises")
        except BlockingIOError:
            self.report.round("inotify")
        os.close(watch)

    def restart(self):
        while not self.stop.wait(self.options.restart_every):
            clean = self.options.restart == "handover" and self.starts % 2 == 0
            self.keeper.send_signal(signal.SIGTERM if clean else signal.SIGKILL)
            self.keeper.wait()
            self.start_keeper()

    def finish(self):
        """Everything that was added comes to be seen."""
        for name in FILES:
            self.wait_for(lambda: self.view_is_up() and (self.shown / name).stat().st_size == len(self.truth(name)),
                          f"{name} in full")
            got = (self.shown / name).read_bytes()
            if got != self.truth(name):
                self.report.differs("in the end", f"{name} is not the whole list")
            self.report.round("in the end")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("imakeep")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("IMAKEEP_VIEW_SECONDS", 8)))
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--restart", choices=["none", "kill", "handover"], default="none")
    parser.add_argument("--restart-every", type=float, default=3)
    parser.add_argument("--bind", action="store_true")
    options = parser.parse_args()
    if os.getuid() != 0 or not os.access("/dev/fuse", os.W_OK) or shutil.which("evmctl") is None:
        print("skipped: needs root, /dev/fuse and evmctl")
        sys.exit(77)
    work = Path(tempfile.mkdtemp(prefix="imakeep-view-"))
    world = World(options, work)
    failed = True
    try:
        failed = test(world)
    except Failure as failure:
        print(failure)
    finally:
        end(world, work)
    sys.exit(1 if failed else 0)


def end(world, work):
    world.stop.set()
    if world.keeper is not None and world.keeper.poll() is None:
        world.keeper.terminate()
        world.keeper.wait(60)
    if world.manager is not None:
        # As ExecStopPost= of the unit: the keeper leaves its mounts to the one that follows.
        world.run("view", "unmount", "--view", world.view, "--ima-dir", world.kept)
    for server in world.servers:
        server.terminate()
        server.wait(60)
    log = work / "keeper.log"
    print("keeper: " + " | ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else "")
    left = [line.split()[4] for line in open("/proc/self/mountinfo", encoding="utf8") if str(work) in line]
    if left:
        print(f"still mounted: {left}")
        sys.exit(1)
    shutil.rmtree(work)


def test(world):
    options = world.options
    if options.restart == "handover":
        world.manager = ServiceManager(world.work / "notify")
    world.serve(world.whole)
    world.serve(world.kept)
    boot = world.whole / FILES[0]
    if boot.read_bytes() != (world.kept / FILES[0]).read_bytes():
        raise Failure("the two lists begin differently")
    adder = threading.Thread(target=world.add)
    adder.start()
    world.start_keeper()
    if options.bind:
        # Agents read the kernel's own names, where sizes are 0 until the view covers them.
        world.shown = world.kept
    world.wait_for(world.view_is_up, "the view")
    kinds = [world.whole_file, world.cat, world.dd, world.copy]
    threads = [threading.Thread(target=world.reader, args=(once.__name__, once)) for once in kinds]
    threads += [threading.Thread(target=world.reader, args=("evmctl", world.evmctl))]
    threads += [threading.Thread(target=world.reader, args=("held descriptor", world.long_held))
                for _ in range(max(1, options.readers - len(threads)))]
    tail = None if world.gap else world.start_tail()
    if options.restart == "none":
        world.check_page_cache()
        world.check_inotify()
    if options.restart != "none":
        threads.append(threading.Thread(target=world.restart))
    for thread in threads:
        thread.start()
    time.sleep(options.seconds)
    world.stop.set()
    for thread in [adder, *threads]:
        thread.join(120)
        if thread.is_alive():
            raise Failure("a reader hangs")
    world.stop.clear()
    world.finish()
    if tail is not None:
        name = "ascii_runtime_measurements_sha1"
        world.wait_for(lambda: len((world.work / "tail.out").read_bytes()) >= len(world.truth(name)), "tail -f in full", 20)
        if (world.work / "tail.out").read_bytes() != world.truth(name):
            world.report.differs("tail -f", "what it printed is not the whole list")
        world.report.round("tail -f")
        tail.kill()
        tail.wait()
    trimmed = int(world.kept.joinpath("runtime_measurements_count").read_text())
    return verdict(world, trimmed)


def verdict(world, in_list):
    records = world.truth("ascii_runtime_measurements_sha1").count(b"\n")
    print(f"{records} records, {in_list} by the list's own count, {world.starts} keepers")
    if not world.options.bind and in_list > records / 2:
        world.report.differs("keeper", "hardly anything was trimmed")
    for kind, rounds in sorted(world.report.rounds.items()):
        errors = {name: count for (of, name), count in world.report.errors.items() if of == kind}
        print(f"  {kind}: {rounds} times" + (f", errors {errors}" if errors else ""))
    for what in world.report.wrong[:10]:
        print(f"  WRONG {what}")
    return bool(world.report.wrong)


if __name__ == "__main__":
    main()
