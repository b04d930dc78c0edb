"""The oracle: which insights a document says, of all that there are, and what follows from it for the truth.

Words decide first, about every pair of a document and an insight (`dikast.graphs.summhay.make.words`). What they leave
unsettled a verifier is asked about, if there is one, in one call a document; without one, or where it does not say, the
cut of `words` decides, and the pair is counted as unsettled.

What a document is said to include is what the oracle found, and not what was planned. Whoever scores summaries against
a haystack takes these as gold: a citation of a document that was planned to say something and does not would count as
right, and one of a document into which it leaked as wrong. So a missing insight is taken out of the document's list and
a leaked one put into it, whatever becomes of the document, and the card tells planned and found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.graphs.summhay.make.content import insights_of
from dikast.graphs.summhay.make.context import Context
from dikast.graphs.summhay.make.records import Checked, Content, Draft, Failure, Round
from dikast.graphs.summhay.make.together import together
from dikast.graphs.summhay.make.words import ABSENT, CUT, PRESENT, WordOracle
from dikast.records import Outcome


class Oracle:
    """Reads documents for a content's insights.

    Args:
        content: What the haystack is about.
    """

    def __init__(self, content: Content) -> None:
        self.insights = [one["insight"] for one in insights_of(content)]
        self._words = WordOracle(self.insights)

    def read(self, text: str) -> tuple[set[int], list[int]]:
        """What a text says by words: numbers of insights at or above the cut, and those of all unsettled ones."""
        shares = self._words.read(text)
        found = {number for number, share in enumerate(shares) if share >= CUT}
        return found, [number for number, share in enumerate(shares) if ABSENT <= share < PRESENT]

    async def check(self, context: Context, draft: Draft) -> tuple[Checked, Failure | None]:
        """What a draft's newest text says, and the verifier's call if it brought nothing."""
        text = draft["text"]
        found, open_ = self.read(text)
        stated, failure = await self._settle(context, draft, open_)
        by_model = 0
        for number, said in zip(open_, stated, strict=True):
            if said is not None:
                by_model += 1
                (found.add if said else found.discard)(number)
        planned = set(draft["planned"])
        return Checked(
            text=text,
            found=sorted(found),
            missing=sorted(planned - found),
            leaked=sorted(found - planned),
            unsettled=len(open_) - by_model,
            by_model=by_model,
        ), failure

    async def _settle(
        self, context: Context, draft: Draft, open_: Sequence[int]
    ) -> tuple[Sequence[bool | None], Failure | None]:
        if context.verifier is None or not open_:
            return [None] * len(open_), None
        about = f"document {draft['number'] + 1}"
        try:
            settled = await context.verifier.settle(
                draft["text"], [self.insights[number] for number in open_], sampling=context.verifying
            )
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return [None] * len(open_), Failure(step="verify", about=about, outcome=outcome, reason=reason)
        if settled.outcome is Outcome.OK:
            return settled.stated, None
        failure = Failure(step="verify", about=about, outcome=settled.outcome, reason=settled.reason)
        return settled.stated, failure


async def check_drafts(
    context: Context, content: Content, drafts: Sequence[Draft]
) -> tuple[list[Draft], list[Failure]]:
    """Check the newest text of each draft; the one with the fewest faults so far is its best."""
    oracle = Oracle(content)

    async def checked(draft: Draft) -> tuple[Draft, Failure | None]:
        await asyncio.sleep(0)  # reading is work for the processor: let other rows have their turn
        if not draft["text"] or (draft["best"] is not None and draft["best"]["text"] == draft["text"]):
            return draft, None
        new, failure = await oracle.check(context, draft)
        better = draft["best"] is None or faults(new) < faults(draft["best"])
        return {**draft, "best": new if better else draft["best"]}, failure

    results = await together(checked, drafts)
    return [draft for draft, _ in results], [failure for _, failure in results if failure]


def faults(checked: Checked) -> int:
    """How many insights are not as planned."""
    return len(checked["missing"]) + len(checked["leaked"])


def is_faulty(draft: Draft) -> bool:
    """Whether there is a document, and it is not as planned."""
    return draft["best"] is not None and faults(draft["best"]) > 0


def count_round(name: str, drafts: Sequence[Draft], insights: int) -> Round:
    """What the oracle found over all documents that are there.

    Args:
        name: Of the round.
        drafts: All of them.
        insights: How many there are in all.
    """
    there = [(draft, draft["best"]) for draft in drafts if draft["best"] is not None]
    planned = sum(len(draft["planned"]) for draft, _ in there)
    unplanted = len(there) * insights - planned
    missing = sum(len(best["missing"]) for _, best in there)
    leaked = sum(len(best["leaked"]) for _, best in there)
    return Round(
        name=name,
        documents=len(there),
        planned=planned,
        missing=missing,
        unplanted=unplanted,
        leaked=leaked,
        unsettled=sum(best["unsettled"] for _, best in there),
        by_model=sum(best["by_model"] for _, best in there),
        miss_rate=missing / planned if planned else None,
        leak_rate=leaked / unplanted if unplanted else None,
    )
