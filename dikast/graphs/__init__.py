"""A folder a method; `METHODS` lists them and imports none.

A new method is a folder here, with its `method.py`, and one line below; one of another package is a plugin
(docs/plugins.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from dikast.errors import UsageError
from dikast.plugins import Plugin, Plugins

if TYPE_CHECKING:
    from dikast.graphs.method import Method

METHODS: Mapping[str, str] = {
    "genqr": "Rewrite queries by instruction ensembles, search before and after.",
    "hidden_tables": "HiddenTables: programs for tables that their writer never sees.",
    "reviseval": "Judge responses by RevisEval or its rivals; measure judges; report.",
    "astral": "Test the safety of a system that you own: plan, run, calibrate, report.",
    "summhay": "Haystacks of documents with planted insights: make, summarise, judge, score.",
    "cweval": "CWEval: code that works and is safe: generate, test in boxes, check tasks, score, report.",
    "tapir": "TAPIR: find what a student finds hard, write more of it, train in rounds.",
    "dno": "DNO: a student's answers scored beside a gold one, pairs of them, rounds of training.",
    "self_tokens": "BASH and RAC: train on the model's own tokens and answers; draft, then correct.",
    "transfer_q": "Transfer Q*: a reward guides a model that nobody trains, by completions of another.",
    "h2o": "H2O: what a small key-value cache saves and costs, on your own prompts.",
    "rlgf": "RLGF: a policy and a guide write texts in turns; rewards, and owners by token.",
    "rest_mcts": "ReST-MCTS*: search for solutions step by step, guided by a value; rows to train both on.",
    "zo_ranksgd": "ZO-RankSGD: set a method's knobs by rankings of its runs.",
    "duo": "Duo-LLM: small or big, in a model's layers or over two models; oracle, router, budget.",
}
"""Folder -> one line of help."""

COMMANDS: Mapping[str, str] = {"hidden_tables": "tables", "reviseval": "judge", "zo_ranksgd": "tune"}
"""Folder -> the command's noun, where it is another word than the folder's."""
RESERVED = frozenset(
    {
        *("run", "index", "search", "fuse", "measure", "runs", "view"),
        *("train", "tune", "models", "graphs", "config", "doctor"),
    }
)
"""Nouns of commands that are no method's."""
PLUGINS = Plugins("methods", lambda: {*METHODS, *map(command_of, METHODS), *RESERVED})
"""Methods of other packages: entry points `dikast.methods`, each the place of a `Method`."""

PUBLIC: Mapping[str, str] = {
    **dict.fromkeys(("Context", "Input", "Output", "State", "Update"), "context"),
    **dict.fromkeys(("build", "graph"), "graph"),
}
"""What every method's package gives, and in which of its files it stands; for `dikast.lazy.open_package`."""


def command_of(name: str) -> str:
    """The noun of a method's command: `dikast NOUN run`."""
    return COMMANDS.get(name, name.replace("_", "-"))


def every_method() -> dict[str, str]:
    """All methods by name, those of plugins behind dikast's own, with one line of help; nothing is imported."""
    return {**METHODS, **{name: one.line for name, one in PLUGINS.every().items()}}


def command_for(name: str) -> str:
    """The words of the command that runs a graph: `genqr`, or `summhay make` for another job of a method."""
    method, _, folder = name.partition(".")
    verb = next((verb for verb, one in load_method(method).verbs.items() if one == folder), "") if folder else ""
    return f"{command_of(method)} {verb}".strip()


def load_method(name: str) -> Method:
    """A method of `METHODS` by its folder's name, or another of its jobs by `METHOD.FOLDER`; or a plugin's.

    Raises:
        UsageError: There is none of that name, or its plugin is broken.
    """
    method, _, inner = name.partition(".")
    if not inner and method not in METHODS and (plugin := PLUGINS.find(method)) is not None:
        return load_plugin(plugin)
    if method not in METHODS or (inner and inner not in load_method(method).verbs.values()):
        raise UsageError(f"no method is called {name!r}", hint=f"there are: {', '.join(every_method())}")
    return import_module(f"dikast.graphs.{name}.method").method


def load_plugin(plugin: Plugin) -> Method:
    """The method that a plugin is.

    Raises:
        UsageError: It cannot be imported, or is no method.
    """
    from dikast.graphs.method import Method

    found = plugin.load()
    if not isinstance(found, Method):
        raise plugin.explain(f"{plugin.value} is a {type(found).__name__}, and no dikast.graphs.method.Method")
    return found


def every_graph() -> list[str]:
    """The folders of all of dikast's graphs: each method's, and those of its other jobs, as `summhay.make`."""
    return [one for name in METHODS for one in (name, *(f"{name}.{it}" for it in load_method(name).verbs.values()))]
