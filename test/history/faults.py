"""What goes wrong with the three nodes of test/bench/nodes, and how each of it ends."""

import time

NODES = (1, 2, 3)
OF_ALL = {"all": [f"kill {node}" for node in NODES], "power_all": ["power 1 2 3"]}
# Words of `nodes` for the beginning and the end, {} is the node.
OF_ONE = {
    "kill": ("kill {}", "launch {}"),
    "stop": ("stop {}", "cont {}"),
    "cut": ("cut {}", "mend {}"),
    "loss": ("lose {} 20", "heal {}"),
    "power": ("power {}", "launch {}"),
    "full": ("fill {}", "clear {}"),
    "frozen": ("freeze {}", "thaw {}"),
}
LINKS = {"cut", "oneway", "flap", "loss"}
DISKS = {"power", "power_all", "full", "frozen"}
KINDS = {*OF_ALL, *OF_ONE, *LINKS}


def oneway(ask, rng, victim, hold):
    """It does not hear one of the others, or none; or none of them hears it."""
    others = [node for node in NODES if node != victim]
    deaf = rng.choice([[(victim, rng.choice(others))], [(victim, node) for node in others],
                       [(node, victim) for node in others]])
    for listener, speaker in deaf:
        ask(f"deafen {listener} {speaker}")
    time.sleep(hold)
    for listener in sorted({listener for listener, _ in deaf}):
        ask(f"heal {listener}")
    return " ".join(f"{speaker}-x->{listener}" for listener, speaker in deaf)


def flap(ask, rng, victim):
    """Down and up again, each for so long that now one, now the other is what everybody believes."""
    times = rng.randint(3, 6)
    for _ in range(times):
        ask(f"cut {victim}")
        time.sleep(rng.uniform(0.2, 1.5))
        ask(f"mend {victim}")
        time.sleep(rng.uniform(0.2, 2))
    return f"{times} times"


def one_fault(ask, kind, rng):
    """Something goes wrong and is over; what, in words."""
    victim = rng.choice(NODES)
    hold = rng.uniform(1, 8)
    if kind in OF_ALL:
        for command in OF_ALL[kind]:
            ask(command)
        for node in rng.sample(NODES, 3):
            ask(f"launch {node}")
        return kind
    text = f"{kind} node{victim}"
    if kind == "flap":
        return f"{text} {flap(ask, rng, victim)}"
    if kind == "oneway":
        return f"{kind} {oneway(ask, rng, victim, hold)} for {hold:.1f} s"
    begin, end = OF_ONE[kind]
    ask(begin.format(victim))
    time.sleep(hold)
    ask(end.format(victim))
    return f"{text} for {hold:.1f} s"
