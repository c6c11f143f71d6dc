"""The forms of the benchmark: which cells there are, and how one is measured.

A form is a class with `columns` (what tells cells apart), `metrics`, `cells(quick)`, and
instances that are one cluster with one provider: `measure(cell, seconds)` returns a number for
each metric or raises Failure, `check` raises it when the nodes differ, `logs` has the last words
of a cluster that failed, `version` says what was loaded, `end` ends it."""

import os
import shutil
import tempfile
import time
from collections import namedtuple

from child import Child, Failure, cpu_seconds, fields, take_ports

HERE = os.path.dirname(os.path.abspath(__file__))

Metric = namedtuple("Metric", "name better")
# What is better when it grows, what when it shrinks, and what is only told.
MORE, LESS, TOLD = "more", "less", "told"

# A provider under test: what to load, with which options, and what it needs beside it.
Side = namedtuple("Side", "letter path options driver sysbench_options env")


class DriverForm:
    """The provider alone: three ls-driver processes play the servers."""

    title = "Provider alone (ls-driver, 3 processes, 4 appliers, 2 keys a write-set)"
    columns = ("write-set", "threads", "writers")
    metrics = (
        Metric("write-sets/s", MORE),
        Metric("CPU s per 1,000 write-sets", LESS),
        Metric("certify p50, ms", LESS),
        Metric("certify p99, ms", LESS),
    )
    sizes = {"128 B": 128, "1 KiB": 1024, "16 KiB": 16384, "1 MiB": 1048576}

    @classmethod
    def cells(cls, quick):
        threads = (1, 16) if quick else (1, 4, 8, 16, 64)
        return [
            (size, count, writers) for size in cls.sizes for count in threads for writers in ("one", "all")
        ]

    def __init__(self, side):
        self.nodes = []
        self.dir = tempfile.mkdtemp(prefix="lockstep.", dir="/var/tmp")
        try:
            self.base, self.lock = take_ports(60)
            self.version = [self.start(side, i) for i in range(3)][0]
            # What is read or allocated for the first time is not charged to a cell.
            self.measure(("1 KiB", 8, "all"), 1)
        except Failure as failure:
            words = self.logs()
            self.end()
            raise Failure(f"{failure}\n{words}") from failure
        except BaseException:
            self.end()
            raise

    def start(self, side, i):
        folder = f"{self.dir}/n{i + 1}"
        os.mkdir(folder)
        ports = [self.base + 10 * k for k in range(3)]
        address = ",".join(f"127.0.0.1:{port}" for port in ports)
        command = [
            side.driver,
            f"--provider={side.path}",
            f"--name=n{i + 1}",
            "--cluster=bench",
            f"--address=gcomm://{address}",
            f"--base-dir={folder}",
            f"--port={ports[i]}",
            f"--index={i}",
            "--nodes=3",
            "--rows=65536",  # so many that clients hardly ever wait for each other's row locks
            "--clients=0",
            f"--options={side.options}",
        ]
        with open(f"{folder}/log", "w") as log:
            node = Child(command + (["--bootstrap"] if i == 0 else []), stderr=log)
        self.nodes.append(node)
        # A node is synced before the next one knocks, so that a donor is free.
        init = fields(self.answer(node, "event init", 20))
        self.answer(node, "event connect", 60)
        node.send("wait 30")
        if fields(self.answer(node, "event ready", 40)).get("result") != "1":
            raise Failure(f"n{i + 1} is not synced after 30 s")
        return f"{init.get('provider')} {init.get('version')}"

    @staticmethod
    def answer(node, prefix, seconds):
        """The line that begins so; other events go by, but what must never happen is a failure."""
        deadline = time.monotonic() + seconds
        while True:
            line = node.line(max(0.1, deadline - time.monotonic()))
            if line.startswith(("violation", "event error", "event init_")):
                raise Failure(f"ls-driver: {line}")
            if line.startswith(prefix):
                return line

    def everywhere(self, command, prefix, seconds):
        for node in self.nodes:
            node.send(command)
        return [self.answer(node, prefix, seconds) for node in self.nodes]

    def measure(self, cell, seconds):
        size, threads, writers = cell
        writing = self.nodes if writers == "all" else self.nodes[:1]
        for node in self.nodes:
            node.send(f"set size={self.sizes[size]}")
            node.send(f"set clients={threads if node in writing else 0}")
        cpu = -cpu_seconds(node.pid for node in self.nodes)
        self.everywhere("start", "event started", 10)
        time.sleep(seconds)
        results = [fields(line) for line in self.everywhere("stop", "result", 60)]
        # Everything written is applied everywhere, and that is part of its price.
        for line in self.everywhere("sync", "event sync", 60):
            if fields(line)["status"] != "OK":
                raise Failure(f"a node did not catch up: {line}")
        cpu += cpu_seconds(node.pid for node in self.nodes)
        commits = [int(result["commits"]) for result in results]
        if sum(commits) == 0:
            raise Failure("nothing was committed")

        def percentile_ms(name):
            weighted = sum(n * int(result[name]) for n, result in zip(commits, results))
            return weighted / sum(commits) / 1e3

        return {
            "write-sets/s": sum(n / float(result["seconds"]) for n, result in zip(commits, results)),
            "CPU s per 1,000 write-sets": cpu * 1e3 / sum(commits),
            "certify p50, ms": percentile_ms("certify_us_p50"),
            "certify p99, ms": percentile_ms("certify_us_p99"),
        }

    def check(self):
        """After the last cell: all nodes have the same history."""
        states = [fields(line) for line in self.everywhere("state", "state", 10)]
        if len({(state["seqno"], state["chain"], state["rows"]) for state in states}) != 1:
            raise Failure(f"the nodes differ: {states}")

    def logs(self):
        text = []
        for i in range(len(self.nodes)):
            with open(f"{self.dir}/n{i + 1}/log", errors="replace") as log:
                text += [f"  n{i + 1}| {line.rstrip()}" for line in log.readlines()[-10:]]
        return "\n".join(text)

    def end(self):
        for node in self.nodes:
            node.process.stdin.close()
        for node in self.nodes:
            node.end(10)
        shutil.rmtree(self.dir, ignore_errors=True)


