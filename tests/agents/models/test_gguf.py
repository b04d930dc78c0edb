from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.agents.models.gguf import Header, read_header
from dikast.errors import DataError

TOKENS = ["a", "<|end|>", "é" * 5, "<tool>"]
METADATA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.context_length": 64,
    "llama.embedding_length": 48,
    "llama.block_count": 2,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 1,
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [1, 3, 1, 4],
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value(given: Any) -> bytes:
    if isinstance(given, str):
        return struct.pack("<I", 8) + text(given)
    if isinstance(given, int):
        return struct.pack("<II", 4, given)
    kind = 8 if isinstance(given[0], str) else 5
    items = [text(item) if kind == 8 else struct.pack("<i", item) for item in given]
    return struct.pack("<IIQ", 9, kind, len(items)) + b"".join(items)


def gguf(metadata: dict[str, Any], version: int = 3, kind: int = 3, weights: int = 64) -> bytes:
    """A GGUF with one tensor; by default of 64 weights in Q4_1, which takes 2 blocks of 20 bytes."""
    pairs = b"".join(text(name) + value(given) for name, given in metadata.items())
    tensor = text("output.weight") + struct.pack("<IQIQ", 1, weights, kind, 0)
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(metadata)) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes(40)


WHOLE = gguf(METADATA)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf") / "model.gguf"


def read(place: Path, content: bytes) -> Header:
    place.write_bytes(content)
    return read_header(place)


def test_header_says_what_the_engine_needs(place: Path) -> None:
    header = read(place, WHOLE)
    assert header == Header(
        architecture="llama",
        context_length=64,
        key_value_numbers=2 * 1 * (12 + 12),
        control_tokens=("<|end|>", "<tool>"),
        longest_token=10,
        vocabulary=4,
    )


def test_every_cut_is_noticed(place: Path) -> None:
    for size in range(len(WHOLE)):
        with pytest.raises(DataError):
            read(place, WHOLE[:size])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04 something else", "not a GGUF"),
        (gguf(METADATA, version=1), "version 1"),
        (gguf(METADATA, weights=96), "its tensors end at byte"),
        (gguf({**METADATA, "general.alignment": 0}), "alignment"),
        (gguf({name: given for name, given in METADATA.items() if name != "llama.context_length"}), "context_length"),
        (gguf({**METADATA, "tokenizer.ggml.token_type": [1]}), "garbles"),
        (gguf({**METADATA, "llama.attention.head_count": 0}), "garbles"),
    ],
)
def test_damage_is_one_line_that_names_the_file(place: Path, content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read(place, content)
    assert place.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_header(path)


@settings(max_examples=300, deadline=None)
@given(place_of=st.integers(0, len(WHOLE) - 1), put=st.binary(min_size=1, max_size=9))
def test_damaged_bytes_never_do_worse_than_a_data_error(place: Path, place_of: int, put: bytes) -> None:
    damaged = (WHOLE[:place_of] + put + WHOLE[place_of + len(put) :])[: len(WHOLE)]
    with suppress(DataError):
        read(place, damaged)
