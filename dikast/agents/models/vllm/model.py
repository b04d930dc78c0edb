"""vLLM inside this process: `vllm:ORG/MODEL`, or `vllm:FOLDER` with weights on disk.

    model = load_model("vllm:Qwen/Qwen3-8B?tensor_parallel_size=2&max_model_len=16384&reasoning_parser=qwen3")
    answer = await model.ainvoke("...", max_tokens=64)

The first call starts the engine, vLLM's `AsyncLLM`. There is one engine a process for each model with its engine
arguments: roles that name the same share it, from any event loop, and all their requests are batched together. Options
after `?` (`dikast ... --engine-arg` writes them there):

| option | what | default |
| --- | --- | --- |
| an argument of `vllm serve` that concerns the engine, `-` or `_` between words | read by vLLM's own parser | vLLM's |
| `lora` | `NAME=FOLDER`: a LoRA adapter for this model's requests | none |
| `priority` | lower is served first; needs `scheduling_policy=priority` | 0 |
| `timeout` | seconds for a request, waiting in the engine's queue included | 600 |
| `template` | JSON object of chat template variables, such as `{"enable_thinking": false}` | none |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |

`lora`, `priority`, `timeout`, `template` and the sampling are not part of what makes an engine: roles that differ in
them share one. Where only some roles have an adapter, the others say `enable_lora=true`, since any may be first.

Control tokens in a message's text, such as `<|im_end|>`, are broken by a zero-width space: no text can end its turn or
open another. What is deterministic is in `docs/design/reproducibility.md`.

A script that opens such a model needs `if __name__ == "__main__":`, since the engine's processes import it again.
A folder (or `runner=pooling`) with a value head or reward model gives values, and nothing else.

vLLM's usage reports are switched off, and its log goes to stderr. Not here: streaming, tool calls, images.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.vllm.ask import Ask
from dikast.agents.models.vllm.engine import Engine, Key, User, acquire, release
from dikast.agents.models.weights import identity
from dikast.errors import MissingExtraError, UsageError

TIMEOUT_SECONDS = 600.0
"""As for a server, so that a model can move from one to the other."""
PLACEMENT = frozenset(
    {
        "async_scheduling",
        "data_parallel_size",
        "disable_log_stats",
        "download_dir",
        "enable_log_requests",
        "enable_lora",
        "enable_prefix_caching",
        "enforce_eager",
        "gpu_memory_utilization",
        "hf_token",
        "kv_cache_memory_bytes",
        "load_format",
        "max_cpu_loras",
        "max_lora_rank",
        "max_loras",
        "max_num_batched_tokens",
        "max_num_seqs",
        "pipeline_parallel_size",
        "scheduling_policy",
        "tensor_parallel_size",
    }
)
"""Engine arguments that say where and how fast, not what; they are no part of the fingerprint."""


class VllmModel(EngineModel):
    """A model in vLLM. See the module's description for the fields."""

    model: str
    arguments: Mapping[str, str] = {}
    lora: tuple[str, str] | None = None
    """Name and folder."""
    priority: int = 0
    timeout: float = TIMEOUT_SECONDS
    template: Mapping[str, Any] = {}
    _engine: Engine | None = PrivateAttr(default=None)
    _user: User = PrivateAttr(default_factory=User)

    @property
    def held(self) -> int:
        """Requests that the engine is working on, those of other roles included."""
        return self._engine.in_flight if self._engine else 0

    async def complete(self, request: Request) -> list[Reply]:
        """Ask the engine; the first call opens it.

        Raises:
            ModelUnavailable: The engine cannot be opened, or died; vLLM's log says why.
            ModelTimeout: No reply within `timeout`.
            ModelContextOverflow: Prompt and `max_tokens` do not fit.
            ModelError: vLLM refused the request, such as a schema that it cannot hold a reply to.
            UsageError: An engine argument is unknown or wrong, or this model's LoRA adapter needs another engine.
        """
        engine = self._engine = acquire(Key.of(self.model, self.arguments, lora=self.lora is not None), self._user)
        ask = Ask(request, self.template, self.lora, self.priority, self.timeout)
        return await engine.ask(ask)

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has, chat template not counted; opens the engine."""
        engine = self._engine = acquire(Key.of(self.model, self.arguments, lora=self.lora is not None), self._user)
        return await engine.count_tokens(text)

    async def end_tokens(self) -> tuple[int, ...]:
        """The tokens that end a turn; opens the engine."""
        engine = self._engine = acquire(Key.of(self.model, self.arguments, lora=self.lora is not None), self._user)
        return await engine.end_tokens()

    def fingerprint(self) -> dict[str, object]:
        """The model or its weights' digest, engine arguments that change replies, adapter, template and sampling."""
        told: dict[str, object] = {"engine": "vllm", "model": identity(self.model)}
        changing = {name: value for name, value in sorted(self.arguments.items()) if name not in PLACEMENT}
        told |= {"arguments": {name: identity(value) for name, value in changing.items()}} if changing else {}
        told |= {"lora": [self.lora[0], identity(self.lora[1])]} if self.lora else {}
        told |= {"template": dict(self.template)} if self.template else {}
        return {**told, "sampling": self.sampling.model_dump(mode="json")}

    async def aclose(self) -> None:
        """Let go of the engine, which ends with the last model that uses it. The next call opens it again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await release(engine, self._user)


def open_model(rest: str, options: dict[str, str], spec: str) -> VllmModel:
    """Make the model of `vllm:MODEL[?options]`. Engine arguments are read when the engine opens.

    Raises:
        MissingExtraError: vLLM is not installed.
        UsageError: An option is wrong.
    """
    given = Options("vllm", {name.replace("-", "_"): text for name, text in options.items()})
    fields: dict[str, Any] = {
        "lora": adapter_of(given.text("lora")),
        "priority": priority_of(given.text("priority", "0")),
        "timeout": given.number("timeout", TIMEOUT_SECONDS),
        "template": given.json_object("template"),
        "sampling": given.sampling(),
    }
    if find_spec("vllm") is None:
        raise MissingExtraError("vLLM", extra="vllm")
    return VllmModel(spec=spec, model=rest, arguments=given.given, **fields)


def adapter_of(text: str) -> tuple[str, str] | None:
    """Name and folder of a LoRA adapter.

    Raises:
        UsageError: It is not written NAME=FOLDER, or there is no such folder.
    """
    if not text:
        return None
    name, _, folder = text.partition("=")
    if not name or not Path(folder, "adapter_config.json").is_file():
        raise UsageError("vllm: option 'lora' must be NAME=FOLDER, the folder holding an adapter_config.json")
    return name, folder


def priority_of(text: str) -> int:
    """A whole number, which may be negative.

    Raises:
        UsageError: It is none.
    """
    try:
        return int(text)
    except ValueError:
        raise UsageError("vllm: option 'priority' must be a whole number") from None
