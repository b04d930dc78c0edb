"""What a training would do: the rows as its trainer reads them, what is left out, tokens and steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from dikast.errors import DataError
from dikast.training.inputs import PROMPT, ROWS, Inputs, refuse_empty
from dikast.training.recipes import GrpoRecipe, Recipe
from dikast.training.rows import Checked

if TYPE_CHECKING:
    from dikast.training.backend.tokens import Speaker


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training would do.

    Args:
        rows: Trained on.
        left_out: Rows that are not: why -> how many.
        tokens: In one epoch, as the model reads them: a pair's prompt twice.
        longest: Tokens that a row may have.
        steps: Optimizer steps.
        columns: What the trainer reads of each row.
    """

    rows: int
    left_out: Mapping[str, int]
    tokens: int
    longest: int
    steps: int
    columns: Sequence[Mapping[str, Any]] = field(repr=False)


def planned(inputs: Inputs) -> Plan:
    """The rows as the trainer reads them, by the model's own tokenizer.

    Raises:
        DataError: No row is short enough.
        UsageError: The model's chat template does not take them.
    """
    from dikast.training.backend.bases import context_of, open_tokenizer
    from dikast.training.backend.tokens import Speaker

    context = context_of(inputs.base)
    longest = min(inputs.recipe.max_length, context) if context else inputs.recipe.max_length
    return plan_of(inputs.recipe, inputs.checked, Speaker(open_tokenizer(inputs.base), inputs.base.template), longest)


def plan_of(recipe: Recipe, checked: Checked, speaker: Speaker, longest: int) -> Plan:
    """The same, for an open tokenizer."""
    from dikast.training.backend.tokens import tokenised, tokens_of

    kind = ROWS.get(recipe.kind, PROMPT)
    columns, too_long = tokenised(checked.rows, kind, speaker, longest)
    left_out = dict(Counter(checked.left_out) + Counter(too_long))
    refuse_empty(columns, left_out, kind)
    steps = recipe.steps or steps_of(recipe, len(columns))
    return Plan(len(columns), left_out, sum(map(tokens_of, columns)), longest, steps, columns)


def steps_of(recipe: Recipe, rows: int) -> int:
    """Optimizer steps of a training by epochs, as transformers counts them."""
    count = rows * (recipe.group if isinstance(recipe, GrpoRecipe) else 1)
    batches = ceil(ceil(count / recipe.batch_size) / recipe.processes)
    an_epoch = ceil(batches / recipe.accumulation)
    return max(1, ceil(recipe.epochs * an_epoch))


def held_columns(inputs: Inputs, longest: int) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, int]]:
    """Held rows as the trainer reads them, and how many are too long for it.

    Raises:
        DataError: All are.
    """
    if not inputs.held:
        return (), {}
    from dikast.training.backend.bases import open_tokenizer
    from dikast.training.backend.tokens import Speaker, tokenised

    speaker = Speaker(open_tokenizer(inputs.base), inputs.base.template)
    columns, left_out = tokenised(inputs.held, ROWS.get(inputs.recipe.kind, PROMPT), speaker, longest)
    if not columns:
        raise DataError("no held row is short enough", hint=f"a row may have {longest} tokens")
    return columns, left_out
