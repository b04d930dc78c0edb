"""`load_retriever("bm25:...")`: from a short string to a retriever, which opens its index at first use.

retriever = load_retriever("bm25:corpus.jsonl?k1=1.2&b=0.75")     # or a saved index
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from dikast.errors import UsageError
from dikast.plugins import Plugin, Plugins
from dikast.retrieval.fusion import RRF_K, Normalization
from dikast.retrieval.hybrid import DEPTH, OPTIONS, Fusion, Hybrid
from dikast.retrieval.retriever import Retriever
from dikast.spec_options import parse_numbers


def load_retriever(spec: str) -> Retriever:
    """Turn a spec into a retriever that opens its index at first use.

    | spec | retriever |
    | --- | --- |
    | `bm25:PATH[?k1=0.9&b=0.4&language=en]` | native BM25: a saved index, or a collection, indexed in memory |
    | `rm3:PATH[?k1=..&fb_docs=10&fb_terms=10&original_weight=0.5]` | the same with RM3 |
    | `lucene:PATH[?k1=..&b=..]` | BM25 by Lucene over its own index folder, or one of pyserini's prebuilt indexes |
    | `lucene-rm3:PATH[?..]` | the same with Anserini's RM3; parameters as for `rm3` |
    | `faiss:PATH[?nprobe=16&ef=128&threads=..&gpu=1&encoder=SPEC]` | a dense index |
    | `hybrid:SPEC+SPEC[+fusion=rrf+rrf_k=60+weights=1,1+depth=1000]` | the fusion of several |

    A package that declares an entry point `dikast.retrievers` adds a scheme of its own (docs/plugins.md).

    A collection is what `dikast.retrieval.corpus.read_corpus` takes. A path may hold `?`: the parameters begin at the
    first one that a known name and `=` follow, and the path is all of it where a file of that name is there.

    Raises:
        UsageError: The spec names no known scheme or parameter, or a parameter's value is out of its range.
    """
    scheme, colon, rest = spec.partition(":")
    if scheme == "hybrid" and rest:
        return open_hybrid(rest, spec)
    if colon and scheme not in SCHEMES and (plugin := PLUGINS.find(scheme)) is not None:
        return open_plugged(plugin, rest, spec)
    path, query = _path_and_query(scheme, rest)
    if scheme not in _PARAMETERS or not colon or not path:
        forms = ", ".join(f"{name}:PATH" for name in _PARAMETERS)
        hint = f"one of {forms}; PATH is an index or a corpus; or hybrid:SPEC+SPEC"
        raise UsageError(f"retriever {spec!r:.200} is unknown", hint=hint)
    return _make(scheme, path, parameters_of(scheme, query, spec))


def parameters_of(scheme: str, query: str, spec: str) -> dict[str, Any]:
    """The parameters of a retriever: what stands behind the question mark of its spec.

    Raises:
        UsageError: One is unknown, comes twice, or is no number.
    """
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    values = {name: value for name, _, value in pairs}
    if len(values) < len(pairs):
        raise UsageError(f"retriever {spec!r:.200}: a parameter comes twice", hint="give each once")
    return {name: _value(spec, scheme, name, value) for name, value in values.items()}


def _path_and_query(scheme: str, rest: str) -> tuple[str, str]:
    with suppress(OSError):  # no name of a file: too long
        if "?" not in rest or Path(rest).exists():
            return rest, ""
    names = "|".join(map(re.escape, _PARAMETERS.get(scheme, ())))
    known = re.search(rf"\?(?:{names})=", rest) if names else None
    named = known or re.search(r"\?[a-z_0-9]+=", rest)  # an unknown name is told as such, and not as a missing file
    return (rest[: named.start()], rest[named.start() + 1 :]) if named else (rest, "")


_BM25: Mapping[str, Callable[[str], object]] = {"k1": float, "b": float, "language": str}
_RM3: Mapping[str, Callable[[str], object]] = {"fb_docs": int, "fb_terms": int, "original_weight": float}
_PARAMETERS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "bm25": _BM25,
    "rm3": {**_BM25, **_RM3},
    "lucene": _BM25,
    "lucene-rm3": {**_BM25, **_RM3},
    "faiss": {"nprobe": int, "ef": int, "threads": int, "gpu": int, "encoder": unquote},
}
SCHEMES = (*_PARAMETERS, "hybrid")
"""What a spec begins with, before the colon."""
PLUGINS = Plugins("retrievers", lambda: SCHEMES)
"""Retrievers of other packages: entry points `dikast.retrievers`, each a function (what stands behind the colon, the
whole spec) -> retriever."""


def open_plugged(plugin: Plugin, rest: str, spec: str) -> Retriever:
    """The retriever that a plugin makes of a spec.

    Raises:
        UsageError: The plugin is broken, or the retriever does not say its spec.
    """
    made: Retriever = plugin.make(Retriever, rest, spec)
    if made.spec != spec:
        raise plugin.explain(f"the retriever of {spec!r:.200} says that its spec is {made.spec!r:.200}")
    return made


def _value(spec: str, scheme: str, name: str, value: str) -> object:
    known = _PARAMETERS[scheme]
    try:
        return known[name](value)
    except (KeyError, ValueError) as error:
        words = "".join(f", but for {word}" for word in ("encoder", "language") if word in known)
        hint = f"{scheme} takes {', '.join(known)}, each a number{words}"
        raise UsageError(f"retriever {spec!r:.200}: {name}={value} makes no sense", hint=hint) from error


def _make(scheme: str, path: str, parameters: dict[str, Any]) -> Retriever:
    if scheme == "faiss":
        from dikast.retrieval.dense import Dense
        from dikast.retrieval.encoders.encoder import load_encoder

        encoder = parameters.pop("encoder", None)
        gpu = bool(parameters.pop("gpu", 1))
        return Dense(path, encoder=load_encoder(encoder) if encoder else None, gpu=gpu, **parameters)
    bm25 = {name: value for name, value in parameters.items() if name in _BM25}
    feedback = {name: value for name, value in parameters.items() if name not in _BM25}
    if scheme.startswith("lucene"):
        from dikast.retrieval.lucene import Feedback, Lucene

        return Lucene(path, **bm25, feedback=Feedback(**feedback) if scheme == "lucene-rm3" else None)
    from dikast.retrieval.bm25 import BM25
    from dikast.retrieval.rm3 import RM3

    native = BM25(path, **bm25)
    return native if scheme == "bm25" else RM3(native, **feedback)


def open_hybrid(rest: str, spec: str) -> Hybrid:
    """Make the retriever of `hybrid:SPEC+SPEC[+option=value...]`.

    Raises:
        UsageError: A part is neither a retriever's spec nor a known option.
    """
    parts = rest.split("+")
    given = [part.partition("=") for part in parts if part.partition("=")[0] in OPTIONS]
    options = {name: value for name, _, value in given}
    retrievers = [load_retriever(unquote(part)) for part in parts if part.partition("=")[0] not in OPTIONS]
    try:
        return Hybrid(
            retrievers,
            fusion=cast(Fusion, options.get("fusion", "rrf")),
            rrf_k=float(options.get("rrf_k", RRF_K)),
            normalize=cast(Normalization, options.get("normalize", "minmax")),
            weights=parse_numbers(options["weights"]) if "weights" in options else None,
            depth=int(options.get("depth", DEPTH)),
        )
    except ValueError as error:
        hint = "weights=1,2 and depth, rrf_k are numbers"
        raise UsageError(f"retriever {spec!r:.200}: an option makes no sense", hint=hint) from error
