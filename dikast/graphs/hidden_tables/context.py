"""HiddenTables' knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast tables run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.roles import Solver
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.hidden_tables.language import LANGUAGES, PYTHON, Language
from dikast.graphs.hidden_tables.records import Draft, Pasting, Reviewed, Round, Turn
from dikast.graphs.hidden_tables.roles import CodeCritic, CountsPasted, KeepsLedger, SpeaksSql, TableOracle
from dikast.wire import CONTEXT, Spec

ROUNDS = 3
"""The paper says that early rounds bring most of the gain; how many it plays could not be read."""

MAX_ROUNDS = 16

MAX_SAMPLES = 16

MAX_TURNS = 64
"""The longest SQA sequence has eight questions."""

BITS = 16.0
"""A budget a game: four rounds of feedback at the finest detail, whose sixteen codes tell four bits each."""

SOLVING = Sampling(max_tokens=1024, seed=0)
"""Greedy. The programs of a scripted Solver for WikiSQL have under 200 tokens."""


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Writes the programs."""
    oracle: Annotated[
        TableOracle,
        Spec("dikast.tables.oracle:load_table_oracle"),
        NoFlag("made of --tables, --questions and how they are read"),
    ]
    """Holds the tables, and runs programs beside them."""
    critic: (
        Annotated[CodeCritic, Spec("dikast.graphs.hidden_tables.code_critic:load_code_critic", model=True)] | None
    ) = None
    """Reads programs, never data, and may have one rewritten before it is run."""
    language: Literal["python", "sql"] = "python"
    """What programs are written in: Python over data frames, or one SQL query, which DuckDB runs in the box."""
    level: Literal["names", "types", "presence", "formats"] = "types"
    """How much of the schema is told; the paper tells names and types. See `dikast.tables.schema` for what each gives
    away."""
    secret: Annotated[tuple[str, ...] | None, Flag(metavar="NAME,...", nothing="*")] = ()
    """Columns whose names are not told; `*` (in Python `None`) for all."""
    max_columns: int | None = Field(default=None, ge=1)
    """Columns that a schema lists at most, chosen by the question; all of them without."""
    rounds: int = Field(default=ROUNDS, ge=1, le=MAX_ROUNDS)
    """Tries a question."""
    feedback: Literal["outcome", "status", "errors"] = "errors"
    """How finely the Solver is told how its program ended: 2, 7 or 16 codes."""
    bits: float = Field(default=BITS, ge=0)
    """What all feedback of a game may tell; no further try where the next code would go beyond it."""
    tick: float | None = Field(default=None, gt=0)
    """Seconds from a program to its reply, always the same, so that time tells nothing; one that has not ended by then
    is a timeout. Without it a Solver learns by time."""
    table_bits: float | None = Field(default=None, ge=0)
    """What all feedback about a table may tell in all games together; no further try beyond it."""
    user: str = ""
    """Who asks: a name in the ledger, beside what was let out."""
    ledger: Annotated[str | None, Flag(metavar="FILE")] = None
    """File that keeps what each table has let out to whom, across runs; without it the count ends with the process."""
    retry_empty: bool = True
    """Whether an empty answer is tried again."""
    samples: int = Field(default=1, ge=1, le=MAX_SAMPLES)
    """Programs a round; the answer that most of them give is taken."""
    reviews: int = Field(default=1, ge=0, le=MAX_ROUNDS)
    """How often a question's programs may be sent back by the critic; each costs a round."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = SOLVING
    """Of the programs."""
    keep_answers: bool = False
    """Whether answers become part of the result, and so of the journal. The owner's choice; no model sees them."""
    pasted: bool = False
    """Whether it is counted how many tokens the table would have had in a prompt, beside what the game took. The table
    is counted where it is, and not sent."""
    prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("hidden_tables/solve"))
    """How a question is put to the solver; in SQL by default hidden_tables/solve_sql."""
    retry_prompt: Annotated[Prompt, Spec(load_prompt)] = Field(
        default_factory=lambda: load_prompt("hidden_tables/retry")
    )
    """The same from the second try on; in SQL hidden_tables/retry_sql."""

    @model_validator(mode="before")
    @classmethod
    def _prompts_of_the_language(cls, given: Any) -> Any:
        """SQL has prompts of its own, unless the caller brings theirs."""
        if not isinstance(given, Mapping):
            return given
        fields = cast(Mapping[str, Any], given)
        chosen = LANGUAGES.get(str(fields.get("language", "python")))
        if chosen is None or chosen is PYTHON:
            return fields
        own = {"prompt": chosen.prompt, "retry_prompt": chosen.retry_prompt}
        return {**{name: load_prompt(own[name]) for name in own}, **fields}

    @model_validator(mode="after")
    def _oracle_knows_the_language(self) -> Context:
        for name, role in (("oracle", self.oracle), ("critic", self.critic)):
            if self.language != "python" and role is not None and not isinstance(role, SpeaksSql):
                raise ValueError(f"language {self.language} needs {name}s that know it: with `languages`")
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Context:
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ValueError("samples > 1 needs sampling with a temperature above 0: greedy replies are all the same")
        return self

    @model_validator(mode="after")
    def _ledger_is_kept(self) -> Context:
        if self.keeps_ledger and not isinstance(self.oracle, KeepsLedger):
            raise ValueError("table_bits and ledger need an oracle that keeps a ledger: one with a method `charge`")
        return self

    @model_validator(mode="after")
    def _table_can_be_counted(self) -> Context:
        if self.pasted and not isinstance(self.oracle, CountsPasted):
            raise ValueError("pasted needs an oracle that counts its tables: one with a method `count_pasted`")
        return self

    @property
    def written_in(self) -> Language:
        """The language of programs."""
        return LANGUAGES[self.language]

    @property
    def spoken(self) -> dict[str, str]:
        """What an oracle is told besides: the language, where it is not Python."""
        return {} if self.language == "python" else {"language": self.language}

    @property
    def keeps_ledger(self) -> bool:
        """Whether what is let out is counted across games."""
        return self.table_bits is not None or self.ledger is not None


