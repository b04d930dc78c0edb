"""The role of whoever ranks runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from dikast.graphs.zo_ranksgd.journal import Journal
    from dikast.graphs.zo_ranksgd.records import Trial


@dataclass(frozen=True)
class Ran:
    """A trial to rank.

    Args:
        trial: Its record.
        folder: Of its run; `None` if there is none.
        context: The method's, with the trial's settings; `None` if there is none.
    """

    trial: Trial
    folder: Path | None
    context: Any = None


@dataclass(frozen=True)
class Comparison:
    """Trials to rank, each once.

    Args:
        round: The question's number.
        ran: The trials.
        best: How many of the best have to be in order.
        journal: Keeps a person's answers.
    """

    round: int
    ran: Sequence[Ran]
    best: int
    journal: Journal


@dataclass(frozen=True)
class Ranked:
    """An order.

    Args:
        groups: Numbers of trials, the best first; those of a group are equally good.
        said: Counts: what was asked, and what could not be read.
        shares: Trial -> the share of its comparisons that it won, ties half; empty where nobody compared in pairs.
    """

    groups: Sequence[Sequence[int]]
    said: Mapping[str, int] = field(default_factory=dict[str, int])
    shares: Mapping[int, float] = field(default_factory=dict[int, float])


@runtime_checkable
class Ranker(Protocol):
    """Says which of several runs over the same rows is better."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its rankings."""
        ...

    async def values(self, ran: Ran) -> Mapping[str, float] | None:
        """Key of a row -> its number, more being better; `None` from one who only compares.

        Raises:
            DikastError: It cannot.
        """
        ...

    async def rank(self, comparison: Comparison) -> Ranked:
        """Rank some trials, all of which came to something.

        Raises:
            DikastError: It cannot.
        """
        ...
