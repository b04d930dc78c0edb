"""Who writes the tokens: the policy, by token ids; and the guide, a black box that is asked in one of three ways.

    policy = load_policy("transformers:smollm2-135m")
    guide = load_guide("server:http://localhost:8000/v1#M")         # by token ids
    guide = load_guide("text+vllm:ORG/OTHER")                       # by text
    guide = load_guide("chat+server:https://api.example.com/v1#M")  # by a message that quotes the text

| guide | what it is asked | what that costs |
| --- | --- | --- |
| `SPEC` | goes on from the token ids; needs the policy's tokenizer | nothing |
| `text+SPEC` | goes on from the text, by an engine that can | two calls of the policy a turn; other tokens at seams |
| `chat+SPEC` | is shown task and text, as any chat model can be | the same; it may repeat, comment or begin anew |

The policy's calls read the text out of tokens, and the guide's words into tokens. What lies beyond a turn is dropped.
By text or chat, a guide that ends a text leaves no token that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import Answer, ask, score
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import load_prompt
from dikast.errors import UsageError
from dikast.fence import fence
from dikast.graphs.rlgf.roles import Ids, Policy, Said, Weighed
from dikast.records import Outcome
from dikast.wire import spec_of

ANSWER, CONTINUE = "rlgf/answer", "rlgf/continue"
Form: TypeAlias = Literal["ids", "text", "chat"]
PREFIXES: Mapping[str, Form] = {"text+": "text", "chat+": "chat"}


@dataclass(frozen=True)
class ModelPolicy:
    """A policy that a chat model plays: an engine that goes on from token ids and scores."""

    model: BaseChatModel

    @property
    def spec(self) -> str:
        """The model's."""
        return spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, and the prompt's."""
        return {"model": identity(self.model), "prompt": dict(load_prompt(ANSWER).fingerprint())}

    async def go_on(
        self, prompt: str, tokens: Ids, count: int, *, sampling: Sampling, role: str, sample: int = 0
    ) -> Said:
        """See `Policy.go_on`."""
        answer = await ask(
            self.model,
            load_prompt(ANSWER),
            {"prompt": prompt},
            role=role,
            sampling=sampling.model_copy(update={"max_tokens": count}),
            sample=sample,
            keep_thoughts=True,
            prefix=tokens,
            tokens=True,
        )
        return said_of(answer, answer.reply.tokens or ())

    async def weigh(self, prompt: str, completion: Ids | str, tokens: Ids = (), *, role: str) -> Weighed:
        """See `Policy.weigh`."""
        if not completion:
            return Weighed("", (), ())
        told = await score(
            self.model, load_prompt(ANSWER), {"prompt": prompt}, completion, role=role, prefix=tokens, tokens=True
        )
        logprobs = tuple(one.logprob for one in told.reply.logprobs or ())
        return Weighed(told.reply.text, told.reply.tokens or (), logprobs)


@dataclass(frozen=True)
class ModelGuide:
    """A guide that a chat model plays.

    Args:
        model: The model.
        form: How it is asked.
    """

    model: BaseChatModel
    form: Form = "ids"

    @property
    def spec(self) -> str:
        """The model's, behind the prefix of its form."""
        return next((name for name, form in PREFIXES.items() if form == self.form), "") + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the form, the prompt's."""
        prompt = load_prompt(CONTINUE if self.form == "chat" else ANSWER)
        return {"model": identity(self.model), "form": self.form, "prompt": dict(prompt.fingerprint())}

    async def guide(
        self, prompt: str, tokens: Ids, count: int, *, policy: Policy, sampling: Sampling, sample: int = 0
    ) -> Said:
        """See `Guide.guide`."""
        if self.form == "ids":
            return await ModelPolicy(self.model).go_on(
                prompt, tokens, count, sampling=sampling, role="guide", sample=sample
            )
        before = (await policy.weigh(prompt, tokens, role="solver")).text
        answer = await self._by_text(prompt, before, sampling.model_copy(update={"max_tokens": count}), sample)
        text = answer.reply.text
        if self.form == "chat" and before and text and not before[-1].isspace() and text[0].isalnum():
            text = f" {text}"  # a chat reply never begins with the space that the seam needs
        found = await policy.weigh(prompt, text, tokens, role="solver")
        return said_of(answer, found.tokens)

    async def _by_text(self, prompt: str, before: str, sampling: Sampling, sample: int) -> Answer:
        if self.form == "text":
            given = {"prompt": prompt}
            return await ask(
                self.model,
                load_prompt(ANSWER),
                given,
                role="guide",
                sampling=sampling,
                prefix=before,
                sample=sample,
                keep_thoughts=True,
            )
        fields = {"prompt": fence(prompt, "task"), "text": fence(before, "text")}
        return await ask(self.model, load_prompt(CONTINUE), fields, role="guide", sampling=sampling, sample=sample)


def said_of(answer: Answer, tokens: Sequence[int]) -> Said:
    """A turn out of a reply; one without words may be the end of a text, and is no failure."""
    outcome = Outcome.OK if answer.outcome is Outcome.EMPTY else answer.outcome
    ended = answer.reply.finish_reason != "length"
    reason = "" if outcome is Outcome.OK else answer.reason
    return Said(tuple(tokens), answer.reply.text, ended, outcome, reason, answer.provenance)


def load_policy(source: object) -> ModelPolicy:
    """A policy from a model spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these, or a guide's form.
    """
    prefix, _ = split_prefix(source, PREFIXES)
    if prefix:
        raise UsageError(
            f"{source!r}: a policy is asked by token ids", hint=f"leave out {prefix!r}, which is a guide's"
        )
    return ModelPolicy(load_role_model(source, "policy", "go_on(), weigh()"))


def load_guide(source: object) -> ModelGuide:
    """A guide from a model spec with the prefix of its form, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these.
    """
    prefix, bare = split_prefix(source, PREFIXES)
    return ModelGuide(load_role_model(bare, "guide", "guide()"), PREFIXES.get(prefix, "ids"))
