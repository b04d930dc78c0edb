"""Reformulations as training rows, by what a search with each of them alone is worth (nDCG@10).

    for split, row in rows("preference", run, context): ...

Judgments decide which reformulation is good, so that they are used up for what is trained on them: only queries of the
training split become rows, and the others stay fit for measuring. In no row: judgments, document ids, rankings; and no
documents that were chosen by judgments or by a person, so that runs with such feedback give no rows of what was asked
with it. What pseudo and critic feedback showed is part of the prompt, as it was asked.

| kind | rows of a query |
| --- | --- |
| `sft` | the best reformulation, if it finds more than the query alone |
| `preference` | the best against the worst, if they differ; the prompt is the best one's |
| `unpaired` | each: better or worse than the query alone; as good as it is neither, and left out |
| `value` | each with its nDCG@10 |

Searches are made anew, with the run's own retriever and combination, one a reformulation; no model is asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dikast.errors import UsageError
from dikast.graphs.genqr.context import Context
from dikast.graphs.genqr.feedback import list_used, quote
from dikast.graphs.genqr.records import FORMS, Form, Reformulation
from dikast.graphs.genqr.report import CHUNK, INFORMED, split_rows
from dikast.graphs.genqr.search import expand
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import Outcome, Qrels
from dikast.retrieval.measures import measure
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import read_qrels
from dikast.training.exports import HELD_OUT, Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import TRAIN, digest_of, split_of
from dikast.waiting import complete

MEASURE = "nDCG@10"
"""The paper's headline measure (GenQREnsemble, ECIR 2024)."""
ALONE = ""
"""Stands for the query alone among a query's rankings."""

FAILED = LeftOut("the row failed, or has no judgments")
NOT_A_QUERY = LeftOut(HELD_OUT)
INFORMED_PROMPT = LeftOut("its prompt shows documents that were chosen by judgments or by a person")
NO_BETTER = LeftOut("no reformulation finds more than the query alone")
NO_WORSE = LeftOut("all reformulations of the query are worth the same")
AS_GOOD = LeftOut("as good as the query alone: neither good nor bad")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Valued:
    """A reformulation, what was asked for it, and what it is worth, 0..1."""

    made: Reformulation
    prompt: list[dict[str, str]]
    value: float


WHAT = (
    "Reformulations of queries by what a search with each alone finds (nDCG@10). `sft`: the best one of a query, if it"
    " finds more than the query alone; `preference`: the best against the worst; `unpaired`: each, by whether it finds"
    " more than the query alone; `value`: each with its nDCG@10. Only queries of the training split are in it, since"
    " judgments chose the rows; judgments, documents' ids and rankings are not."
)
OWN = {
    "margin": "nDCG@10 of the chosen one less that of the rejected one",
    "score_chosen": "nDCG@10",
    "score_rejected": "nDCG@10",
    "instruction_rejected": "the instruction under which the rejected one was written; the prompt is the chosen one's",
}


