"""What a history of transactions over lists of unique numbers says of the database: lost, doubled and
invented writes, and the cycles that no order of the transactions explains.

The method is that of Elle (Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
Observations", 2020), for lists: a read of a list shows the order of all its appends, so version orders
are recovered, not guessed. Names of anomalies are Adya's (1999): G0 write cycle, G1a aborted read, G1b
intermediate read, G1c circular information flow, G-single one anti-dependency in a cycle (read skew,
lost update), G2 more than one (write skew)."""

import bisect
from collections import defaultdict

OK, FAIL, INFO = "ok", "fail", "info"  # committed; certainly not; nobody knows

WW, WR, RW = 1, 2, 4


class Transaction:
    """ops: ("r", key, [values]) or ("a", key, value), in their order; times of one monotonic clock."""

    __slots__ = ("number", "node", "begin", "end", "status", "ops", "error")

    def __init__(self, number, node, begin, end, status, ops, error=None):
        self.number, self.node, self.begin, self.end = number, node, begin, end
        self.status, self.ops, self.error = status, ops, error

    def __repr__(self):
        return f"T{self.number} node{self.node} {self.status} {self.ops}"


class Findings:
    def __init__(self):
        self.examples = defaultdict(list)
        self.counts = defaultdict(int)

    def add(self, name, text):
        self.counts[name] += 1
        if len(self.examples[name]) < 5:
            self.examples[name].append(text)


def version_orders(transactions, final, found):
    """The order of appends to each key: the longest read. Every other read must be a beginning of it."""
    longest = {key: list(values) for key, values in final.items()}
    reads = []
    for t in transactions:
        if t.status == OK:
            reads += [(t, op[1], op[2]) for op in t.ops if op[0] == "r"]
    for t, key, values in reads:
        if len(values) > len(longest.get(key, ())):
            if final:
                found.add("lost", f"{t} read more of key {key} than there is at the end")
            longest[key] = values
    for t, key, values in reads:
        if values and longest[key][: len(values)] != values:
            found.add("diverged", f"{t} read key {key} in another order than {longest[key][-20:]}")
    for key, values in longest.items():
        if len(set(values)) != len(values):
            doubled = sorted({v for v in values if values.count(v) > 1})[:5]
            found.add("duplicate", f"key {key} has {doubled} twice")
    return longest


def writers_of(transactions):
    writers = {}
    for t in transactions:
        for op in t.ops:
            if op[0] == "a":
                writers[op[1], op[2]] = t
    return writers


def check_writes(transactions, writers, orders, found):
    """Lost, invented, and aborted writes that were seen."""
    for key, values in orders.items():
        for value in values:
            writer = writers.get((key, value))
            if writer is None:
                found.add("invented", f"key {key} has {value}, which nobody has appended")
            elif writer.status == FAIL:
                found.add("G1a", f"{value} of key {key} is there, though {writer} has failed ({writer.error})")
    present = {key: set(values) for key, values in orders.items()}
    for t in transactions:
        if t.status == OK:
            for op in t.ops:
                if op[0] == "a" and op[2] not in present.get(op[1], ()):
                    found.add("lost", f"{op[2]} of key {op[1]}, acknowledged in {t}")


def check_reads(transactions, writers, found):
    """Reads in the middle of another transaction, and reads that miss the transaction's own writes."""
    last_append = {}
    for t in transactions:
        for op in t.ops:
            if op[0] == "a":
                last_append[t.number, op[1]] = op[2]
    for t in transactions:
        if t.status != OK:
            continue
        own = {}
        for op in t.ops:
            if op[0] == "a":
                own[op[1]] = op[2]
                continue
            _, key, values = op
            if key in own and (not values or values[-1] != own[key]):
                found.add("internal", f"{t} does not read its own append of {own[key]}")
            writer = writers.get((key, values[-1])) if values else None
            if writer is not None and writer is not t and last_append[writer.number, key] != values[-1]:
                found.add("G1b", f"{t} read key {key} in the middle of {writer}")


def check_stale(transactions, orders, found):
    """A read that began after an append was acknowledged, anywhere, shows it."""
    index = {key: {value: i + 1 for i, value in enumerate(values)} for key, values in orders.items()}
    acknowledged = defaultdict(list)
    for t in transactions:
        if t.status == OK:
            for op in t.ops:
                if op[0] == "a" and op[2] in index.get(op[1], ()):
                    acknowledged[op[1]].append((t.end, index[op[1]][op[2]]))
    ends, heights = {}, {}
    for key, list_of in acknowledged.items():
        list_of.sort()
        ends[key] = [end for end, _ in list_of]
        high = 0
        heights[key] = [high := max(high, i) for _, i in list_of]
    for t in transactions:
        if t.status != OK:
            continue
        for op in t.ops:
            if op[0] != "r" or op[1] not in ends:
                continue
            at = bisect.bisect_left(ends[op[1]], t.begin)
            if at > 0 and len(op[2]) < heights[op[1]][at - 1]:
                found.add("stale", f"{t} read {len(op[2])} values of key {op[1]}, "
                                   f"{heights[op[1]][at - 1]} were acknowledged before it began")


