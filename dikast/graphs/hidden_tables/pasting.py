"""What a question's prompt would have cost with the table pasted into it, beside what its game took.

    await count(context, "sales", "Which region sold most?")   # {"rows": 2, "counted": 2, "tokens": 25, "by": "model"}

The pasted prompt is a floor: question and table alone, as CSV, without instructions and without a reply. The game's
side is all that the Solver read and wrote in all rounds, as its engine counted it; a critic's tokens are no part of it.

Nothing of the table is sent: it is counted by the tokenizer of a model that runs in this process, and by characters for
any other Solver, which may be a server's or a user's own object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from dikast.agents.solver import ModelSolver
from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.records import Pasting
from dikast.graphs.hidden_tables.roles import CountsPasted
from dikast.pages import Cell, Table, Text

CHARACTERS_A_TOKEN = 4
"""The usual rule of thumb for English; tables of figures have fewer, so that this favours pasting."""
SIZES = (10, 100, 1_000, 10_000)
"""Upper ends of the groups by rows; the last group has no end."""
COUNTERS = {
    "model": "by the Solver's own tokenizer",
    "characters": f"at {CHARACTERS_A_TOKEN} characters a token, since the Solver has no tokenizer in this process",
}

COLUMNS = ("rows of the table", "questions", "tokens", "pasted", "pasted ÷ ours", "pasting has more", "in proportion")


async def count(context: Context, table: str, question: str) -> Pasting:
    """How many tokens a question has with its table beside it.

    Raises:
        DataError: There is no such table.
    """
    tokens, by = await counter_of(context)
    pasted = await cast(CountsPasted, context.oracle).count_pasted(table, tokens, f"{by} {context.solver.spec}")
    return Pasting(rows=pasted.rows, counted=pasted.counted, tokens=pasted.tokens + await tokens(question), by=by)


async def counter_of(context: Context) -> tuple[Callable[[str], Awaitable[int]], str]:
    """What counts tokens, and whose they are."""
    solver = context.solver
    if not isinstance(solver, ModelSolver) or await solver.count_tokens("a") is None:
        return by_characters, "characters"

    async def by_model(text: str) -> int:
        return await solver.count_tokens(text) or 0

    return by_model, "model"


async def by_characters(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Size:
    """Questions about tables of like size.

    Args:
        rows: What the group is called: `11 to 100`.
        questions: With a count.
        tokens: That their games took.
        pasted: That they would have had with the table in the prompt.
        dearer: Of the questions, those in which pasting has more.
        proportional: Of them, those whose table was too long to be counted whole.
    """

    rows: str
    questions: int
    tokens: int
    pasted: int
    dearer: int
    proportional: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON; tokens are means a question, `ratio` is pasted ÷ ours."""
        return {
            "rows": self.rows,
            "questions": self.questions,
            "tokens": self.tokens / self.questions,
            "pasted_tokens": self.pasted / self.questions,
            "ratio": self.pasted / self.tokens if self.tokens else None,
            "pasting_has_more": self.dearer,
            "in_proportion": self.proportional,
        }


def pairs_of(rows: Iterable[Mapping[str, Any]]) -> list[tuple[Pasting, int]]:
    """Of each question with a count: that, and the tokens that its game took."""
    found: list[tuple[Pasting, int]] = []
    for row in rows:
        output = row["output"]
        for number, turn in enumerate(output["turns"] if output else ()):
            if "pasted" in turn:
                usage = [draft["usage"] for draft in output["drafts"] if draft["turn"] == number]
                found.append((turn["pasted"], sum(map(tokens_of, usage))))
    return found


def tokens_of(usage: Mapping[str, float]) -> int:
    """Of a call, whether a model or the request cache answered it."""
    return int(sum(usage.get(name, 0) for name in ("input_tokens", "output_tokens", "cached_tokens")))


def by_size(pairs: Sequence[tuple[Pasting, int]]) -> list[Size]:
    """Group questions by the rows of their tables; empty groups are left out."""
    found: list[Size] = []
    for least, most in zip((0, *SIZES), (*SIZES, None), strict=True):
        inside = [one for one in pairs if least < max(1, one[0]["rows"]) and (most is None or one[0]["rows"] <= most)]
        if inside:
            found.append(
                Size(
                    rows=f"over {least:,}" if most is None else f"{least + 1:,} to {most:,}",
                    questions=len(inside),
                    tokens=sum(ours for _, ours in inside),
                    pasted=sum(pasted["tokens"] for pasted, _ in inside),
                    dearer=sum(pasted["tokens"] > ours for pasted, ours in inside),
                    proportional=sum(pasted["counted"] < pasted["rows"] for pasted, _ in inside),
                )
            )
    return found


def parts_of(pairs: Sequence[tuple[Pasting, int]], asked: int) -> tuple[Text | Table, ...]:
    """What a report tells of them; nothing of a run that counted none.

    Args:
        pairs: See `pairs_of`.
        asked: Questions of the run.
    """
    if not pairs:
        return ()
    by = " and ".join(COUNTERS[one] for one in sorted({pasted["by"] for pasted, _ in pairs}))
    said = (
        f"Tokens a question, beside a prompt that holds the table: {len(pairs)} of {asked} asked were counted, the"
        f" table {by}. The prompt with the table has question and CSV alone; the game all that the Solver read and"
        " wrote."
    )
    return Text(said), Table(COLUMNS, tuple(line_of(one.as_dict()) for one in by_size(pairs)))


def line_of(size: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A group as a line of the report's table."""
    tokens = (round(size["tokens"], 1), round(size["pasted_tokens"], 1), size["ratio"])
    return size["rows"], size["questions"], *tokens, size["pasting_has_more"], size["in_proportion"]
