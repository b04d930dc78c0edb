"""Verdicts on pairs as people and tools write them: 1, B, model_2, tie, draw."""

from __future__ import annotations

from collections.abc import Mapping

from dikast.row import Row
from dikast.verdicts import Winner

WINNERS: Mapping[str, Winner] = {
    "1": "1", "2": "2", "a": "1", "b": "2", "model_1": "1", "model_2": "2", "response_1": "1", "response_2": "2",
    "output_1": "1", "output_2": "2", "0": "tie", "tie": "tie", "c": "tie", "draw": "tie", "equal": "tie",
}  # fmt: skip
"""How people write a verdict. 0 is a tie, as in PandaLM; a file that counts responses from 0 must be mapped."""


def read_winner(row: Row, field: str) -> Winner:
    """A row's verdict, in any of the spellings of `WINNERS`.

    Raises:
        DataError: It is missing, or none of them; says file, line and field.
    """
    value = row.value(field)
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    name = str(whole).strip().lower().removesuffix(".0")
    if isinstance(value, bool) or name not in WINNERS:
        raise row.error(field, f"not a verdict: {value!r:.60}", "write 1, 2 or tie")
    return WINNERS[name]
