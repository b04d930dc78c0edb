"""`dikast duo train`: a decoder with a big and a small module in each layer, and its routers; the rest is methods'."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.options import INPUT, MODEL
from dikast.cli.output import emit, say

app = typer.Typer()


@app.command()
def train(
    texts: Annotated[Path, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Texts to train on.")],
    out: options.Out = Path("runs/duo-train"),
    model: Annotated[
        str, typer.Option(metavar="SPEC", rich_help_panel=MODEL, envvar="DIKAST_MODEL", help="transformers:PATH.")
    ] = "transformers:smollm2-135m",
    columns: Annotated[
        str | None,
        typer.Option(metavar="OURS=THEIRS,...", rich_help_panel=INPUT, help="Names in your file: text=body."),
    ] = None,
    small: Annotated[int, typer.Option(min=1, help="Neurons of the small modules.")] = 64,
    target: Annotated[float, typer.Option(min=0, max=1, help="What routers may spend, a share of all big.")] = 0.5,
    steps: Annotated[int, typer.Option(min=1, help="Steps of random routing.")] = 400,
    router_steps: Annotated[int, typer.Option(min=1, help="Steps of the routers.")] = 200,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of random routing; 1e-4 if pretrained.")] = 1e-3,
    only_small: Annotated[
        bool, typer.Option(help="Leave the backbone as it is: all big then stays the model that it was.")
    ] = False,
    teach: Annotated[
        Literal["loss", "oracle"], typer.Option(help="What routers learn from: loss and budget, or an oracle's routes.")
    ] = "loss",
    tokens: Annotated[int, typer.Option(min=2, help="Of each text at most.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Texts a step.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.")] = 0,
    json: options.Json = False,
) -> None:
    """Give a decoder a small module beside each big one, train it on random routes, then train its routers.

    Random routing that is done is not done again; the routers are. What comes out: dikast duo run --duo FOLDER/duo.
    """
    from dikast.graphs.duo.learning import Recipe, learn
    from dikast.graphs.duo.options import read_texts
    from dikast.rows import parse_columns

    rows = read_texts(texts, parse_columns(columns))
    recipe = Recipe(small, target, steps, router_steps, learning_rate, only_small, teach, tokens, batch, seed)
    told = learn([row["text"] for row in rows], model, recipe, out, say)
    say(f"routers spend {told['cost']:.3f} of all big; study it: dikast duo run --duo {told['duo']} --texts FILE")
    if json:
        emit(told)
