"""`--human`: a person is shown what several settings gave for a row, in an order drawn by chance, and ranks them.

    query: flat tyre
      1. {"hits": ...}
      2. ...
    best first, as in '2 1 3'; '2' alone says no more than that it is the best; '=' that they are all the same

Each answer is in the tuning's journal before the next question: after Ctrl-C, a crash or a night the same command asks
what is open. Outputs that are equal are shown once. Nobody is told which settings an output is of.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.graphs.terminal import Terminal
from dikast.graphs.zo_ranksgd.context import Context
from dikast.graphs.zo_ranksgd.outputs import as_json, outputs_of, text_of
from dikast.graphs.zo_ranksgd.records import Answered
from dikast.graphs.zo_ranksgd.roles import Comparison, Ran, Ranked

SAME = "="
"""What says that all outputs are equally good."""


@dataclass(frozen=True)
class PersonRanker:
    """Ranks by asking at the terminal.

    Args:
        context: The tuning's.
        terminal: Where.
    """

    context: Context
    terminal: Terminal = field(default_factory=lambda: Terminal(lambda text: print(text)))
    spec: str = "human"

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing but that it is a person."""
        return {"ranker": self.spec}

    async def values(self, ran: Ran) -> None:
        """Nothing: people compare."""
        del ran

    async def rank(self, comparison: Comparison) -> Ranked:
        """By the mean place over the rows that are asked about."""
        outputs = {one.trial["trial"]: outputs_of(one) for one in comparison.ran}
        keys = sorted({key for found in outputs.values() for key in found})
        first = (comparison.round - 1) * self.context.asked_rows
        chosen = [keys[(first + step) % len(keys)] for step in range(min(self.context.asked_rows, len(keys)))]
        given, places = comparison.journal.answers(comparison.round), dict.fromkeys(outputs, 0.0)
        said = {"asked": 0, "equal outputs": 0}
        for key in chosen:
            alike = self.alike(outputs, key)
            said["equal outputs"] += len(outputs) - sum(1 for _ in alike)
            if len(alike) > 1 and key not in given:
                comparison.journal.add_answer(await self.ask(comparison, key, outputs, alike))
                given = comparison.journal.answers(comparison.round)
            said["asked"] += len(alike) > 1
            order = given[key]["order"] if key in given else []
            for shown, same in alike.items():
                for trial in same:
                    places[trial] += place_in(shown, order, len(alike))
        groups: dict[float, list[int]] = {}
        for trial in sorted(places, key=lambda trial: (places[trial], trial)):
            groups.setdefault(places[trial], []).append(trial)
        return Ranked(list(groups.values()), said)

    def alike(self, outputs: Mapping[int, Mapping[str, Any]], key: str) -> dict[int, list[int]]:
        """Trials by what they gave for a row: the one that is shown -> itself and its equals.

        One that gave nothing is not shown, and behind all.
        """
        by_text: dict[str, list[int]] = {}
        for trial, found in outputs.items():
            if key in found:
                by_text.setdefault(text_of(found[key][1], self.context), []).append(trial)
        return {same[0]: same for same in by_text.values()}

    async def ask(
        self,
        comparison: Comparison,
        key: str,
        outputs: Mapping[int, Mapping[str, Any]],
        alike: Mapping[int, Sequence[int]],
    ) -> Answered:
        """Show a row's outputs, and ask until the answer is one."""
        shown = list(alike)
        random.Random(f"{self.context.seed}/{comparison.round}/{key}").shuffle(shown)
        best, say = min(comparison.best, len(shown)), self.terminal.say
        say(f"\nquestion {comparison.round}: {as_json(outputs[shown[0]][key][0])}")
        say(self.context.rubric)
        for number, trial in enumerate(shown, start=1):
            say(f"  {number}. {text_of(outputs[trial][key][1], self.context)}")
        wanted = "all" if best == len(shown) else f"the best {best}" if best > 1 else "the best one"
        example = " ".join(map(str, range(best, 0, -1)))
        say(f"which is best? {wanted}, best first, as in '{example}'; '=' for all the same")
        while True:
            try:
                order = read_order(await self.terminal.line(), len(shown))
            except ValueError as error:
                say(f"  {error}; numbers from 1 to {len(shown)}, best first, or '='")
                continue
            return Answered(round=comparison.round, row=key, shown=shown, order=[shown[number - 1] for number in order])


def place_in(trial: int, order: Sequence[int], count: int) -> float:
    """A trial's place, from 0; those that are not named share the places behind."""
    return float(order.index(trial)) if trial in order else (len(order) + count - 1) / 2


def read_order(text: str, most: int) -> list[int]:
    """Read the numbers that a person typed; none for `=`.

    Raises:
        ValueError: They are no order; the message says why.
    """
    words = text.replace(",", " ").replace(">", " ").split()
    if words == [SAME]:
        return []
    if not words:
        raise ValueError("an empty line says nothing")
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise ValueError(f"{word[:40]!r} is no number")
        if not 1 <= int(word) <= most:
            raise ValueError(f"there is no {word}")
    found = [int(word) for word in words]
    if len(set(found)) < len(found):
        raise ValueError("a number stands there twice")
    return found
