"""What crosses a boundary between parts of dikast: frozen values, JSON on the way to disk.

`Outcome` is how every model call and every row of a batch ends. A reply that cannot be parsed, a refusal or an empty
reply is a result with a count, never an exception and never a zero score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

R = TypeVar("R", bound=Mapping[str, object])

Qrels = Mapping[str, Mapping[str, int]]
"""Relevance judgments: query id -> document id -> grade (0 = judged not relevant)."""


class Outcome(StrEnum):
    """How a model call, or a row of a job, ended.

    `unparsed`, `refused`, `filtered` and `empty` are findings about the model; `timeout`, `limit` and `error` are
    failures that another attempt may mend, and make a job exit with 3.
    """

    OK = "ok"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    FILTERED = "filtered"
    EMPTY = "empty"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    ERROR = "error"

    @property
    def failed(self) -> bool:
        """Whether another attempt may mend it."""
        return self in FAILURES


FAILURES = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.LIMIT)
"""The outcomes that another attempt may mend, the gravest first."""


def gravest_failure(ended: Sequence[R]) -> R | None:
    """The record of the gravest failure, the first of its kind; `None` where nothing failed.

    Args:
        ended: Records of calls, steps or drafts, each with an `outcome`.
    """
    return next((one for kind in FAILURES for one in ended if one["outcome"] == kind), None)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a collection. `contents` is the text that is indexed."""

    docid: str
    contents: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls cost; adds up with `+`.

    Tokens are as the engine counts them. `cached_calls` and `cached_tokens` were answered from dikast's own request
    cache and are not in `calls`, `input_tokens` or `output_tokens`. `reasoning_tokens` are part of `output_tokens`.
    `seconds` is time spent waiting for replies, summed over calls.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_calls: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Field by field."""
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def as_dict(self) -> dict[str, float]:
        """The non-zero fields, for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


FINISH_REASONS = frozenset(
    {
        *("stop", "eos_token", "stop_sequence", "end_turn", "tool_calls", "function_call", "unknown"),
        *("length", "max_tokens", "abort", "error", "cancelled", "timeout", "repetition"),
        *("content_filter", "refusal", "recitation", "safety", "scored"),
    }
)
"""What the APIs and engines say of a reply's end: OpenAI, vLLM, Anthropic, Google, TGI; `scored` is our own."""
CUT_REASONS = frozenset(("length", "max_tokens", "abort", "error", "cancelled", "timeout", "repetition"))
"""Of these, those of a reply that is not whole."""
OTHER_REASON = "other"


def known_reason(finish_reason: str) -> str:
    """A finish reason as it may be recorded: one of `FINISH_REASONS`, else `other`; empty stays empty.

    It is data from outside: a server may write the reply there, or anything.
    """
    if not finish_reason:
        return ""
    name = finish_reason.strip().lower()
    return name if name in FINISH_REASONS else OTHER_REASON


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a reply came from: enough to ask for it again.

    Args:
        model: The model's spec, without secrets.
        prompt: Name and content hash of the prompt file, `name@hash`.
        seed: The seed sent with the request; `None` if none was.
        sample: Index among samples of the same request.
        finish_reason: As the engine says it, of a closed list (`known_reason`): `stop`, `length`, `content_filter`, ...
        cached: Whether the reply came from the request cache.
    """

    model: str
    prompt: str
    seed: int | None
    sample: int
    finish_reason: str
    cached: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "finish_reason", known_reason(self.finish_reason))

    @property
    def cut(self) -> bool:
        """Whether the reply broke off before its end."""
        return self.finish_reason in CUT_REASONS

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
