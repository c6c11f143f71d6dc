"""Three real servers under load, for `failover` and `outage`."""

import os
import sys
import time

from child import Child, Failure
from writer import Verdict, Writer, prepare

HERE = os.path.dirname(os.path.realpath(__file__))
NODES = (1, 2, 3)
SETTLE_SECONDS = 2.0
PATIENCE_SECONDS = 60.0


def say(text):
    print(text, file=sys.stderr, flush=True)


class Servers:
    """The script `nodes`, and the writers."""

    def __init__(self, provider, start, pause_ms, nodes=NODES, **env):
        self.child = Child([f"{HERE}/nodes"], dict(os.environ, PROVIDER=provider, **env))
        self.writers = []
        started = self.ask(start)
        self.version = f"{started['provider']} in MariaDB {started['server']}"
        self.sockets = {node: f"{started['work']}/n{node}/sock" for node in nodes}
        prepare(list(self.sockets.values()))
        self.writers = [Writer(node, self.sockets[node], pause_ms / 1e3) for node in nodes]
        for writer in self.writers:
            writer.start()

    def ask(self, command, seconds=240):
        return self.child.ask(command, seconds)

    def ask_each(self, verb):
        for node in self.sockets:
            self.ask(f"{verb} {node}")

    def survivors(self, victim):
        return [writer for writer in self.writers if writer.node != victim]

    def wait_commits(self, writers):
        """Until each of them commits again, and has done so for a while."""
        begin = time.monotonic()
        while time.monotonic() - begin < PATIENCE_SECONDS:
            time.sleep(0.05)
            now = time.monotonic()
            if all(w.last_commit() > begin and now - w.last_commit() < SETTLE_SECONDS / 4 for w in writers) and \
                    now - begin >= SETTLE_SECONDS:
                return
        raise Failure("no commit on " + " and ".join(
            f"node{w.node} for {time.monotonic() - w.last_commit():.0f} s" for w in writers))

    def verdict(self):
        for writer in self.writers:
            writer.end()
        for writer in self.writers:
            writer.join(PATIENCE_SECONDS)
        verdict = Verdict(self.sockets[1], self.writers)
        try:
            self.ask("check t.failover")
        except Failure:
            verdict.faults.append("the servers do not hold the same rows")
        return verdict

    def end(self):
        for writer in self.writers:
            writer.end()
        self.child.end(60)
