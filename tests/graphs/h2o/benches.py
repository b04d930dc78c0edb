"""A bench without a model: what it measures depends on the prompt and on how much is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dikast.decoding.kv.policies import Policy
from dikast.errors import ModelContextOverflow, ModelError, ModelUnavailable
from dikast.graphs.h2o.records import Measured, Observed

TEXT = list(range(10))


class Scripted:
    """Every key takes ten bytes; a cache below half of the prompt errs at every second place."""

    spec = "scripted:bench"

    def __init__(self, text: Sequence[int] = TEXT) -> None:
        self.text = list(text)
        self.asked: list[tuple[str, str, str | tuple[int, ...] | None]] = []

    def fingerprint(self) -> Mapping[str, object]:
        """Nothing changes."""
        return {"bench": "scripted"}

    async def measure(
        self, prompt: str, text: str | Sequence[int] | None, policy: Policy | None, max_tokens: int
    ) -> Measured:
        """See `Bench`."""
        given = text if isinstance(text, str) or text is None else tuple(text)
        self.asked.append((prompt, policy.told if policy else "", given))
        if "long" in prompt:
            raise ModelContextOverflow("scripted: too long")
        if "memory" in prompt and policy is not None:
            raise ModelError("scripted: out of memory")
        if "gone" in prompt:
            raise ModelUnavailable("scripted: gone")
        length = len(prompt.split())
        room = policy.room(length) if policy else None
        slots = length + len(self.text) if room is None else min(length, room.slots)
        small = room is not None and room.slots < length / 2
        choices = [token + 1 if small and token % 2 else token for token in self.text]
        return Measured(
            prompt_tokens=length,
            slots=slots,
            bytes=10 * slots,
            prefill_s=0.5,
            steps_s=0.1 * slots,
            tokens=self.text,
            losses=[2.0 if small else 1.0 for _ in self.text],
            choices=choices,
            said="a box" if small else "the wick, he said",
            finish="stop",
        )

    async def observe(self, prompt: str) -> Observed:
        """See `Bench`."""
        return Observed(skew=0.6, tokens=9, types=5, rank_correlation=0.5, rank_correlation_normalised=0.25)
