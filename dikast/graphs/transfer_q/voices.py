"""Models as writers: solver and baseline, by token ids.

    solver = load_writer("transformers:smollm2-135m")
    [said.text for said in await solver.propose("Say hello.", (), 10, role="solver")]

`transformers:`, `vllm:` and a `vllm serve` behind `server:` tell next tokens by their ids; `openvino:` and vendors'
servers do not, and are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import Answer, ask, score
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model
from dikast.agents.models.request import Sampling, Tokens
from dikast.agents.prompt import load_prompt
from dikast.errors import UsageError
from dikast.graphs.transfer_q.roles import Ids, Said
from dikast.records import Outcome
from dikast.wire import spec_of

ANSWER = "transfer_q/answer"
ONE = Sampling(max_tokens=1)
"""The likeliest token; it is its alternatives that are wanted."""


class ModelWriter:
    """A writer over a chat model that goes on from token ids.

    Args:
        model: The model.
    """

    def __init__(self, model: BaseChatModel) -> None:
        self.model = model
        self._ends: Ids | None = None
        self._tokens: dict[str, Ids] = {}

    @property
    def spec(self) -> str:
        """The model's."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, and the prompt's."""
        return {"model": identity(self.model), "prompt": dict(load_prompt(ANSWER).fingerprint())}

    async def propose(self, prompt: str, tokens: Ids, count: int, *, role: str) -> list[Said]:
        """See `Writer.propose`."""
        answer = await self._ask(prompt, tokens, ONE, role, logprobs=count)
        if answer.outcome not in (Outcome.OK, Outcome.EMPTY):
            return [said_of(answer)]
        [place, *_] = answer.reply.logprobs or (None,)
        if place is None:
            return []
        if len(place.ids) != len(place.top):
            raise UsageError(f"{self.spec} tells no token ids of alternatives", hint="transformers: and vllm: do")
        found = [
            Said((id_,), text, logprob, provenance=answer.provenance.as_dict())
            for id_, (text, logprob) in zip(place.ids, place.top, strict=True)
        ]
        if not found:
            return []
        used, cached = answer.reply.output_tokens, answer.reply.prefix_cached_tokens
        first = found[0]
        return [
            Said(first.tokens, first.text, first.logprob, False, Outcome.OK, "", used, cached, first.provenance),
            *found[1:],
        ]

    async def go_on(
        self, prompt: str, before: Tokens, count: int, *, sampling: Sampling, role: str, likely: bool = False
    ) -> Said:
        """See `Writer.go_on`."""
        bounded = sampling.model_copy(update={"max_tokens": count})
        answer = await self._ask(
            prompt, before, bounded, role, logprobs=0 if likely else None, tokens=isinstance(before, tuple)
        )
        return said_of(answer)

    async def whole(self, prompt: str, tokens: Ids, *, role: str) -> Said:
        """See `Writer.whole`."""
        if not tokens:
            return Said((), "")
        told = await score(self.model, load_prompt(ANSWER), {"prompt": prompt}, tokens, role=role, tokens=True)
        places = told.reply.logprobs or ()
        text, logprob = told.reply.text, fsum(one.logprob for one in places)
        if places and tokens[-1] in await self.ends():  # a server shows the token that ends a turn as text
            text = text.removesuffix(places[-1].token)
        return Said(tokens, text, logprob, provenance=told.provenance.as_dict())

    async def ends(self) -> Ids:
        """See `Writer.ends`."""
        if self._ends is None:
            told = await self.model.end_tokens() if isinstance(self.model, EngineModel) else None
            self._ends = told or ()
        return self._ends

    async def tokens_of(self, text: str, *, role: str) -> Ids:
        """See `Writer.tokens_of`."""
        if text not in self._tokens:
            told = await score(self.model, load_prompt(ANSWER), {"prompt": "?"}, text, role=role, tokens=True)
            self._tokens[text] = told.reply.tokens or ()
        return self._tokens[text]

    async def _ask(
        self, prompt: str, before: Tokens, sampling: Sampling, role: str, *, logprobs: int | None, tokens: bool = True
    ) -> Answer:
        return await ask(
            self.model,
            load_prompt(ANSWER),
            {"prompt": prompt},
            role=role,
            sampling=sampling,
            logprobs=logprobs,
            keep_thoughts=True,
            prefix=before,
            tokens=tokens,
        )


def said_of(answer: Answer) -> Said:
    """A piece of text out of a reply; one without words may be the end of a text, and is no failure."""
    reply = answer.reply
    outcome = Outcome.OK if answer.outcome is Outcome.EMPTY else answer.outcome
    return Said(
        reply.tokens or (),
        reply.text,
        fsum(one.logprob for one in reply.logprobs or ()),
        reply.finish_reason != "length",
        outcome,
        "" if outcome is Outcome.OK else answer.reason,
        reply.output_tokens,
        reply.prefix_cached_tokens,
        answer.provenance.as_dict(),
    )


def load_writer(source: object) -> ModelWriter:
    """A writer from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    return ModelWriter(load_role_model(source, "writer", "propose(), go_on(), whole(), ends() and tokens_of()"))
