"""From measurements to a Markdown report.

`results` maps (letter, cell, pair) to a number for each metric, or to the text of a failure. A
ratio is B/A of one pair, so both were measured within one round; a cell's ratio is the median of
its pairs' ratios, and its spread is the lowest and highest of them."""

import math
import statistics

from forms import LESS, MORE, TOLD


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def number(value):
    if value is None:
        return "failed"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 5)}f}"


def ratio_text(values):
    """The middle of the values and, of several, the lowest and highest."""
    if not values:
        return "–", "–"
    spread = f"{min(values):.3f}–{max(values):.3f}" if len(values) > 1 else "–"
    return f"{statistics.median(values):.3f}", spread


class FormReport:
    def __init__(self, form, cells, pairs, results):
        self.form, self.cells, self.pairs, self.results = form, cells, pairs, results

    def value(self, letter, cell, pair, metric):
        found = self.results.get((letter, cell, pair))
        return found[metric.name] if isinstance(found, dict) else None

    def values(self, letter, cell, metric):
        found = (self.value(letter, cell, pair, metric) for pair in range(self.pairs))
        return [value for value in found if value is not None]

    def ratios(self, cell, metric):
        """{pair: B/A} of the pairs in which both were measured."""
        found = {}
        for pair in range(self.pairs):
            a, b = (self.value(letter, cell, pair, metric) for letter in "AB")
            if a and b:
                found[pair] = b / a
        return found

    def failures(self):
        """A line for each reason in each pair, with the cells it met."""
        cells = {}
        for (letter, cell, pair), found in self.results.items():
            if isinstance(found, str):
                cells.setdefault((letter, pair, found), []).append(" ".join(map(str, cell)))
        return [
            f"{letter}, pair {pair + 1}: {why} ({', '.join(names[:3])}"
            + (f" and {len(names) - 3} more)" if len(names) > 3 else ")")
            for (letter, pair, why), names in cells.items()
        ]

    def table(self, metric):
        heads = list(self.form.columns) + ["A", "B"]
        if metric.better != TOLD:
            heads += ["B/A", "lowest–highest"]
        rows = [heads, ["---"] * len(self.form.columns) + ["--:"] * (len(heads) - len(self.form.columns))]
        for cell in self.cells:
            medians = []
            for letter in "AB":
                values = self.values(letter, cell, metric)
                medians.append(number(statistics.median(values) if values else None))
            row = [str(part) for part in cell] + medians
            if metric.better != TOLD:
                row += ratio_text(list(self.ratios(cell, metric).values()))
            rows.append(row)
        lines = [f"**{metric.name}**" + direction(metric), ""]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        return lines + [""]

    def summary_row(self, metric):
        """Over all cells; its spread is that of the pairs' own geometric means."""
        by_cell = {cell: self.ratios(cell, metric) for cell in self.cells}
        by_cell = {cell: ratios for cell, ratios in by_cell.items() if ratios}
        if not by_cell:
            return f"| {metric.name} | – | – | – | 0 of {len(self.cells)} |"
        middles = [statistics.median(ratios.values()) for ratios in by_cell.values()]
        by_pair = [
            geometric_mean(ratios[pair] for ratios in by_cell.values() if pair in ratios)
            for pair in range(self.pairs)
            if any(pair in ratios for ratios in by_cell.values())
        ]
        _, spread = ratio_text(by_pair)
        return (
            f"| {metric.name}{direction(metric)} | {geometric_mean(middles):.3f} | {spread} | "
            f"{min(middles):.3f}–{max(middles):.3f} | {len(by_cell)} of {len(self.cells)} |"
        )

    def lines(self):
        lines = [f"### {self.form.title}", ""]
        for metric in self.form.metrics:
            lines += self.table(metric)
        failures = self.failures()
        if failures:
            lines += ["**failed**", ""] + [f"- {failure}" for failure in failures] + [""]
        return lines


def direction(metric):
    return {MORE: " (more is better)", LESS: " (less is better)", TOLD: ""}[metric.better]


def report(header, forms):
    """The whole report: header is a list of (name, value), forms a list of FormReport."""
    lines = ["## Benchmark of two wsrep providers", ""]
    lines += [f"- {name}: {value}" for name, value in header] + [""]
    for form in forms:
        lines += form.lines()
    lines += ["### Geometric means of B/A", ""]
    lines += ["| metric | B/A | over the pairs | over the cells | cells |", "|---|--:|--:|--:|--:|"]
    for form in forms:
        lines += [form.summary_row(metric) for metric in form.form.metrics if metric.better != TOLD]
    return "\n".join(lines) + "\n"