def about(kind: Kind) -> About:
    """What the card says."""
    return about_rows(kind, WHAT, OWN if kind == "preference" else None)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run's training queries give.

    Raises:
        UsageError: The run had no judgments.
        DataError: They are not there any more.
    """
    qrels = run.manifest.settings.get("qrels")
    if not qrels:
        raise UsageError(f"{run.path}: nothing says what a reformulation is worth", hint="run it with --qrels FILE")
    return sift(candidates(kind, run.rows(), read_qrels(qrels), context), kind, only=TRAIN)


def candidates(kind: Kind, records: Iterator[Record], qrels: Qrels, context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for chunk in split_rows(records, CHUNK):
        training: list[Record] = []
        for record in chunk:
            if split_of(digest_of(record["input"]["query"])) != TRAIN:
                yield NOT_A_QUERY
            elif record["output"] is None or Outcome(record["outcome"]).failed or record["input"]["qid"] not in qrels:
                yield FAILED
            else:
                training.append(record)
        for record, (alone, found, left_out) in zip(
            training, complete(value_all(training, qrels, context)), strict=True
        ):
            yield from left_out
            for one in rows_of(kind, alone, found):
                yield one if isinstance(one, LeftOut) else finished(record, *one, context.reply)


async def value_all(
    records: Sequence[Record], qrels: Qrels, context: Context
) -> list[tuple[float, list[Valued], list[LeftOut]]]:
    """Of each row: what the query alone is worth, its reformulations, and what is left out of these."""
    return list(await asyncio.gather(*(value(record, qrels[record["input"]["qid"]], context) for record in records)))


async def value(
    record: Record, grades: Mapping[str, int], context: Context
) -> tuple[float, list[Valued], list[LeftOut]]:
    """Search with the query alone and with each reformulation, and measure."""
    query, output = record["input"]["query"], record["output"]
    made = [one for one in output["reformulations"] if one["outcome"] == Outcome.OK]
    shown = len(list_used(output["feedback"])) > 0
    told = [not shown or is_plain(one, output["reformulations"], context) for one in made]
    open_ = [one for one, plain in zip(made, told, strict=True) if plain or context.feedback not in INFORMED]
    queries = [expand(query, [one["keywords"]], context)[0] for one in open_]
    queries.append(WeightedQuery.from_text(query, context.retriever.analyze))
    rankings = await context.retriever.search(queries, context.depth)
    values = worth(dict(zip([*(str(one["index"]) for one in open_), ALONE], rankings, strict=True)), grades)
    documents = await context.retriever.documents(list_used(output["feedback"]))
    text = quote(documents, context.feedback_tokens) if shown and context.feedback not in INFORMED else ""
    found = [
        Valued(
            one,
            prompt_of(query, one, "" if is_plain(one, output["reformulations"], context) else text, context),
            values[str(one["index"])],
        )
        for one in open_
    ]
    return values[ALONE], found, [INFORMED_PROMPT] * (len(made) - len(open_))


def is_plain(one: Reformulation, every: Sequence[Reformulation], context: Context) -> bool:
    """Whether it was asked for without feedback documents: with `both`, the first half is."""
    return context.both and one["index"] < len(every) // 2


def worth(rankings: Mapping[str, Sequence[Hit]], grades: Mapping[str, int]) -> dict[str, float]:
    """nDCG@10 of several rankings of one query, by their names."""
    return measure(dict.fromkeys(rankings, grades), rankings, [MEASURE])[MEASURE]


def prompt_of(query: str, one: Reformulation, text: str, context: Context) -> list[dict[str, str]]:
    """The messages by which the solver was asked for a reformulation."""
    prompt = context.feedback_prompt if text else context.prompt
    known = {"context": text, "instruction": one["instruction"], "query": query, "form": FORMS[context.reply]}
    return as_conversation(prompt.render({name: known[name] for name in prompt.fields}))


def rows_of(kind: Kind, alone: float, found: Sequence[Valued]) -> Iterator[LeftOut | tuple[Valued, dict[str, Any]]]:
    """What a query gives: the reformulation whose prompt is the row's, and the other columns, not yet texts."""
    ranked = sorted(found, key=lambda one: (-one.value, one.made["index"]))
    if kind == "value":
        yield from ((one, {"completion": one, "value": one.value}) for one in found)
    elif kind == "unpaired":
        for one in found:
            yield AS_GOOD if one.value == alone else (one, {"completion": one, "label": one.value > alone})
    elif kind == "sft":
        best = ranked[0] if ranked and ranked[0].value > alone else None
        yield (best, {"completion": best}) if best else NO_BETTER
    elif not ranked or ranked[0].value == ranked[-1].value:
        yield NO_WORSE
    else:
        best, worst = ranked[0], ranked[-1]
        columns = {"chosen": best, "rejected": worst, "margin": best.value - worst.value}
        scores = {"score_chosen": best.value, "score_rejected": worst.value}
        yield best, {**columns, **scores, "instruction_rejected": worst.made["instruction"]}


def finished(record: Record, asked: Valued, columns: Mapping[str, Any], form: Form) -> Candidate:
    """The row, with texts for reformulations."""
    given = record["input"]
    row = {name: text_of(one, form) if isinstance(one, Valued) else one for name, one in columns.items()}
    origin = Origin.of(given["qid"], record["key"], asked.made["provenance"])
    return Candidate({"prompt": asked.prompt, **row}, digest_of(given["query"]), origin)


def text_of(one: Valued, form: Form) -> list[dict[str, str]]:
    """A reformulation as the reply that was asked for: what was read out of the reply, in the form that was wanted."""
    keywords = one.made["keywords"]
    as_json = json.dumps({"keywords": keywords}, ensure_ascii=False)
    return said_by_assistant(as_json if form == "json" else ", ".join(keywords))
