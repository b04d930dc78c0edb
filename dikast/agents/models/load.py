"""`load_model("scheme:...")`: from a short string to a LangChain chat model.

| spec | engine |
| --- | --- |
| `openvino:NAME-or-FILE.gguf` | OpenVINO GenAI on the CPU, inside this process |
| `server:http://host:8000/v1#MODEL` | an OpenAI-compatible server; several, comma-separated, share the load |
| `vllm:ORG/MODEL` | vLLM inside this process |
| `transformers:FOLDER` | a Hugging Face model inside this process, on the CPU or a GPU |
| `openai:MODEL`, `anthropic:`, `ollama:`, `bedrock:`, `google:` | a vendor's model, through its LangChain package |
| `langchain:PROVIDER/MODEL` | any other provider of LangChain's `init_chat_model` |
| `replay:FILE` | recorded replies |
| `scripted:module:name` | a function marked with `@scripted` |
| `batch:FOLDER?model=server:...` | written down for a batch run, answered from its results |

A package that declares an entry point `dikast.models` adds a scheme of its own (docs/plugins.md).
Options follow a `?`, as in a URL: `openvino:smollm2-135m?seed=7`, `server:http://host:8000/v1#M?timeout=30`.
Nothing is opened here: each engine opens at its first call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from urllib.parse import parse_qsl

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.vendors.providers import SCHEME, VENDORS
from dikast.errors import UsageError
from dikast.plugins import Plugins
from dikast.spec_options import refuse_disallowed

ENGINES: Mapping[str, str] = {
    "openvino": "dikast.agents.models.openvino.model:open_model",
    "server": "dikast.agents.models.server:open_model",
    "vllm": "dikast.agents.models.vllm.model:open_model",
    "transformers": "dikast.agents.models.transformers.model:open_model",
    **dict.fromkeys((*VENDORS, SCHEME), "dikast.agents.models.vendors.model:open_model"),
    "replay": "dikast.agents.models.replay:open_model",
    "scripted": "dikast.agents.models.scripted:open_model",
    "batch": "dikast.agents.models.batch:open_model",
}
"""Scheme -> function (rest of the spec, its options, the whole spec) -> model."""

SERVICES: Mapping[str, str] = {
    "openrouter": "https://openrouter.ai/api/v1",
    "groq": "https://api.groq.com/openai/v1",
}
"""Names that other libraries take for schemes -> where these services speak OpenAI's protocol (their own docs)."""

PLUGINS = Plugins("models", lambda: {*ENGINES, *SERVICES})
"""Models of other packages: entry points `dikast.models`, each the place of an `Open`; docs/plugins.md."""

_loaded: list[weakref.ref[EngineModel]] = []

Open = Callable[[str, dict[str, str], str], EngineModel]


def load_model(spec: str) -> EngineModel:
    """Turn a spec into a chat model, without opening anything.

    Raises:
        UsageError: The scheme is unknown or not allowed, or an option is wrong; the message lists what is known.
    """
    scheme, colon, rest = spec.partition(":")
    plugin = PLUGINS.find(scheme) if colon and scheme not in ENGINES else None
    if not colon or (scheme not in ENGINES and plugin is None):
        close = get_close_matches(scheme, ENGINES, n=1)
        hint = f"did you mean '{close[0]}:'?" if close else f"known: {', '.join(f'{name}:...' for name in ENGINES)}"
        if spec.endswith(".gguf") and not colon:
            hint = f"did you mean 'openvino:{spec}'?"
        if scheme in SERVICES and rest:
            hint = f"any OpenAI-compatible server: server:{SERVICES[scheme]}#{rest}, with its key in the environment"
        raise UsageError(f"model spec {spec!r}: no engine is called {scheme!r}", hint=hint)
    refuse_disallowed(scheme, f"model spec {spec!r}")
    target, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
    if not target:
        raise UsageError(f"model spec {spec!r}: nothing after the scheme", hint="see 'dikast models list'")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if plugin is not None:
        from dikast.agents.models.vendors.plugged import open_plugged

        model = open_plugged(plugin, target, options, spec)
    else:
        module, name = ENGINES[scheme].split(":")
        open_model: Open = getattr(import_module(module), name)
        model = open_model(target, options, spec)
    _loaded.append(weakref.ref(model))
    return model


def load_role_model(
    source: object,
    role: str,
    methods: str,
    *,
    load: Callable[[str], BaseChatModel] = load_model,
    forms: str = "a model spec",
) -> BaseChatModel:
    """The chat model that is to play a role.

    Args:
        source: A spec, or a LangChain chat model.
        role: What is played, for the message.
        methods: Those that an object of the user's own needs in order to play it, for the message.
        load: Makes the model of a spec.
        forms: The specs that `load` takes, for the message.

    Raises:
        UsageError: `source` is neither.
    """
    if isinstance(source, str):
        return load(source)
    if isinstance(source, BaseChatModel):
        return source
    raise UsageError(
        f"not a {role}: {type(source).__name__}",
        hint=f"pass {forms}, a LangChain chat model, or an object with {methods}, fingerprint() and spec",
    )


def split_prefix(source: object, prefixes: Iterable[str]) -> tuple[str, object]:
    """The prefix of a model spec that says how a role asks (`list+`, `json+`; empty for none), and the rest."""
    if not isinstance(source, str):
        return "", source
    prefix = next((prefix for prefix in prefixes if source.startswith(prefix)), "")
    return prefix, source.removeprefix(prefix)


async def close_models() -> None:
    """Free what the models hold that `load_model` made, on the loop that they were used on."""
    while _loaded:
        model = _loaded.pop()()
        if model is not None:
            await model.aclose()
