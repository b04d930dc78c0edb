r"""The JSON objects in a model's reply, whatever stands around them.

    read_objects('Here it is:\n{"winner": "A"}')[0].fields      # {"winner": "A"}

The rule, for every role that asks for JSON: a name that comes twice in one object, at any depth and in whatever case,
makes the object one that cannot be read, since two readers would read it differently. The search is bounded, and one
that hits its bound says so: it has not seen everything.

Not here: which object is meant (`dikast.statements`), and what its fields mean, which the roles know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dikast.spoken import plain, spoken

Pairs = Sequence[tuple[str, object]]

MOST_STARTS = 2_000
"""Opening braces tried; each costs some microseconds."""
MOST_SCANNED = 1_000_000
"""Characters read in vain, all tries together."""
START = re.compile(r"\{(?=\s{0,99}[\"}])")
"""A brace that may open an object: its first name, or its end, follows."""
FENCED = re.compile(r"\A\s{0,99}(`{3,}|~{3,})[ \t]{0,9}\w{0,20}[ \t]{0,9}\n(.*?)\n?[ \t]{0,9}\1\s{0,99}\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """An object in a text.

    Args:
        start: Where it begins.
        end: Where it ends.
        levels: The (name, value) lists of it and of all objects within, innermost first, repeated names kept.
    """

    start: int
    end: int
    levels: Sequence[Pairs]

    @property
    def fields(self) -> Mapping[str, object]:
        """Its own fields, by folded name."""
        return {folded(name): value for name, value in self.levels[-1]}

    @property
    def names(self) -> list[str]:
        """All names, folded, at any depth."""
        return [folded(name) for pairs in self.levels for name, _ in pairs]

    @property
    def twice(self) -> bool:
        """Whether a name comes twice in an object, at any depth."""
        return any(len({folded(name) for name, _ in pairs}) < len(pairs) for pairs in self.levels)


def stands_alone(text: str, one: Found) -> bool:
    """Whether an object is a line's beginning, or follows a label; within a sentence it may be a quotation."""
    before = text[text.rfind("\n", 0, one.start) + 1 : one.start]
    since = before.rpartition(":")[2]
    return not any(letter.isalnum() or letter == "_" for letter in since)


def folded(name: str) -> str:
    """A name as it is compared."""
    return plain(name).strip().casefold()


def read_objects(text: str) -> list[Found] | None:
    """All outermost objects, in their order; `None` where the search had to be given up."""
    found: list[Found] = []
    end = scanned = 0
    for tries, start in enumerate(match.start() for match in START.finditer(text)):
        if start < end:
            continue
        if tries >= MOST_STARTS or scanned > MOST_SCANNED:
            return None
        levels: list[Pairs] = []

        def keep(pairs: list[tuple[str, object]], levels: list[Pairs] = levels) -> dict[str, object]:
            levels.append(pairs)
            return dict(pairs)

        try:
            _, end = json.JSONDecoder(object_pairs_hook=keep, strict=False).raw_decode(text, start)
        except json.JSONDecodeError as error:
            scanned += error.pos - start
        except (ValueError, RecursionError):
            return None
        else:
            found.append(Found(start, end, levels))
    return found


def whole_object(text: str) -> str | None:
    """The text of the one object that a reply is, without thoughts and a code fence; `None` if a name comes twice.

    A reply that is anything else is given back as it is: whoever reads it by a schema says what is wrong.
    """
    said = spoken(text).strip().removeprefix("\ufeff")
    fenced = FENCED.match(said)
    said = fenced[2].strip() if fenced else said
    found = read_objects(said)
    return None if found is None or any(one.twice for one in found) else said
