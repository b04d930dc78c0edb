"""A loop told: its rounds, skills before and after, costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs.tapir.rounds.report import page_of
from dikast.pages import Page


def story(row: Mapping[str, Any]) -> Page:
    """What came of it."""
    return page_of(row["output"])
