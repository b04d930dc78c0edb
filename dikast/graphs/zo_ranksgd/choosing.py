"""The end of a tuning: which settings are chosen, and whether they are better on rows that were never tuned on."""

from __future__ import annotations

from dikast import stats
from dikast.errors import DataError
from dikast.graphs.zo_ranksgd.context import State, Update
from dikast.graphs.zo_ranksgd.journal import Journal
from dikast.graphs.zo_ranksgd.rankers import order_of
from dikast.graphs.zo_ranksgd.records import Held, Trial
from dikast.graphs.zo_ranksgd.roles import Comparison, Ranker
from dikast.graphs.zo_ranksgd.searching import stand
from dikast.graphs.zo_ranksgd.tuned import Tuned
from dikast.records import Outcome
from dikast.training.rounds import summed

NOT_ASKED = "people are not asked about held rows"
SAME = "the settings are those that it began with"


def conclude(tuned: Tuned, state: State) -> Update:
    """The chosen trial: of those with values the best, the earliest of equals; else the algorithm's own."""
    trials, start = state["trials"], state["trials"][0]
    sound = [one for one in trials if one["outcome"] == "ok"]
    if any(one["value"] is not None for one in sound):
        chosen = trials[order_of(sound, lowest=tuned.context.goal == "lowest")[0][0] - 1]
    else:
        settings = tuned.settings_at(stand(tuned, state).best.tolist()) if state["rounds"] else start["settings"]
        chosen = next((one for one in sound if one["settings"] == settings), start)
    reason = state["reason"]
    if not sound:
        reason = f"no settings came to anything: {start['reason']}"
    return {
        "outcome": (Outcome.OK if sound else Outcome.EMPTY).value,
        "reason": reason,
        "chosen": chosen["trial"],
        "settings": chosen["settings"],
        "value": chosen["value"],
        "start_value": start["value"],
        "usage": summed(one["usage"] for one in trials),
    }


async def compare_held(tuned: Tuned, ranker: Ranker, state: State, chosen: int) -> Held:
    """The start and the chosen settings on held rows.

    Raises:
        DikastError: As for a trial.
    """
    rows = state.get("held", [])
    nothing = Held(
        rows=len(rows),
        compared=0,
        before=None,
        after=None,
        difference=None,
        low=None,
        high=None,
        p=None,
        reason="",
    )
    if ranker.spec == "human":
        return {**nothing, "reason": NOT_ASKED}
    trials = state["trials"]
    before, old = await tuned.run(1, trials[0]["settings"], rows, ranker, held=True)
    if chosen == 1:
        value = before["value"]
        same = None if value is None else 0.0
        return Held(
            rows=len(rows),
            compared=before["scored"],
            before=value,
            after=value,
            difference=same,
            low=same,
            high=same,
            p=None,
            reason=SAME,
        )
    after, new = await tuned.run(chosen, trials[chosen - 1]["settings"], rows, ranker, held=True)
    if lost := next((one for one in (before, after) if one["outcome"] != "ok"), None):
        return {**nothing, "reason": lost["reason"]}
    if old is None or new is None:
        return await preferred(tuned, ranker, before, after, nothing)
    keys = [key for key in old if key in new]
    if not keys:
        return {**nothing, "reason": "no held row has a value for both"}
    first, second = [old[key] for key in keys], [new[key] for key in keys]
    low, high = stats.bootstrap([two - one for one, two in zip(first, second, strict=True)])
    means = sum(first) / len(keys), sum(second) / len(keys)
    return Held(
        rows=len(rows),
        compared=len(keys),
        before=means[0],
        after=means[1],
        difference=means[1] - means[0],
        low=low,
        high=high,
        p=stats.randomisation(first, second).p,
        reason="",
    )


async def preferred(tuned: Tuned, ranker: Ranker, before: Trial, after: Trial, nothing: Held) -> Held:
    """How often a judge of pairs prefers the chosen settings' outputs on held rows."""
    journal = Journal(tuned.folder)
    try:
        ranked = await ranker.rank(Comparison(0, [tuned.ran(before), tuned.ran(after)], 1, journal))
    except DataError as error:
        return {**nothing, "reason": error.message}
    share = ranked.shares.get(after["trial"])
    if share is None:
        return {**nothing, "reason": "whoever ranks gives no shares"}
    return {**nothing, "compared": after["asked"], "before": 1 - share, "after": share, "difference": 2 * share - 1}
