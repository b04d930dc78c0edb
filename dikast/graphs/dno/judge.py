"""The judge that a language model plays: 0 to 6 points for each of several answers, side by side, under a rubric.

    judge = load_list_judge("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
    scores = await judge.score(Listing(messages, ("4", "5"), load_prompt("dno/rubric")), sampling=Sampling())
    scores.points           # (6.0, 0.0)

| spec | the reply |
| --- | --- |
| `SPEC` | a JSON object that the engine is held to by a schema |
| `text+SPEC` | the same object, asked for in words alone: for an engine that takes no schema |

Prompt and answers are quoted (`dikast.fence`): an answer cannot close its marks, and points that it gives itself are
read by nobody. A reply that does not state one object with points for every answer, or was cut off, is `unparsed`, a
result; it is not asked for again, and no answer has points then. Every call is booked under the role `judge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling, Structured
from dikast.fence import fence
from dikast.graphs.dno.conversation import as_text
from dikast.graphs.dno.roles import Listing, Scores
from dikast.records import Outcome
from dikast.reply_json import read_objects, stands_alone
from dikast.spoken import plain, spoken
from dikast.statements import Manner, Named, stated
from dikast.wire import spec_of

TEXT = "text+"
MOST = 6
"""Points of the best answer (DNO's additive rubric)."""
SHOWN = 80
"""The end of a reply that a reason shows."""


@dataclass(frozen=True)
class ModelListJudge:
    """A `ListJudge` over any LangChain chat model.

    Args:
        model: The model.
        schema: Whether the engine is held to a JSON schema.
    """

    model: BaseChatModel
    schema: bool = True

    @property
    def spec(self) -> str:
        """The model's spec; `text+` before it where no schema is sent."""
        return ("" if self.schema else TEXT) + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, and the form that is asked for."""
        return {"model": identity(self.model), "schema": self.schema, "form": form_of(2)}

    async def score(self, listing: Listing, *, sampling: Sampling) -> Scores:
        """Ask the model; see `ListJudge.score`.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine lacks JSON schemas, or the rubric file has other fields.
        """
        count = len(listing.answers)
        structured = Structured(json_schema=schema_of(count)) if self.schema else None
        answer = await ask(
            self.model, listing.rubric, fields_of(listing), role="judge", sampling=sampling, structured=structured
        )
        unread = Scores((), answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)
        if answer.outcome is not Outcome.OK:
            return unread
        points = None if answer.provenance.cut else read_points(answer.reply.text, count)
        if points is None:
            said = (
                "the reply was cut off" if answer.provenance.cut else f"no {count} scores in {unread.text[-SHOWN:]!r}"
            )
            return replace(unread, outcome=Outcome.UNPARSED, reason=said)
        return replace(unread, points=points)


def fields_of(listing: Listing) -> dict[str, str]:
    """The rubric's fields: whatever comes from elsewhere is quoted."""
    answers = (f"Answer {place}:\n{fence(text, name_of(place))}" for place, text in enumerate(listing.answers, start=1))
    return {
        "prompt": fence(as_text(listing.messages), "prompt"),
        "answers": "\n\n".join(answers),
        "form": form_of(len(listing.answers)),
    }


def name_of(place: int) -> str:
    """What the answer at a place, from 1, is called."""
    return f"answer_{place}"


def form_of(count: int) -> str:
    """What a judge is told about the form of its reply."""
    names = ", ".join(f'"{name_of(place)}": 0' for place in range(1, count + 1))
    return (
        f'Reply with a JSON object {{"reasoning": "...", {names}}}: first compare the answers in a few sentences, then'
        f" give each of them its points, a whole number from 0 to {MOST}."
    )


def schema_of(count: int) -> dict[str, Any]:
    """The JSON schema of a reply: the comparison first, so that the points follow from it."""
    points = {"type": "integer", "minimum": 0, "maximum": MOST}
    properties = {"reasoning": {"type": "string"}, **{name_of(place): points for place in range(1, count + 1)}}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read_points(text: str, count: int) -> tuple[float, ...] | None:
    """The points of a reply that states one JSON object with a whole number for each answer, and for no other.

    Returns:
        By place; `None` where the reply holds no such object, or several, or takes it back.
    """
    said = spoken(plain(text))
    found = read_objects(said)
    if found is None or len(found) != 1:
        return None
    [one] = found
    if one.twice or not stands_alone(said, one):
        return None
    said = f"{said[: one.end]}\n{said[one.end :]}"
    if not stated(said, [Named(one.start, one.end, "points")], Manner({})):
        return None
    given = {name: value for name, value in one.fields.items() if name != "reasoning"}
    if set(given) != {name_of(place) for place in range(1, count + 1)}:
        return None
    points = [given[name_of(place)] for place in range(1, count + 1)]
    return tuple(float(str(value)) for value in points) if all(map(is_points, points)) else None


def is_points(value: object) -> bool:
    """Whether it is a whole number on the scale; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value in range(MOST + 1)


def load_list_judge(source: object) -> ModelListJudge:
    """A judge from a model spec, `text+` before it where no schema is to be sent; or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, {TEXT: TEXT})
    return ModelListJudge(load_role_model(bare, "judge", "score()"), schema=prefix != TEXT)
