"""Text encoders: what turns queries and documents into vectors, behind one Protocol.

| spec | encoder |
| --- | --- |
| `server:http://host:8000/v1#MODEL` | an OpenAI-compatible embeddings endpoint, such as `vllm serve` has |
| `local:FOLDER` or `local:all-minilm-l6-v2` | a sentence encoder of BERT's form, computed here on the CPU |
| `scripted:package.module:name` | a function marked with `@scripted` |

Options follow a `?`; each encoder's module says which.

    encoder = load_encoder("server:http://localhost:8000/v1#BAAI/bge-small-en-v1.5?query_prefix=query:+")
    vectors = await encode(encoder, ["damp walls"], "query")          # [1, dimension]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import parse_qsl

import numpy as np

from dikast.errors import RetrievalError, UsageError
from dikast.retrieval.vectors import Vectors
from dikast.spec_options import Options, refuse_disallowed

Role = Literal["query", "document"]
"""Many encoders put different words before the two."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors of one length."""

    @property
    def spec(self) -> str:
        """The string that `load_encoder` turns into this encoder again; holds no secret."""
        ...

    def fingerprint(self) -> dict[str, object]:
        """What changes the vectors: model, prefixes. No paths, no addresses."""
        ...

    async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """One vector a text, in order: `[texts, dimension]`.

        Raises:
            RetrievalError: What came is no vectors.
            ModelError: A server did not give any.
        """
        ...


async def encode(encoder: Encoder, texts: Sequence[str], role: Role) -> Vectors:
    """The encoder's vectors, checked: `[texts, dimension]`.

    Raises:
        RetrievalError: There are not as many vectors as texts, or a number is not finite.
        ModelError: A server did not give any.
    """
    vectors = np.asarray(await encoder.encode(texts, role), np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1]:
        shape = "x".join(map(str, vectors.shape))
        raise RetrievalError(f"{encoder.spec}: {len(texts)} texts gave an array of {shape}, not one vector a text")
    if not np.isfinite(vectors).all():
        raise RetrievalError(f"{encoder.spec}: a vector holds what is no finite number")
    return vectors


def normalised(vectors: Vectors) -> Vectors:
    """Each vector at length 1; one of zeros stays."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def load_encoder(spec: str) -> Encoder:
    """Turn a spec into an encoder that opens what it needs at first use.

    Raises:
        UsageError: The scheme is unknown or not allowed, or an option is wrong.
    """
    scheme, colon, rest = spec.partition(":")
    if not colon or scheme not in _ENCODERS:
        hint = f"one of {', '.join(f'{name}:...' for name in _ENCODERS)}"
        raise UsageError(f"encoder spec {spec!r:.200} is unknown", hint=hint)
    refuse_disallowed(scheme, f"encoder spec {spec!r:.200}")
    target, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
    module, _, name = _ENCODERS[scheme].partition(":")
    open_encoder: Callable[[str, Options, str], Encoder] = getattr(import_module(module), name)
    options = Options(f"{scheme} encoder", dict(parse_qsl(query, keep_blank_values=True)))
    opened = open_encoder(target, options, spec)
    options.done()
    return opened


_ENCODERS: Mapping[str, str] = {
    "server": "dikast.retrieval.encoders.server:open_encoder",
    "local": "dikast.retrieval.encoders.local:open_encoder",
    "scripted": "dikast.retrieval.encoders.scripted:open_encoder",
}
"""Scheme -> function (rest of the spec, its options, the whole spec) -> encoder."""
