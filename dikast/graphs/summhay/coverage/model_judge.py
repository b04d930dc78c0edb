"""A language model as judge of coverage: one call an insight, as the authors do, or one a summary.

    judge = load_coverage_judge("server:http://localhost:8000/v1#Qwen/Qwen3-8B")        # one call an insight
    judge = load_coverage_judge("batch+server:http://localhost:8000/v1#Qwen/Qwen3-8B")  # one call a summary

Bullets and insights are quoted (`dikast.fence`): they cannot close their marks or forge a verdict. The reply is a JSON
object that the engine is held to; a grade that is none of the three, a bullet that does not exist, a covered insight
without one, a reply that was cut off: `unparsed`, with the reason. It is not asked for again. Every call is booked
under the role `judge`.

Paper: Laban et al.: Summary of a Haystack, EMNLP 2024, arXiv 2407.01370, section 4; the wording is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import Answer, ask
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.identity import identity
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt, load_prompt
from dikast.fence import fence
from dikast.graphs.summhay.coverage.replies import Grade, Unclear, read_all, read_one, schema_of_all, schema_of_one
from dikast.graphs.summhay.coverage.roles import Verdict, no_verdict
from dikast.graphs.summhay.haystack import Insight
from dikast.records import Outcome, Usage
from dikast.wire import spec_of

BATCH = "batch+"
MODEL = "model"
ONE, ALL = "summhay/cover_one", "summhay/cover_all"
TOKENS_AN_INSIGHT = 40
"""Room for one entry of a list of grades, beside what `Sampling.max_tokens` allows for one grade."""


@dataclass(frozen=True)
class ModelCoverageJudge:
    """A `CoverageJudge` over any LangChain chat model.

    Args:
        model: The model.
        batched: All insights of a summary in one call. Cheaper, and verdicts depend on each other.
    """

    model: BaseChatModel
    batched: bool = False

    @property
    def spec(self) -> str:
        """The model's spec; `batch+` before it for one call a summary."""
        return (BATCH if self.batched else "") + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the prompt's and the way of asking."""
        return {"model": identity(self.model), "prompt": self._prompt.fingerprint(), "batched": self.batched}

    @property
    def _prompt(self) -> Prompt:
        return load_prompt(ALL if self.batched else ONE)

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        """Ask the model; see `CoverageJudge.cover`. A call that failed is an outcome.

        Raises:
            ModelUnavailable: It cannot be reached.
            UsageError: The engine lacks JSON schemas.
        """
        if not insights:
            return []
        if self.batched:
            return await self._cover_all(bullets, insights, sampling)
        return list(await asyncio.gather(*(self._cover_one(bullets, insight, sampling) for insight in insights)))

    async def _cover_one(self, bullets: Sequence[str], insight: Insight, sampling: Sampling) -> Verdict:
        fields = {"bullets": quote_bullets(bullets), "insight": fence(insight.insight, "insight")}
        structured = Structured(json_schema=schema_of_one(len(bullets)))
        answer = await self._ask(fields, sampling, structured)
        if not isinstance(answer, Answer):
            return no_verdict(insight, MODEL, *answer)
        try:
            grade = read_one(whole_text(answer), len(bullets)) if answer.outcome is Outcome.OK else None
        except Unclear as error:
            grade = error
        return verdict_of(insight, answer, grade)

    async def _cover_all(
        self, bullets: Sequence[str], insights: Sequence[Insight], sampling: Sampling
    ) -> list[Verdict]:
        quoted = (f"Insight {n}:\n{fence(one.insight, 'insight')}" for n, one in enumerate(insights, start=1))
        fields = {"bullets": quote_bullets(bullets), "insights": "\n\n".join(quoted)}
        room = sampling.max_tokens + TOKENS_AN_INSIGHT * len(insights)
        structured = Structured(json_schema=schema_of_all(len(bullets), len(insights)))
        answer = await self._ask(fields, sampling.model_copy(update={"max_tokens": room}), structured)
        if not isinstance(answer, Answer):
            return [no_verdict(insight, MODEL, *answer) for insight in insights]
        grades: Sequence[Grade | Unclear | None] = [None] * len(insights)
        if answer.outcome is Outcome.OK:
            try:
                grades = read_all(whole_text(answer), len(bullets), len(insights))
            except Unclear as error:
                grades = [error] * len(insights)
        found = [verdict_of(insight, answer, grade) for insight, grade in zip(insights, grades, strict=True)]
        return [found[0], *(replace(one, usage=Usage()) for one in found[1:])]

    async def _ask(
        self, fields: dict[str, str], sampling: Sampling, structured: Structured
    ) -> Answer | tuple[Outcome, str]:
        """The reply, or how the call failed."""
        try:
            return await ask(self.model, self._prompt, fields, role="judge", sampling=sampling, structured=structured)
        except CALL_FAILURES as error:
            return failure_of(error)


def quote_bullets(bullets: Sequence[str]) -> str:
    """The bullets with their numbers, each between marks of its own."""
    return "\n\n".join(f"Bullet {number}:\n{fence(line, 'bullet')}" for number, line in enumerate(bullets, start=1))


def whole_text(answer: Answer) -> str:
    """The reply's text.

    Raises:
        Unclear: It was cut off: what it ends in is not what it was going to say.
    """
    if answer.provenance.cut:
        raise Unclear("the reply was cut off")
    return answer.reply.text


def verdict_of(insight: Insight, answer: Answer, grade: Grade | Unclear | None) -> Verdict:
    """The verdict that a reply amounts to; without a grade, how the reply ended."""
    blank = no_verdict(insight, MODEL, answer.outcome, answer.reason)
    blank = replace(blank, usage=answer.usage, provenance=answer.provenance)
    if isinstance(grade, Unclear):
        return replace(blank, outcome=Outcome.UNPARSED, reason=str(grade))
    return blank if grade is None else replace(blank, coverage=grade.coverage, bullet=grade.bullet)
