"""A dense index: FAISS's vectors with ids, texts, and what made them, in one file that is read where it lies.

    index = await build_dense_index(documents, Path("robust.dense"), encoder, factory="HNSW32")
    index = DenseIndex.open(Path("robust.dense"))

The file is that of `dikast.retrieval.store`: versioned, checksummed, written whole or not at all, nothing in it is
unpickled. Documents are numbered in the order of their ids.

Not done: adding documents; vectors that do not fit into memory while the index is built.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError, RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval import store, vectors
from dikast.retrieval.build import Progress
from dikast.retrieval.encoders.encoder import Encoder, encode, normalised
from dikast.retrieval.texts import Texts, TextTable
from dikast.retrieval.vectors import Vectors

Metric = Literal["cosine", "dot"]
"""`cosine` brings every vector to length 1 first; `dot` takes the inner product as it is."""

FORMAT = 1
"""Of what stands in `meta` and of which sections there are; the file's own version is the store's."""
DOCUMENTS_AT_ONCE = 2048
"""Encoded together: enough for a server to have many batches in flight."""
REBUILD = "build it again with `dikast index build`"


class DenseIndex:
    """An open dense index.

    Attributes:
        texts: The documents.
        content_hash: Of ids, texts, encoder, metric and FAISS's bytes.
        encoder: The fingerprint of the encoder that made the vectors.
        encoder_spec: Its spec.
        dimension: Numbers in a vector.
    """

    def __init__(self, stored: store.Stored, origin: str) -> None:
        meta = stored.of_kind("dense", origin).meta
        if meta["format"] != FORMAT:
            what = f"{origin}: dense index format {meta['format']}, this dikast reads {FORMAT}"
            raise RetrievalError(what, hint=REBUILD)
        self.origin, self.texts = origin, Texts(stored, origin)
        self.content_hash: str = meta["content_hash"]
        self.encoder: dict[str, object] = meta["encoder"]
        self.encoder_spec: str = meta["encoder_spec"]
        self.dimension: int = meta["dimension"]
        self.metric: Metric = meta["metric"]
        self.factory: str = meta["factory"]
        self.faiss_version: str = meta["faiss"]
        self.stored_vectors = cast(vectors.Bytes, stored.sections["vectors"])

    @classmethod
    def open(cls, path: str | Path) -> DenseIndex:
        """Map a saved index into memory.

        Raises:
            RetrievalError: The file is missing, foreign, of another version or kind, torn or damaged.
        """
        return cls(store.open_file(Path(path), unchecked=["texts"]), str(path))

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.texts.docids)

    def check_encoder(self, encoder: Encoder) -> None:
        """Refuse an encoder whose vectors mean something else than those of the index.

        Raises:
            RetrievalError: Its fingerprint is not that of the encoder that built the index.
        """
        other = encoder.fingerprint()
        if other != self.encoder:
            differing = [name for name in {**self.encoder, **other} if self.encoder.get(name) != other.get(name)]
            told = ", ".join(f"{name} {self.encoder.get(name)!r}, not {other.get(name)!r}" for name in differing)
            raise RetrievalError(f"{self.origin}: built with another encoder: {told}", hint=REBUILD)

    def prepared(self, found: Vectors, encoder: Encoder) -> Vectors:
        """Query vectors as the index's metric wants them.

        Raises:
            RetrievalError: They are not of the index's dimension.
        """
        if found.shape[1] != self.dimension:
            what = f"{self.origin}: vectors of {self.dimension} numbers, but {encoder.spec} gives {found.shape[1]}"
            raise RetrievalError(what, hint="search with the encoder that the index was built with, or build it again")
        return normalised(found) if self.metric == "cosine" else found


async def build_dense_index(
    documents: Iterable[Document],
    path: str | Path,
    encoder: Encoder,
    *,
    factory: str = "Flat",
    metric: Metric = "cosine",
    threads: int | None = None,
    progress: Progress | None = None,
) -> DenseIndex:
    """Encode and index documents into a file, and open it; texts are never all in memory, vectors are.

    Args:
        documents: The collection.
        path: The file, which appears when it is whole and on disk; an older one stays until then.
        encoder: What makes the vectors.
        factory: FAISS's description of the index: `Flat`, `HNSW32`, `IVF256,PQ48`.
        metric: How vectors are compared.
        threads: FAISS's threads; by default all processors, but 1 for HNSW, whose graph otherwise depends on chance.
        progress: Called with the number of documents encoded so far.

    Raises:
        DataError: There is no document, an id comes twice, or a text is not valid Unicode.
        UsageError: `factory` or `metric` is unknown, or does not fit the vectors.
        MissingExtraError: FAISS is not installed.
        RetrievalError: The encoder's vectors are of several lengths, or the file cannot be written.
        ModelError: An encoder's server failed.
    """
    vectors.faiss()
    vectors.check_factory(factory)
    if metric not in ("cosine", "dot"):
        raise UsageError(f"metric={metric!r}: cosine or dot")
    path = Path(path)
    threads = threads or (1 if factory.startswith("HNSW") else vectors.processors())
    try:
        with store.whole_file(path) as out:
            await _write(documents, out, encoder, factory, metric, threads, progress or (lambda _: None))
    except OSError as error:
        hint = remedy_of(error, path, "written")
        raise RetrievalError(f"{path}: cannot write the index: {cause_of(error)}", hint=hint) from error
    return DenseIndex.open(path)


async def _write(
    documents: Iterable[Document],
    out: BinaryIO,
    encoder: Encoder,
    factory: str,
    metric: Metric,
    threads: int,
    progress: Progress,
) -> None:
    writer = store.Writer(out)
    table = TextTable(writer)
    writer.begin("texts")
    found: list[Vectors] = []
    for some in _chunks(documents):
        for document in some:
            table.add(document)
        found.append(await encode(encoder, [document.contents for document in some], "document"))
        if found[-1].shape[1] != found[0].shape[1]:
            raise RetrievalError(f"{encoder.spec}: vectors of {found[0].shape[1]} and of {found[-1].shape[1]} numbers")
        progress(len(table.docids))
    writer.end()
    if not found:
        raise DataError("the collection holds no document")
    order = table.order()
    given = np.concatenate(found)[order]
    prepared = normalised(given) if metric == "cosine" else given
    stored = await asyncio.to_thread(vectors.build, prepared, factory, threads)
    table.save(order)
    writer.section("vectors", stored)
    made: dict[str, Any] = {"encoder": encoder.fingerprint(), "metric": metric, "factory": factory}
    content_hash = table.content_hash(order, repr(sorted(made.items())).encode(), stored.tobytes())
    kind = {"kind": "dense", "format": FORMAT, "faiss": vectors.faiss().__version__}
    named = {"encoder_spec": encoder.spec, "dimension": given.shape[1], "content_hash": content_hash}
    writer.finish({**kind, **made, **named})


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while some := list(islice(left, DOCUMENTS_AT_ONCE)):
        yield some
