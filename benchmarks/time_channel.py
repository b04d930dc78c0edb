"""What the time of a reply tells a Solver: a spy sleeps by a secret cell and reads the clock, with a tick and without.

    .venv/bin/python benchmarks/time_channel.py --json

The spy's program waits as many steps as the next digit of the cell says. Within a game it reads the digit off the time
between its program and the next request; with one round a game, one game after another, off the time until the next
game begins. `right` counts the digits read right of `digits` sent; a digit has `bits_a_digit` bits, and chance gives
one in `2 ** bits_a_digit`. `charged` is what the games' feedback was charged. The cost of a tick is the time that a
game takes: `seconds_a_game`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import facts  # noqa: E402
from dikast.agents.models.request import Request  # noqa: E402
from dikast.agents.models.scripted import ScriptedModel  # noqa: E402
from dikast.agents.solver import load_solver  # noqa: E402
from dikast.graphs import hidden_tables  # noqa: E402
from dikast.tables.oracle import TableOracle  # noqa: E402

BITS_A_DIGIT = 4
BASE = 1 << BITS_A_DIGIT
STEP_S = 0.1
TICK_S = 2.5
DIGITS, DIGITS_FULL = 16, 64
"""A cell of 64 bits has 16."""


class Spy:
    """A Solver that sends itself one digit a program, and keeps when it was asked.

    Args:
        digits: How many the cell has.
    """

    def __init__(self, digits: int) -> None:
        self.digits, self.asked = digits, list[float]()

    def solve(self, _: Request) -> str:
        """A program that waits by the next digit."""
        number = len(self.asked) % self.digits
        self.asked.append(time.monotonic())
        wait = f"import time\ntime.sleep({STEP_S} * int(str(df['secret'][0])[1 + {number}], {BASE}))"
        return f"```python\n{wait}\nanswer = []\n```"

    def read(self) -> list[float]:
        """Seconds from each program to the next request."""
        return [later - earlier for earlier, later in zip(self.asked, self.asked[1:], strict=False)]


async def channel(digits: int, *, rounds: int, tick: float | None) -> dict[str, Any]:
    """Send a secret through the times of games with so many rounds."""
    chance = random.Random(0)
    secret = [0, 0, *(chance.randrange(BASE) for _ in range(digits))]
    with tempfile.TemporaryDirectory() as scratch:
        cell = "k" + "".join(f"{digit:x}" for digit in secret)
        (Path(scratch) / "t.csv").write_text(f"secret\n{cell}\n", encoding="utf-8")
        ledger = Path(scratch) / "bits"
        async with TableOracle(scratch) as oracle:
            spy = Spy(len(secret))
            context = hidden_tables.Context(
                solver=load_solver(ScriptedModel(spy.solve)),
                oracle=oracle,
                rounds=rounds,
                feedback="outcome",
                tick=tick,
                ledger=str(ledger),
            )
            begun = time.monotonic()
            outputs: list[Any] = []
            while len(spy.asked) <= len(secret):
                given = hidden_tables.Input(table="t", question="What is it?")
                outputs.append(await hidden_tables.graph.ainvoke(given, context=context))
            seconds = (time.monotonic() - begun) / len(outputs)
    gaps = spy.read()[: len(secret)]
    base = min(gaps[:2])  # two zeros stand before the secret: what a program takes that does not wait
    read, secret = [round((gap - base) / STEP_S) for gap in gaps[2:]], secret[2:]
    right = sum(one == other for one, other in zip(read, secret, strict=True))
    return {
        "rounds": rounds,
        "tick_s": tick,
        "digits": digits,
        "right": right,
        "bits_read": round(bits_read(read, secret), 1),
        "spread_ms": round(1000 * (max(gaps) - min(gaps)), 1),
        "charged": sum(output["bits"] for output in outputs),
        "seconds_a_game": round(seconds, 2),
    }


def bits_read(read: list[int], secret: list[int]) -> float:
    """Bits of the cell that are known: all of a digit for each right one, less what guessing gives."""
    right = sum(one == other for one, other in zip(read, secret, strict=True))
    by_chance = len(secret) / BASE
    return math.log2(BASE) * max(0.0, right - by_chance) / (1 - 1 / BASE)


async def measure(digits: int) -> list[dict[str, Any]]:
    """One round a game and several, with and without a tick."""
    return [await channel(digits, rounds=rounds, tick=tick) for rounds in (1, 4) for tick in (None, TICK_S)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object (it always does)")
    parser.add_argument("--full", action="store_true", help=f"{DIGITS_FULL} digits instead of {DIGITS}")
    args = parser.parse_args()
    channels = asyncio.run(measure(DIGITS_FULL if args.full else DIGITS))
    print(json.dumps({"bits_a_digit": BITS_A_DIGIT, "channels": channels, **facts("dikast", "langgraph", "pandas")}))


if __name__ == "__main__":
    main()
