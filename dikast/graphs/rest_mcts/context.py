"""ReST-MCTS*'s knobs and actors (`Context`), and what goes into its graph and comes out. Light: loads no engine."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypeAlias, get_args

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.rest_mcts.records import Spent, Stopped
from dikast.graphs.rest_mcts.roles import AnswerCheck, StepCritic, StepSolver
from dikast.graphs.rest_mcts.splitting import Unit
from dikast.graphs.rest_mcts.tree import Node
from dikast.wire import CONTEXT, Spec

Search: TypeAlias = Literal["mcts", "greedy", "best_of_n", "self_consistency", "beam", "tot"]
SEARCHES: tuple[Search, ...] = get_args(Search)
VALUELESS: tuple[Search, ...] = ("greedy", "self_consistency")
"""Searches that ask no critic."""
WHOLE: tuple[Search, ...] = ("greedy", "best_of_n", "self_consistency")
"""Searches that draw whole solutions."""

BRANCH, ROLL_BRANCH, ROLL_STEPS = 3, 1, 2
EXPLORATION, ALPHA, GATE, UNVISITED = 0.4, 0.5, 0.9, 0.8
"""The program's, as its command line has them: c = .4, alpha = .5, gate .9, bonus of unvisited nodes .8."""
ITERATIONS = 50
"""The README's; the program's own default is 100."""
TOKENS, NODES, DEPTH, SOLUTION_TOKENS = 8_000, 400, 16, 512
"""Ours: GSM8K's solutions have 3 to 8 steps and about 100 tokens."""
SAMPLING = Sampling(max_tokens=100, temperature=0.7, seed=0)
"""Temperature .7 is the program's."""
JUDGEMENTS = 3
JUDGING = Sampling(max_tokens=200, temperature=0.7, top_p=0.9, seed=0)
"""How often and how a judge marks a solution: Self-Rewarding's (arXiv 2401.10020), but for the tokens, into which five
short remarks and a number fit well."""
TREE, ROLLOUT, BUDGET = "Tree", "Rollout", "Budget of a question"
"""Headings of flags."""


def numeric() -> AnswerCheck:
    """The check of numbers."""
    from dikast.graphs.rest_mcts.checks import load_check

    return load_check("numeric")


