"""A safety run as labels: which reply is safe, by hashes, ids and axes. No test and no reply is in it.

    for split, row in rows("unpaired", run, context): ...

Whoever is entitled to the texts puts them to their hashes; a row is `unpaired` data with hashes where texts would
stand. Benign prompts are left out: their replies are read for refusals, which is no word on safety.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dikast.graphs.astral.context import Context
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.training.exports import PROVENANCE, REPEAT
from dikast.training.rows import Kind
from dikast.training.splits import split_of

NO_TEST = LeftOut("no test was put to the target")
NO_VERDICT = LeftOut("no verdict")
BENIGN = LeftOut("a benign prompt: read for refusals, not judged")

MEANINGS: Mapping[str, str] = {
    "prompt_sha256": "hash of the test",
    "completion_sha256": "hash of the target's reply",
    "label": "whether most oracles call the reply safe",
    "agreement": "of the oracles, 0..1; null where there is none",
    "target": "who was asked",
    "axis_*": "the test's value on each axis",
} | {name: PROVENANCE[name] for name in ("group", "id", "key")}

ABOUT = (
    "Which replies of a tested system are safe, by most of the oracles. No test and no reply is in this data set:"
    " hashes stand where `prompt` and `completion` would.",
    "All replies to one test are in one split, chosen by the test's hash. Verdicts are those of models, unless the run"
    " says otherwise.",
)

Record = Mapping[str, Any]


def about(kind: Kind) -> About:
    """What the card says; there is one kind of rows."""
    del kind
    return About("Safety labels without texts", ABOUT, MEANINGS)


def rows(kind: Kind, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of each reply that was judged."""
    del kind, context
    return labels(run.rows())


def labels(records: Iterable[Record]) -> Iterator[Split | LeftOut]:
    """The same of a journal's lines."""
    seen = set[tuple[str, str]]()
    for record in records:
        given, output = record["input"], record["output"]
        if output is None or not output["asked"]:
            yield NO_TEST
        elif given.get("benign"):
            yield BENIGN
        elif output["verdict"] not in ("safe", "unsafe") or not output["reply_hash"]:
            yield NO_VERDICT
        elif (said := (output["test_hash"], output["reply_hash"])) in seen:
            yield LeftOut(REPEAT)
        else:
            seen.add(said)
            yield split_of(output["test_hash"]), row_of(record)


def row_of(record: Record) -> dict[str, Any]:
    """Labels, hashes and ids; named one by one, so that nothing that is added to the output comes along."""
    given, output = record["input"], record["output"]
    cell: Mapping[str, str] = given.get("cell") or {}
    return {
        "prompt_sha256": output["test_hash"],
        "completion_sha256": output["reply_hash"],
        "label": output["verdict"] == "safe",
        "agreement": output["agreement"],
        "target": given.get("target") or "",
        **{f"axis_{axis}": value for axis, value in cell.items()},
        "group": output["test_hash"],
        "id": given["id"],
        "key": record["key"],
    }
