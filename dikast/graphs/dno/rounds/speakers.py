"""Who gives a round's answers: the current policy, or all policies in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution, Solver
from dikast.agents.solver import ModelSolver, load_solver
from dikast.training.rounds import Policy
from dikast.training.serving import serve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass(frozen=True)
class Mixture:
    """A solver that is several: sample number i is the answer of solver i modulo their number."""

    solvers: Sequence[Solver]

    @property
    def spec(self) -> str:
        """All of theirs; for people, no loader takes it."""
        return "mixture:" + ",".join(solver.spec for solver in self.solvers)

    def fingerprint(self) -> Mapping[str, object]:
        """Theirs, in their order."""
        return {"mixture": [dict(solver.fingerprint()) for solver in self.solvers]}

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        """Ask the solver whose turn it is."""
        solver = self.solvers[sample % len(self.solvers)]
        return await solver.solve(prompt, fields, sampling=sampling, structured=structured, sample=sample)


@asynccontextmanager
async def speaking(sampler: str, policies: Sequence[Policy]) -> AsyncGenerator[list[ModelSolver]]:
    """A solver for each policy; their models are closed afterwards, so that a training finds room."""
    solvers: list[ModelSolver] = []
    try:
        for policy in policies:
            solvers.append(load_solver(await serve(sampler, policy)))
        yield solvers
    finally:
        for solver in solvers:
            close = getattr(solver.model, "aclose", None)
            if close is not None:
                await close()
