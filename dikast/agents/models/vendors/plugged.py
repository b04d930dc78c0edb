"""Models of other packages: `mymodel:NAME`, by an entry point `dikast.models`.

What the package makes is an engine of dikast's, or any LangChain chat model, which is then wrapped, so that it has its
spec in records and is made anew from it.
"""

from __future__ import annotations

from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import PrivateAttr

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.identity import identity
from dikast.agents.models.vendors.model import VendorModel
from dikast.agents.models.vendors.providers import Provider
from dikast.plugins import Plugin


class PluggedModel(VendorModel):
    """A LangChain chat model that a plugin made; its time limits and retries are its own."""

    _made: BaseChatModel = PrivateAttr()

    def __init__(self, made: BaseChatModel, plugin: Plugin, target: str, spec: str) -> None:
        fields: dict[str, Any] = {"spec": spec, "provider": Provider(plugin.name), "model": target, "retries": 0}
        super().__init__(**fields)
        self._made = made

    def fingerprint(self) -> dict[str, object]:
        """The scheme, and what the chat model is made of."""
        return {"engine": self.provider.name, "model": identity(self._made)}

    def _open(self) -> BaseChatModel:
        return self._made


def open_plugged(plugin: Plugin, target: str, options: dict[str, str], spec: str) -> EngineModel:
    """The model that a plugin makes of a spec.

    Args:
        plugin: The plugin; a function (target, options, spec) -> model.
        target: What stands between the colon and the question mark.
        options: What stands behind it.
        spec: All of it.

    Raises:
        UsageError: The plugin is broken, or an engine does not say its spec.
    """
    made: BaseChatModel = plugin.make(BaseChatModel, target, options, spec)
    if not isinstance(made, EngineModel):
        return PluggedModel(made, plugin, target, spec)
    if made.spec != spec:
        raise plugin.explain(f"the model of {spec!r} says that its spec is {made.spec!r}")
    return made
