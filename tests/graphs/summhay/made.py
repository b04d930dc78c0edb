"""Small haystacks in tests: a content, contexts, and scripted models that read what they were asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.agents.solver import ModelSolver
from dikast.graphs.summhay.make.content import insights_of, parse_content
from dikast.graphs.summhay.make.context import Context
from dikast.graphs.summhay.make.critic import ModelInsightCritic
from dikast.graphs.summhay.make.records import Content, Domain
from dikast.graphs.summhay.make.verifier import ModelVerifier
from dikast.graphs.summhay.make.writers import ModelWriter

INSIGHTS = {
    "automation": (
        "Waiting times at Aarhus fell by 35% when its cranes were automated in 2021.",
        "Gdansk retrained 120 drivers as remote operators within nine months.",
        "The steering software comes from a Finnish firm called Portalis for 4 million euros a year.",
    ),
    "energy": (
        "New hoists in Tallinn feed braking power back into the grid and save 18 megawatt hours a week.",
        "A battery barge built by Volterra lets Riga lift two loads without diesel.",
        "Klaipeda pays 60 cents for each litre of fuel since the tax reform of 2019.",
    ),
}
FENCED = re.compile(r"<insight-[0-9a-f]{12}>\n(.*?)\n</insight-", re.DOTALL)
TALK = "People talk about it a good deal. Nobody is in a hurry. The mood is calm, and the weather is fair."

Said = Callable[[Request], str | Reply]


def content_of(domain: Domain = "news", participants: Sequence[str] = ()) -> Content:
    subtopics = [{"name": name, "insights": list(own)} for name, own in INSIGHTS.items()]
    return parse_content(
        {"topic": "Harbour cranes", "domain": domain, "participants": list(participants), "subtopics": subtopics}
    )


EVERY = [one["insight"] for one in insights_of(content_of())]


def context_of(**fields: Any) -> Context:
    """Twelve documents of one to three insights."""
    base: dict[str, Any] = {
        "writer": "template",
        "documents": 12,
        "insights_a_document": (1, 3),
        "documents_an_insight": (2, 8),
        "document_tokens": 200,
        "subtopics": 2,
        "insights": 3,
    }
    return Context(**{**base, **fields})


class Heard:
    """A model that is a function, and keeps what it was asked."""

    def __init__(self, say: Said) -> None:
        self.say = say
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> str | Reply:
        self.requests.append(request)
        return self.say(request)

    @property
    def model(self) -> ScriptedModel:
        return ScriptedModel(self.__call__)

    @property
    def writer(self) -> ModelWriter:
        return ModelWriter(self.model)

    @property
    def solver(self) -> ModelSolver:
        return ModelSolver(self.model)

    @property
    def critic(self) -> ModelInsightCritic:
        return ModelInsightCritic(self.model)

    @property
    def verifier(self) -> ModelVerifier:
        return ModelVerifier(self.model)


def text_of(request: Request) -> str:
    return "\n".join(message["content"] for message in request.messages)


def shown(request: Request) -> list[str]:
    """The insights that a request shows, in their order."""
    return FENCED.findall(text_of(request))


def is_repair(request: Request) -> bool:
    return "Of these it lacks" in text_of(request)


def parts_of(request: Request) -> tuple[list[str], list[str], list[str]]:
    """Of a request to mend a document: what it is to report, what it lacks, what leaked."""
    report, _, rest = text_of(request).partition("Of these it lacks")
    missing, _, leaked = rest.partition("It also says")
    return FENCED.findall(report), FENCED.findall(missing), FENCED.findall(leaked)


def said_with(insights: Sequence[str]) -> str:
    """A document that says these."""
    return " ".join([TALK, *(f"{one} {TALK}" for one in insights)])


def outline_reply(request: Request) -> str:
    """What a solver that knows its matter says."""
    text = text_of(request)
    if '{"subtopics"' in text:
        found = [{"name": name, "subtopic": f"about {name}", "query": f"What of {name}?"} for name in INSIGHTS]
        return json.dumps({"subtopics": found})
    name = next(name for name in INSIGHTS if f"{name}: about {name}" in text)
    return json.dumps({"insights": [{"name": one[:12], "insight": one} for one in INSIGHTS[name]]})


def leaky(request: Request) -> str:
    """Leaves its first insight out and says one that nobody asked for; obeys when it is asked to mend that."""
    if is_repair(request):
        wanted, missing, leaked = parts_of(request)
        assert set(missing) <= set(wanted)
        assert not set(leaked) & set(wanted)
        assert (len(missing), len(leaked)) == (1, 1)
        return said_with(wanted)
    wanted = shown(request)
    return said_with([*wanted[1:], next(one for one in EVERY if one not in wanted)])


def leaky_writer() -> ModelWriter:
    return Heard(leaky).writer


@scripted
def writes(request: Request) -> str:
    """Says what it is shown."""
    return said_with(shown(request))
