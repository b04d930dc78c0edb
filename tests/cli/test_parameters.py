"""Flags out of a context's fields: each kind of field, its bounds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from pydantic import BaseModel, Field, model_validator

from dikast.agents.models.request import Sampling
from dikast.cli.parameters import knobs_of
from dikast.cli.run import RunCommand, make_run
from dikast.errors import DataError, UsageError
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.method import OPTIONS, Method
from dikast.wire import CONTEXT, Spec
from tests.cli.tree import every_command


class Actor:
    def __init__(self, spec: str) -> None:
        self.spec = spec


Speaking = Annotated[Actor, Spec(Actor, model=True)]


class Context(BaseModel):
    """One field of each kind."""

    model_config = CONTEXT

    solver: Speaking
    """Writes."""
    judges: tuple[Annotated[Actor, Spec(Actor)], ...] = ()
    """Judge."""
    name: str = "plain"
    """A `name`."""
    count: int = Field(default=3, ge=1, le=9)
    """How many."""
    share: float = Field(default=0.5, ge=0, lt=1)
    """How much."""
    near: float | None = Field(default=None, gt=0, le=1)
    """How near."""
    place: Path = Path("here")
    """Where."""
    form: Literal["text", "json"] = "text"
    """In what form."""
    loud: bool = True
    """Whether aloud."""
    weights: tuple[float, ...] = (1.0, 2.5)
    """Of each."""
    tags: frozenset[str] = frozenset({"a"})
    """Any."""
    most: Annotated[int | None, Flag(nothing="all")] = None
    """At most so many."""
    few: Annotated[int, Flag(names=("-f",), panel="Elsewhere", metavar="K")] = 1
    """Called otherwise."""
    hidden: Annotated[Mapping[str, str], NoFlag("--file names it")] = Field(default_factory=dict)
    """Has no flag."""
    writing: Annotated[Sampling, SamplingOf("solver")] = Sampling(max_tokens=40, temperature=1.0, seed=0)
    """Of replies."""

    @model_validator(mode="after")
    def _fits(self) -> Context:
        if self.count > 8 and not self.loud:
            raise ValueError("count: so many have to be loud")
        return self


def method_of(context: type[BaseModel], **more: Any) -> Method:
    return Method(graph="nowhere:graph", context=context, rows=lambda options, context: [], **more)


def command_of(context: type[BaseModel], **more: Any) -> Any:
    app = typer.Typer()
    app.command()(make_run(method_of(context, **more), "mine:method", "mine"))
    return typer.main.get_command(app)


def made(*flags: str, context: type[BaseModel] = Context, **more: Any) -> Any:
    """The context that a command line makes."""
    method = method_of(context, **more)
    knobs = {one.name: one for one in knobs_of(context)}
    ctx = command_of(context, **more).make_context("run", list(flags))
    return RunCommand(method, "mine:method", {}, knobs).make_context(ctx, ctx.params, method.options())


def option(name: str, context: type[BaseModel] = Context) -> Any:
    return next(one for one in command_of(context).params if one.name == name)


GIVEN = ("--solver", "some:model")


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (("--name", "other"), "name", "other"),
        (("--count", "9"), "count", 9),
        (("--share", "0.99"), "share", 0.99),
        (("--near", "1"), "near", 1.0),
        ((), "near", None),
        (("--place", "there"), "place", Path("there")),
        (("--form", "json"), "form", "json"),
        (("--no-loud",), "loud", False),
        (("--loud",), "loud", True),
        (("--weights", "3, 4"), "weights", (3.0, 4.0)),
        (("--tags", "b", "--tags", "c"), "tags", frozenset({"b", "c"})),
        ((), "tags", frozenset({"a"})),
        (("--most", "4"), "most", 4),
        (("--most", "all"), "most", None),
        (("-f", "2"), "few", 2),
        (("--solver-temperature", "0.5"), "writing", Sampling(max_tokens=40, temperature=0.5, seed=0)),
        (("--solver-max-tokens", "7", "--seed", "5"), "writing", Sampling(max_tokens=7, temperature=1.0, seed=5)),
    ],
)
def test_a_field_is_a_flag(flags: tuple[str, ...], field: str, value: object) -> None:
    assert getattr(made(*GIVEN, *flags), field) == value


def test_actors_are_named_by_specs() -> None:
    context = made("--solver", "one:a", "--judge", "two:b", "--judge", "three:c")
    assert context.solver.spec == "one:a"
    assert [judge.spec for judge in context.judges] == ["two:b", "three:c"]
    assert option("judge").metavar == option("solver").metavar == "SPEC"


def test_a_required_actor_that_speaks_is_given_the_model() -> None:
    assert made("--model", "some:model").solver.spec == "some:model"
    assert "Default: --model." in option("solver").help
    assert option("solver").envvar == "DIKAST_SOLVER"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--count", "0"), "greater than or equal to 1"),
        (("--count", "10"), "less than or equal to 9"),
        (("--form", "xml"), "'xml' is not one of 'text', 'json'"),
        (("--solver-max-tokens", "0"), "greater than or equal to 1"),
        (("--count", "many"), "a valid integer"),
    ],
)
def test_what_typer_can_refuse_it_refuses(flags: tuple[str, ...], told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told) as refused:
        made(*GIVEN, *flags)
    assert refused.value.param is not None
    assert flags[0] in refused.value.param.opts


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--share", "1"), "--share: Input should be less than 1"),
        (("--near", "0"), "--near: Input should be greater than 0"),
        (("--near", "2"), "--near: Input should be less than or equal to 1"),
        (("--solver-top-p", "0"), "--solver-top-p: Input should be greater than 0"),
        (("--weights", "1,x"), "--weights '1,x': write numbers"),
        (("--share", "nan"), "--share: Input should be a finite number"),
        (("--count", "9", "--no-loud"), "--count: so many have to be loud"),
    ],
)
def test_the_rest_is_refused_by_the_flags_name(flags: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(*GIVEN, *flags)
    assert told in str(refused.value)


def test_open_bounds_are_told_in_words() -> None:
    assert "A number at least 0 and below 1." in option("share").help
    assert "A number above 0 and at most 1." in option("near").help
    assert "A number" not in option("count").help


def test_help_default_panel_and_metavar_are_the_fields() -> None:
    assert option("name").help == "A name."
    assert (option("name").default, option("weights").default, option("most").default) == ("plain", "1,2.5", "all")
    assert (option("few").rich_help_panel, option("few").metavar) == ("Elsewhere", "K")
    assert option("solver_max_tokens").help == "Tokens of one reply at most. Of replies."
    assert option("solver_max_tokens").default == 40


def test_a_field_that_says_why_has_no_flag() -> None:
    assert "hidden" in Context.model_fields
    assert "hidden" not in {one.name for one in command_of(Context).params}


def with_field(kind: Any) -> type[BaseModel]:
    return type("Odd", (BaseModel,), {"__annotations__": {"odd": kind}, "__module__": __name__})


@pytest.mark.parametrize("kind", [dict[str, int], int | str, list[int], tuple[dict[str, str], ...], object, bytes])
def test_a_type_that_can_be_no_flag_is_refused_by_name(kind: Any) -> None:
    with pytest.raises(UsageError, match=r"Odd\.odd: no flag can be made of") as refused:
        make_run(method_of(with_field(kind)), "mine:method", "mine")
    assert "NoFlag" in refused.value.hint


class Twins(BaseModel):
    """A field's flag is called like a run's."""

    model_config = OPTIONS

    limit: int = 1
    """Of something else."""


class RoleTwin(BaseModel):
    """A field is called like a decoding parameter's flag."""

    model_config = CONTEXT

    solver_top_k: int = 1
    """Of something else."""
    writing: Annotated[Sampling, SamplingOf("solver")] = Sampling()
    """Of replies."""


