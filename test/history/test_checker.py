#!/usr/bin/python3
"""The checker finds what is planted in small histories, and nothing in a clean one."""

import sys
import unittest

sys.dont_write_bytecode = True
from checker import FAIL, INFO, OK, Transaction, check  # noqa: E402


def history(*rows):
    """Rows of (status, ops); each begins when the one before has ended."""
    return [Transaction(i, 1, i, i + 0.5, status, ops) for i, (status, ops) in enumerate(rows)]


def names(transactions, final=None, stale=False):
    return set(check(transactions, final, stale).counts)


class Checker(unittest.TestCase):
    def test_clean(self):
        h = history((OK, [("a", 1, 1)]), (OK, [("r", 1, [1]), ("a", 1, 2), ("r", 1, [1, 2])]),
                    (FAIL, [("a", 1, 3)]), (INFO, [("a", 1, 4)]), (OK, [("r", 1, [1, 2, 4])]))
        self.assertEqual(names(h, {1: [1, 2, 4]}, stale=True), set())

    def test_lost(self):
        h = history((OK, [("a", 1, 1)]), (OK, [("a", 1, 2)]))
        self.assertEqual(names(h, {1: [2]}), {"lost"})
        h = history((OK, [("a", 1, 1)]), (OK, [("r", 1, [1])]))
        self.assertIn("lost", names(h, {2: [7]}))
        h = history((OK, [("r", 1, [])]), (OK, [("a", 1, 1)]))
        self.assertEqual(names(h, {2: []}), {"lost"})

    def test_duplicate_invented_aborted(self):
        h = history((OK, [("a", 1, 1)]), (FAIL, [("a", 1, 2)]))
        self.assertEqual(names(h, {1: [1, 1]}), {"duplicate"})
        self.assertEqual(names(h, {1: [1, 9]}), {"invented"})
        self.assertEqual(names(h, {1: [1, 2]}), {"G1a"})

    def test_diverged(self):
        h = history((OK, [("a", 1, 1)]), (OK, [("a", 1, 2)]), (OK, [("r", 1, [1, 2])]), (OK, [("r", 1, [2])]))
        self.assertIn("diverged", names(h, {1: [1, 2]}))

    def test_intermediate_and_internal(self):
        h = history((OK, [("a", 1, 1), ("a", 1, 2)]), (OK, [("r", 1, [1])]))
        self.assertIn("G1b", names(h, {1: [1, 2]}))
        h = history((OK, [("a", 1, 1), ("r", 1, [])]))
        self.assertIn("internal", names(h, {1: [1]}))

    def test_write_cycle(self):
        h = history((OK, [("a", 1, 1), ("a", 2, 2)]), (OK, [("a", 1, 3), ("a", 2, 4)]))
        self.assertIn("G0", names(h, {1: [1, 3], 2: [4, 2]}))

    def test_circular_information(self):
        h = history((OK, [("a", 1, 1), ("r", 2, [2])]), (OK, [("a", 2, 2), ("r", 1, [1])]))
        found = names(h, {1: [1], 2: [2]})
        self.assertIn("G1c", found)
        self.assertNotIn("G0", found)

    def test_read_skew_and_lost_update(self):
        h = history((OK, [("r", 1, []), ("r", 2, [2])]), (OK, [("a", 1, 1), ("a", 2, 2)]))
        self.assertEqual(names(h, {1: [1], 2: [2]}), {"G-single"})
        h = history((OK, [("r", 1, []), ("a", 1, 1)]), (OK, [("r", 1, []), ("a", 1, 2)]))
        self.assertEqual(names(h, {1: [1, 2]}), {"G-single", "lost update"})

    def test_write_skew(self):
        h = history((OK, [("r", 1, []), ("a", 2, 2)]), (OK, [("r", 2, []), ("a", 1, 1)]))
        self.assertEqual(names(h, {1: [1], 2: [2]}), {"G2"})

    def test_stale(self):
        h = history((OK, [("a", 1, 1)]), (OK, [("r", 1, [])]))
        self.assertEqual(names(h, {1: [1]}), set())
        self.assertEqual(names(h, {1: [1]}, stale=True), {"stale"})
        overlapping = [Transaction(0, 1, 0, 2, OK, [("a", 1, 1)]), Transaction(1, 2, 1, 3, OK, [("r", 1, [])])]
        self.assertEqual(names(overlapping, {1: [1]}, stale=True), set())

    def test_long_chain(self):
        """No recursion limit, and time in proportion."""
        h = history(*[(OK, [("r", 1, list(range(i))), ("a", 1, i)]) for i in range(1, 2000)])
        h[0].ops[0] = ("r", 1, [])
        for i, t in enumerate(h):
            t.ops[0] = ("r", 1, list(range(1, i + 1)))
        self.assertEqual(names(h, {1: list(range(1, 2000))}, stale=True), set())


if __name__ == "__main__":
    unittest.main()
