"""What judges and metrics are measured on: labelled pairs and scored texts, whatever file they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dikast.conversation import Message
from dikast.errors import DataError
from dikast.verdicts import Winner


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one instruction.

    Args:
        id: Unique within its file.
        instruction: What both responses answer, input included.
        response_1: The one that a verdict "1" names.
        response_2: The one that a verdict "2" names.
        gold: The human verdict; `None` where the file has none.
        reference: A given reference answer; empty where the file has none.
        group: Subset or category, for tables by group.
        annotations: Each annotator's verdict, where the file keeps them apart.
        before_1: The conversation that response 1 ends, up to the user's message that it replies to; empty where there
            is no conversation but the instruction.
        before_2: That of response 2.
    """

    id: str
    instruction: str
    response_1: str
    response_2: str
    gold: Winner | None = None
    reference: str = ""
    group: str = ""
    annotations: tuple[Winner | None, ...] = ()
    before_1: tuple[Message, ...] = ()
    before_2: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredText:
    """One text with scores, by a human or a machine, under one or more dimensions.

    Args:
        id: Unique within its file.
        text: What was scored.
        scores: Dimension -> score.
        group: The document or prompt that the text answers; correlations can be taken within it.
        system: Who wrote the text.
        references: Reference texts, the main one first.
    """

    id: str
    text: str
    scores: Mapping[str, float]
    group: str = ""
    system: str = ""
    references: tuple[str, ...] = field(default=())


def gold_of(pairs: Iterable[Pair]) -> dict[str, Winner]:
    """Id -> human verdict.

    Raises:
        DataError: A pair has no label, or two pairs share an id.
    """
    gold: dict[str, Winner] = {}
    for pair in pairs:
        if pair.gold is None:
            raise DataError(f"pair {pair.id!r} has no human label", hint="calibration needs one for every pair")
        if pair.id in gold:
            raise DataError(f"two pairs are called {pair.id!r}")
        gold[pair.id] = pair.gold
    return gold
