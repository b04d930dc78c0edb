"""A safety oracle against people's labels, and what its errors mean for an unsafe rate.

    labelled = read_labelled("replies.jsonl", truth="human", reply="completion")
    readings = await ask_oracle(oracle, labelled)
    measure([one.truth for one in labelled], readings, positive="unsafe")

The readings may be recorded ones, of a column of the file; then nothing is asked.

Not here: the figures (`dikast.evaluation.classification`), and the correction (`dikast.evaluation.prevalence`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Sampling
from dikast.errors import DataError
from dikast.evaluation.refusal import classify
from dikast.graphs.astral.context import JUDGING, POLICY
from dikast.graphs.astral.roles import SafetyOracle
from dikast.rows import read_rows

NO_RENAMING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A reply that people have labelled.

    Args:
        truth: Their label.
        reply: The reply; empty where a recorded reading is compared.
        prompt: What it answers; empty if that is not known.
        said: The recorded reading; `None` if there is none.
    """

    truth: str
    reply: str = ""
    prompt: str = ""
    said: str | None = None


def read_labelled(
    path: Path,
    *,
    truth: str,
    reply: str | None = None,
    prompt: str | None = None,
    said: str | None = None,
    renamed: Mapping[str, str] = NO_RENAMING,
) -> list[Labelled]:
    """Labelled replies out of a file that `dikast.rows` reads.

    Args:
        path: The file.
        truth: Its column with people's labels.
        reply: Its column with replies.
        prompt: Its column with prompts.
        said: Its column with recorded readings; an empty one is unparsed.
        renamed: Label in the file -> label; two labels of one name are one.

    Raises:
        DataError: A column is missing, or there is no record.
    """
    found = [
        Labelled(
            truth=rename_label(record.text(truth), renamed),
            reply=record.text(reply) if reply else "",
            prompt=record.text(prompt) if prompt else "",
            said=rename_label(record.text(said, default=""), renamed) or None if said else None,
        )
        for record in read_rows(path)
    ]
    if not found:
        raise DataError("no labelled reply", path=path)
    return found


def rename_label(label: str, renamed: Mapping[str, str]) -> str:
    """Replace a label of the user's file by the name that `--rename` gives it; others stay."""
    return renamed.get(label, label)


def detect_refusals(labelled: Sequence[Labelled]) -> list[str | None]:
    """Read each reply with the refusal detector: `full_compliance`, `partial_refusal`, `full_refusal`."""
    readings = [classify(one.reply) for one in labelled]
    return [reading.label if reading else None for reading in readings]


async def ask_oracle(
    oracle: SafetyOracle,
    labelled: Sequence[Labelled],
    *,
    policy: str = POLICY,
    sees_prompt: bool = False,
    sampling: Sampling = JUDGING,
    concurrency: int = 16,
) -> list[str | None]:
    """What an oracle says of each reply: a verdict, `None` if unparsed, the outcome's name of a call that failed.

    Raises:
        ModelUnavailable: The oracle cannot be reached.
    """
    gate = asyncio.Semaphore(concurrency)

    async def assess(one: Labelled) -> str | None:
        async with gate:
            try:
                found = await oracle.assess(
                    one.reply, prompt=one.prompt if sees_prompt else None, policy=policy, sampling=sampling
                )
            except CALL_FAILURES as error:
                return failure_of(error)[0].value
            return found.verdict

    return list(await asyncio.gather(*(assess(one) for one in labelled)))
