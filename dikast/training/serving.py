"""From a policy of a round to the spec of a model that speaks as it does.

    spec = await serve("", policy)                                          # as it was trained: transformers:...
    spec = await serve("vllm:ORG/MODEL", policy)                            # its adapter beside vLLM's own weights
    spec = await serve("server:http://a:8000/v1,http://b:8000/v1#M", policy)    # loaded by the servers first

Training happens in `transformers:`; whoever samples may be another engine with the same base model. What differs
between policies is then the adapter alone, and a training of all weights can be sampled only where it was made.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from dikast.agents.models.load import load_model
from dikast.errors import UsageError
from dikast.training.rounds import Policy

DIGITS = 12
"""Of a policy's digest, in the name of its adapter: a server keeps several."""


async def serve(template: str, policy: Policy) -> str:
    """The spec that speaks as a policy does.

    Args:
        template: The spec of an engine with the policy's base model; empty for the policy's own.
        policy: A policy.

    Raises:
        UsageError: The engine cannot take the policy's weights.
        ModelUnavailable: A server cannot be reached, or loads no adapters.
        ModelError: A server refuses the adapter.
    """
    if not template:
        return policy["model"]
    adapter = adapter_of(policy["model"])
    if adapter is None:
        if policy["round"] == 0:
            return template
        hint = "train an adapter (lora_rank above 0), or leave the engine for sampling out"
        raise UsageError(f"{template}: cannot take all weights of a model that was trained beside it", hint=hint)
    name = f"policy-{policy['digest'][:DIGITS]}"
    scheme = template.partition(":")[0]
    if scheme == "vllm":
        return with_option(template, "lora", f"{name}={adapter}")
    if scheme == "server":
        return await load_into_servers(template, name, adapter)
    raise UsageError(f"{template}: no adapter can be loaded", hint="vllm: and server: take adapters, transformers: too")


def adapter_of(spec: str) -> Path | None:
    """The adapter's folder that a `transformers:` spec names."""
    folder = dict(parse_qsl(spec.partition("?")[2])).get("lora")
    return Path(folder) if folder else None


def with_option(spec: str, name: str, value: str) -> str:
    """The spec with an option set."""
    target, _, query = spec.rpartition("?") if "?" in spec else (spec, "", "")
    options = {**dict(parse_qsl(query, keep_blank_values=True)), name: value}
    return f"{target}?{urlencode(options, safe='/=:')}"


async def load_into_servers(template: str, name: str, adapter: Path) -> str:
    """Load an adapter into all of a spec's servers; the spec that asks for it."""
    from dikast.agents.models.server import ServerModel

    model = load_model(template)
    if not isinstance(model, ServerModel):
        raise TypeError(f"{template} is no server")
    try:
        await model.load_adapter(name, adapter.resolve())
    finally:
        await model.aclose()
    addresses, _, rest = template.partition("#")
    _, mark, query = rest.partition("?")
    return f"{addresses}#{name}{mark}{query}"
