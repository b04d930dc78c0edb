"""BERT's forward pass in numpy: Devlin et al. 2019; for sentence encoders of a few ten million weights.

    bert = Bert(config, read_weights(Path("model.safetensors")), "all-minilm-l6-v2")
    vectors = bert.pooled([[101, 6545, 102]], "mean")           # token ids -> [texts, dimension]

Not done: training, other activations than GELU, relative positions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import erf

from dikast.disk import cause_of, remedy_of
from dikast.errors import UsageError
from dikast.retrieval.vectors import Vectors

WANTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
LARGEST_HEADER = 100_000_000
"""The safetensors format's own limit, in bytes."""
MASKED = np.float32(-1e9)
"""Added to the score of a token that is not there, so that its share is 0 in single precision."""
KINDS = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "F64": np.dtype("<f8")}
PREFIX = "bert."
"""Some files put it before every name."""

Weights = Mapping[str, Vectors]


class Bert:
    """The model.

    Args:
        config: What `config.json` says.
        weights: Name -> array, named as Hugging Face's `BertModel` names them.
        origin: What names it in errors.

    Raises:
        UsageError: It is no BERT, or a weight is missing.
    """

    def __init__(self, config: Mapping[str, Any], weights: Weights, origin: str) -> None:
        for name, value in WANTED.items():
            if config.get(name, value) != value:
                raise UsageError(f"{origin}: {name} {config[name]!r} is not computed here, only {value!r}")
        self.heads, self.layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        self.epsilon = np.float32(config.get("layer_norm_eps", 1e-12))
        self.weights = {name.removeprefix(PREFIX): array for name, array in weights.items()}
        self.origin = origin
        self.dimension = self._weight("embeddings.word_embeddings.weight").shape[1]

    def pooled(self, tokens: Sequence[Sequence[int]], pooling: str) -> Vectors:
        """One vector a text: the `mean` of its tokens' last states, or the first one's (`cls`)."""
        length = max(map(len, tokens))
        ids = np.zeros((len(tokens), length), np.int64)
        held = np.zeros((len(tokens), length), np.float32)
        for row, one in enumerate(tokens):
            ids[row, : len(one)], held[row, : len(one)] = one, 1
        states = self.states(ids, held)
        if pooling == "cls":
            return states[:, 0]
        return (states * held[:, :, None]).sum(1) / held.sum(1, keepdims=True)

    def states(self, ids: Any, held: Vectors) -> Vectors:
        """The last layer's states: `[texts, tokens, dimension]`.

        Args:
            ids: `[texts, tokens]`.
            held: 1 for a token, 0 for padding.
        """
        embeddings = "embeddings."
        states = self._weight(f"{embeddings}word_embeddings.weight")[ids]
        states = states + self._weight(f"{embeddings}position_embeddings.weight")[: ids.shape[1]]
        states = states + self._weight(f"{embeddings}token_type_embeddings.weight")[0]
        states = self._normed(states, f"{embeddings}LayerNorm")
        bias = (1 - held)[:, None, None, :] * MASKED
        for layer in range(self.layers):
            states = self._layer(states, bias, f"encoder.layer.{layer}.")
        return states

    def _layer(self, states: Vectors, bias: Vectors, at: str) -> Vectors:
        mixed = self._linear(self._attention(states, bias, at), f"{at}attention.output.dense")
        states = self._normed(states + mixed, f"{at}attention.output.LayerNorm")
        inner = gelu(self._linear(states, f"{at}intermediate.dense"))
        return self._normed(states + self._linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm")

    def _attention(self, states: Vectors, bias: Vectors, at: str) -> Vectors:
        """softmax(Q K' / sqrt(d)) V, head by head."""
        texts, length, dimension = states.shape
        shape = (texts, length, self.heads, dimension // self.heads)
        query, key, value = (
            self._linear(states, f"{at}attention.self.{name}").reshape(shape).transpose(0, 2, 1, 3)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(shape[-1])) + bias
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return (shares @ value).transpose(0, 2, 1, 3).reshape(texts, length, dimension)

    def _linear(self, states: Vectors, name: str) -> Vectors:
        return states @ self._weight(f"{name}.weight").T + self._weight(f"{name}.bias")

    def _normed(self, states: Vectors, name: str) -> Vectors:
        centred = states - states.mean(-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + self.epsilon)
        return centred / deviation * self._weight(f"{name}.weight") + self._weight(f"{name}.bias")

    def _weight(self, name: str) -> Vectors:
        try:
            return self.weights[name]
        except KeyError:
            raise UsageError(f"{self.origin}: no weight is called {name!r}: not BERT's form") from None


def gelu(values: Vectors) -> Vectors:
    """X times the normal distribution function of x (Hendrycks and Gimpel 2016), not its tanh approximation."""
    return values * (0.5 * (1 + erf(values / np.float32(math.sqrt(2)))))


def read_weights(path: Path) -> Weights:
    """The arrays of a safetensors file, in single precision.

    Raises:
        UsageError: The file is missing, cut short or no such file.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= LARGEST_HEADER:
                raise ValueError("no header")
            header: dict[str, Any] = json.loads(file.read(size))
            data = file.read()
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _array(data, entry) for name, entry in entries.items() if entry["dtype"] in KINDS}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {cause_of(error)}", hint=remedy_of(error, path)) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: not a whole safetensors file: {error}") from error


def _array(data: bytes, entry: Mapping[str, Any]) -> Vectors:
    start, end = entry["data_offsets"]
    stored = np.frombuffer(data[start:end], KINDS[entry["dtype"]])  # a slice of bytes is aligned, the file is not
    return stored.reshape(entry["shape"]).astype(np.float32)
