"""Metrics as a judge in RevisEval's graph, and the loader that knows judges of both kinds.

    judge = load_judge("metrics:bleu,rouge1,chrf")     # a vote of metrics against the reference
    judge = load_judge("server:http://...#M")          # a language model

RevisEval (arXiv 2410.05193, section 3.2): with a classic metric the response that is nearer to the reference wins, and
metrics vote. They need a reference, so the modes `free` and `commit-first` are not for them.

Not here: scores of a single response, since a metric's range is no scale; metrics that need an encoder or a model: pass
an object of your own with `judge()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from dikast.agents import judge as model_judge
from dikast.agents.models.request import Sampling
from dikast.agents.roles import Case, Judge, Judgement, Solution
from dikast.errors import UsageError
from dikast.evaluation.metrics.lexical import METRICS
from dikast.evaluation.metrics.vote import majority_of_metrics, metric_votes
from dikast.records import Outcome, Provenance, Usage
from dikast.verdicts import Side, Winner

PREFIX = "metrics:"
SIDES: Mapping[Winner, Side] = {"1": "first", "2": "second", "tie": "tie"}


@dataclass(frozen=True)
class MetricJudge:
    """A `Judge` of pairs without a language model.

    Args:
        names: Which of `dikast.evaluation.metrics.lexical.METRICS` vote.
    """

    names: tuple[str, ...]

    @property
    def spec(self) -> str:
        """`metrics:` and the names."""
        return PREFIX + ",".join(self.names)

    def fingerprint(self) -> Mapping[str, object]:
        """The names."""
        return {"metrics": list(self.names)}

    async def judge(self, case: Case, *, sampling: Sampling) -> Judgement:
        """Compare both responses with the reference; see `Judge.judge`. A tied vote is a tie, asked for or not.

        Raises:
            UsageError: There is no reference, or a single response.
        """
        del sampling
        if len(case.responses) == 1:
            raise UsageError(f"{self.spec} compares two responses, it does not score one")
        if not case.reference:
            raise UsageError(f"{self.spec} needs a reference", hint="mode reviseval, direct or human")
        first, second = case.responses
        metrics = {name: METRICS[name] for name in self.names}
        votes = await asyncio.to_thread(metric_votes, first, second, [case.reference], metrics)
        said = ", ".join(f"{name}: {SIDES[vote] if vote else 'cannot measure'}" for name, vote in votes.items())
        nobody = Provenance(self.spec, "", None, 0, "", False)
        winner = majority_of_metrics(votes)
        if winner is None:
            reason = f"no verdict: {self.spec} cannot measure these texts, of which it sees too little"
            return Judgement(said, None, None, None, Outcome.UNPARSED, reason, Usage(), nobody)
        return Judgement(said, SIDES[winner], None, None, Outcome.OK, "", Usage(), nobody)

    async def answer(self, instruction: str, *, sampling: Sampling) -> Solution:
        """Refuse: metrics compare texts and cannot write one.

        Raises:
            UsageError: Always.
        """
        del instruction, sampling
        raise UsageError(f"{self.spec} cannot answer an instruction", hint="mode reviseval, direct or human")


def load_judge(source: object) -> Judge:
    """A judge from `metrics:NAME,...`, else as `dikast.agents.judge.load_judge` does it.

    Raises:
        UsageError: An unknown metric, or none of these.
    """
    if not isinstance(source, str) or not source.startswith(PREFIX):
        return model_judge.load_judge(source)
    names = tuple(name.strip() for name in source.removeprefix(PREFIX).split(","))
    unknown = next((name for name in names if name not in METRICS), None)
    if unknown is not None:
        raise UsageError(f"{source!r}: no metric {unknown!r}", hint=f"known: {', '.join(METRICS)}")
    return MetricJudge(names)
