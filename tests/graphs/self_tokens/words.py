"""A model whose tokens are words: for tests of methods that draw and score by token ids.

It says `WORDS` from the first on, whatever is asked, but goes on with its `wrong` words where the prefix has one of
them; after `length` tokens it ends its turn. What it would say itself is likely (0.5 nats), anything else is not (5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.ask import Answer, judge_reply
from dikast.agents.models.request import SCORED_REASON, Reply, Sampling, TokenLogprob, Tokens
from dikast.agents.prompt import Prompt
from dikast.records import Provenance, Usage

END = 0
SAID, WRONG = range(100, 120), range(200, 220)
LIKELY, UNLIKELY = 0.5, 5.0


@dataclass
class Words:
    """See the module's description.

    Args:
        length: Tokens that it says before it ends its turn.
        slips: Places at which it says a wrong token, though all is right before.
        error: Raised at the call of this number, counted from 0.
        ids: Whether it tells token ids.
    """

    length: int = 50
    slips: Sequence[int] = ()
    error: tuple[int, Exception] | None = None
    ids: bool = True
    text: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    spec: str = "python:words"

    def fingerprint(self) -> Mapping[str, object]:
        return {"words": self.length}

    def next(self, before: Sequence[int]) -> int:
        place = len(before)
        if place >= self.length:
            return END
        lost = place in self.slips or any(one in WRONG for one in before)
        return (WRONG if lost else SAID)[place % len(SAID)]

    async def go_on(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        prefix: Tokens = (),
        tokens: bool = False,
    ) -> Answer:
        said = prompt.render(fields)
        self.note("go_on", said=said, prefix=prefix, sampling=sampling)
        before, made = ids_of(prefix), list[int]()
        while len(made) < sampling.max_tokens and (not made or made[-1] != END):
            made.append(self.next([*before, *made]))
        ended = made[-1] == END
        text = self.text or " ".join(str(one) for one in made if one != END)
        return self.answer(Reply(text, "stop" if ended else "length", 1, len(made), tokens=self.told(made, tokens)))

    async def score(
        self, prompt: Prompt, fields: Mapping[str, str], completion: Tokens, *, prefix: Tokens = ()
    ) -> Answer:
        self.note("score", said=prompt.render(fields), prefix=prefix, completion=completion)
        before, ids = ids_of(prefix), ids_of(completion)
        losses = [LIKELY if self.next([*before, *ids[:place]]) == one else UNLIKELY for place, one in enumerate(ids)]
        logprobs = tuple(TokenLogprob(str(one), -loss) for one, loss in zip(ids, losses, strict=True))
        return self.answer(Reply("x", SCORED_REASON, 1, 0, logprobs=logprobs, tokens=self.told(ids, True)))

    def note(self, call: str, **told: Any) -> None:
        self.asked.append({"call": call, **told})
        if self.error is not None and len(self.asked) == self.error[0] + 1:
            raise self.error[1]

    def told(self, ids: Sequence[int], wanted: bool) -> tuple[int, ...] | None:
        return tuple(ids) if wanted and self.ids else None

    def answer(self, reply: Reply) -> Answer:
        outcome, reason = judge_reply(reply)
        provenance = Provenance(self.spec, "words@1", None, 0, reply.finish_reason, False)
        return Answer(reply, outcome, reason, Usage(calls=1), provenance)


def ids_of(tokens: Tokens) -> list[int]:
    """Ids; of a text, its words as numbers."""
    return [int(one) for one in tokens.split()] if isinstance(tokens, str) else list(tokens)
