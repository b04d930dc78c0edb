"""A request to vLLM, with what its asker adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Request


@dataclass(frozen=True, slots=True)
class Ask:
    """A request and what its asker adds to it.

    Args:
        request: What is asked.
        template: Chat template variables.
        lora: Name and folder of an adapter.
        priority: Lower is served first.
        timeout: Seconds, waiting in the queue included.
    """

    request: Request
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lora: tuple[str, str] | None = None
    priority: int = 0
    timeout: float = float("inf")
