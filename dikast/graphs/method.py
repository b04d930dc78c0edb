"""`Method`: what the rest of the house needs to know of a method, as one value.

    method = Method(
        graph="mine.graph:graph",
        context=Context,                 # each documented field of it is a flag of `dikast run mine.method:method`
        options=Options,                 # flags that are no field of it: the files of a run
        rows=read_rows,                  # (options, context) -> inputs of the graph
        calls=count_calls, report=report, story=story, exports={"pairs": Export(...)},
    )

From it are made: the run command with its flags and its `--dry-run`, `--preview`, `runs show`, `runs retry`,
`runs export`, `graphs show`, `langgraph.json` and the docs. Only `graph`, `context` and `rows` have to be there.

Importing a `method.py` costs nothing: the graph and what needs libraries are named as `"module:name"` or wrapped in
`deferred`, and are loaded when they are used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from dikast.jobs.card import About
    from dikast.jobs.exports import LeftOut, Split
    from dikast.jobs.inputs import Graph
    from dikast.jobs.job import OnProgress
    from dikast.jobs.reading import Run
    from dikast.pages import Page, Text

Row = Mapping[str, Any]
"""An input of a graph, or a line of a journal."""
Values = Callable[["Run", Any], Mapping[str, float]]
"""(run, context) -> key of a row -> its number; without the rows that failed, or that could not be measured."""
CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English: for estimates, and for budgets where no tokenizer is at hand."""
RAC = "rac"
"""Rows that correct wrong answers; see `dikast.training.corrections`."""
OPTIONS = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, defer_build=True)
"""The settings of a method's `Options`: its fields' docstrings are their flags' help."""


class NoOptions(BaseModel):
    """A method whose flags are all fields of its context."""

    model_config = OPTIONS


@dataclass(frozen=True, slots=True)
class Calls:
    """What one row may ask of one role.

    Args:
        count: Calls at most.
        input_tokens: About how many tokens all these calls send.
        output_tokens: The same, at most.
    """

    count: int
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a finished run amounts to.

    Args:
        page: For people.
        data: The same for programs: what `--json` prints beside the summary.
        notes: What a person should know beside the page.
    """

    page: Page
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """A data set that a method's rows can become.

    Args:
        about: What its card says; made when it is needed.
        rows: (run, context) -> (split, row), or that something could have been a row and is none.
    """

    about: Callable[[], About]
    rows: Callable[[Run, Any], Iterator[Split | LeftOut]]


@dataclass(frozen=True, slots=True)
class Given:
    """What a command was told, for a method that makes fields of its context out of it.

    Args:
        fields: Fields of the context that a flag, a settings file or a preset gives.
        named: Those of them that were given by name, and by no preset.
        model: The spec for roles that have none of their own; asked for only where one is needed.
        out: The run folder.
        keeps: Whether a run folder will be written: not in a preview or an estimate.
        force_new: Whether an older run in the folder is moved aside.
        ask: Asks the person at the terminal a question; `None` where nobody is there.
    """

    fields: Mapping[str, Any]
    named: frozenset[str] = frozenset()
    model: Callable[[], str] = field(default=lambda: "")
    out: Path = field(default=Path())
    keeps: bool = True
    force_new: bool = False
    ask: Callable[[str], str] | None = None


class Person(Protocol):
    """Somebody at the terminal who takes part in a run: rows then run one at a time."""

    def as_graph(self) -> Graph:
        """What runs in place of the method's graph."""
        ...

    @property
    def on_progress(self) -> OnProgress:
        """Hears how the job goes."""
        ...

    async def close(self) -> None:
        """Free what is held."""
        ...


def no_fields(options: Any, given: Given) -> Mapping[str, Any]:
    """Options that make no field of the context."""
    del options, given
    return {}


