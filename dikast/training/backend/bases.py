"""The model that a training is of: what a `transformers:` spec names, told by content; its tokenizer and its context.

    base = base_of("transformers:smollm2-135m?lora=runs/round1/adapter")
    base.fingerprint()              # digests of weights and adapter

No weights are opened here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from dikast.errors import DataError, ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt
from dikast.training.backend.libraries import library, muted

BASE = "base.json"
"""Beside an adapter's weights: the digest of the model that it belongs to."""
SAFE: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True, slots=True)
class Base:
    """What a model spec names.

    Args:
        spec: As it was given.
        target: A folder, a GGUF, or an embedded model's name.
        folder: With config.json, safetensors and a tokenizer.
        lora: The adapter's folder; empty for none.
        device: `cpu`, `cuda`; empty for a GPU where there is one.
        template: Variables of the chat template.
        weights: Digest of the weights.
        adapter: The adapter's digest; empty for none.
    """

    spec: str
    target: str
    folder: Path
    lora: str = ""
    device: str = ""
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])
    weights: str = ""
    adapter: str = ""

    def fingerprint(self) -> dict[str, object]:
        """Digests of weights and adapter, and the template's variables: what changes results."""
        told: dict[str, object] = {"weights": self.weights}
        told |= {"lora": self.adapter} if self.adapter else {}
        return told | ({"template": dict(self.template)} if self.template else {})


def base_of(spec: str) -> Base:
    """What a spec names; a GGUF is unpacked, nothing else is opened.

    Raises:
        UsageError: It is no `transformers:` spec, its device cannot be chosen, or its adapter belongs to another model.
        MissingExtraError: A library is not installed.
        DataError: There is no model at its path.
    """
    from dikast.agents.models.load import load_model
    from dikast.agents.models.transformers.loading import folder_of
    from dikast.agents.models.transformers.model import TransformersModel, weights_of

    if not spec.startswith("transformers:"):
        raise UsageError(f"model spec {spec!r}: only what transformers: opens can be trained", hint="transformers:PATH")
    model = load_model(spec)
    assert isinstance(model, TransformersModel)
    if model.device not in ("", "cpu", "cuda"):
        raise UsageError(f"transformers: a training's device cannot be {model.device!r}", hint="CUDA_VISIBLE_DEVICES=N")
    folder, weights = folder_of(model.target), weights_of(model.target)
    if model.lora:
        check_base(Path(model.lora), weights)
    adapter = adapter_digest(Path(model.lora)) if model.lora else ""
    return Base(spec, model.target, folder, model.lora, model.device, model.template, weights, adapter)


def adapter_digest(folder: Path) -> str:
    """A digest of trained weights by their content: the safetensors of a folder, and nothing else in it."""
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(f"{path.name} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def check_base(adapter: Path, weights: str) -> None:
    """Refuse an adapter that says it belongs to another model; one that says nothing is held to its shapes later.

    Raises:
        UsageError: It does.
        DataError: What it says cannot be read.
    """
    path = adapter / BASE
    if not path.is_file():
        return
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["weights"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("is damaged", path=path, hint="delete it, if you know the adapter's base model") from error
    if said != weights:
        raise UsageError(
            f"the adapter in {adapter} belongs to another base model", hint="name the model it was made of"
        )


def open_tokenizer(base: Base) -> Any:
    """The model's tokenizer, with a token to pad with.

    Raises:
        ModelUnavailable: transformers cannot open it.
        UsageError: It has no token that ends a reply.
    """
    transformers = library("transformers")
    try:
        with muted():
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(base.folder), **SAFE)
    except Exception as error:  # the library raises whatever its parts do
        raise ModelUnavailable(f"transformers cannot open {base.folder.name}: {excerpt(error)}") from error
    if tokenizer.eos_token is None:
        raise UsageError(f"{base.folder.name}: its tokenizer has no token that ends a reply (eos_token)")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def context_of(base: Base) -> int:
    """Tokens that the model can hold, by its configuration; 0 where that does not say.

    Raises:
        ModelUnavailable: transformers cannot open it.
    """
    try:
        config = library("transformers").AutoConfig.from_pretrained(str(base.folder), **SAFE)
    except Exception as error:
        raise ModelUnavailable(f"transformers cannot open {base.folder.name}: {excerpt(error)}") from error
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 0)


def on_the_cpu(base: Base) -> bool:
    """Whether a model is trained on the CPU.

    Raises:
        UsageError: A GPU is asked for, and there is none.
    """
    seen = library("torch").cuda.is_available()
    if base.device == "cuda" and not seen:
        raise UsageError("transformers: no device 'cuda': this torch sees no GPU")
    return base.device == "cpu" or not seen
