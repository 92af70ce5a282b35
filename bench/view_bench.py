#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the view is, through FUSE, compared with the list itself through FUSE, as benchmark results.

    view_bench.py IMAKEEP OUTPUT_JSON [RECORDS...]

For lists of several lengths: reading a file of the view from front to end by 128 KiB, and the same of the list; the
first byte at 20 offsets that nobody read before; how long a keeper that starts again takes until it shows everything.
On the shortest list: how long a trim takes while 200 readers read the view, and without them.
"""
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

LENGTHS = (10_000, 100_000, 1_000_000)
FILES = ("binary_runtime_measurements_sha256", "ascii_runtime_measurements_sha256")
FIRST_BYTES_OF = "binary_runtime_measurements_sha1"
READERS, TRIMS = 200, 20


class World:
    def __init__(self, imakeep, folder):
        self.imakeep, self.folder = imakeep, folder
        self.mount, self.view, self.control = folder / "ima", folder / "view", folder / "control"
        self.keeper_socket, self.keeper = folder / "keeper", None
        self.mount.mkdir()
        self.served = subprocess.Popen([imakeep, "list", "serve", "--mount", str(self.mount), "--control",
                                        str(self.control), "--banks", "sha1,sha256"], stdout=subprocess.PIPE, text=True)
        self.served.stdout.readline()

    def run(self, *command):
        subprocess.run([self.imakeep, *map(str, command)], check=True, stdout=subprocess.DEVNULL)

    def load(self, length):
        records = self.folder / "list"
        subprocess.run([sys.executable, str(pathlib.Path(__file__).parent / "make_list.py"), "/usr", str(length),
                        str(records)], check=True, stdout=subprocess.DEVNULL)
        self.run("list", "load", "--control", self.control, records)

    def start(self, length):
        """Returns the seconds until everything is shown."""
        began = time.monotonic()
        self.keeper = subprocess.Popen(
            [self.imakeep, "keep", "--ima-dir", str(self.mount), "--archive", str(self.folder / "archive"), "--pcrs",
             f"memory:{self.control}", "--control", str(self.keeper_socket), "--every", "0", "--pressure", "off", "--view",
             str(self.view)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                if int((self.view / "runtime_measurements_count").read_text()) >= length:
                    return time.monotonic() - began
            except OSError:
                pass
            if self.keeper.poll() is not None or time.monotonic() - began > 300:
                sys.exit("the keeper shows nothing")
            time.sleep(0.005)

    def end_keeper(self):
        if self.keeper is not None:
            self.keeper.terminate()
            self.keeper.wait()
            self.keeper = None

    def end(self):
        self.end_keeper()
        self.served.terminate()
        self.served.wait()


def read_through(path):
    """Bytes and seconds."""
    began, total = time.monotonic(), 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(128 << 10):
            total += len(piece)
    return total, time.monotonic() - began


def first_bytes(path):
    """The longest of 20 first bytes anywhere, in seconds."""
    size, longest = os.stat(path).st_size, 0
    for _ in range(20):
        began = time.monotonic()
        with open(path, "rb", buffering=0) as file:
            file.seek(random.randrange(size))
            file.read(1)
        longest = max(longest, time.monotonic() - began)
    return longest


def read_rows(results, place, directory, length):
    for name in FILES:
        for turn in ("first", "again"):
            size, seconds = read_through(directory / name)
            results.append({"name": f"view/read_{place}_{turn}/{name}/{length}", "real_time": seconds, "time_unit": "s",
                            "list_bytes": size})
            print(f"{length} {name} {place} {turn}: {size / seconds / 1e6:.0f} MB/s", file=sys.stderr)


def of_length(world, length, results):
    world.load(length)
    read_rows(results, "list", world.mount, length)  # before it is trimmed
    world.start(length)
    world.end_keeper()
    results.append({"name": f"view/start/{length}", "real_time": world.start(length), "time_unit": "s"})
    # Of a bank that is not read below, so that no block is there from before, there or here.
    results.append({"name": f"view/first_byte/{length}", "real_time": first_bytes(world.view / FIRST_BYTES_OF),
                    "time_unit": "s"})
    # `first` makes every block; `again` finds those that the keeper still has: all of a short list, hardly any of a long one.
    read_rows(results, "view", world.view, length)


def trim_seconds(world, number):
    """The median of trims of a record each, as who asks for them sees them."""
    times = []
    for i in range(TRIMS):
        path = world.folder / f"file-{number}-{i}"
        path.write_text(f"{number} {i}")
        world.run("list", "add", "--control", world.control, path)
        began = time.monotonic()
        ask_to_trim(world.keeper_socket)
        times.append(time.monotonic() - began)
    return sorted(times)[TRIMS // 2]


def ask_to_trim(keeper_socket):
    """docs/formats/keeper-socket.md"""
    with socket.socket(socket.AF_UNIX) as keeper:
        keeper.connect(str(keeper_socket))
        keeper.sendall(b'{"op": "trim"}\n')
        answer = json.loads(keeper.makefile().readline())
        if not answer["ok"]:
            sys.exit(f"the keeper cannot trim: {answer}")


def with_readers(world, results):
    alone = trim_seconds(world, "alone")
    reader = "import sys\nwhile True:\n  with open(sys.argv[1], 'rb', buffering=0) as f:\n    while f.read(131072): pass\n"
    readers = [subprocess.Popen([sys.executable, "-c", reader, str(world.view / FILES[i % 2])])
               for i in range(READERS)]
    try:
        time.sleep(2)
        with_all = trim_seconds(world, "with-readers")
    finally:
        for process in readers:
            process.kill()
            process.wait()
    results.append({"name": "view/trim/alone", "real_time": alone, "time_unit": "s"})
    results.append({"name": f"view/trim/with_readers_{READERS}", "real_time": with_all, "time_unit": "s"})


def main():
    imakeep, output, *lengths = sys.argv[1:]
    results = []
    for length in map(int, lengths or LENGTHS):
        with tempfile.TemporaryDirectory() as folder:
            world = World(imakeep, pathlib.Path(folder))
            try:
                of_length(world, length, results)
                if length == LENGTHS[0]:
                    with_readers(world, results)
            finally:
                world.end()
    pathlib.Path(output).write_text(json.dumps({"benchmarks": results}))


if __name__ == "__main__":
    main()
