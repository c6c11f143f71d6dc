"""Two connections on two servers, one row, and oslo.db's own retry: every acknowledged increment counts.

Prints the number of increments that wrap_db_retry let through, then how often it had to try again."""
import sys
import threading

import sqlalchemy
from oslo_db import api as db_api
from oslo_db.sqlalchemy import engines

ROUNDS = 150
retries = [0]


def worker(url, acknowledged, errors):
    engine = engines.create_engine(url, sqlite_fk=False)

    @db_api.wrap_db_retry(max_retries=5, retry_on_deadlock=True, retry_interval=0.01, inc_retry_interval=True,
                          max_retry_interval=1)
    def increment():
        retries[0] += 1
        with engine.connect() as connection, connection.begin():
            n = connection.execute(sqlalchemy.text("SELECT n FROM t.counter WHERE id = 1")).scalar()
            connection.execute(sqlalchemy.text("UPDATE t.counter SET n = n + 1 WHERE id = 1"), {"n": n})

    for _ in range(ROUNDS):
        try:
            increment()
            acknowledged.append(1)
        except Exception as error:  # what oslo.db gave up on is no increment
            errors.append(repr(error)[:200])


def main():
    acknowledged, errors = [], []
    threads = [threading.Thread(target=worker, args=(url, acknowledged, errors)) for url in sys.argv[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors[:3]:
        print(error, file=sys.stderr)
    print(len(acknowledged), retries[0] - len(acknowledged) - len(errors), len(errors))


main()
