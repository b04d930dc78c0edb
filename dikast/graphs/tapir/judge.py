"""The judge that a language model plays: points for two answers side by side, 1 to 10 each, in one call.

    judge = load_pair_scorer("server:http://localhost:8000/v1#M")
    score = await judge.score("2 + 2?", "4", "5", "correctness", sampling=Sampling())
    score.first, score.second       # 10, 1

The reply is a JSON object, to which the engine is held; `free+SPEC` asks for the same in words alone, for engines that
take no JSON schema. Answers are quoted: they cannot end their quotation. A reply with no such object, or with more
than one, is `unparsed`, and is not asked for again: an object that a judge repeats from an answer is not its own.

Not here: the other order, which is the graph's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.tapir.roles import PairScore
from dikast.records import Outcome
from dikast.reply_json import read_objects
from dikast.spoken import spoken
from dikast.wire import spec_of

FREE = "free+"
PROMPT = "tapir/judge"
LEAST, MOST = 1, 10
"""The paper's scale."""
_POINTS = {"type": "integer", "minimum": LEAST, "maximum": MOST}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "first": _POINTS, "second": _POINTS},
    "required": ["reason", "first", "second"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ModelPairScorer:
    """A `PairScorer` over any LangChain chat model.

    Args:
        model: The model.
        free: Whether the JSON object is asked for in words alone.
    """

    model: BaseChatModel
    free: bool = False

    @property
    def spec(self) -> str:
        """The model's spec, with the form's prefix."""
        return (FREE if self.free else "") + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the prompt's and the form."""
        return {"model": identity(self.model), "prompt": load_prompt(PROMPT).fingerprint(), "free": self.free}

    async def score(self, instruction: str, first: str, second: str, rubric: str, *, sampling: Sampling) -> PairScore:
        """Ask the model; see `PairScorer.score`."""
        fields = {
            "rubric": rubric,
            "instruction": fence(instruction, "instruction"),
            "first": fence(first, "first_answer"),
            "second": fence(second, "second_answer"),
        }
        structured = None if self.free else Structured(json_schema=SCHEMA)
        answer = await ask(
            self.model, load_prompt(PROMPT), fields, role="judge", sampling=sampling, structured=structured
        )
        said, outcome, reason = answer.reply.text, answer.outcome, answer.reason
        points = read_points(said) if outcome is Outcome.OK else None
        if outcome is Outcome.OK and points is None:
            told = "the reply was cut off" if answer.provenance.cut else "the judge's reply does not give both points"
            outcome, reason = Outcome.UNPARSED, told
        one, two = points or (None, None)
        return PairScore(one, two, said, outcome, reason, answer.usage, answer.provenance.as_dict())


def read_points(text: str) -> tuple[int, int] | None:
    """The points of both answers; `None` unless the reply has one JSON object, and that gives them."""
    found = read_objects(spoken(text))
    if found is None or len(found) != 1 or found[0].twice:
        return None
    points = [points_of(found[0].fields.get(name)) for name in ("first", "second")]
    return None if points[0] is None or points[1] is None else (points[0], points[1])


def points_of(value: object) -> int | None:
    """Points within the scale, as a whole number; `None` for anything else, a truth value among it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in range(LEAST, MOST + 1):
        return None
    return int(value)


def load_pair_scorer(source: object) -> ModelPairScorer:
    """A judge from a model spec (`free+SPEC` without a JSON schema), or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, [FREE])
    return ModelPairScorer(load_role_model(bare, "judge of two answers", "score()"), bool(prefix))
