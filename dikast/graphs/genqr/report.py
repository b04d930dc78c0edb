"""What a run of GenQR amounts to: rankings before and after as TREC runs, and how they compare.

The journal is gone through once; memory holds a number a query and measure, never all rankings.

Queries whose row failed or is owed have no score, before or after; a row that came out `unparsed`, `refused` or `empty`
scores as what a user would get, the original query. Where somebody was shown documents because they are relevant, the
headline is the residual collection's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, TextIO, TypeVar, get_args

from dikast.errors import UsageError
from dikast.graphs.genqr.context import Context
from dikast.graphs.genqr.search import search_again
from dikast.graphs.method import Report
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.records import Outcome, Qrels
from dikast.retrieval.combine import Combination
from dikast.retrieval.compare import Row, compare_values
from dikast.retrieval.hits import make_hits
from dikast.retrieval.measures import measure, read_measures
from dikast.retrieval.residual import residual
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import read_qrels, run_lines
from dikast.waiting import complete

T = TypeVar("T")
Rankings = Mapping[str, Mapping[str, Sequence[Hit]]]
"""System -> query id -> hits."""

INFORMED = ("oracle", "human")
"""Feedback of somebody who knows what is relevant."""
CHUNK = 256
"""Rows that are measured together."""
BEFORE, AFTER = "before", "after"
OTHERS = (
    "the others: the same keywords joined in other ways, without a further call. Keywords that are appended weigh as"
    " much as the query's own words, so that poor ones drown it; a mixture gives them a fixed share of the weight."
)
"""What is said below a comparison with other combinations."""


@dataclass
class Scores:
    """Values of queries as they come, for one way of measuring.

    Args:
        measures: Their names.
        values: System -> measure -> query id -> value.
        scored: System -> queries for which it ranks anything.
    """

    measures: Sequence[str]
    values: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict[str, Any])
    scored: Counter[str] = field(default_factory=Counter[str])

    def add(self, qrels: Qrels, runs: Rankings) -> None:
        """Measure some queries' rankings."""
        if not qrels:
            return
        for system, run in runs.items():
            found = measure(qrels, run, self.measures)
            mine = self.values.setdefault(system, {name: {} for name in self.measures})
            for name in self.measures:
                mine[name] |= found[name]
            self.scored[system] += sum(bool(run.get(qid)) for qid in qrels)

    def rows(self) -> list[Row]:
        """Each system against `before`, measure by measure; nothing without values."""
        if not self.values:
            return []
        return compare_values(self.values, self.scored, baseline=BEFORE, measures=self.measures)


@dataclass
class Reading:
    """What one pass over a journal has gathered.

    Args:
        plain: Scores of whole rankings.
        left: Scores on the residual collection; stays empty where nobody was shown relevant documents.
        judged: Queries with a row and judgments.
        failed: Those of them whose row failed.
        exhausted: Queries of which no relevant document is left unseen.
        asked: Who -> how many documents or candidates it was asked about.
        ungraded: Who -> how many of these it did not grade.
    """

    plain: Scores
    left: Scores
    judged: int = 0
    failed: int = 0
    exhausted: int = 0
    asked: Counter[str] = field(default_factory=Counter[str])
    ungraded: Counter[str] = field(default_factory=Counter[str])


def others_of(context: Context, names: str | None) -> dict[str, Context]:
    """`--compare`: name -> the same settings with another combination.

    Raises:
        UsageError: There is no such combination, or it is the run's own.
    """
    found: dict[str, Context] = {}
    for name in (part.strip() for part in (names or "").split(",") if part.strip()):
        if name not in get_args(Combination) or name == context.combination:
            known = ", ".join(one for one in get_args(Combination) if one != context.combination)
            raise UsageError(f"--compare {name}: no other combination is called so", hint=f"one of {known}")
        found[name] = context.model_copy(update={"combination": name})
    return found


def report(run: Run, context: Context) -> Report:
    """Write `before.run` and `after.run`, and compare them where there are judgments."""
    settings = run.manifest.settings
    measures = read_measures(settings.get("measures") or "nDCG@10,MAP,R@100")
    qrels = read_qrels(settings["qrels"]) if settings.get("qrels") else {}
    others = others_of(context, settings.get("compare"))
    reading = Reading(Scores(measures), Scores(measures))
    with ExitStack() as stack:
        names = (BEFORE, AFTER, *others)
        files = {
            name: stack.enter_context(
                stack.enter_context(replacing(run.path / "export" / f"{name}.run")).open("w", encoding="utf-8")
            )
            for name in names
        }
        for rows in split_rows(run.rows(), CHUNK):
            read_chunk(rows, context, others, qrels, reading, files)
    return make_report(reading, context, bool(qrels))


