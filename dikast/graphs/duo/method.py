"""Duo-LLM as a `Method`."""

from __future__ import annotations

from dataclasses import replace

from dikast.graphs.duo.tiers.method import method as tiers

method = replace(tiers, graph="dikast.graphs.duo.graph:graph", verbs={"tiers": "tiers"})
