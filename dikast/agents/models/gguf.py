"""The header of a GGUF file: enough to say that it is whole, and what its engine must know before it reads it.

    header = read_header(Path("model.gguf"))
    header.context_length

Native readers trust a header and crash, or hang, where it lies; this one checks each length against the file's size.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Not here: weights; big-endian files; version 1.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dikast.disk import refused
from dikast.errors import DataError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
STRING, ARRAY = 8, 9
SCALARS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
"""Value type -> `struct` format."""
BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 30: (1, 2),
}  # fmt: skip
"""Tensor type -> (weights in a block, bytes of a block): F32, F16, Q4_0 to Q8_1, Q2_K to Q8_K, BF16."""
MOST_DIMENSIONS = 4
CONTROL_TYPES = (3, 4)
"""Token types whose text in a prompt becomes the token itself: control, user-defined."""
REMEDY = "the file is cut off or damaged: get it again"


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF says about its model.

    Args:
        architecture: `llama`, `qwen2`, ...
        context_length: Tokens of prompt and reply together.
        key_value_numbers: Numbers that one token of context takes in the key-value cache.
        control_tokens: The texts of the control tokens, such as `<|im_end|>`.
        longest_token: Bytes of the vocabulary's longest token.
        vocabulary: How many tokens there are.
    """

    architecture: str
    context_length: int
    key_value_numbers: int
    control_tokens: tuple[str, ...]
    longest_token: int
    vocabulary: int


def read_header(path: Path) -> Header:
    """Read and check a GGUF's header, its tensors' extents among it.

    Raises:
        DataError: The file is missing, is no GGUF, is cut off, or lacks what an engine needs.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise DataError("not a GGUF file", path=path, hint="openvino: takes models in the GGUF format")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(path, data).header()
    except OSError as error:
        raise refused(error, path) from error


class _Reader:
    """Reads one file from its start; `position` is in bytes."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.position = path, data, len(MAGIC)

    def header(self) -> Header:
        version = self.scalar("<I")
        if version not in VERSIONS:
            raise DataError(f"GGUF version {version} is not known", path=self.path, hint="versions 2 and 3 are read")
        tensors, values = self.scalar("<Q"), self.scalar("<Q")
        metadata = {self.string().decode("utf-8", "replace"): self.value(self.scalar("<I")) for _ in range(values)}
        self.check_extents(tensors, metadata.get("general.alignment", DEFAULT_ALIGNMENT))
        try:
            return _header(metadata)
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise DataError(f"its metadata lacks or garbles {error}", path=self.path, hint=REMEDY) from error

    def check_extents(self, tensors: int, alignment: Any) -> None:
        """Refuse a file in which a tensor ends beyond the end."""
        ends = [self.tensor_end() for _ in range(tensors)]
        if not isinstance(alignment, int) or alignment <= 0:
            raise DataError("its alignment is no positive number", path=self.path, hint=REMEDY)
        start = -(-self.position // alignment) * alignment
        needed, size = start + max(ends, default=0), len(self.data)
        if needed > size:
            raise DataError(f"its tensors end at byte {needed:,}, the file at {size:,}", path=self.path, hint=REMEDY)

    def tensor_end(self) -> int:
        self.string()
        dimensions = self.scalar("<I")
        if dimensions > MOST_DIMENSIONS:
            raise DataError(f"a tensor has {dimensions} dimensions", path=self.path, hint=REMEDY)
        count = 1
        for _ in range(dimensions):
            count *= self.scalar("<Q")
        kind, offset = self.scalar("<I"), self.scalar("<Q")
        weights, size = BLOCKS.get(kind, (1, 0))
        return offset + -(-count // weights) * size

    def take(self, size: int) -> int:
        """Move on by `size` bytes; returns where they began."""
        start = self.position
        if start + size > len(self.data):
            raise DataError(
                f"the header goes on at the file's end, byte {len(self.data):,}", path=self.path, hint=REMEDY
            )
        self.position = start + size
        return start

    def scalar(self, form: str) -> Any:
        return struct.unpack_from(form, self.data, self.take(struct.calcsize(form)))[0]

    def string(self) -> bytes:
        start = self.take(self.scalar("<Q"))
        return self.data[start : self.position]

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.scalar(self.form(kind))
        inner, count = self.scalar("<I"), self.scalar("<Q")
        if inner == STRING:
            return [self.string() for _ in range(count)]
        form = self.form(inner)
        start = self.take(count * struct.calcsize(form))
        return list(struct.unpack_from(f"<{count}{form[1]}", self.data, start))

    def form(self, kind: int) -> str:
        if kind not in SCALARS:
            raise DataError(f"a value has the unknown type {kind}", path=self.path, hint=REMEDY)
        return SCALARS[kind]


def _header(metadata: dict[str, Any]) -> Header:
    architecture = cast(bytes, metadata["general.architecture"]).decode("utf-8", "replace")
    tokens = cast(list[bytes], metadata["tokenizer.ggml.tokens"])
    types = cast(list[int], metadata["tokenizer.ggml.token_type"])
    controls = [
        text.decode("utf-8", "replace") for text, kind in zip(tokens, types, strict=True) if kind in CONTROL_TYPES
    ]

    def number(name: str) -> int:
        return int(metadata[f"{architecture}.{name}"])

    heads = number("attention.head_count")
    width = number("embedding_length") // heads
    both = sum(int(metadata.get(f"{architecture}.attention.{part}_length", width)) for part in ("key", "value"))
    shared = int(metadata.get(f"{architecture}.attention.head_count_kv", heads))
    return Header(
        architecture=architecture,
        context_length=number("context_length"),
        key_value_numbers=number("block_count") * shared * both,
        control_tokens=tuple(text for text in controls if text),
        longest_token=max(len(text) for text in tokens),
        vocabulary=len(tokens),
    )