def split_rows(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split rows into lists of at most `size`."""
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk


def read_chunk(
    rows: Sequence[Mapping[str, Any]],
    context: Context,
    others: Mapping[str, Context],
    qrels: Qrels,
    reading: Reading,
    files: Mapping[str, TextIO],
) -> None:
    """Take some rows in: their rankings into the files, their values into the scores."""
    done = [row for row in rows if row["output"] is not None]
    runs = rankings(done) | search_rows_again(done, others)
    for name, file in files.items():
        file.writelines(f"{line}\n" for line in run_lines(runs[name], name))
    count_grades(done, reading)
    judged = {qid for row in rows if (qid := str(row["input"]["qid"])) in qrels}
    scored = {str(row["input"]["qid"]) for row in done if not Outcome(row["outcome"]).failed} & judged
    reading.judged += len(judged)
    reading.failed += len(judged - scored)
    grades = {qid: qrels[qid] for qid in runs[BEFORE] if qid in scored}
    reading.plain.add(grades, runs)
    if context.feedback in INFORMED:
        without = residual(grades, runs, list_shown(done, context.feedback))
        reading.exhausted += len(without.exhausted)
        reading.left.add(without.qrels, without.runs)


def rankings(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[Hit]]]:
    """`before` with the original queries, `after` with the rewritten ones."""
    return {
        name: {str(row["input"]["qid"]): make_hits(*_columns(row["output"][key])) for row in rows}
        for name, key in ((BEFORE, "baseline"), (AFTER, "hits"))
    }


def _columns(pairs: Sequence[tuple[str, float]]) -> tuple[list[str], list[float]]:
    return [docid for docid, _ in pairs], [score for _, score in pairs]


def search_rows_again(
    rows: Sequence[Mapping[str, Any]], others: Mapping[str, Context]
) -> dict[str, dict[str, list[Hit]]]:
    """Search again with the rows' keywords, joined in other ways; no model is asked."""
    if not others:
        return {}

    async def search() -> list[dict[str, list[Hit]]]:
        asked = (search_again(row["input"]["query"], row["output"]["reformulations"], others) for row in rows)
        return list(await asyncio.gather(*asked))

    found = complete(search())
    return {
        name: {str(row["input"]["qid"]): one[name] for row, one in zip(rows, found, strict=True)} for name in others
    }


def count_grades(rows: Sequence[Mapping[str, Any]], reading: Reading) -> None:
    """Count what a critic or judge was asked about, and what of it it did not grade.

    Such a row is `ok`, since its keywords are there; but what could not be graded did not choose either.
    """
    for row in rows:
        selection = row["output"]["selection"]
        asked: dict[str, list[Mapping[str, Any]]] = {
            "critic": row["output"]["feedback"],
            "judge": selection["candidates"] if selection else [],
        }
        for who, said in asked.items():
            reading.asked[who] += len(said)
            reading.ungraded[who] += sum(one["outcome"] != Outcome.OK for one in said)


def list_shown(rows: Sequence[Mapping[str, Any]], feedback: str) -> dict[str, list[str]]:
    """Query id -> documents shown to the solver; to a person, those that the person did not choose, too."""
    return {
        str(row["input"]["qid"]): [
            one["docid"] for one in row["output"]["feedback"] if one["used"] or feedback == "human"
        ]
        for row in rows
    }


def make_report(reading: Reading, context: Context, scored: bool) -> Report:
    """Make the report: a page for people and the same figures as data."""
    plain, left = reading.plain.rows(), reading.left.rows()
    informed = context.feedback in INFORMED
    headline = left if informed else plain
    silent = {who: (count, reading.asked[who]) for who, count in reading.ungraded.items() if count}
    data: dict[str, Any] = {
        "evaluation": "residual" if informed else "plain",
        "asked": reading.judged,
        "scored": reading.judged - reading.failed,
        "ungraded": silent,
        "comparison": [asdict(row) for row in headline],
    }
    if informed:
        data |= {"plain": [asdict(row) for row in plain], "exhausted": reading.exhausted}
    notes = [
        f"the {who} gave no grade to {without} of {looked_at}; see their reasons in 'dikast runs show'"
        for who, (without, looked_at) in silent.items()
    ]
    if reading.failed:
        notes.append(
            f"{reading.judged - reading.failed} scored of {reading.judged} judged queries that ran: rows that failed "
            "have no score"
        )
    if informed and reading.exhausted:
        notes.append(
            f"{reading.exhausted} queries have no relevant document left that was not shown; they cannot be scored"
        )
    parts = tuple(parts_of(plain, left, informed)) if scored else ()
    if parts and len(reading.plain.values) > len((BEFORE, AFTER)):
        parts += (
            Text(
                f"before: the query as it is; after: its keywords joined as {context.combination!r} does; {OTHERS}",
                "note",
            ),
        )
    return Report(Page("", parts), data, tuple(notes))


def parts_of(plain: list[Row], left: list[Row], informed: bool) -> Iterator[Text | Table]:
    """The comparison; the residual collection's before the plain one, whose feedback documents flatter it."""
    if not informed:
        yield comparison(plain)
        return
    if left:
        yield Text("residual collection: without the documents that were shown")
        yield comparison(left)
    else:
        yield Text("no query has a relevant document left: there is no residual score")
    yield Text("plain scores: the shown documents are ranked again, which flatters 'after'")
    yield comparison(plain)


def comparison(rows: list[Row]) -> Table:
    """Before and after, a measure a line, whatever the sign of the difference; a line each for other combinations."""
    before = {row.measure: row for row in rows if row.paired is None}
    several = len({row.system for row in rows}) > 2
    columns = ("measure", "n", "before", "after", "difference", "95 % interval", "p", "better/same/worse")
    lines = [
        (
            row.measure,
            *((row.system,) if several else ()),
            row.asked,
            f"{before[row.measure].mean:.4f}",
            f"{row.mean:.4f}",
            f"{paired.difference:+.4f}",
            f"[{paired.interval.low:+.4f}, {paired.interval.high:+.4f}]",
            f"{paired.p_randomisation:.3f}",
            f"{paired.wins}/{paired.ties}/{paired.losses}",
        )
        for row in rows
        if (paired := row.paired)
    ]
    return Table((columns[0], "system", *columns[1:]) if several else columns, tuple(lines))
