"""Conversations as topics: the JSON of TREC CAsT and iKAT, in which a topic has turns and each turn is a query.

    for qid, text in read_turns(row, ["manual"]): ...        # "31_1", "What is throat cancer?"

A turn's id is `TOPIC_TURN`, as in the tracks' judgments. What of it is the query is one of its fields: `raw_utterance`
(CAsT 2019 to 2021) or `utterance` (2022, iKAT) as the person said it, by default; `manual_rewritten_utterance`,
`automatic_rewritten_utterance` or `resolved_utterance`, which stand alone. `raw`, `manual` and `automatic` are short
for these. In CAsT 2022 the turns of the system are no queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dikast.errors import DataError
from dikast.row import Row

TURNS = ("turn", "turns")
NUMBERS = ("number", "turn_id")
SHORT = {
    "raw": ("raw_utterance", "utterance"),
    "manual": ("manual_rewritten_utterance", "resolved_utterance"),
    "automatic": ("automatic_rewritten_utterance",),
}
DEFAULT = "raw"
SYSTEM = "System"


def turns_of(row: Row) -> str:
    """The field that holds a topic's turns; empty for a row that is no conversation."""
    return next((name for name in TURNS if isinstance(row.values.get(name), list)), "")


def read_turns(row: Row, fields: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The queries of a conversation: id and text of each turn of the person.

    Args:
        row: Of the file; `turns_of` says that it has turns.
        fields: What of a turn is the query, joined by a space; as it was said, without any.

    Raises:
        DataError: A number or a field is missing, or is no text; says file, topic and turn.
    """
    name = turns_of(row)
    topic = row.text("number").strip()
    for place, turn in enumerate(row.children(name), 1):
        if turn.values.get("participant") == SYSTEM:
            continue
        number = next((turn.text(one).strip() for one in NUMBERS if one in turn.values), None)
        if number is None:
            raise _wrong(row, f"{name}[{place}].{NUMBERS[0]}", topic, turn)
        texts = [_text(row, turn, f"{name}[{place}]", topic, field) for field in fields or [DEFAULT]]
        yield f"{topic}_{number}", " ".join(texts)


def _text(row: Row, turn: Row, where: str, topic: str, field: str) -> str:
    names = SHORT.get(field, (field,))
    text = next((turn.values[name] for name in names if name in turn.values), None)
    if not isinstance(text, str) or not text.strip():
        raise _wrong(row, f"{where}.{names[0]}", topic, turn)
    return " ".join(text.split())


def _wrong(row: Row, field: str, topic: str, turn: Row) -> DataError:
    what = f"missing, empty or no text, in topic {topic!r:.60}"
    return row.error(field, what, f"--topic-field names what is the query; the turn has {', '.join(turn.values)}")
