"""From reformulations to a ranking: what costs no model call, so that recorded reformulations can be searched anew.

queries = expand("car dead in winter", [["battery", "flat"], ["starter"]], context)
hits = fuse(await context.retriever.search(queries, context.depth), context, [0, 1])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dikast.graphs.genqr.records import ORIGINAL, Reformulation
from dikast.retrieval.combine import combine
from dikast.retrieval.fusion import combmnz, combsum, rrf
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit

if TYPE_CHECKING:
    from dikast.graphs.genqr.context import Context


def expand(query: str, lists: Sequence[Sequence[str]], context: Context) -> list[WeightedQuery]:
    """The weighted queries: one for all keywords, or in fusion one a list. Without any list, the query's own."""
    groups = [lists] if context.mode == "ensemble" or not lists else [[keywords] for keywords in lists]
    return [
        combine(
            query,
            group,
            context.retriever.analyze,
            combination=context.combination,
            mixing=context.mixing,
            damping=context.damping,
            max_terms=context.max_terms,
            repeats=context.repeats,
        )
        for group in groups
    ]


def list_keywords(reformulations: Sequence[Reformulation], indices: Sequence[int]) -> list[list[str]]:
    """The keywords of these reformulations; the original query (-1) has none."""
    keywords = {one["index"]: one["keywords"] for one in reformulations}
    return [[] if index == ORIGINAL else keywords[index] for index in indices]


def fuse(rankings: Sequence[Sequence[Hit]], context: Context, indices: Sequence[int]) -> list[Hit]:
    """One ranking out of these reformulations' rankings, cut at `depth`; an ensemble has one ranking only."""
    if context.mode == "ensemble":
        return list(rankings[0])
    # The last weight is the original query's, whose index is -1. Without any index the one ranking is the query's own.
    weights = [context.weights[index] for index in indices] if context.weights and indices else None
    if context.fusion == "rrf":
        return rrf(rankings, k=context.rrf_k, weights=weights)[: context.depth]
    combine_scores = combsum if context.fusion == "combsum" else combmnz
    return combine_scores(rankings, normalize=context.normalize, weights=weights)[: context.depth]


async def search_again(
    query: str, reformulations: Sequence[Reformulation], contexts: Mapping[str, Context]
) -> dict[str, list[Hit]]:
    """Rankings of recorded reformulations under other settings, by the settings' names; no model is asked.

    Args:
        query: The original query.
        reformulations: Of one row, in order; those that are used.
        contexts: Name -> settings. All share a retriever; selection, feedback and the like are over already.
    """
    found: dict[str, list[Hit]] = {}
    for name, context in contexts.items():
        indices = [*range(len(reformulations)), *([ORIGINAL] if context.with_original else [])]
        lists = list_keywords(reformulations, indices if context.mode == "fusion" else range(len(reformulations)))
        rankings = await context.retriever.search(expand(query, lists, context), context.depth)
        found[name] = fuse(rankings, context, indices)
    return found
