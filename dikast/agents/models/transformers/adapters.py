"""LoRA adapters beside the model that they were trained on: any number, one in use at a step.

load_adapter(runner, (folder, digest))      # its name, for `Runner.adapted`
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from dikast.errors import MissingExtraError, UsageError
from dikast.http.server_errors import excerpt

if TYPE_CHECKING:
    from dikast.agents.models.transformers.groups import Runner

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def check_adapter(folder: str) -> None:
    """Make sure that a folder looks like an adapter's; nothing is opened.

    Raises:
        UsageError: It does not.
    """
    for name in (CONFIG, WEIGHTS):
        if not Path(folder, name).is_file():
            raise UsageError(f"transformers: option 'lora' must be a folder with {CONFIG} and {WEIGHTS}")


def load_adapter(runner: Runner, adapter: tuple[str, str]) -> str:
    """Load an adapter, once for each content; its name.

    Args:
        runner: Of the model.
        adapter: Folder and digest.

    Raises:
        MissingExtraError: peft is not installed.
        UsageError: The adapter is another model's.
    """
    folder, digest = adapter
    name = digest.removeprefix("sha256:")
    if name in runner.adapters:
        return name
    if find_spec("peft") is None:
        raise MissingExtraError("peft, which loads adapters,", extra="train")
    peft: Any = import_module("peft")
    try:
        with catch_warnings():
            simplefilter("ignore", FutureWarning)  # of transformers to peft, on a name that peft still asks for
            if runner.adapters:
                runner.model.load_adapter(folder, adapter_name=name, is_trainable=False)
            else:
                given = {"adapter_name": name, "is_trainable": False}
                runner.model = peft.PeftModel.from_pretrained(runner.model, folder, **given)
        missing = missing_weights(runner.model, Path(folder), name)
    except Exception as error:  # peft raises whatever its parts do
        raise UsageError(
            f"transformers: the adapter in {Path(folder).name} does not fit this model: {excerpt(error)}",
            hint="was it trained on another base model?",
        ) from error
    if missing:
        told = (
            f"transformers: the adapter in {Path(folder).name} has weights for modules that this model lacks: {missing}"
        )
        raise UsageError(told, hint="was it trained on another base model?")
    runner.model.eval()
    runner.adapters.add(name)
    return name


def missing_weights(model: Any, folder: Path, name: str) -> str:
    """A weight in the adapter's file that the model has no place for, which peft drops without a word; else empty."""
    have = {key.replace(f".{name}.", ".") for key, _ in model.named_parameters()}
    size = int.from_bytes((folder / WEIGHTS).read_bytes()[:8], "little")
    with (folder / WEIGHTS).open("rb") as file:
        file.seek(8)
        header = json.loads(file.read(size))
    wanted = (key for key in header if "lora_" in key)
    return next((key for key in wanted if key not in have), "")
