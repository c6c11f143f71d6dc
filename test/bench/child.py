"""Child processes that are spoken to in lines, the CPU they use, and ports for them."""

import fcntl
import os
import random
import selectors
import subprocess
import time


class Failure(Exception):
    """One measurement, or a whole cluster, did not come about; the text says why."""


class Child:
    """A process with a pipe each way. It belongs to us alone: its end is our `end`, or our own."""

    def __init__(self, command, env=None, stderr=None):
        self.name = os.path.basename(command[0])
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=env, bufsize=0
        )
        self.buffer = b""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    @property
    def pid(self):
        return self.process.pid

    def send(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
        except OSError as error:
            raise Failure(f"{self.name} has ended: {error.strerror}") from error

    def line(self, seconds):
        """The next line of its output."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                raise Failure(f"{self.name} said nothing for {seconds} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise Failure(f"{self.name} ended (status {self.process.wait()})")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def ask(self, command, seconds=240):
        """Of a script that answers each line with one, ok or failed: what the answer says."""
        self.send(command)
        line = self.line(seconds)
        if not line.startswith("ok"):
            raise Failure(line.removeprefix("failed "))
        return fields(line)

    def end(self, seconds):
        """Closes its input, which asks it to end; kills it when it does not. Returns its status."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        deadline = time.monotonic() + seconds
        try:
            # Its last words are read, so that a full pipe does not keep it.
            while self.selector.select(max(0, deadline - time.monotonic())):
                if not os.read(self.process.stdout.fileno(), 65536):
                    break
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.selector.close()
        self.process.stdout.close()
        return self.process.returncode


def fields(line):
    """KEY=VALUE words of a line."""
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def cpu_seconds(pids):
    """User and system time of all threads of the processes: utime and stime of /proc/PID/stat,
    read through the processes' CPU clocks, which count nanoseconds instead of ticks."""
    try:
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)
    except OSError as error:
        raise Failure("a process whose CPU time is measured is gone") from error


def take_ports(count):
    """The first of a block of free ports, and the lock that keeps it ours: the same blocks and
    locks as scripts/lib/ports.sh."""
    for _ in range(50):
        base = 20000 + random.randrange(120) * 100
        lock = open(f"/var/tmp/lockstep-ports.{os.getuid()}.{base}", "a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if not listening() & set(range(base, base + count)):
            return base, lock
        lock.close()
    raise Failure("no free block of ports between 20000 and 32000 after 50 tries")


def listening():
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            with open(table) as rows:
                for words in (row.split() for row in rows):
                    if words[3] == "0A":
                        ports.add(int(words[1].rsplit(":", 1)[1], 16))
    return ports
