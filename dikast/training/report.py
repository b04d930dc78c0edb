"""What a training leaves for people: a curve of its losses, and the model's card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dikast.errors import MissingExtraError
from dikast.files import write_text
from dikast.pages import Page, Table, Text, markdown
from dikast.training.backend.watching import LOSSES

CURVE, CARD = "losses.svg", "README.md"
NAMES = {
    "sft": "supervised fine-tuning",
    "dpo": "direct preference optimisation",
    "value": "value head, least squares",
    "reward": "reward model, Bradley-Terry",
    "grpo": "group relative policy optimisation",
}


def write_report(out: Path, manifest: dict[str, Any]) -> None:
    """Write curve and card; where matplotlib is not installed the manifest says so in place of a curve.

    Raises:
        DataError: They cannot be written.
    """
    losses = [json.loads(line) for line in (out / LOSSES).read_text(encoding="utf-8").splitlines()]
    try:
        draw(losses, out / CURVE)
        manifest["curve"] = CURVE
    except MissingExtraError as error:
        manifest["curve"] = f"none: {error}"
    write_text(out / CARD, markdown(card(manifest)))


def draw(losses: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw losses by step.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    from dikast.retrieval.plots import curve, save

    save(curve([(one["step"], one["loss"]) for one in losses], "loss", "optimizer step"), path)


def card(manifest: Mapping[str, Any]) -> Page:
    """A model card: what was trained, on what, how, and what it cost. It has no row's text."""
    done, recipe = manifest["finished"], manifest["recipe"]
    left = "; ".join(f"{count}: {why}" for why, count in manifest["left_out"].items()) or "none"
    facts: list[tuple[str, Any]] = [
        ("trained by", NAMES[manifest["training"]]),
        ("base model", digests(manifest["fingerprint"]["model"])),
        ("reference", digests(manifest["fingerprint"].get("reference")) or "the model at the start"),
        ("rows", manifest["rows"]),
        ("rows left out", left),
        ("hash of the rows", manifest["fingerprint"]["rows"]),
        ("steps", done["steps"]),
        ("tokens read", done["tokens"]),
        ("seconds", done["seconds"]),
        ("loss, first and last step", f"{done['first_loss']:.4f}, {done['loss']:.4f}"),
        ("digest of what was trained", done["digest"]),
    ]
    facts = [one for one in facts if one[0] != "reference" or manifest["training"] == "dpo"]
    if done["held_loss"] is not None:
        facts.append(("loss on held rows", done["held_loss"]))
    used = manifest["attempts"][-1]["versions"]
    return Page(
        f"A model trained by {NAMES[manifest['training']]}",
        (
            Text("Made by dikast. How good it is has to be measured; the loss does not say it."),
            Table(("what", "value"), tuple(facts)),
            Table(("recipe", "value"), tuple((name, shown(value)) for name, value in recipe.items())),
            Table(("package", "version"), tuple(used.items())),
        ),
    )


def digests(told: Mapping[str, Any] | None) -> str:
    """Digests of a model and its adapter."""
    return ", ".join(f"{name} {value}" for name, value in (told or {}).items())


def shown(value: Any) -> Any:
    """A recipe's value in a table."""
    return value if value is None or isinstance(value, (str, int, float, bool)) else ", ".join(value)
