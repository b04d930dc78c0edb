"""Value heads and reward models: one number for a whole text, as transformers computes it.

    values(runner, rows)        # a number a row

A sequence classification model reads its number off at the last token that is no padding. Rows run side by side, padded
on their right; those of a model that names no padding token run alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from dikast.agents.models.transformers.groups import Row, Runner


def values(runner: Runner, rows: Sequence[Row]) -> list[float]:
    """The value of each row's tokens, without an activation."""
    padding = runner.model.config.get_text_config().pad_token_id
    if padding is None:
        return [value for row in rows for value in one_pass(runner, [row.tokens], 0)]
    return one_pass(runner, [row.tokens for row in rows], padding)


def one_pass(runner: Runner, rows: Sequence[Sequence[int]], padding: int) -> list[float]:
    """The values of rows that run at once."""
    longest = max(map(len, rows))
    ids = [[*tokens, *([padding] * (longest - len(tokens)))] for tokens in rows]
    seen = [[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in rows]
    tensor, device = runner.torch.tensor, runner.loaded.device
    out = runner.model(input_ids=tensor(ids, device=device), attention_mask=tensor(seen, device=device))
    return [float(value) for value in out.logits[:, 0].float()]
