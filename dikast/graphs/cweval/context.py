"""CWEval's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast cweval run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import MethodSampling, Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.roles import Solver
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.cweval.records import Draft, Ended, Judged, Remark, Reply, Round, Worth
from dikast.graphs.cweval.roles import CodeExecutor, FailureCritic
from dikast.wire import CONTEXT, Spec

SOLVING = MethodSampling(temperature=0.8, max_tokens=2048, seed=0)
"""The authors' defaults: temperature 0.8, 2,048 tokens."""

CRITICISING = Sampling(max_tokens=512)
"""Greedy: a few sentences."""

MAX_ROUNDS = 8

STYLES = ("direct", "secure", "completion")


def load_style(name: str) -> Prompt:
    """A prompt by its style, its name, or a file of the user's own.

    Raises:
        DataError: There is no such prompt.
    """
    return load_prompt(f"cweval/{name}" if name in STYLES else name)


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Writes the code."""
    executor: Annotated[
        CodeExecutor, Spec("dikast.graphs.cweval.task_oracle:load_task_oracle"), NoFlag("made of --tasks")
    ]
    """Holds the tasks, and tests code in boxes."""
    critic: Annotated[FailureCritic, Spec("dikast.graphs.cweval.critic:load_failure_critic", model=True)] | None = None
    """Says what is wrong with code that failed functional tests, the only ones it is shown; for --rounds above 1."""
    style: Annotated[Prompt, Spec(load_style), Flag(metavar="direct|secure|completion|FILE.txt")] = Field(
        default_factory=lambda: load_style("direct")
    )
    """How code is asked for, as in the paper: plainly, with a word on safety, or as text to go on with; or your prompt,
    with the fields language and code."""
    block: Literal["first", "last", "longest"] = "first"
    """Which fenced block counts where a reply has several."""
    rounds: int = Field(default=1, ge=1, le=MAX_ROUNDS)
    """Tries a sample: after one that fails functional tests it is written again. Security tests run on the first and
    the last code, and are shown to nobody."""
    samples: int = Field(default=1, ge=1, json_schema_extra={"fingerprint": False})
    """Samples a task; the authors draw 20."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SOLVING
    """Of the code."""
    criticising: Annotated[Sampling, SamplingOf("critic")] = CRITICISING
    """Of the critic's remarks."""
    revise_prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("cweval/revise"))
    """How code that failed is asked for once more."""

    @model_validator(mode="after")
    def _a_critic_has_work(self) -> Context:
        if self.critic is not None and self.rounds == 1:
            raise ValueError("critic=... reads code between rounds, of which there is one: give rounds=2 or more")
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Context:
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ValueError("samples > 1 needs sampling with a temperature above 0: greedy replies are all the same")
        return self


class Input(TypedDict):
    """One sample of one task; `sample` is its number, from 0, which raises the seed."""

    task_id: str
    sample: int


class Output(Worth):
    """The code, and what its tests said.

    `code` is the last round's, as the model wrote it. `first` and `last` are the verdicts of the first and the last
    round, the same one where there is one round; `None` where nothing was tested. `functional`, `secure` and
    `func_secure` are the last one's. `outcome` is the worst failure (`error`, `timeout`, `limit`) of a call or a box,
    else how the last reply ended; one without code is `unparsed`. Code that fails its tests is `ok`: its verdict says
    what it is worth.
    """

    code: str
    rounds: list[Round]
    remarks: list[Remark]


class State(Input, Worth):
    """What the nodes share. `reply` and `draft` are of the round at hand; `ended` has each call that failed."""

    reply: Reply
    draft: Draft
    code: str
    ended: Annotated[list[Ended], operator.add]
    rounds: Annotated[list[Round], operator.add]
    remarks: Annotated[list[Remark], operator.add]


class Update(TypedDict, total=False):
    """What a node may write."""

    reply: Reply
    draft: Draft
    code: str
    ended: list[Ended]
    rounds: list[Round]
    remarks: list[Remark]
    first: Judged | None
    last: Judged | None
    functional: bool
    secure: bool
    func_secure: bool
    outcome: str
    reason: str
