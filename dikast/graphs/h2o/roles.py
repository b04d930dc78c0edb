"""Who takes part: a bench, which holds a model and measures it under a cache.

    bench = load_bench("transformers:smollm2-135m")
    await bench.measure("Name three colours.", None, None, 64)

It is no speaker: memory and time are of this process and this moment, so that nothing of it may come out of a cache of
requests, and rows are measured one after the other, whatever else the job does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.errors import UsageError
from dikast.graphs.h2o.records import Measured, Observed

if TYPE_CHECKING:
    from dikast.decoding.kv.policies import Policy


@runtime_checkable
class Bench(Protocol):
    """A model that can be measured."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers."""
        ...

    async def measure(
        self, prompt: str, text: str | Sequence[int] | None, policy: Policy | None, max_tokens: int
    ) -> Measured:
        """Read a prompt, then a text token by token; and reply to the prompt.

        Args:
            prompt: The user's turn.
            text: What is read behind it, or its tokens; `None` for the model's own reply.
            policy: What is kept; `None` for transformers' own full cache.
            max_tokens: Of the reply; a text is cut there too.

        Raises:
            ModelContextOverflow: Prompt and text exceed the model's context.
            ModelError: Out of memory.
        """
        ...

    async def observe(self, prompt: str) -> Observed:
        """Who gets the attention at a prompt; see `observations.py`.

        Raises:
            ModelContextOverflow: The prompt exceeds the model's context.
            ModelError: Out of memory.
        """
        ...


def load_bench(source: str) -> Bench:
    """A bench for a model spec.

    Raises:
        UsageError: It is no `transformers:` spec, or has a cache policy of its own or an adapter.
    """
    from dikast.agents.models.load import load_model
    from dikast.agents.models.transformers.model import TransformersModel
    from dikast.graphs.h2o.bench import TransformersBench

    if not source.startswith("transformers:"):
        raise UsageError("h2o: a cache is chosen in transformers: alone", hint="--model transformers:smollm2-135m")
    model = load_model(source)
    if not isinstance(model, TransformersModel) or model.kv is not None or model.lora:
        raise UsageError(
            "h2o: the model must have no cache policy of its own, and no adapter", hint="leave out kv, lora"
        )
    return TransformersBench(model)