@pytest.mark.parametrize(("context", "twin"), [(Twins, "--limit"), (RoleTwin, "--solver-top-k")])
def test_two_flags_of_one_name_are_refused(context: type[BaseModel], twin: str) -> None:
    with pytest.raises(UsageError, match=f"mine:method: two flags are called {twin}"):
        make_run(method_of(context), "mine:method", "mine")


PRESETS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "loudly": lambda: {"name": "preset", "count": 5, "writing": Sampling(max_tokens=9, temperature=2.0, seed=0)}
}


def test_what_is_given_wins_over_a_preset_over_the_default() -> None:
    def of(*flags: str) -> tuple[Any, ...]:
        context = made(*GIVEN, *flags, presets=PRESETS)
        return context.name, context.count, context.form, context.writing.max_tokens, context.writing.temperature

    assert of() == ("plain", 3, "text", 40, 1.0)
    assert of("--method", "loudly") == ("preset", 5, "text", 9, 2.0)
    assert of("--method", "loudly", "--count", "3", "--solver-max-tokens", "40") == ("preset", 3, "text", 40, 2.0)


def test_settings_files_hold_the_flags_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text('solver_max_tokens = 8\nloud = false\nform = "json"\nweights = "4"\njudge = ["a:b"]\n')
    context = made(*GIVEN, "--config", "run.toml")
    assert (context.writing.max_tokens, context.loud, context.form, context.weights) == (8, False, "json", (4.0,))
    assert [judge.spec for judge in context.judges] == ["a:b"]
    assert made(*GIVEN, "--config", "run.toml", "--form", "text").form == "text"
    for wrong in ("max_tokens", "judges", "hidden"):
        Path("wrong.toml").write_text(f"{wrong} = 1\n")
        with pytest.raises(DataError, match=f"no such setting.*|.*{wrong}"):
            made(*GIVEN, "--config", "wrong.toml")


@pytest.mark.parametrize(
    ("noun", "flag", "kept"),
    [
        ("genqr", "--solver-temperature", "--temperature"),
        ("genqr", "--solver-max-tokens", "--max-tokens"),
        ("judge", "--judge-max-tokens", "--judge-tokens"),
        ("astral", "--target-max-tokens", "--target-tokens"),
        ("tables", "--solver-max-tokens", "--max-tokens"),
    ],
)
def test_the_methods_flags_are_named_by_role(noun: str, flag: str, kept: str) -> None:
    [run] = [command for path, command in every_command() if path == f"{noun} run"]
    names = {name for parameter in run.params for name in parameter.opts}
    assert flag in names
    assert kept not in names
