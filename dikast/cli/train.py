"""`dikast train sft | dpo | value | reward`: rows into a trained model; the flags are the recipe's fields."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from inspect import Parameter, getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dikast.cli import options
from dikast.cli.options import INPUT, MODEL
from dikast.cli.output import emit, say, stderr, table
from dikast.cli.parameters import Knob, knobs_of
from dikast.cli.run import flag, validated, with_parameters
from dikast.cli.running import SECONDS_BETWEEN_LINES
from dikast.errors import UsageError
from dikast.training.recipes import DpoRecipe, Recipe, RewardRecipe, SftRecipe, ValueRecipe

if TYPE_CHECKING:
    from dikast.training.plans import Plan
    from dikast.training.trainer import Trained

app = typer.Typer(no_args_is_help=True, help="Train a model on rows.")

ROWS_OF: Mapping[str, str] = {
    "sft": "prompt and completion, or messages",
    "dpo": "prompt, chosen and rejected",
    "value": "prompt, completion and value",
    "reward": "prompt, chosen and rejected",
}
"""What a trainer's rows have."""
TrainModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="DIKAST_MODEL",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="What is trained: transformers:PATH, with ?lora=DIR to go on with an adapter.",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC", rich_help_panel=MODEL, help="The reference. Default: the model as it is at the start."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="OURS=THEIRS,...", rich_help_panel=INPUT, help="Which columns of the files are ours."),
]
Held = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Rows to measure the loss on; never trained on."),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", rich_help_panel=options.RUN, help="Say how many rows, tokens and steps there are; train nothing."
    ),
]


def make_command(recipe: type[Recipe]) -> Callable[..., None]:
    """The command of a trainer, for Typer."""
    knobs = {one.name: one for one in knobs_of(recipe)}

    def run(ctx: typer.Context, **given: Any) -> None:
        perform(ctx, recipe, knobs, given)

    rows = typer.Option("--rows", metavar="FILE", rich_help_panel=INPUT, help=f"Rows: {ROWS_OF[recipe.kind]}.")
    seed = recipe.model_fields["seed"].description
    parameters = [
        Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        flag("rows", Annotated[Path, rows], Parameter.empty),
        flag("columns", Columns, None),
        flag("held", Held, None),
        flag("model", TrainModel, None),
        *([flag("reference", Reference, None)] if recipe is DpoRecipe else []),
        flag("out", options.Out, Path("runs") / f"train-{recipe.kind}"),
        *(one.parameter for one in knobs.values()),
        flag("seed", Annotated[int, typer.Option(min=0, rich_help_panel=Recipe.panel, help=seed)], 0),
        flag("dry_run", DryRun, False),
        flag("force_new", options.ForceNew, False),
        flag("config", options.Config, None),
        flag("json", options.Json, False),
    ]
    about = f"{getdoc(recipe)}\n\nThe same command again goes on where it stopped."
    return with_parameters(run, parameters, about)


for _recipe in (SftRecipe, DpoRecipe, ValueRecipe, RewardRecipe):
    app.command(_recipe.kind)(make_command(_recipe))


def perform(ctx: typer.Context, recipe: type[Recipe], knobs: Mapping[str, Knob], given: Mapping[str, Any]) -> None:
    """Do what the flags say.

    Raises:
        UsageError: A flag is missing, or values do not fit together.
        DikastError: As `dikast.training.trainer.train`.
    """
    from dikast.rows import parse_columns
    from dikast.training.trainer import plan, train

    chosen: Recipe = validated(recipe, fields_of(ctx, recipe, knobs, given), knobs)
    if given["model"] is None:
        raise UsageError(
            "--model is missing", hint="transformers:PATH, or an embedded model: transformers:smollm2-135m"
        )
    common: dict[str, Any] = {
        "reference": given.get("reference"),
        "held": given["held"],
        "columns": parse_columns(given["columns"]),
    }
    if given["dry_run"]:
        tell_plan(plan(chosen, given["rows"], given["model"], **common), given["json"])
        return
    done = train(
        chosen, given["rows"], given["model"], given["out"], on_step=Steps(), force_new=given["force_new"], **common
    )
    tell_trained(done, given["json"])


def fields_of(
    ctx: typer.Context, recipe: type[Recipe], knobs: Mapping[str, Knob], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that are given; what is not keeps the recipe's default."""
    named = {name for name in given if (source := ctx.get_parameter_source(name)) and source.name != "DEFAULT"}
    fields = {one.field: one.read(given[name]) for name, one in knobs.items() if name in named}
    return fields | ({"seed": given["seed"]} if "seed" in named else {})


class Steps:
    """Tells steps: on a terminal each in place of the last, else a line now and then."""

    def __init__(self) -> None:
        self.told = time.monotonic()

    def __call__(self, step: Mapping[str, Any]) -> None:
        """Tell a step."""
        line = f"step {step['step']:,} of {step['steps']:,}, loss {step['loss']:.4f}"
        last = step["step"] == step["steps"]
        if stderr.is_terminal:
            stderr.print(line, end="\n" if last else "\r")
        elif last or time.monotonic() - self.told >= SECONDS_BETWEEN_LINES:
            say(line)
            self.told = time.monotonic()


def tell_plan(told: Plan, as_json: bool) -> None:
    """Print what would be done."""
    facts = {
        "rows": told.rows,
        "left out": sum(told.left_out.values()),
        "tokens an epoch": told.tokens,
        "tokens a row at most": told.longest,
        "steps": told.steps,
    }
    if as_json:
        emit({**facts, "left out": told.left_out})
    else:
        table(("what", "value"), list(facts.items()))
    say_left_out(told.left_out)


def tell_trained(done: Trained, as_json: bool) -> None:
    """Print what was trained."""
    facts = {name: value for name, value in asdict(done).items() if value is not None} | {"folder": str(done.folder)}
    if as_json:
        emit(facts)
    else:
        left = {"left_out": sum(done.left_out.values())}
        table(("what", "value"), [(name.replace("_", " "), value) for name, value in {**facts, **left}.items()])
    say_left_out(done.left_out)


def say_left_out(left_out: Mapping[str, int]) -> None:
    """Say which rows are not trained on, and why."""
    for why, count in left_out.items():
        say(f"note: {count:,} left out: {why}")