def dependencies(transactions, writers, orders):
    """{transaction number: {other number: kinds}}, "other" after it."""
    edges = defaultdict(lambda: defaultdict(int))

    def add(a, b, kind):
        if a is not None and b is not None and a is not b and FAIL not in (a.status, b.status):
            edges[a.number][b.number] |= kind

    for key, values in orders.items():
        chain = [writers.get((key, value)) for value in values]
        for a, b in zip(chain, chain[1:]):
            add(a, b, WW)
    for t in transactions:
        if t.status != OK:
            continue
        for op in t.ops:
            if op[0] != "r":
                continue
            _, key, values = op
            if values:
                add(writers.get((key, values[-1])), t, WR)
            if len(values) < len(orders.get(key, ())):
                add(t, writers.get((key, orders[key][len(values)])), RW)
    return edges


def components(edges, kinds):
    """Strongly connected components of more than one transaction (Tarjan, without recursion)."""
    order, low, on_stack, stack, found, counter = {}, {}, set(), [], [], 0
    for root in list(edges):
        if root in order:
            continue
        work = [(root, None)]
        while work:
            node, targets = work.pop()
            if targets is None:
                order[node] = low[node] = counter
                counter += 1
                stack.append(node)
                on_stack.add(node)
                targets = iter([t for t, kind in edges.get(node, {}).items() if kind & kinds])
            for target in targets:
                if target not in order:
                    work += [(node, targets), (target, None)]
                    break
                if target in on_stack:
                    low[node] = min(low[node], order[target])
            else:
                if low[node] == order[node]:
                    members = []
                    while not members or members[-1] != node:
                        members.append(stack.pop())
                        on_stack.discard(members[-1])
                    if len(members) > 1:
                        found.append(set(members))
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
    return found


def path(edges, start, goal, within, kinds):
    """Transactions from start to goal over these kinds of edges, or None."""
    came, queue = {start: None}, [start]
    for node in queue:
        if node == goal:
            way = []
            while node is not None:
                way.append(node)
                node = came[node]
            return way[::-1]
        for target, kind in edges.get(node, {}).items():
            if kind & kinds and target in within and target not in came:
                came[target] = node
                queue.append(target)
    return None


def check_cycles(transactions, writers, orders, found):
    edges = dependencies(transactions, writers, orders)
    by_number = {t.number: t for t in transactions}

    def show(way):
        return " -> ".join(repr(by_number[n]) for n in way[:6])

    for name, kinds in (("G0", WW), ("G1c", WW | WR)):
        for members in components(edges, kinds):
            start = next(iter(members))
            for target, kind in edges[start].items():
                if kind & kinds and target in members:
                    found.add(name, show([start] + path(edges, target, start, members, kinds)))
                    break
    for members in components(edges, WW | WR | RW):
        single = False
        for a in members:
            for b, kind in edges.get(a, {}).items():
                if kind & RW and b in members:
                    way = path(edges, b, a, members, WW | WR)
                    if way is not None:
                        single = True
                        found.add("G-single", show([a] + way))
        if not single:
            found.add("G2", f"{len(members)} transactions: {show(sorted(members))}")


def check_lost_updates(transactions, orders, found):
    """Two transactions that read one version of a list and both appended to it."""
    updaters = defaultdict(list)
    for t in transactions:
        if t.status != OK:
            continue
        seen, written = {}, set()
        for op in t.ops:
            if op[0] == "r" and op[1] not in written:
                seen.setdefault(op[1], len(op[2]))
            elif op[0] == "a":
                if op[1] in seen and op[1] not in written:
                    updaters[op[1], seen[op[1]]].append(t)
                written.add(op[1])
    for (key, length), who in updaters.items():
        if len(who) > 1:
            found.add("lost update", f"{who[:3]} all read {length} values of key {key} and appended")


def check(transactions, final=None, stale=False):
    """final: {key: values} as every node has it at the end; stale: whether reads promise to be new."""
    found = Findings()
    orders = version_orders(transactions, final or {}, found)
    writers = writers_of(transactions)
    check_writes(transactions, writers, orders, found)
    check_reads(transactions, writers, found)
    check_cycles(transactions, writers, orders, found)
    check_lost_updates(transactions, orders, found)
    if stale:
        check_stale(transactions, orders, found)
    return found
