"""A language model as judge of solutions, points added up: who rewards a policy in Self-Rewarding is the policy itself.

    critic = load_critic("judge+server:http://localhost:8000/v1#M")
    critic = JudgeCritic(policy.model, judgements=3)
    [told] = await critic.appraise("2 + 2?", ["#### 4"], ending="...")
    told.value                  # 0 to 1: the mean of the points, over the most there are

A solution is marked several times, since a model's points for one text differ from draw to draw, and the mean of what
could be read counts. A reply that states no points within the scale (`dikast.verdicts.read_score`), is cut off or
failed is not read; a solution of which nothing was read has no value, which is not a value of 0. The solution is
quoted: marks that it gives itself are read by nobody.

Paper: Yuan et al.: Self-Rewarding Language Models, arXiv 2401.10020, sections 2.2 and 3.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import ask
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.identity import identity
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.fence import fence
from dikast.graphs.rest_mcts.context import JUDGEMENTS, JUDGING
from dikast.graphs.rest_mcts.roles import Appraisal
from dikast.records import Outcome, gravest_failure
from dikast.verdicts import read_score
from dikast.wire import spec_of

JUDGE, PROMPT = "judge+", "rest_mcts/judge"
MOST = 5
"""Points of the best solution (the paper's additive scale)."""


@dataclass(frozen=True)
class JudgeCritic:
    """A model that marks solutions.

    Args:
        model: The model.
        judgements: How often each solution is marked.
        sampling: Of the replies.
    """

    model: BaseChatModel
    judgements: int = JUDGEMENTS
    sampling: Sampling = JUDGING

    @property
    def spec(self) -> str:
        """The model's, with `judge+` before it."""
        return JUDGE + spec_of(self.model)

    @property
    def most_tokens(self) -> int:
        """See `StepCritic.most_tokens`."""
        return self.judgements * self.sampling.max_tokens

    @property
    def most_calls(self) -> int:
        """See `StepCritic.most_calls`."""
        return self.judgements

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the prompt's, and how the model is asked."""
        asked = {"judgements": self.judgements, "sampling": self.sampling.model_dump(mode="json")}
        return {"model": identity(self.model), "prompt": dict(load_prompt(PROMPT).fingerprint()), **asked}

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """See `StepCritic.appraise`."""
        del ending
        return list(await asyncio.gather(*(self._one(question, solution) for solution in solutions)))

    async def _one(self, question: str, solution: str) -> Appraisal:
        marked = await asyncio.gather(*(self._mark(question, solution, number) for number in range(self.judgements)))
        return together(marked)

    async def _mark(self, question: str, solution: str, sample: int) -> Appraisal:
        fields = {"question": fence(question, "problem"), "solution": fence(solution, "solution")}
        try:
            answer = await ask(
                self.model, load_prompt(PROMPT), fields, role="critic", sampling=self.sampling, sample=sample
            )
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return Appraisal(None, 0, 1, outcome, reason)
        spent = answer.reply.output_tokens
        if answer.outcome is not Outcome.OK:
            return Appraisal(None, spent, 1, answer.outcome, answer.reason)
        points = None if answer.provenance.cut else read_score(answer.reply.text, 0, MOST)
        if points is None:
            said = "the judgement was cut off" if answer.provenance.cut else f"no points from [[0]] to [[{MOST}]]"
            return Appraisal(None, spent, 1, Outcome.UNPARSED, said)
        return Appraisal(points / MOST, spent, 1)


def together(marked: Sequence[Appraisal]) -> Appraisal:
    """What several judgements of one solution come to; the reason tells how many of them could not be read."""
    tokens, calls = sum(one.tokens for one in marked), sum(one.calls for one in marked)
    values = [one.value for one in marked if one.value is not None]
    unread = [one for one in marked if one.value is None]
    if not values:
        worst = gravest_failure([{"outcome": one.outcome, "reason": one.reason} for one in unread])
        first = worst or {"outcome": unread[0].outcome, "reason": unread[0].reason}
        return Appraisal(None, tokens, calls, Outcome(first["outcome"]), first["reason"])
    said = f"{len(unread)} of {len(marked)} judgements not read: {unread[0].reason}" if unread else ""
    return Appraisal(fmean(values), tokens, calls, reason=said)
