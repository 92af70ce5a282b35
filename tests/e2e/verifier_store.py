#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hosts attest while their verifier is killed and while its database goes away: nothing that was answered is lost.

    tests/e2e/verifier_store.py IMAKEEP_VERIFIER [--kills N] [--seed N]

- kills: `imakeep-verifier serve` is killed (SIGKILL) at random moments, on SQLite and on PostgreSQL. The hosts send the
  same evidence to the next process.
- outages: PostgreSQL ends at once and starts again; it keeps its connections and answers nothing (SIGSTOP); it only
  reads; the disk of SQLite is full and has room again; the file of SQLite is read-only.

What must hold: each evidence gets one verdict; N is the number of the host's records and never goes back; each verdict
has one row in the history, and no other row is there. While the database is away, the verifier answers 503 with
Retry-After, /readyz says 503 and /healthz 200.

The hosts have no TPM: soft_host.py. PostgreSQL is the test's own, from Debian's package. The full disk needs root and is
left out without.
"""
import argparse
import hashlib
import http.client
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from soft_host import EVIDENCE, Host, Verifier

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
PATIENCE_S = 60  # for what has to come, on a loaded machine
HOSTS = 3
failed = 0


def check(claim, what):
    global failed
    if not claim:
        failed += 1
        print("FAILED:", what, flush=True)


def soon(what, holds):
    """Waits until it holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            check(False, f"not within {PATIENCE_S} s: {what}")
            return
        time.sleep(0.05)


# ---- PostgreSQL -----------------------------------------------------------------------------------------------------

