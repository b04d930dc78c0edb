"""The synthesizer's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast summhay make` off this file, so it loads no engine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solver
from dikast.flags import Flag, SamplingOf
from dikast.graphs.summhay.make.records import Content, Domain, Draft, Failure, Made, Rejected, Round
from dikast.graphs.summhay.make.roles import InsightCritic, Verifier, Writer
from dikast.wire import CONTEXT, Spec

PLANNING = Sampling(max_tokens=2048, temperature=1.0, seed=0)
"""The paper says no temperature; at 0 every asking for more would bring the same."""
WRITING = Sampling(max_tokens=2048, temperature=1.0, seed=0)
REVIEWING = Sampling(max_tokens=1024, seed=0)
VERIFYING = Sampling(max_tokens=512, seed=0)

SUBTOPICS = 8
"""The released topics have 7 to 9."""
INSIGHTS = 8
"""They have 54 to 72 insights."""
DOCUMENTS = 100
"""Each released haystack has as many."""
INSIGHTS_A_DOCUMENT = (6, 7)
DOCUMENTS_AN_INSIGHT = (5, 25)
DOCUMENT_TOKENS = 1000
"""The released haystacks have 90,000 to 105,000 tokens."""
ATTEMPTS = 3
REPAIRS = 3
PANEL = "Plan"

CRITIC = Spec("dikast.graphs.summhay.make.critic:load_insight_critic", model=True)

Bounds = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    writer: Annotated[Writer, Spec("dikast.graphs.summhay.make.writers:load_writer", model=True)]
    """Writes the documents: a model, or 'template' for texts out of set phrases, without any model."""
    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)] | None = None
    """Thinks up subtopics and insights; not needed with --plan."""
    critic: Annotated[InsightCritic, CRITIC] | None = None
    """Model that rejects insights, too; the rules on words always do."""
    verifier: Annotated[Verifier, Spec("dikast.graphs.summhay.make.verifier:load_verifier", model=True)] | None = None
    """Model that says whether a document has an insight, where words cannot settle it."""
    domain: Domain = "news"
    """What documents are, unless the plan says it."""
    participants: Annotated[tuple[str, ...], Flag(metavar="NAME,...")] = ()
    """Who takes part in conversations, unless the plan says it; without, four names are drawn."""
    subtopics: Annotated[int, Flag(panel=PANEL)] = Field(default=SUBTOPICS, ge=1)
    """Subtopics to think up."""
    insights: Annotated[int, Flag(panel=PANEL)] = Field(default=INSIGHTS, ge=1)
    """Insights to think up for each."""
    documents: Annotated[int, Flag(panel=PANEL)] = Field(default=DOCUMENTS, ge=1)
    """Documents of a haystack."""
    insights_a_document: Annotated[Bounds, Flag(metavar="LEAST,MOST", panel=PANEL)] = INSIGHTS_A_DOCUMENT
    """How many insights are planted in a document."""
    documents_an_insight: Annotated[Bounds, Flag(metavar="LEAST,MOST", panel=PANEL)] = DOCUMENTS_AN_INSIGHT
    """In how many documents an insight is planted."""
    document_tokens: Annotated[int, Flag(panel=PANEL)] = Field(default=DOCUMENT_TOKENS, ge=20)
    """About how long a document is; its insights take half of it at most."""
    specific: bool = True
    """Whether each insight must have a number or a name."""
    attempts: int = Field(default=ATTEMPTS, ge=1)
    """How often the solver is asked for what is lacking."""
    repairs: int = Field(default=REPAIRS, ge=0)
    """How often the writer is asked to mend a document that lacks an insight, or has one too many."""
    on_failure: Literal["keep", "drop", "template"] = "keep"
    """What becomes of a document that no repair has mended: kept with what it really says, left out, or written anew
    out of set phrases."""
    planning: Annotated[Sampling, SamplingOf("solver")] = PLANNING
    """Of subtopics and insights."""
    reviewing: Annotated[Sampling, SamplingOf("critic")] = REVIEWING
    """Of the critic's replies."""
    writing: Annotated[Sampling, SamplingOf("writer")] = WRITING
    """Of documents and their repairs."""
    verifying: Annotated[Sampling, SamplingOf("verifier")] = VERIFYING
    """Of the verifier's replies."""
    seed: int = Field(default=0, ge=0)
    """Of the first haystack; the next one's is one more."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        for name in ("insights_a_document", "documents_an_insight"):
            least, most = getattr(self, name)
            if least > most:
                raise ValueError(f"{name}: the least comes first, {least} is more than {most}")
        if len(set(self.participants)) < len(self.participants) or not all(map(str.strip, self.participants)):
            raise ValueError("participants: each needs a name of their own")
        if self.domain == "conversation" and len(self.participants) == 1:
            raise ValueError("participants: a conversation needs two")
        return self


class Input(TypedDict):
    """One haystack: its topic, or its whole content, and the seed of what is drawn (without, the context's)."""

    topic: str
    content: NotRequired[Content]
    seed: NotRequired[int]
    id: NotRequired[str]


class Output(TypedDict):
    """What was made.

    `haystack` is in the authors' schema (`dikast.graphs.summhay.haystack`); `None` where none could be made.
    `insights_included` holds what the oracle found in a document, whatever was planned. `outline` is the content,
    whole or as far as the solver brought it. `rounds` has what the oracle found over all documents: in the first
    drafts, after each repair, in the end. The row's `outcome` is the worst failure (`error`, `timeout`, `limit`) that
    befell a call, else `ok` with all documents, else what befell most of those that are missing; `unparsed` where the
    solver gave too few insights, or dropping left no document.
    """

    haystack: dict[str, Any] | None
    outline: Content | None
    rejected: list[Rejected]
    rounds: list[Round]
    made: Made | None
    failures: list[Failure]
    outcome: str
    reason: str


class State(Input, Output):
    """What the nodes share: how often the solver was asked, candidates not yet judged, and the documents."""

    asked: int
    candidates: Content
    enough: bool
    drafts: list[Draft]
    repaired: int
    replaced: bool


class Update(TypedDict, total=False):
    """What a node may write."""

    haystack: dict[str, Any] | None
    outline: Content | None
    rejected: list[Rejected]
    rounds: list[Round]
    made: Made | None
    failures: list[Failure]
    outcome: str
    reason: str
    asked: int
    candidates: Content
    enough: bool
    drafts: list[Draft]
    repaired: int
    replaced: bool
