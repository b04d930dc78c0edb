"""Axes as numbers: factor i has the levels 0 .. sizes[i]-1, a row gives every factor a level, -1 is not yet chosen.

    space = Space((14, 6, 5), rules=({1: frozenset({4}), 2: frozenset({1})},))
    space.possible([-1, 4, 1])     # False: forbidden, whatever factor 0 is

Not covered: counting the allowed rows, and constraints other than forbidden combinations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from dikast.errors import UsageError

OPEN = -1
Row = tuple[int, ...]
Rule = Mapping[int, frozenset[int]]
"""A forbidden combination: factor -> levels; a row breaks it where all of its factors have one of theirs."""

Mask = int
"""A set of levels, as bits."""


@dataclass(frozen=True, slots=True)
class Space:
    """A space of rows.

    Args:
        sizes: How many levels each factor has.
        rules: The forbidden combinations.
        weights: How welcome each level of each factor is where any would do; all equally without.
    """

    sizes: tuple[int, ...]
    rules: tuple[Rule, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    _masks: tuple[tuple[tuple[int, Mask], ...], ...] = field(init=False)
    _constrained: tuple[int, ...] = field(init=False)
    _known: dict[tuple[int, ...], bool] = field(init=False, default_factory=dict[tuple[int, ...], bool])

    def __post_init__(self) -> None:
        masks = tuple(tuple((f, sum(1 << level for level in rule[f])) for f in sorted(rule)) for rule in self.rules)
        object.__setattr__(self, "_masks", masks)
        object.__setattr__(self, "_constrained", tuple(sorted({f for rule in self.rules for f in rule})))
        object.__setattr__(self, "weights", self.weights or tuple((1.0,) * size for size in self.sizes))

    def constrained(self, factor: int) -> bool:
        """Whether a rule names the factor."""
        return factor in self._constrained

    def allowed(self, row: Sequence[int]) -> bool:
        """Whether a full row breaks no rule."""
        return not any(all(row[f] in levels for f, levels in rule.items()) for rule in self.rules)

    def possible(self, row: Sequence[int]) -> bool:
        """Whether the row, some of it open, can be completed without breaking a rule."""
        if not self.rules:
            return True
        key = tuple(row[f] for f in self._constrained)
        if key not in self._known:
            domains = {f: (1 << self.sizes[f]) - 1 if row[f] == OPEN else 1 << row[f] for f in self._constrained}
            self._known[key] = _completion(domains, self._masks) is not None
        return self._known[key]

    def completed(self, row: Sequence[int], order: Sequence[Sequence[int]]) -> Row:
        """The row with what is open filled in, for each factor the first level in `order` that is possible.

        Raises:
            UsageError: The row is impossible.
        """
        full = list(row)
        if not self.possible(full):
            raise UsageError("no cell is allowed", hint="exclude less")
        for factor in range(len(full)):
            if full[factor] == OPEN:
                full[factor] = next(level for level in order[factor] if self.fits(full, factor, level))
        return tuple(full)

    def fits(self, row: list[int], factor: int, level: int) -> bool:
        """Whether the row, open at this factor, stays possible with the level there."""
        row[factor] = level
        fits = not self.constrained(factor) or self.possible(row)
        row[factor] = OPEN
        return fits

    def tuples(self, factors: Sequence[int]) -> Iterator[tuple[Row, bool]]:
        """Every combination of levels of these factors, and whether some allowed row has it."""
        open_row = [OPEN] * len(self.sizes)
        free = not any(self.constrained(factor) for factor in factors)
        for levels in product(*(range(self.sizes[factor]) for factor in factors)):
            for factor, level in zip(factors, levels, strict=True):
                open_row[factor] = level
            yield levels, free or self.possible(open_row)

    def subsets(self, strength: int) -> Iterator[tuple[int, ...]]:
        """Every choice of that many factors."""
        return combinations(range(len(self.sizes)), strength)


def _completion(domains: dict[int, Mask], rules: Sequence[Sequence[tuple[int, Mask]]]) -> dict[int, Mask] | None:
    """Domains in which no rule can be broken any more, or `None`: unit propagation, then branching (DPLL)."""
    live = _propagated(domains, rules)
    if live is None or not live:
        return None if live is None else domains
    factor, mask = min(((f, m) for rule in live for f, m in rule if domains[f] & ~m), key=lambda pair: pair[0])
    for choice in (domains[factor] & ~mask, domains[factor] & mask):
        if choice and (found := _completion(domains | {factor: choice}, live)) is not None:
            return found
    return None


def _propagated(
    domains: dict[int, Mask], rules: Sequence[Sequence[tuple[int, Mask]]]
) -> list[Sequence[tuple[int, Mask]]] | None:
    """The rules that may still be broken, after `domains` lost what would break one; `None` where one must be."""
    while True:
        live: list[Sequence[tuple[int, Mask]]] = []
        changed = False
        for rule in rules:
            if any(not domains[f] & mask for f, mask in rule):
                continue
            escapes = [(f, mask) for f, mask in rule if domains[f] & ~mask]
            if not escapes:
                return None
            if len(escapes) == 1:
                factor, mask = escapes[0]
                domains[factor] &= ~mask
                changed = True
            else:
                live.append(rule)
        if not changed:
            return live
        rules = live