class Searching(BaseModel):
    """The critic, the check, and the knobs: what a run and each round of a loop have in common."""

    model_config = CONTEXT

    critic: Annotated[StepCritic, Spec("dikast.graphs.rest_mcts.critics:load_critic", model=True)]
    """Values partial solutions: a model's SPEC, head+SPEC for a trained value head, function:MODULE:NAME."""
    check: Annotated[AnswerCheck, Flag(metavar="CHECK"), Spec("dikast.graphs.rest_mcts.checks:load_check")] = Field(
        default_factory=lambda: numeric()
    )
    """When an answer is right: numeric, choice, exact, program (run in the sandbox), function:MODULE:NAME."""
    searches: Annotated[tuple[str, ...], Flag(names=("--search",), metavar="NAME,...")] = Field(
        default=("mcts",), min_length=1
    )
    """mcts, greedy, best_of_n, self_consistency, beam, tot; of several each question is given to each."""
    choice: Literal["value", "vote"] = "value"
    """Which solution is taken at the end: the one of the highest value, or the answer with the most value in all."""
    unit: Unit = "line"
    """What a step is."""
    branch: Annotated[int, Flag(panel=TREE)] = Field(default=BRANCH, ge=1, le=64)
    """Steps that are proposed at once; of whole solutions, how many are drawn side by side."""
    exploration: Annotated[float, Flag(panel=TREE)] = Field(default=EXPLORATION, ge=0)
    """c of UCT."""
    unvisited: Annotated[float, Flag(panel=TREE)] = Field(default=UNVISITED, ge=0)
    """What is added to the value of a node that nobody visited; a good one may be visited twice before it all the
    same, unless this is 3 or so."""
    gate: Annotated[float, Flag(panel=TREE)] = Field(default=GATE)
    """mcts and tot end when a whole solution has this value."""
    beam: Annotated[int, Flag(panel=TREE)] = Field(default=BRANCH, ge=1, le=64)
    """beam: nodes of a depth that are gone on with."""
    prune: Annotated[float, Flag(panel=TREE)] = 0.0
    """tot: no step follows one of a lower value."""
    roll_steps: Annotated[int, Flag(panel=ROLLOUT)] = Field(default=ROLL_STEPS, ge=0)
    """Steps of a rollout from the best new node."""
    roll_branch: Annotated[int, Flag(panel=ROLLOUT)] = Field(default=ROLL_BRANCH, ge=1, le=64)
    """Steps that are proposed at each of them, of which the best is gone on with."""
    alpha: Annotated[float, Flag(panel=ROLLOUT)] = Field(default=ALPHA, ge=0, le=1)
    """How much of a node's value comes from the best that its rollout reached."""
    tokens: Annotated[int, Flag(panel=BUDGET)] = Field(default=TOKENS, ge=1)
    """Generated tokens of policy and critic together; exact: a call gets no more than what is left."""
    calls: Annotated[int | None, Flag(panel=BUDGET)] = Field(default=None, ge=1)
    """Calls of both; no bound without."""
    nodes: Annotated[int, Flag(panel=BUDGET)] = Field(default=NODES, ge=1)
    """Nodes of the tree, rollouts' among them."""
    iterations: Annotated[int, Flag(panel=BUDGET)] = Field(default=ITERATIONS, ge=1, le=1_500)
    """Rounds of select, expand, back up; LangGraph's own bound on steps allows no more than 1,500."""
    seconds: Annotated[float | None, Flag(panel=BUDGET)] = Field(
        default=None, gt=0, json_schema_extra={"fingerprint": False}
    )
    """Time within the search; no bound without. Two runs of one question may then differ."""
    depth: Annotated[int, Flag(panel=BUDGET)] = Field(default=DEPTH, ge=1)
    """Steps of a solution."""
    solution_tokens: Annotated[int, Flag(panel=BUDGET)] = Field(default=SOLUTION_TOKENS, ge=1)
    """Tokens of a solution that is drawn whole."""
    least_value: float = Field(default=0.0, json_schema_extra={"fingerprint": False})
    """Right solutions that the critic values lower are no sft rows; the program's is .2."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SAMPLING
    """Of steps and solutions; greedy decodes at temperature 0. The tokens are those of a step."""

    @property
    def asking(self) -> list[str]:
        """Searches that ask the critic."""
        return [one for one in self.searches if one not in VALUELESS]

    @model_validator(mode="after")
    def _can_be(self) -> Searching:
        if unknown := [one for one in self.searches if one not in SEARCHES]:
            raise ValueError(f"searches: none is called {unknown[0]!r}; there are {', '.join(SEARCHES)}")
        if len(set(self.searches)) < len(self.searches):
            raise ValueError("searches: one is named twice")
        if self.critic.spec == "none" and (asking := self.asking):
            raise ValueError(f"critic: {asking[0]} needs one")
        drawn = [one for one in self.searches if one != "greedy"]
        if drawn and self.branch > 1 and self.sampling.temperature == 0:
            raise ValueError("branch > 1 needs sampling with a temperature above 0: greedy replies are all the same")
        return self


class Context(Searching):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[StepSolver, Spec("dikast.graphs.rest_mcts.solvers:load_step_solver", model=True)]
    """The policy: SPEC, or prefix+SPEC, chat+SPEC for how a next step is asked for."""


class Input(TypedDict):
    """A question. `answer` is the gold one, which only the check is told; without it nothing is verified.

    `search` is one of the context's `searches`, the first without it.
    """

    question: str
    answer: NotRequired[str]
    search: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """What the search came to.

    `searched` is the search, `found` the answer as the check writes it, `nodes` the tree as a table, `taken` the node
    at which the chosen solution ends. `correct` is `None` without a gold answer, or where the check could not be made.
    `stopped` says what ended the search. The row's `outcome` is `ok` where there is an answer; else that of the calls
    that failed, or `unparsed`, since no solution came to its end.
    """

    searched: str
    found: str | None
    solution: str
    correct: bool | None
    taken: int | None
    nodes: list[Node]
    spent: Spent
    stopped: Stopped
    outcome: str
    reason: str


class State(Input):
    """What the nodes share. `chosen` is to be expanded, `fresh` was added last, `target` is where a back-up begins."""

    searched: str
    found: str | None
    nodes: list[Node]
    spent: Spent
    chosen: list[int]
    fresh: list[int]
    target: int
    stopped: Stopped
    solution: str
    correct: bool | None
    taken: int | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    nodes: list[Node]
    spent: Spent
    chosen: list[int]
    fresh: list[int]
    target: int
    stopped: Stopped
    searched: str
    found: str | None
    solution: str
    correct: bool | None
    taken: int | None
    outcome: str
    reason: str
