"""The load of `failover`: one connection per node, autocommit, and a record of what was answered.

Every third statement counts one of the writer's own rows up, the others insert a row. What the
server acknowledged must be there at the end; of a statement that ended with an error either the
old or the new value may be there, and nothing else."""

import threading
import time

from sqlclient import Connection, SqlError

TABLE = "t.failover"
CONFLICT = 1213
NOT_PREPARED = 1047
# Errors that say for certain that nothing was written.
DEFINITE = (CONFLICT, NOT_PREPARED)
RECONNECT_SECONDS = 0.05


class Attempt:
    """A statement that ended with an error: the row may have either value."""

    def __init__(self, error, key, before, after):
        self.error, self.key, self.before, self.after = error, key, before, after


class Writer(threading.Thread):
    def __init__(self, node, socket, pause):
        super().__init__(daemon=True)
        self.node, self.socket, self.pause = node, socket, pause
        self.commits = []  # time of each acknowledgement
        self.rows = {}  # key: value acknowledged, or None when not even the insert was
        self.attempts = []
        self.statements = 0
        self.connection = None
        self.ending = threading.Event()

    def run(self):
        while not self.ending.is_set():
            try:
                if self.connection is None:
                    self.connection = Connection(self.socket)
                self.write_one()
                if self.pause:
                    time.sleep(self.pause)
            except SqlError as error:
                if self.connection is None or error.number not in DEFINITE:
                    self.drop_connection()
                time.sleep(RECONNECT_SECONDS)

    def drop_connection(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def write_one(self):
        self.statements += 1
        number = self.statements
        key = f"{self.node}-{number}"
        before, after = None, 1
        text = f"INSERT INTO {TABLE} VALUES ('{key}', {self.node}, 1)"
        older = f"{self.node}-{number - number % 97 - 1}"
        if number % 3 == 0 and self.rows.get(older) is not None:
            key, before, after = older, self.rows[older], self.rows[older] + 1
            text = f"UPDATE {TABLE} SET v = {after} WHERE k = '{key}'"
        try:
            self.connection.execute(text)
        except SqlError as error:
            self.attempts.append(Attempt(error.number, key, before, after))
            if error.number not in DEFINITE:
                self.rows.pop(key, None)  # either value: not written again
            raise
        self.commits.append(time.monotonic())
        self.rows[key] = after

    def last_commit(self):
        return self.commits[-1] if self.commits else 0.0

    def longest_gap(self, begin, end):
        """Longest time without a commit within [begin, end], and when it began."""
        times = [begin] + [t for t in self.commits if begin <= t <= end] + [end]
        return max((later - earlier, earlier - begin) for earlier, later in zip(times, times[1:]))

    def end(self):
        self.ending.set()


def prepare(sockets):
    """The table, made on the first server and seen on all."""
    connection = Connection(sockets[0])
    connection.execute("CREATE DATABASE IF NOT EXISTS t")
    connection.execute(f"CREATE TABLE {TABLE} (k VARCHAR(24) PRIMARY KEY, node INT, v INT) ENGINE=InnoDB")
    connection.close()
    for socket in sockets:
        connection = Connection(socket)
        connection.execute("SET SESSION wsrep_sync_wait = 15")
        connection.execute(f"SELECT COUNT(*) FROM {TABLE}")
        connection.close()


class Verdict:
    """What became of everything that was written, as one server shows it."""

    def __init__(self, socket, writers):
        connection = Connection(socket)
        connection.execute("SET SESSION wsrep_sync_wait = 15")
        found = {key: int(value) for key, value in connection.execute(f"SELECT k, v FROM {TABLE}")}
        connection.close()
        self.faults = []
        self.errors = {}  # number: [statements, of them found written]
        for writer in writers:
            self.judge(writer, found)

    def judge(self, writer, found):
        for key, value in writer.rows.items():
            if found.get(key) != value:
                self.faults.append(f"row {key}: {value} was acknowledged, {found.get(key)} is there")
        for attempt in writer.attempts:
            count = self.errors.setdefault(attempt.error, [0, 0])
            count[0] += 1
            now = found.get(attempt.key)
            if attempt.error in DEFINITE:
                continue  # judged by what was acknowledged before and after
            if now not in (attempt.before, attempt.after):
                self.faults.append(f"row {attempt.key}: neither {attempt.before} nor {attempt.after} but {now}")
            count[1] += now == attempt.after
        known = set(writer.rows) | {attempt.key for attempt in writer.attempts if attempt.error not in DEFINITE}
        extra = [key for key in found if key.startswith(f"{writer.node}-") and key not in known]
        if extra:
            self.faults.append(f"{len(extra)} rows whose statement was answered with 1213 or 1047, as {extra[0]}")
