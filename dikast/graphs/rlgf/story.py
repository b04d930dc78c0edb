"""A text told: who wrote which part of it, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The reward, the turns, the tokens."""
    output = row["output"]
    reward = "no reward" if output["reward"] is None else f"reward {output['reward']:g}"
    title = f"{output['collector']}: {reward}"
    return Page(title, (*_tell_switch(output), *_tell_turns(output["turns"]), *_tell_text(output)))


def _tell_switch(output: Mapping[str, Any]) -> Iterator[Text]:
    told = output["switch"]
    if told is None:
        yield Text(f"nothing was written: {output['outcome']}{in_brackets(output['reason'])}")
        return
    moved = "; moved, since the guide ended early" if told["moved"] else ""
    yield Text(f"{told['roll_in']} before token {told['tau']}, {told['roll_out']} behind it{moved}")


def _tell_turns(turns: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    for one in turns:
        dropped = f", {one['dropped']} dropped" if one["dropped"] else ""
        yield Text(f"{one['owner']}: {one['said']} tokens of {one['asked']}{dropped}", "heading")
        if one["text"]:
            yield Text(one["text"], "quote", one["owner"])


def _tell_text(output: Mapping[str, Any]) -> Iterator[Text | Table]:
    if output["text"]:
        yield Text("the whole text", "heading")
        yield Text(output["text"], "quote", "text")
    if output["said"]:
        yield Text(output["said"], "quote", "judge")
    rows = [
        (at, one["id"], one["owner"], "yes" if one["trained"] else "no", f"{one['logprob']:.3f}", one["reward"])
        for at, one in enumerate(output["tokens"], start=1)
    ]
    if rows:
        columns = ("place", "token", "owner", "trained", "log-probability", "reward stored")
        kl = "" if output["kl"] is None else f"; KL to the reference {output['kl']:.3f} nats"
        yield Table(columns, tuple(rows), f"tokens{kl}")