class SysbenchForm:
    """Real servers: the script `servers` beside this file, and sysbench."""

    title = "sysbench on MariaDB (3 servers, 4 tables of 10,000 rows)"
    columns = ("workload", "threads", "writers", "appliers")
    metrics = (
        Metric("transactions/s", MORE),
        Metric("CPU s per 1,000 transactions", LESS),
        Metric("errors 1213 per 1,000 transactions", TOLD),
    )

    @classmethod
    def cells(cls, quick):
        # Appliers outermost, because a running server takes more of them but not reliably fewer.
        return [
            (workload, threads, writers, appliers)
            for appliers in ((4,) if quick else (1, 4))
            for workload in ("update_index", "write_only", "read_write")
            for threads in ((1, 16) if quick else (1, 4, 16))
            for writers in ("one", "all")
        ]

    def __init__(self, side):
        env = dict(os.environ, PROVIDER=side.path, NODE_OPTIONS=side.options, **side.env)
        self.servers = Child([os.path.join(HERE, "servers")] + side.sysbench_options, env)
        try:
            answer = self.answer(240)
        except BaseException:
            self.end()
            raise
        self.version = f"{answer['provider']} in MariaDB {answer['server']}"
        self.pids = [int(pid) for pid in answer["pids"].split(",")]

    def answer(self, seconds):
        line = self.servers.line(seconds)
        if line.split(" ", 1)[0] != "ok":
            raise Failure(line.removeprefix("failed "))
        return fields(line)

    def measure(self, cell, seconds):
        workload, threads, writers, appliers = cell
        cpu = -cpu_seconds(self.pids)
        self.servers.send(f"cell oltp_{workload} {threads} {writers} {appliers} {seconds}")
        answer = self.answer(seconds + 300)
        cpu += cpu_seconds(self.pids)
        transactions = int(answer["transactions"])
        if transactions == 0:
            raise Failure("nothing was committed")
        return {
            "transactions/s": transactions / float(answer["seconds"]),
            "CPU s per 1,000 transactions": cpu * 1e3 / transactions,
            "errors 1213 per 1,000 transactions": int(answer["errors"]) * 1e3 / transactions,
        }

    def check(self):
        """After the last cell: the script compares the tables of all servers."""
        self.servers.send("check")
        self.answer(60)

    def logs(self):
        return ""  # the script has written them to stderr

    def end(self):
        self.servers.end(60)



class ReadsForm(SysbenchForm):
    """Reads that wait for what was committed before them (wsrep_sync_wait=1), on all servers."""

    title = "sysbench's oltp_point_select with wsrep_sync_wait=1 (3 servers)"

    @classmethod
    def cells(cls, quick):
        return [("point_select", threads, "all", 4) for threads in ((16, 128) if quick else (1, 16, 64, 128))]

    def __init__(self, side):
        settings = side.env.get("BENCH_CNF", "") + "\nwsrep-sync-wait=1\nmax-connections=500"
        super().__init__(side._replace(env=dict(side.env, BENCH_CNF=settings)))


FORMS = {"driver": DriverForm, "sysbench": SysbenchForm, "reads": ReadsForm}
