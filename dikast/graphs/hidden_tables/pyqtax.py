"""PyQTax: the games of a run as a data set of questions and the programs that were written for them.

    for split, row in rows(records, oracle): ...

One row a question. A table and all its questions are in one split, chosen by the hash of the table's file, so that
equal tables under different names are in one split too, and more data never moves a table. Answers are in it only where
the run kept them; labels that depend on the gold answer are in it always.

Paper: Watson et al. 2023 (doi 10.18653/v1/2023.emnlp-main.442), whose files could not be obtained: columns and labels
are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from dikast.tables.oracle import TableOracle
from dikast.tables.questions import Question
from dikast.tables.table import Table
from dikast.tables.taxonomy import labels
from dikast.training.splits import split_of

OPEN_TABLES = 64

MEANINGS: Mapping[str, str] = {
    "id": "the question's id in its file",
    "question": "the question",
    "position": "place among the questions of one game, from 0",
    "earlier": "the questions before it in the same game",
    "table": "the table's name",
    "table_sha256": "hash of the table's file",
    "schema": "what the Solver was told of the table",
    "programs": "every program of the Solver, in order",
    "program": "the one that was decided for; empty if there was none",
    "rounds": "tries",
    "feedback": "the code that the Solver was told after each try; empty after the last",
    "status": "how the last program ended, or why there was none",
    "outcome": "how the question ended",
    "answer": "the answer's items; null where the run did not keep them",
    "correct": "whether it is the gold answer; null where none is known",
    "labels": "taxonomy labels",
    "input_tokens": "of the Solver's calls, as counted when they were made",
    "output_tokens": "of the Solver's calls, as counted when they were made",
    "bits": "the most that the Solver can have learnt by feedback on this question",
    "model": "the Solver's spec",
    "seed": "of the first call",
    "prompt": "name and hash of the first prompt",
    "tier": "isolation of the sandbox",
    "key": "the run's row",
}
"""Column -> what it holds."""

ABOUT = (
    "Questions about tables and the programs, Python or SQL, that a language model wrote for them without seeing a"
    " cell: it was told the schema, and after each try one code from a closed set (HiddenTables, Watson et al., EMNLP"
    " 2023). Made with dikast; it is not the PyQTax that the paper describes.",
    "No table is in two splits: a table's split is chosen by the hash of its file. Questions whose game gave no program"
    " are rows too, so that shares are of all questions that were asked. Questions, and answers where they were kept,"
    " stay under the licence of the data set that they come from.",
)
"""What the card says."""

Record = Mapping[str, Any]


def rows(records: Iterable[Record], owner: TableOracle) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split and row of each question of a run's games that came to an output.

    Args:
        records: Rows of a journal of the graph `hidden_tables`.
        owner: Their oracle.

    Raises:
        DataError: A table or the question file is not there any more.
    """

    @lru_cache(OPEN_TABLES)
    def known(name: str) -> tuple[str, Table | None]:
        return owner.digest(name), owner.load(name)

    for record in records:
        if record["output"] is None:
            continue
        name = record["input"]["table"]
        digest, table = known(name)
        for position, turn in enumerate(record["output"]["turns"]):
            question = owner.gold.get(turn["id"]) or Question(turn["id"], turn["question"], name)
            found = {**_row(record, position, turn), "table": name, "table_sha256": digest}
            found["labels"] = json.dumps(labels(question, table), ensure_ascii=False)
            yield split_of(digest), {column: found[column] for column in MEANINGS}


def _row(record: Record, position: int, turn: Record) -> dict[str, Any]:
    """What the journal says of one question."""
    output = record["output"]
    drafts = sorted(_of(output["drafts"], position), key=lambda one: (one["round"], one["sample"]))
    closed = sorted(_of(output["rounds"], position), key=lambda one: one["round"])
    sources: list[Record] = [one["provenance"] for one in drafts if one["provenance"]]
    source = sources[0] if sources else dict[str, Any]()
    kept = ("id", "question", "schema", "program", "rounds", "status", "outcome", "answer", "correct")
    return {
        **{name: turn[name] for name in kept},
        "position": position,
        "earlier": [one["question"] for one in output["turns"][:position]],
        "programs": [one["program"] for one in drafts if one["program"]],
        "feedback": [one["feedback"] for one in closed],
        "bits": sum(one["bits"] for one in closed),
        **{name: sum(one["usage"].get(name, 0) for one in drafts) for name in ("input_tokens", "output_tokens")},
        "model": source.get("model", ""),
        "seed": source.get("seed"),
        "prompt": source.get("prompt", ""),
        "tier": output["tier"],
        "key": record["key"],
    }


def _of(records: Iterable[Record], turn: int) -> list[Record]:
    return [one for one in records if one["turn"] == turn]
