"""A haystack small enough to count by hand: two subtopics, four documents, two systems."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

HAYSTACK: dict[str, Any] = {
    "topic_id": "t1",
    "topic": "Harbours",
    "subtopics": [
        {
            "subtopic_id": "s1",
            "subtopic_name": "ships",
            "subtopic": "Ships in the harbour",
            "query": "Which ships came?",
            "insights": [
                {"insight_id": "i1", "insight_name": "Aurora", "insight": "The Aurora brought 40 tons of tea."},
                {"insight_id": "i2", "insight_name": "Borealis", "insight": "The Borealis sank in March 1911."},
            ],
            "retriever": {"theirs": {"d1": 0.2, "d3": 0.9, "stale": 5.0}},
            "summaries": {
                "summary_subtopic_a": ["## Ships", "- Tea came on the Aurora, 40 tons. [1][2]", "- It rained. [4]"],
                "summary_subtopic_b": ["- Nothing. [3]"],
            },
            "eval_summaries": {
                "summary_subtopic_a": [
                    {"insight_id": "i1", "coverage": "FULL_COVERAGE", "bullet_id": 2},
                    {"insight_id": "i2", "coverage": "NO_COVERAGE", "bullet_id": "NA"},
                ],
                "summary_subtopic_b": [
                    {"insight_id": "i1", "coverage": "NO_COVERAGE", "bullet_id": "NA"},
                    {"insight_id": "i2", "coverage": "NO_COVERAGE", "bullet_id": "NA"},
                ],
            },
        },
        {
            "subtopic_id": "s2",
            "subtopic_name": "cranes",
            "subtopic": "Cranes on the quay",
            "query": "What of the cranes?",
            "insights": [{"insight_id": "i3", "insight_name": "Otis", "insight": "Otis built 3 cranes of steel."}],
            "retriever": {},
            "summaries": {"summary_subtopic_a": ["- Three cranes were built. [3]"], "summary_subtopic_b": ["x"]},
            "eval_summaries": {
                "summary_subtopic_a": [{"insight_id": "i3", "coverage": "PARTIAL_COVERAGE", "bullet_id": 1}],
            },
        },
    ],
    "documents": [
        {
            "document_id": "d1",
            "document_text": "The Aurora brought 40 tons of tea.",
            "insights_included": ["i1"],
            "idx": 0,
        },
        {
            "document_id": "d2",
            "document_text": "Tea: 40 tons by the Aurora. Borealis sank in March 1911.",
            "insights_included": ["i1", "i2"],
            "idx": 1,
        },
        {
            "document_id": "d3",
            "document_text": "Otis built 3 cranes of steel on the quay.",
            "insights_included": ["i3"],
        },
        {"document_id": "d4", "document_text": "It rained for a week.", "insights_included": []},
    ],
}


def hay() -> dict[str, Any]:
    """A copy to change."""
    return deepcopy(HAYSTACK)