@dataclass(frozen=True)
class Method:
    """A method: its graph, its knobs, its files, and what is told of its runs.

    Args:
        graph: The compiled graph, or where it stands: `module:name`.
        context: The graph's context, a Pydantic model; each field is a flag unless it says why not (`NoFlag`).
        rows: (options, context) -> the inputs of the graph, read from the user's files. An iterator is called for anew
            each time the rows are gone through, so that they are never all in memory; a list is kept.
        options: Flags that are no field of the context.
        fields: (options, given) -> fields of the context that options make.
        presets: Name -> fields of the context that `--method NAME` gives; what is given by name wins.
        notes: (options, context, inputs) -> what a person should know before anything runs.
        calls: (context, input) -> calls at most by role, for `--dry-run`.
        uncounted: What the input tokens of `calls` leave out, being known only when a row runs; empty for nothing.
        rows_of_one: context -> into how many rows an entry of the user's file is made; `--limit` counts entries.
        facts: (options, context) -> what the manifest records beside the settings.
        report: (run, context) -> what a finished run amounts to; writes its files into the run's `export` folder.
        story: A line of the journal -> what is told of it by `runs show`.
        exports: Name -> a data set that a run can become.
        after: (run folder, rows) -> what to do next, for a person; empty for nothing.
        person: (context, run folder, say) -> who takes part at the terminal, if the context asks for somebody.
        measures: A measure's name -> what reads it off a run's rows, more being better; raises `UsageError` for a name
            that is none of the method's. For `dikast tune`, which looks for settings that make its mean higher.
        score: Of these measures the one that says how good a row is, for the viewer; empty for none.
        private: Whether a run's files are for their owner's eyes alone, its request cache among them.
        guard: A line of the journal -> the same without what the viewer shows on request only (`--reveal`).
        reveal: (run folder, a line of the journal) -> what is withheld of it elsewhere, shown on the same request.
        loop: Whether a row is a loop that writes files of its own beside the journal: it is asked once (no `--epochs`),
            and nothing but the journal could be redacted (no `--redact`).
        verbs: Other jobs of the method, each a `Method` in a folder within this one's: verb of the command -> folder.
    """

    graph: Graph | str
    context: type[BaseModel]
    rows: Callable[[Any, Any], Iterable[Row]]
    options: type[BaseModel] = NoOptions
    fields: Callable[[Any, Given], Mapping[str, Any]] = no_fields
    presets: Mapping[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict[str, Any])
    notes: Callable[[Any, Any, Iterable[Row]], Iterable[str]] | None = None
    calls: Callable[[Any, Row], Mapping[str, Calls]] | None = None
    uncounted: str = ""
    rows_of_one: Callable[[Any], int] | None = None
    facts: Callable[[Any, Any], Awaitable[Mapping[str, Any]]] | None = None
    report: Callable[[Run, Any], Report] | None = None
    story: Callable[[Row], Page] | None = None
    exports: Mapping[str, Export] = field(default_factory=dict[str, Export])
    after: Callable[[Path, Iterable[Row]], str] | None = None
    person: Callable[[Any, Path, Callable[[str], None]], Person | None] | None = None
    measures: Callable[[str], Values] | None = None
    score: str = ""
    private: bool = False
    guard: Callable[[Row], Row] | None = None
    reveal: Callable[[Path, Row], Iterable[Text]] | None = None
    loop: bool = False
    verbs: Mapping[str, str] = field(default_factory=dict[str, str])

    def load_graph(self) -> Graph:
        """The compiled graph."""
        return load_object(self.graph) if isinstance(self.graph, str) else self.graph


def measure_named(name: str, known: Mapping[str, Values]) -> Values:
    """One of a method's measures.

    Raises:
        UsageError: It has none of that name.
    """
    from dikast.errors import UsageError

    if name not in known:
        raise UsageError(f"the method has no measure {name!r}", hint=f"there are {', '.join(known)}")
    return known[name]


def load_object(place: str) -> Any:
    """What stands at `module:name`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def deferred(place: str) -> Callable[..., Any]:
    """A function that is imported when it is first called.

    Args:
        place: `module:name`.
    """

    def call(*args: Any, **named: Any) -> Any:
        return load_object(place)(*args, **named)

    call.__name__ = place
    return call


def training_exports(module: str, *kinds: str) -> dict[str, Export]:
    """What `runs export --as sft`, ... make of a run.

    Args:
        module: Where `about(kind)` and `rows(kind, run, context)` stand; loaded when an export is made.
        kinds: Kinds of training rows that a run can become; see `dikast.training.rows`. Beside them `rac`: each pair
            of `preference` as a correction, for a method whose chosen answers are right and rejected ones wrong.
    """
    about, rows = deferred(f"{module}:about"), deferred(f"{module}:rows")
    made = {kind: Export(partial(about, kind), partial(rows, kind)) for kind in kinds if kind != RAC}
    if RAC in kinds:
        about_rac, rac = (deferred(f"dikast.training.corrections:{name}") for name in ("about", "corrections_of"))
        made[RAC] = Export(
            lambda: about_rac(about("preference")), lambda run, context: rac(rows("preference", run, context))
        )
    return made


def tokens_of(characters: int) -> int:
    """About how many tokens a text has."""
    return characters // CHARACTERS_PER_TOKEN
