"""A run as training rows: `bash`, rows of token ids; `rac`, corrections and plain rows.

    for split, row in rows("bash", run, context): ...

`bash` is of the kind `tokens` (`dikast.training.rows`): for the recipe `tokens`, and for the model that was asked,
since ids are its tokenizer's. `rac` is of the kind `sft`: texts that any model can be trained on, though they hold the
mistakes of the one that was asked. Corrections and plain rows are in the run's own `share`: all rows of the one kind,
and of the other so many as make the share, drawn by question and epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from dikast.agents.prompt import load_prompt
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.mixing import stream_of
from dikast.graphs.self_tokens.speaking import PROMPT
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.jobs.reading import Run
from dikast.records import CUT_REASONS, Outcome
from dikast.training.corrections import correction
from dikast.training.exports import Candidate, Origin, sift
from dikast.training.exports import about as about_rows
from dikast.training.rows import Kind, as_conversation, said_by_assistant
from dikast.training.splits import digest_of

Made: TypeAlias = Literal["bash", "rac"]
KINDS: Mapping[Made, Kind] = {"bash": "tokens", "rac": "sft"}

FAILED = LeftOut("the row failed")
NO_BASH = LeftOut("no BASH row was made")
NO_DRAFT = LeftOut("the model gave no answer")
CUT = LeftOut("the model's answer was cut")
RIGHT = LeftOut("the model's answer is right (--no-keep-right)")
THINNED = LeftOut("left out for the share of corrections")

Record = Mapping[str, Any]

WHAT: Mapping[Made, str] = {
    "bash": (
        "References with some of the tokens that the model reads replaced by its own (BASH, arXiv 2410.14655). `labels`"
        " are the reference's tokens, and nothing else; `own` says which of `input_ids` are the model's. Prompt and end"
        " of turn are put around them by the trainer, and never replaced."
    ),
    "rac": (
        "Corrections of a model's own answers (RAC, arXiv 2410.14655), mixed with plain rows. A correction's prompt is"
        " the question, the model's answer and a cue; its completion is the reference, as is that of a plain row,"
        " whose prompt is the question. Trained on completions alone, no wrong answer is ever a target."
    ),
}
OWN: Mapping[Made, Mapping[str, str]] = {
    "bash": {
        "own": "1 where the token that is read is the model's own, else 0",
        "epoch": "counted from 0",
        "p": "with which probability a token was drawn",
    },
    "rac": {
        "correction": "whether it is a correction, or a plain row",
        "right": "of corrections: whether the model's answer says what the reference says",
        "epoch": "counted from 0",
    },
}


def about(made: Made) -> About:
    """What the card says."""
    return about_rows(KINDS[made], WHAT[made], OWN[made])


def rows(made: Made, run: Run, context: Context) -> Iterator[Split | LeftOut]:
    """Split and row of what a run gives; all rows of a question are in one split."""
    return sift(candidates(made, run.rows(), context), KINDS[made])


def candidates(made: Made, records: Iterable[Record], context: Context) -> Iterator[Candidate | LeftOut]:
    """The rows that there could be, and why there are no more."""
    for record in records:
        if record["output"] is None or Outcome(record["outcome"]).failed:
            yield FAILED
        elif made == "bash":
            yield bash_row(record, context)
        else:
            yield from rac_rows(record, context)


def bash_row(record: Record, context: Context) -> Candidate | LeftOut:
    """The row of token ids."""
    made, given = record["output"]["bash"], record["input"]
    if made is None:
        return NO_BASH
    row = {name: made[name] for name in ("input_ids", "labels", "own", "p")}
    row = {"prompt": question(given), **row, "epoch": given.get("epoch", 0)}
    origin = Origin(id_of(given), record["key"], context.solver.spec, made_with=load_prompt(PROMPT).id)
    return Candidate(row, digest_of(given["prompt"]), origin)


def rac_rows(record: Record, context: Context) -> Iterator[Candidate | LeftOut]:
    """A correction, if there is one, and a plain row, as the share has it."""
    draft, given = record["output"]["draft"], record["input"]
    epoch, group = given.get("epoch", 0), digest_of(given["prompt"])
    reference = said_by_assistant(given["reference"])
    corrected, plain = kept(context, id_of(given), epoch)
    if draft is None or draft["outcome"] != Outcome.OK:
        yield NO_DRAFT
    elif draft["provenance"]["finish_reason"] in CUT_REASONS:
        yield CUT
    elif draft["right"] and not context.keep_right:
        yield RIGHT
    elif not corrected:
        yield THINNED
    else:
        row = correction(question(given), said_by_assistant(draft["text"]), reference)
        origin = Origin.of(id_of(given), record["key"], draft["provenance"])
        yield Candidate({**row, "correction": True, "right": draft["right"], "epoch": epoch}, group, origin)
    if plain:
        row = {"prompt": question(given), "completion": reference, "correction": False, "right": None, "epoch": epoch}
        yield Candidate(row, group, Origin(id_of(given), record["key"]))
    else:
        yield THINNED


def kept(context: Context, key: str, epoch: int) -> tuple[bool, bool]:
    """Whether a question's correction is kept, and whether its plain row is."""
    share = context.share
    drawn = float(stream_of(seed=context.seed, key=f"share {key}", epoch=epoch).random())
    return drawn * (1 - share) < share, drawn * share < 1 - share


def question(given: Record) -> list[dict[str, str]]:
    """The messages by which the model is asked."""
    return as_conversation(load_prompt(PROMPT).render({"prompt": given["prompt"]}))


def id_of(given: Record) -> str:
    """The question's id in the user's file."""
    return str(given.get("question") or given.get("id") or "")
