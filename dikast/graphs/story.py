"""One row's whole story as a page: what went in, what came of it, who said what to whom, what it cost.

    from dikast.graphs.genqr.story import story
    page = tell(row, story)

A row is a journal's, or a preview's: `row`, `key`, `input`, `output`, `outcome`, `reason`, `calls`, `seconds`,
`usage`, perhaps `trace` and `worker`. What came of it is told by the method's own `story`; without one it is the
output as JSON.

Not here: drawing the page, which is `dikast.pages`' and `dikast.cli.output`'s work.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from dikast.pages import Figure, Page, Table, Text

Row: TypeAlias = Mapping[str, Any]

Part: TypeAlias = Text | Table | Figure

WORTH_TELLING_ONCE = 80
"""Characters of a message, such as a system prompt, that is not told again with every turn."""


def tell(row: Row, story: Callable[[Row], Page] | None) -> Page:
    """The row's page, with the method's own story in it.

    Args:
        row: As its journal has it.
        story: The method's; it is not asked about a row that has no output.
    """
    return frame(row, story(row) if story and row["output"] is not None else tell_output(row))


def frame(row: Row, own: Page) -> Page:
    """What every graph's row has to tell, around the method's own page, whose title becomes a heading."""
    title = f"row {row['row']}, key {row['key']}, outcome {row['outcome']}" + in_brackets(row["reason"])
    parts: list[Part] = [Text(json.dumps(row["input"], ensure_ascii=False), label="input")]
    parts += [Text(own.title, "heading"), *own.parts]
    parts += [Text("conversation", "heading"), *_tell_calls(row["calls"])]
    done_by = f", by worker {row['worker']}" if row.get("worker") else ""
    parts += [Text(f"spent: {row['seconds']:.2f} s{done_by}", "heading"), *_tell_spent(row["usage"])]
    if row.get("trace"):
        parts.append(Text(row["trace"], "quote", "trace"))
    return Page(title, tuple(parts))


def tell_output(row: Row) -> Page:
    """The story of a graph that has none of its own: the output as it is."""
    return Page("output", (Text(json.dumps(row["output"], ensure_ascii=False, indent=2), "quote"),))


def in_brackets(reason: str) -> str:
    """A reason to put behind an outcome; nothing where there is none."""
    return f" ({reason})" if reason else ""


def _tell_calls(calls: list[Mapping[str, Any]]) -> Iterator[Text]:
    told: dict[tuple[str, str], int] = {}
    for number, call in enumerate(calls, start=1):
        yield from _tell_call(number, call, told)


def _tell_call(number: int, call: Mapping[str, Any], told: dict[tuple[str, str], int]) -> Iterator[Text]:
    """A call; of a message that was told with an earlier one, only with which."""
    source = call["provenance"]
    kept = ", from the cache" if source["cached"] else ""
    head = f"[{number}] {call['role']}, {source['model']}, {source['prompt']}, sample {source['sample']}{kept}"
    yield Text(head, "heading")
    for message in call["messages"]:
        said = message["role"], message["content"]
        if told.setdefault(said, number) < number and len(message["content"]) >= WORTH_TELLING_ONCE:
            yield Text(f"as in [{told[said]}]", label=message["role"])
        else:
            yield Text(message["content"], "quote", message["role"])
    if call["reasoning"]:
        yield Text(call["reasoning"], "quote", "reasoning")
    yield Text(call["reply"] or f"none: {call['outcome']}{in_brackets(call['reason'])}", "quote", "reply")
    end = f"finish reason {source['finish_reason'] or '-'}, seed {source['seed']}"
    yield Text(f"{end}; {_spent(call['usage'])}", "note")


def _tell_spent(usage: Mapping[str, Mapping[str, float]]) -> Iterator[Text]:
    for role, spent in usage.items():
        yield Text(_spent(spent), label=role)


def _spent(usage: Mapping[str, float]) -> str:
    return ", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in usage.items())
