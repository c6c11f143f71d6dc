"""Clients of the servers under test: transactions that read and append to lists, and a bank. Every one
of them is written down with its times and its outcome, as far as the client can know it."""

import itertools
import random
import threading
import time
import traceback

from checker import FAIL, INFO, OK, Transaction
from sqlclient import Connection, SqlError

KEYS = 6             # lists in use at a time
KEY_APPENDS = 150    # then another one takes its place
ACCOUNTS = 8
BALANCE = 100
ANSWER_SECONDS = 20  # a node that says nothing for longer is not waited for: the outcome is unknown

# Refused before anything was ordered, or a conflict that the server decided: certainly not committed.
CONFLICT = 1213
NOT_COMMITTED = {CONFLICT, 1205, 1020}


class Shared:
    def __init__(self):
        self.lock = threading.Lock()
        self.values = itertools.count(1)
        self.numbers = itertools.count()
        self.appends = 0
        self.over = False

    def key(self, rng):
        return self.appends // (KEYS * KEY_APPENDS) * KEYS + rng.randrange(KEYS)


def prepare(socket):
    c = Connection(socket, 30)
    for statement in (
            "CREATE DATABASE h",
            "CREATE TABLE h.lists (k INT PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB",
            "CREATE TABLE h.bank (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB",
            "INSERT INTO h.bank VALUES " + ",".join(f"({i},{BALANCE})" for i in range(ACCOUNTS))):
        c.execute(statement)
    c.close()


def parse(rows):
    return [int(v) for v in rows[0][0].split(",")] if rows else []


class Client(threading.Thread):
    """One connection to one node, opened again when it breaks."""

    def __init__(self, shared, node, socket, session, seed):
        super().__init__(daemon=True)
        self.shared, self.node, self.socket, self.session = shared, node, socket, session
        self.rng = random.Random(seed)
        self.connection = None
        self.errors = {}
        self.failure = None  # of the client itself, which nothing that a server does may be the reason for

    def run(self):
        try:
            self.work()
        except Exception:
            self.failure = traceback.format_exc()

    def work(self):
        while not self.shared.over:
            if self.connection is None and not self.connect():
                time.sleep(0.1)
                continue
            self.step()

    def connect(self):
        try:
            self.connection = Connection(self.socket, 5, ANSWER_SECONDS)
            for statement in self.session:
                self.connection.execute(statement)
            return True
        except SqlError:
            self.drop()
            return False

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def transaction(self, body):
        """Runs body(execute) between BEGIN and COMMIT; (status, error number or None)."""
        committing = False
        try:
            self.connection.execute("BEGIN")
            body(self.connection.execute)
            committing = True
            self.connection.execute("COMMIT")
            return OK, None
        except SqlError as e:
            self.errors[e.number] = self.errors.get(e.number, 0) + 1
            status = INFO if committing and e.number not in NOT_COMMITTED else FAIL
            try:
                self.connection.execute("ROLLBACK")
            except SqlError:
                self.drop()
            if e.number != CONFLICT:
                time.sleep(0.05)  # a node that takes nothing is not asked a thousand times a second
            return status, e.number


class ListClient(Client):
    def __init__(self, *args):
        super().__init__(*args)
        self.transactions = []

    def step(self):
        shared, rng = self.shared, self.rng
        ops = []

        def body(execute):
            for _ in range(rng.randint(1, 4)):
                key = shared.key(rng)
                if rng.random() < 0.5:
                    ops.append(("r", key, parse(execute(f"SELECT v FROM h.lists WHERE k = {key}"))))
                else:
                    value = next(shared.values)
                    ops.append(("a", key, value))
                    execute(f"INSERT INTO h.lists VALUES ({key}, '{value}') "
                            f"ON DUPLICATE KEY UPDATE v = CONCAT(v, ',{value}')")

        begin = time.monotonic()
        status, error = self.transaction(body)
        end = time.monotonic()
        shared.appends += sum(op[0] == "a" for op in ops) if status == OK else 0
        self.transactions.append(Transaction(next(shared.numbers), self.node, begin, end, status, ops, error))


class BankClient(Client):
    def __init__(self, *args):
        super().__init__(*args)
        self.transfers = self.reads = 0
        self.faults = []

    def step(self):
        rng = self.rng
        if rng.random() < 0.3:
            total = []

            def body(execute):
                total.append(execute("SELECT SUM(balance), MIN(balance) FROM h.bank")[0])

            if self.transaction(body)[0] == OK:
                self.reads += 1
                if total[0][0] != str(ACCOUNTS * BALANCE) or int(total[0][1]) < 0:
                    self.faults.append(f"node{self.node}: the bank holds {total[0]}")
            return
        a, b = rng.sample(range(ACCOUNTS), 2)
        amount = rng.randint(1, 20)

        def body(execute):
            execute(f"UPDATE h.bank SET balance = balance - {amount} WHERE id = {a} AND balance >= {amount}")
            if execute("SELECT ROW_COUNT()")[0][0] == "1":
                execute(f"UPDATE h.bank SET balance = balance + {amount} WHERE id = {b}")

        self.transfers += self.transaction(body)[0] == OK


def read_all(socket):
    """{key: values} and the bank's rows, after everything that is ordered."""
    c = Connection(socket, 30)
    c.execute("SET SESSION wsrep_sync_wait = 15")
    lists = {int(k): [int(v) for v in text.split(",")] for k, text in c.execute("SELECT k, v FROM h.lists")}
    bank = c.execute("SELECT id, balance FROM h.bank ORDER BY id")
    c.close()
    return lists, bank
