"""What of a row is shown to whom: its responses, the conversations that they end, its rubric, which one is revised."""

from __future__ import annotations

import hashlib
import json

from dikast.agents.quoting import quote_rubric
from dikast.conversation import Message
from dikast.errors import DataError
from dikast.graphs.reviseval.context import Context, State
from dikast.graphs.reviseval.records import Judging, Number, Order


def responses_of(state: State) -> list[str]:
    """The row's response, or both.

    Raises:
        DataError: It has neither one nor two.
    """
    pair = [state.get("response_1"), state.get("response_2")]
    given = pair if state.get("response") is None else [state.get("response")]
    found = [response for response in given if response is not None]
    if len(found) != len(given) or (state.get("response") is not None and pair != [None, None]):
        hint = "give response_1 and response_2 to compare, or response to score"
        raise DataError(f"row {state.get('id', '')!r}: not one response, nor two", field="response", hint=hint)
    return found


def befores_of(state: State, responses: int) -> list[list[Message]]:
    """The conversation that each response ends; empty where there is none."""
    if responses == 1:
        return [state.get("before") or []]
    return [state.get("before_1") or [], state.get("before_2") or []]


def rubric_of(state: State, context: Context) -> str:
    """The row's own rubric, quoted, else the run's."""
    own = (state.get("rubric") or "").strip()
    return quote_rubric(own) if own else context.rubric


def choose_primaries(context: Context, instruction: str, responses: list[str]) -> list[Number]:
    """Which responses are revised. At random means: as good as, and the same for a pair whoever judges it."""
    if context.primary == "both":
        return ["1", "2"]
    if context.primary != "random":
        return [context.primary]
    drawn = hashlib.sha256(json.dumps([context.seed, instruction, *responses]).encode()).digest()[0]
    return ["1"] if drawn % 2 else ["2"]


def other(number: Number) -> Number:
    """The number of the other response of the pair."""
    return "2" if number == "1" else "1"


def make_judging(state: State, judge: int, place: int | None, order: Order, rubric: str) -> Judging:
    """Put together what one branch judges."""
    responses = responses_of(state)
    before = befores_of(state, len(responses))
    reference = state["references"][place] if place is not None else None
    return Judging(
        instruction=state["instruction"],
        responses=responses[::-1] if order == "ba" else responses,
        order=order,
        judge=judge,
        reference=place,
        text=reference["text"] if reference else "",
        own=bool(reference and reference["kind"] == "commitment"),
        before=before[::-1] if order == "ba" else before,
        rubric=rubric,
        said=[],
    )
