#!/usr/bin/python3
"""The arithmetic of the report, on numbers that can be followed by eye."""

import sys
import unittest

sys.dont_write_bytecode = True
from forms import LESS, MORE, TOLD, Metric  # noqa: E402
from report import FormReport, geometric_mean, number, report  # noqa: E402

SPEED = Metric("speed", MORE)
COST = Metric("cost", LESS)
ERRORS = Metric("errors", TOLD)


class Form:
    title = "A form"
    columns = ("size", "threads")
    metrics = (SPEED, COST, ERRORS)


def measured(speed, cost, errors=0):
    return {"speed": speed, "cost": cost, "errors": errors}


SMALL, BIG = ("small", 1), ("big", 1)


def make(results, pairs=2):
    return FormReport(Form, [SMALL, BIG], pairs, results)


class Ratios(unittest.TestCase):
    def setUp(self):
        self.report = make({
            ("A", SMALL, 0): measured(100, 1), ("B", SMALL, 0): measured(200, 2),
            ("A", SMALL, 1): measured(50, 1), ("B", SMALL, 1): measured(200, 4),
            ("A", BIG, 0): measured(10, 1), ("B", BIG, 0): measured(5, 1),
            ("A", BIG, 1): measured(10, 1), ("B", BIG, 1): "it fell over",
        })  # fmt: skip

    def test_a_ratio_is_of_one_pair(self):
        self.assertEqual(self.report.ratios(SMALL, SPEED), {0: 2.0, 1: 4.0})

    def test_a_pair_with_a_failure_has_no_ratio(self):
        self.assertEqual(self.report.ratios(BIG, SPEED), {0: 0.5})

    def test_a_failure_is_told(self):
        self.assertEqual(self.report.failures(), ["B, pair 2: it fell over (big 1)"])

    def test_a_row_has_medians_ratio_and_spread(self):
        self.assertIn("| small | 1 | 75.0 | 200 | 3.000 | 2.000–4.000 |", self.report.table(SPEED))
        self.assertIn("| big | 1 | 10.0 | 5.00 | 0.500 | – |", self.report.table(SPEED))

    def test_what_is_only_told_has_no_ratio(self):
        self.assertIn("| small | 1 | 0 | 0 |", self.report.table(ERRORS))

    def test_the_summary_is_over_cells_and_its_spread_over_pairs(self):
        # cells 3 and 0.5; pair 1 has 2 and 0.5, pair 2 only 4
        self.assertEqual(
            self.report.summary_row(SPEED),
            "| speed (more is better) | 1.225 | 1.000–4.000 | 0.500–3.000 | 2 of 2 |",
        )

    def test_the_report_has_all_parts(self):
        text = report([("date", "today")], [self.report])
        for part in ("- date: today", "### A form", "**cost** (less is better)", "- B, pair 2: it fell over"):
            self.assertIn(part, text)
        self.assertNotIn("| errors |", text)


class Numbers(unittest.TestCase):
    def test_nothing_measured(self):
        row = make({}).summary_row(SPEED)
        self.assertEqual(row, "| speed | – | – | – | 0 of 2 |")
        self.assertIn("| small | 1 | failed | failed | – | – |", make({}).table(SPEED))

    def test_three_digits(self):
        wanted = {12345.6: "12,346", 123.4: "123", 1.234: "1.23", 0.01234: "0.0123", 0: "0", None: "failed"}
        self.assertEqual({value: number(value) for value in wanted}, wanted)

    def test_geometric_mean(self):
        self.assertAlmostEqual(geometric_mean([0.5, 2.0]), 1.0)


if __name__ == "__main__":
    unittest.main()