class FollowUp(TypedDict):
    """A question that may refer back to the one before it."""

    question: str
    id: NotRequired[str]


class Input(TypedDict):
    """A question about a table, and questions that follow it. The gold answer is not among these: the oracle has it."""

    table: str
    question: str
    id: NotRequired[str]
    follow_ups: NotRequired[Annotated[list[FollowUp], Field(max_length=MAX_TURNS - 1)]]


class Output(TypedDict):
    """How the game went; no answer is in it unless `keep_answers`.

    `correct` is whether every question with a known gold answer was answered by it; `bits` is the most that the Solver
    can have learnt from feedback. `outcome` is the first failure of a question (`error`, `timeout`, `limit`), else the
    first that is not `ok`.
    """

    turns: list[Turn]
    rounds: list[Round]
    drafts: list[Draft]
    reviews: list[Reviewed]
    bits: float
    correct: bool | None
    tier: str
    outcome: str
    reason: str


class State(Input):
    """What the nodes share. `schema` and `pasted` are of the current question, `round` counts its tries."""

    schema: str
    pasted: Pasting | None
    round: int
    turns: Annotated[list[Turn], operator.add]
    rounds: Annotated[list[Round], operator.add]
    drafts: Annotated[list[Draft], operator.add]
    reviews: Annotated[list[Reviewed], operator.add]
    bits: float
    correct: bool | None
    tier: str
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    schema: str
    pasted: Pasting | None
    round: int
    turns: list[Turn]
    rounds: list[Round]
    drafts: list[Draft]
    reviews: list[Reviewed]
    bits: float
    correct: bool | None
    tier: str
    outcome: str
    reason: str