class Postgres:
    def __init__(self, directory):
        self.directory = directory / "postgres"
        self.directory.mkdir()
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # the server refuses to run as root
            self.user = "postgres"
            os.chmod(directory, 0o755)
            shutil.chown(self.directory, "postgres", "postgres")
        self.data = self.directory / "data"
        self.run("initdb", "-D", self.data, "--auth=trust", "--username=imakeep", "--encoding=UTF8", "--locale=C",
                 "--no-sync")
        self.start()

    def run(self, program, *arguments):
        command = [str(PROGRAMS / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.directory)
        if done.returncode != 0:
            sys.exit(f"{command}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self):
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.directory / "log", "-o",
                 f"-k {self.directory} -c listen_addresses= -c max_connections=50")

    def stop(self, how="immediate"):
        self.run("pg_ctl", "stop", "-w", "-m", how, "-D", self.data)

    def signal(self, number):
        """To the server and to the process of each connection."""
        server = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(server, number)
        for child in pathlib.Path(f"/proc/{server}/task/{server}/children").read_text().split():
            try:
                os.kill(int(child), number)
            except ProcessLookupError:
                pass

    def sql(self, text, database="postgres"):
        return self.run("psql", "-h", self.directory, "-U", "imakeep", "-d", database, "-Atqc", text)

    def database(self, name):
        """The URL of a new database."""
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://imakeep@/{name}?host={urllib.parse.quote(str(self.directory), safe='')}"


# ---- a verifier that comes and goes, and its hosts ------------------------------------------------------------------

class World:
    def __init__(self, options, directory, store, *serve_options):
        self.options, self.directory, self.store, self.serve_options = options, directory, store, serve_options
        directory.mkdir(exist_ok=True)
        self.verifier = None
        self.start()
        self.hosts = [Attester(self, number) for number in range(HOSTS)]

    def start(self):
        self.verifier = Verifier(self.options.verifier, self.directory, "--no-token", *self.serve_options,
                                 store=self.store)

    def get(self, path):
        return self.verifier.ask("GET", path)

    def admin(self, path):
        status, _, body = self.verifier.ask("GET", path, over_socket=True)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def shown(self):
        return [self.admin(f"/v1/admin/hosts/{host.host.name}") for host in self.hosts]

    def attesting(self):
        return Attesting(self)

    def check_rows(self, what):
        """Each verdict that a host got is in the database once, and nothing else is."""
        for host in self.hosts:
            name = host.host.name
            rows = self.admin(f"/v1/admin/hosts/{name}/history?limit=1000")["history"]
            rows.sort(key=lambda row: row["epoch"])
            digests = [row["quote_digest"] for row in rows]
            check(len(set(digests)) == len(rows), f"{what}: {name} has a row of the history twice")
            check(digests == [digest for digest, _ in host.verdicts], f"{what}: {name} got {len(host.verdicts)} "
                  f"verdicts, and its history has {len(rows)} rows, or others")
            check([row["n"] for row in rows] == [n for _, n in host.verdicts], f"{what}: N of {name} differs")
            epochs = [row["epoch"] for row in rows]
            check(epochs == list(range(epochs[0], epochs[0] + len(rows))), f"{what}: epochs of {name} are {epochs}")
            shown = self.admin(f"/v1/admin/hosts/{name}")
            check(shown["n"] == len(host.host.records),
                  f"{what}: {name} has {len(host.host.records)} records, proven {shown['n']}")


class Attester:
    """A host that attests, and asks again until it is answered."""

    def __init__(self, world, number):
        self.world = world
        self.address = f"127.0.0.{number + 2}"  # the verifier limits the requests of one address
        self.host = Host(world.directory, f"host-{number}")
        self.verdicts = []  # (digest of the quote, N)
        self.repeated = 0
        begun = self.post("/v1/enrol", self.host.enrolment("none"))
        proof = {"version": 1, "enrolment": begun["enrolment"], "secret": self.host.secret(begun["credential"])}
        assert self.post("/v1/enrol/proof", proof)["status"] == "enrolled"

    def post(self, path, body, content_type="application/json"):
        """The answer. The host asks again while nobody answers, and while the answer is to come later."""
        end = time.monotonic() + PATIENCE_S
        asked = 0
        while True:
            asked += 1
            if time.monotonic() > end:
                raise TimeoutError(f"{self.host.name}: nobody answers {path}")
            try:
                status, _, data = self.world.verifier.ask("POST", path, body, content_type=content_type,
                                                         address=self.address)
            except (OSError, http.client.HTTPException, ssl.SSLError):
                time.sleep(0.02)
                continue
            if status == 503:
                time.sleep(0.1)
                continue
            if status != 200:
                raise AssertionError(f"{self.host.name}: {path}: {status} {data!r}")
            if asked > 1:
                self.repeated += 1
            return json.loads(data)

    def attest(self):
        self.host.measure(f"/{len(self.host.records)}")
        challenge = self.post("/v1/challenge", {"version": 1, "host": self.host.name})
        known = self.verdicts[-1][1] if self.verdicts else 0
        check(challenge["first"] == known,
              f"{self.host.name}: record {challenge['first']} is wanted, and {known} are proven")
        evidence, quote = self.host.evidence_and_quote(challenge, challenge["first"])
        verdict = self.post("/v1/evidence", evidence, EVIDENCE)
        check(verdict["n"] == len(self.host.records),
              f"{self.host.name}: {len(self.host.records)} records, N is {verdict['n']}")
        self.verdicts.append((hashlib.sha256(quote).hexdigest(), verdict["n"]))


class Attesting:
    """While it is entered, all hosts attest, one attestation after the other."""

    def __init__(self, world):
        self.world, self.ending = world, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(host,)) for host in world.hosts]

    def run(self, host):
        try:
            while not self.ending.is_set():
                host.attest()
        except (AssertionError, TimeoutError, KeyError) as error:
            check(False, f"{host.host.name}: {error!r}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def wait_for_more(self, count=1):
        """Until each host has got so many more verdicts."""
        before = [len(host.verdicts) for host in self.world.hosts]
        soon("each host gets a verdict", lambda: failed or all(
            len(host.verdicts) >= past + count for host, past in zip(self.world.hosts, before)))


# ---- kills ----------------------------------------------------------------------------------------------------------

def kills(options, world, what):
    chance = random.Random(options.seed)
    with world.attesting() as attesting:
        for _ in range(options.kills):
            time.sleep(chance.uniform(0, 0.8))
            world.verifier.kill()
            world.start()
        attesting.wait_for_more()
    world.check_rows(what)
    print(f"{what}: {options.kills} kills, {sum(len(host.verdicts) for host in world.hosts)} verdicts, "
          f"{sum(host.repeated for host in world.hosts)} requests sent again", flush=True)
    check(sum(host.repeated for host in world.hosts) > 0 or options.kills < 10, f"{what}: no kill hit a request")


# ---- outages --------------------------------------------------------------------------------------------------------

def check_away(world, what, says, path="/v1/challenge"):
    """A verifier whose database is away."""
    connection = world.verifier.connection(False, "127.0.0.1")
    host = world.hosts[0].host
    connection.request("POST", path, body=json.dumps({"version": 1, "host": host.name}),
                       headers={"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read().decode()
    check(response.status == 503, f"{what}: {path} says {response.status} {body}")
    check(response.headers.get("Retry-After", "").isdigit(), f"{what}: no Retry-After: {dict(response.headers)}")
    check(says in body, f"{what}: the answer does not say \"{says}\": {body}")
    check(world.get("/readyz")[0] == 503, f"{what}: /readyz says {world.get('/readyz')}")
    check(world.get("/healthz")[0] == 200, f"{what}: /healthz says {world.get('/healthz')}")


def check_back(world, what):
    soon(f"{what}: /readyz says ready", lambda: world.get("/readyz")[0] == 200)


def refused_evidence(world, what, says):
    """Evidence that the verifier cannot commit: 503, and nothing moves. Returns what to send again."""
    attester = world.hosts[0]
    attester.host.measure(f"/{len(attester.host.records)}")
    challenge = attester.post("/v1/challenge", {"version": 1, "host": attester.host.name})
    evidence, quote = attester.host.evidence_and_quote(challenge, challenge["first"])
    before = world.shown()
    status, _, body = world.verifier.ask("POST", "/v1/evidence", evidence, content_type=EVIDENCE)
    check(status == 503 and says in body.decode(), f"{what}: {status} {body.decode()}")
    check(world.shown() == before, f"{what}: something moved")
    return evidence, quote


def accepted_at_last(world, what, evidence, quote):
    attester = world.hosts[0]
    verdict = attester.post("/v1/evidence", evidence, EVIDENCE)
    check(verdict["n"] == len(attester.host.records), f"{what}: {verdict}")
    attester.verdicts.append((hashlib.sha256(quote).hexdigest(), verdict["n"]))


def postgres_outages(options, postgres, directory):
    world = World(options, directory, postgres.database("outages"), "--store-timeout", "1s")
    try:
        with world.attesting() as attesting:
            attesting.wait_for_more()
            postgres.stop()
            check_away(world, "PostgreSQL is stopped", "check that the server runs")
            postgres.start()
            check_back(world, "PostgreSQL is started again")
            attesting.wait_for_more(2)
            postgres.signal(signal.SIGSTOP)
            check_away(world, "PostgreSQL does not answer", "check that the server runs")
            postgres.signal(signal.SIGCONT)
            check_back(world, "PostgreSQL answers again")
            attesting.wait_for_more(2)
        world.check_rows("after two outages")
        for value in ("on", "off"):
            postgres.sql(f"ALTER DATABASE outages SET default_transaction_read_only = {value}")
            # The setting is that of new connections.
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'outages'")
            if value == "on":
                sent = refused_evidence(world, "PostgreSQL is read-only", "read-only")
        accepted_at_last(world, "PostgreSQL writes again", *sent)
        with world.attesting() as attesting:
            attesting.wait_for_more(2)
        world.check_rows("after a read-only database")
    finally:
        check(world.verifier.stop() == 0, "the verifier did not end well")


def full_disk(options, directory):
    if os.geteuid() != 0:
        print("left out: a full disk needs root")
        return
    disk = directory / "disk"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    try:
        world = World(options, directory, disk / "v.db")
        with world.attesting() as attesting:
            attesting.wait_for_more(2)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        # The write-ahead log has room of its own until it is full.
        for _ in range(1000):
            attester = world.hosts[1]
            challenge = attester.post("/v1/challenge", {"version": 1, "host": attester.host.name})
            evidence, quote = attester.host.evidence_and_quote(challenge, challenge["first"])
            status, _, body = world.verifier.ask("POST", "/v1/evidence", evidence, content_type=EVIDENCE)
            if status != 200:
                break
            attester.verdicts.append((hashlib.sha256(quote).hexdigest(), json.loads(body)["n"]))
        check(status == 503 and b"full" in body, f"the disk is full: {status} {body}")
        sent = refused_evidence(world, "the disk is full", "full")
        check(world.get("/healthz")[0] == 200, "the disk is full: /healthz")
        filler.unlink()
        accepted_at_last(world, "the disk has room", *sent)
        # The host whose evidence was refused asks again.
        verdict = attester.post("/v1/evidence", evidence, EVIDENCE)
        attester.verdicts.append((hashlib.sha256(quote).hexdigest(), verdict["n"]))
        with world.attesting() as attesting:
            attesting.wait_for_more(2)
        world.check_rows("after a full disk")
        check(world.verifier.stop() == 0, "the verifier did not end well")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused_start(options, directory, disk / "v.db", "read-only")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def refused_start(options, directory, store, says):
    done = subprocess.run([options.verifier, "serve", "--store", store, "--state", directory, "--listen", "127.0.0.1:0",
                           "--admin-socket", ""], capture_output=True, text=True, timeout=PATIENCE_S)
    check(done.returncode == 3 and says in done.stderr.lower() and str(store) in done.stderr,
          f"a start on a read-only file: exit {done.returncode}: {done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verifier", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10, help="kills on each of the two databases (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills (default: 1)")
    options = parser.parse_args()
    options.verifier = options.verifier.resolve()
    if not (PROGRAMS / "initdb").exists() or shutil.which("openssl") is None:
        print("skipped: needs postgresql-15 and openssl")
        return 77
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing stays mounted
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        world = World(options, directory / "sqlite", directory / "sqlite/v.db")
        try:
            kills(options, world, "SQLite")
        finally:
            world.verifier.kill()
        full_disk(options, directory / "full")
        postgres = Postgres(directory)
        try:
            world = World(options, directory / "kills", postgres.database("kills"))
            try:
                kills(options, world, "PostgreSQL")
            finally:
                world.verifier.kill()
            postgres_outages(options, postgres, directory / "outages")
        finally:
            postgres.signal(signal.SIGCONT)
            postgres.stop("fast")
    print(f"{failed} failures")
    return 1 if failed else 0


sys.exit(main())
