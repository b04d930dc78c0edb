"""The prompts of DNO's rounds by part: see `dikast.training.parts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dikast.graphs.dno.conversation import messages_of
from dikast.graphs.method import Row
from dikast.training.parts import VALIDATION, part_name, part_of, split_parts
from dikast.training.rows import as_conversation
from dikast.training.splits import digest_of

__all__ = ["VALIDATION", "part_name", "part_of", "split_prompts"]


def split_prompts(rows: Sequence[Row], parts: int, validation: int) -> Mapping[str, list[Row]]:
    """The prompts by part, and those for validation, by the hash of the conversation that they are.

    Args:
        rows: Inputs of the graph.
        parts: How many.
        validation: Percent.

    Raises:
        DataError: A part, or the validation, has no prompt.
    """
    return split_parts(rows, lambda row: digest_of(as_conversation(messages_of(row))), parts, validation)
