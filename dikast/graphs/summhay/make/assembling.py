"""From drafts to a haystack in the authors' schema, and to what its card tells.

Ids are drawn by the row's seed and its content: the same haystack has the same ids, another one has others.
`insights_included` is what the oracle found (`dikast.graphs.summhay.make.verifying` says why); what was planned stands
in a document's `document_metadata`. The retriever `oracle` scores a document, as in the released files, by how many of
the subtopic's insights it includes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dikast.graphs.summhay.make.content import insights_of
from dikast.graphs.summhay.make.context import Context
from dikast.graphs.summhay.make.planting import Bounds
from dikast.graphs.summhay.make.records import Content, Draft, Failure, Made
from dikast.graphs.summhay.make.verifying import is_faulty
from dikast.records import Outcome, gravest_failure

ID_CHARACTERS = 24
"""As many as those of the released files."""


class Ids:
    """Ids of one haystack.

    Args:
        content: What it is about.
        seed: The row's.
    """

    def __init__(self, content: Content, seed: int) -> None:
        self._base = json.dumps([seed, content], sort_keys=True)

    def make(self, kind: str, number: int) -> str:
        """The id of one of its parts."""
        named = f"{kind} {number} {self._base}"
        return hashlib.sha256(named.encode("utf-8", "backslashreplace")).hexdigest()[:ID_CHARACTERS]


def kept_of(drafts: Sequence[Draft], context: Context) -> list[Draft]:
    """The drafts that become documents: those that are there, without faulty ones where these are dropped."""
    drop = context.on_failure == "drop"
    return [draft for draft in drafts if draft["best"] is not None and not (drop and is_faulty(draft))]


def assemble(content: Content, drafts: Sequence[Draft], seed: int, writer: str) -> dict[str, Any]:
    """The topic file's value.

    Args:
        content: What it is about.
        drafts: Those that become documents, in their order.
        seed: The row's.
        writer: The writer's spec.
    """
    ids = Ids(content, seed)
    insights = [ids.make("insight", number) for number in range(len(insights_of(content)))]
    documents = [_document(draft, idx, insights, ids) for idx, draft in enumerate(drafts)]
    metadata: dict[str, Any] = {"made_by": "dikast", "writer": writer, "seed": seed}
    if content["domain"] == "conversation":
        metadata["participants"] = content["participants"]
    subtopics: list[dict[str, Any]] = []
    first = 0
    for number, one in enumerate(content["subtopics"]):
        own = insights[first : first + len(one["insights"])]
        first += len(own)
        oracle = {each["document_id"]: len(set(own).intersection(each["insights_included"])) for each in documents}
        subtopics.append(
            {
                "subtopic_id": ids.make("subtopic", number),
                "subtopic_name": one["name"],
                "subtopic": one["subtopic"],
                "query": one["query"],
                "insights": [
                    {"insight_id": id_, "insight_name": each["name"], "insight": each["insight"]}
                    for id_, each in zip(own, one["insights"], strict=True)
                ],
                "retriever": {"oracle": oracle},
                "summaries": {},
                "eval_summaries": {},
            }
        )
    return {
        "topic_id": ids.make("topic", 0),
        "topic": content["topic"],
        "topic_metadata": metadata,
        "subtopics": subtopics,
        "documents": documents,
    }


def _document(draft: Draft, idx: int, insights: Sequence[str], ids: Ids) -> dict[str, Any]:
    best = draft["best"]
    if best is None:
        raise RuntimeError("a draft without a text is no document")
    return {
        "document_id": ids.make("document", draft["number"]),
        "document_text": best["text"],
        "document_metadata": {
            "planned": [insights[number] for number in draft["planned"]],
            "written_by": draft["written_by"],
            "repairs": draft["repairs"],
        },
        "insights_included": [insights[number] for number in best["found"]],
        "idx": idx,
    }


def describe(content: Content, drafts: Sequence[Draft], context: Context, seed: int, bounds: Bounds) -> Made:
    """How the haystack was made."""
    names = [one["name"] for one in insights_of(content)]
    kept = kept_of(drafts, context)
    found = Counter(number for draft in kept if draft["best"] for number in draft["best"]["found"])
    planned = Counter(number for draft in drafts for number in draft["planned"])
    return Made(
        seed=seed,
        bounds=json.loads(json.dumps(asdict(bounds))),
        degrees={
            "insights_a_document": _spread([len(draft["planned"]) for draft in drafts]),
            "documents_an_insight": _spread([planned[number] for number in range(len(names))]),
        },
        documents=dict(sorted(Counter(fate_of(draft, context) for draft in drafts).items())),
        planned=sum(planned.values()),
        found=sum(found.values()),
        unplanted=[name for number, name in enumerate(names) if not found[number]],
    )


def _spread(values: Sequence[int]) -> list[float]:
    return [min(values), sum(values) / len(values), max(values)]


def fate_of(draft: Draft, context: Context) -> str:
    """What became of a document."""
    if draft["best"] is None:
        return draft["outcome"]
    if is_faulty(draft):
        return "dropped" if context.on_failure == "drop" else "faulty"
    if draft["written_by"] != "writer":
        return draft["written_by"]
    return "repaired" if draft["repairs"] else "ok"


def ending_of(drafts: Sequence[Draft], failures: Sequence[Failure], context: Context) -> tuple[str, str]:
    """The row's outcome, with its reason."""
    if failed := worst_of(failures):
        return failed
    gone = [draft for draft in drafts if draft["best"] is None]
    if gone:
        outcome = Counter(draft["outcome"] for draft in gone).most_common(1)[0][0]
        first = next(draft for draft in gone if draft["outcome"] == outcome)
        return outcome, f"{len(gone)} of {len(drafts)} documents are missing: {first['reason']}"
    if not kept_of(drafts, context):
        return Outcome.UNPARSED, f"none of {len(drafts)} documents says what it is to say, and all were dropped"
    return Outcome.OK, ""


def worst_of(failures: Sequence[Failure]) -> tuple[str, str] | None:
    """The worst failure that befell a call, with its reason; `None` where none did that another attempt may mend."""
    one = gravest_failure(failures)
    return None if one is None else (one["outcome"], f"{one['step']}, {one['about']}: {one['reason']}")
