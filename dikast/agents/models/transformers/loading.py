"""Opening what a `transformers:` spec names: libraries, a model's folder, its tokenizer, a GGUF unpacked once.

    folder = folder_of("smollm2-135m")
    loaded = load(folder, device="", dtype="")

Everything is read from disk: no hub is asked, no code that lies beside weights is run, and weights are safetensors,
never pickles. torch and transformers are wrapped here and in the modules beside this one; nothing else imports them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np

from dikast.agents.models.catalog import KNOWN, cache_folder, find
from dikast.agents.models.weights import weights_hash
from dikast.errors import DataError, DikastError, MissingExtraError, ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt

LOG = logging.getLogger("dikast")
NEEDED = ("torch", "transformers")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""What is set, where the user has set nothing, before transformers is imported."""
HEADED_SUFFIX = "ForSequenceClassification"
"""How transformers calls a model whose output is not tokens."""
DTYPES = ("", "float32", "bfloat16", "float16")
HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is open.

    Args:
        model: The model, ready to run.
        tokenizer: Its tokenizer.
        device: Where it lies.
        context: Tokens of prompt and reply together.
        vocabulary: Token ids that its embeddings know.
        ends: Ids of the tokens that end a reply.
        controls: Texts of the control tokens.
        headed: Whether it is a value head or reward model, with one number for an output, and not a language model.
    """

    model: Any
    tokenizer: Any
    device: str
    context: int
    vocabulary: int
    ends: frozenset[int]
    controls: tuple[str, ...]
    headed: bool = False


def import_libraries() -> tuple[Any, Any]:
    """Torch and transformers.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            raise MissingExtraError(name, extra="train")
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
    return import_module("torch"), import_module("transformers")


def folder_of(target: str) -> Path:
    """The folder that a spec names; a GGUF's is made in the cache folder at first use, which takes half a minute.

    Args:
        target: A folder, a GGUF's path, or a name from the catalog.

    Raises:
        DataError: It is no model's folder.
        MissingExtraError: A known model has not been pulled, or a library is missing.
    """
    path = Path(target)
    if target not in KNOWN and path.suffix != ".gguf":
        if not (path / "config.json").is_file():
            hint = "transformers: takes a folder with config.json and safetensors, a GGUF, or a name of 'models list'"
            raise DataError("no model here", path=path, hint=hint)
        return path
    return unpacked(find(target))


def unpacked(gguf: Path) -> Path:
    """A GGUF as a folder of float32 safetensors, made once for each content.

    Raises:
        MissingExtraError: The reader of GGUF files is not installed.
        ModelUnavailable: transformers cannot read this one.
    """
    stat = gguf.stat()
    content = weights_hash(gguf.resolve(), stat.st_size, stat.st_mtime_ns).removeprefix("sha256:")
    # An embedded model's file has the hash in its name already.
    name = gguf.stem.removesuffix(f"-{content[:HASH_DIGITS]}")
    folder = cache_folder() / "models" / f"{name}-{content[:HASH_DIGITS]}-float32"
    if (folder / "config.json").is_file():
        return folder
    for name in ("gguf", "accelerate"):
        if find_spec(name) is None:
            raise MissingExtraError(name, extra="train")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "config.json").is_file():
            LOG.info("unpacking %s, once; half a minute", gguf.name)
            scratch = folder.with_suffix(".new")
            shutil.rmtree(scratch, ignore_errors=True)
            unpack(gguf, scratch)
            scratch.replace(folder)
    return folder


def unpack(gguf: Path, folder: Path) -> None:
    """Write a GGUF's weights, as float32, and its tokenizer, with its chat template, into a folder.

    Raises:
        ModelUnavailable: transformers cannot read it, or the disk is full.
    """
    _, transformers = import_libraries()
    place, name = str(gguf.parent), gguf.name
    options = {"gguf_file": name, "local_files_only": True}
    config = transformers.GgufConfig(dequantize=True)
    try:
        with quiet(transformers):
            model = transformers.AutoModelForCausalLM.from_pretrained(
                place, dtype="float32", quantization_config=config, **options
            )
            model.save_pretrained(folder)
            transformers.AutoTokenizer.from_pretrained(place, **options).save_pretrained(folder)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelUnavailable(f"transformers cannot unpack {name}: {excerpt(error)}") from error


@contextmanager
def quiet(transformers: Any) -> Generator[None]:
    """No progress bars and no warnings of the library's; afterwards as before."""
    told = transformers.utils.logging
    level, bars = told.get_verbosity(), told.is_progress_bar_enabled()
    told.set_verbosity_error()
    told.disable_progress_bar()
    try:
        yield
    finally:
        told.set_verbosity(level)
        if bars:
            told.enable_progress_bar()


def load(folder: Path, device: str, dtype: str) -> Loaded:
    """Open a model.

    Args:
        folder: With config.json, safetensors and a tokenizer.
        device: `cpu`, `cuda`, `cuda:1`; empty for a GPU where there is one.
        dtype: One of `DTYPES`; empty for float32 on a CPU, and on a GPU for what the weights are stored in.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: There is no such device, or the model classifies into several classes.
        ModelUnavailable: transformers cannot open the folder.
    """
    torch, transformers = import_libraries()
    headed = has_head(folder)
    kind_of_model = transformers.AutoModelForSequenceClassification if headed else transformers.AutoModelForCausalLM
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if place.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"transformers: no device {place!r}: this torch sees no GPU")
    kind = dtype or ("auto" if place.startswith("cuda") else "float32")
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **safe)
            model = kind_of_model.from_pretrained(str(folder), dtype=kind, use_safetensors=True, **safe)
            model = model.to(place).eval()
    except DikastError:
        raise
    except Exception as error:  # the library raises whatever its parts do
        raise ModelUnavailable(f"transformers cannot open {folder.name}: {excerpt(error)}") from error
    if headed and model.config.num_labels != 1:
        told = f"{folder.name} has {model.config.num_labels} numbers for an output"
        raise UsageError(told, hint="a value head or reward model has one")
    return described(model, tokenizer, place, headed)


def has_head(folder: Path) -> bool:
    """Whether a folder's model gives a text numbers instead of going on with it, by its config.json."""
    try:
        said: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"]
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whatever is wrong with it, transformers tells
    return isinstance(said, list) and any(str(name).endswith(HEADED_SUFFIX) for name in cast(list[object], said))


def described(model: Any, tokenizer: Any, device: str, headed: bool = False) -> Loaded:
    """A model with what must be known of it."""
    generation = getattr(model, "generation_config", None)
    told = (getattr(generation, "eos_token_id", None), model.config.eos_token_id, tokenizer.eos_token_id)
    ends = {int(one) for each in told if each is not None for one in np.atleast_1d(each)}
    controls = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or tokenizer.model_max_length
    vocabulary = model.get_input_embeddings().weight.shape[0]
    return Loaded(model, tokenizer, device, int(context), int(vocabulary), frozenset(ends), tuple(controls), headed)
