"""The vendors whose models have a short name, and what each of them needs: a package and a key.

    find_provider("langchain", "groq/llama-x")      # (Provider("groq"), "llama-x")
    find_provider("openai", "gpt-x")                # the same as langchain:openai/gpt-x

Names are those of LangChain's `init_chat_model`. One that is not in the table is reached as `langchain:NAME/MODEL`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from dikast.errors import MissingExtraError, UsageError

SCHEME = "langchain"


@dataclass(frozen=True, slots=True)
class Provider:
    """Who makes a model's replies.

    Args:
        name: LangChain's name of it.
        package: The distribution that speaks to it; unknown if empty.
        extra: Of dikast's extras the one that brings the package; none if empty.
        keys: Environment variables that its package reads a key from, any of them; none needed, or unknown, if empty.
    """

    name: str
    package: str = ""
    extra: str = ""
    keys: tuple[str, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether its package is known and not installed."""
        return bool(self.package) and find_spec(self.package.replace("-", "_")) is None

    @property
    def key(self) -> str:
        """The variable of `keys` that is set; empty for none."""
        return next((name for name in self.keys if os.environ.get(name, "").strip()), "")

    def check(self, key_env: str = "") -> None:
        """Refuse to go on without its package, or its key.

        Args:
            key_env: The variable that the key is to be read from, in place of the usual ones.

        Raises:
            MissingExtraError: The package is not installed.
            UsageError: No variable holds a key.
        """
        if self.missing:
            hint = "" if self.extra else f"pip install {self.package}"
            raise MissingExtraError(f"the Python package {self.package!r}", extra=self.extra, hint=hint)
        if key_env and not os.environ.get(key_env, "").strip():
            raise UsageError(f"{self.name}: the environment variable {key_env}, named by key_env, is not set")
        if self.keys and not key_env and not self.key:
            raise UsageError(
                f"{self.name}: no API key: {' or '.join(self.keys)} is not set",
                hint="set it, or name another variable: ?key_env=VARIABLE; a server that wants no key takes any word",
            )


VENDORS: Mapping[str, Provider] = {
    "openai": Provider("openai", "langchain-openai", "openai", ("OPENAI_API_KEY",)),
    "anthropic": Provider("anthropic", "langchain-anthropic", "anthropic", ("ANTHROPIC_API_KEY",)),
    "ollama": Provider("ollama", "langchain-ollama", "ollama"),
    # Its keys come by AWS's own chain: environment, profile, role.
    "bedrock": Provider("bedrock_converse", "langchain-aws", "bedrock"),
    "google": Provider("google_genai", "langchain-google-genai", "google", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
}
"""Scheme of a model spec -> whose models it names."""


def find_provider(scheme: str, rest: str) -> tuple[Provider, str]:
    """Whose model a spec names, and the model's name.

    Args:
        scheme: What stands before the colon.
        rest: What stands behind it, without the options.

    Raises:
        UsageError: `langchain:` names no provider, or no model.
    """
    if scheme != SCHEME:
        return VENDORS[scheme], rest
    name, _, model = rest.partition("/")
    if not (name and model):
        raise UsageError(
            f"model spec '{scheme}:{rest}': write {SCHEME}:PROVIDER/MODEL",
            hint="the provider as LangChain's init_chat_model names it: langchain:groq/llama-x",
        )
    known = (one for one in VENDORS.values() if one.name == name)
    return next(known, Provider(name)), model
