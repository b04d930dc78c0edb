"""The command line: `dikast`. Thin: it parses, calls the library, prints.

stdout is data, stderr is talk. What the exit codes mean: `EXIT_CODES`.

Commands are imported when they are called, so that `dikast --help` costs little more than Python's start.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dikast.errors import DataError, DikastError, UsageError
from dikast.graphs import METHODS, PLUGINS, command_of
from dikast.jobs.heap import starting_command
from dikast.late import late

if TYPE_CHECKING:
    from dikast.graphs.method import Method

INTERRUPTED = 130
EXIT_CODES = (
    "Exit codes: 0 ok; 1 the run failed, or a file that was given is wrong; 2 usage; 3 finished, but rows ended in "
    "error, timeout or limit; 4 something is missing or cannot be reached; 130 interrupted."
)
NOUNS: Mapping[str, tuple[str, str]] = {
    "run": ("dikast.cli.own:app", "Run a method or graph of your own, named as MODULE:NAME, as a job."),
    "index": ("dikast.cli.index:app", "Build a search index."),
    "search": ("dikast.cli.search:app", "Search an index or a corpus file."),
    "fuse": ("dikast.cli.fuse:app", "Fuse TREC run files."),
    "measure": ("dikast.cli.measure:app", "Score TREC run files against judgments, with tests."),
    "runs": ("dikast.cli.runs:app", "Look into run folders: list, show, retry, export, diff."),
    "view": ("dikast.cli.view:app", "See runs in a browser: reports, rows, stories, two runs side by side."),
    "train": ("dikast.cli.train:app", "Train a model on rows: SFT, DPO, a value head, a reward model."),
    "tune": ("dikast.cli.tune:app", METHODS["zo_ranksgd"]),
    "models": ("dikast.cli.models:app", "List, fetch and check language models."),
    "graphs": ("dikast.cli.graphs:app", "List and draw the graphs."),
    "config": ("dikast.cli.config:app", "Say which settings a command has, and where each comes from."),
    "doctor": ("dikast.cli.doctor:app", "Say what is here, what is missing, and what to install for what."),
}
"""Name -> (module and object, help). The help stands here so that listing the commands imports none of them."""
METHOD_OF: Mapping[str, str] = {command_of(name): name for name in METHODS if command_of(name) not in NOUNS}
"""A method's noun -> its folder, of those whose run command is made from their `Method`."""
COMMANDS: Mapping[str, str] = {
    **{noun: METHODS[name] for noun, name in METHOD_OF.items()},
    **{noun: about for noun, (_, about) in NOUNS.items()},
}
"""Name -> help."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported when one is called; listing them needs only the table above."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table; those of plugins behind them."""
        return [*COMMANDS, *PLUGINS.every()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command if it has been called, else a stand-in that knows its help."""
        about = COMMANDS.get(cmd_name)
        if about is None and (plugin := PLUGINS.every().get(cmd_name)) is not None:
            about = plugin.line
        return None if about is None else self.commands.get(cmd_name) or _stand_in(cmd_name, about)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help; on stderr, which plugins are left out of it."""
        for one in PLUGINS.declared():
            if one.problem:
                print(f"dikast: {one.explain(one.problem).message}", file=sys.stderr)
        super().format_help(ctx, formatter)

    def every_option(self) -> frozenset[str]:
        """The names of all options of all commands, which are imported for it: to tell a setting that is none."""
        found = {name for noun in COMMANDS for name in _options_below(load(noun))}
        for noun in PLUGINS.every():
            with suppress(UsageError):  # a broken one has no options
                found |= _options_below(load(noun))
        return frozenset(found)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called; for a name that is none, say which come near."""
        name = args[0]
        if name not in self.commands and (name in COMMANDS or PLUGINS.find(name) is not None):
            self.commands = {**self.commands, name: load(name)}
        if name not in self.commands and (near := get_close_matches(name, self.list_commands(ctx))):
            ctx.fail(f"No such command {name!r}. Did you mean {', '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> None:
        """Run the command. Where the reader of our output went away (`dikast ... | head`), nothing is left to say."""
        try:
            try:
                super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError as error:
            # Caught here, since Typer makes exit code 1 of it without a word. Another pipe's end is a fault as ever.
            if not _reader_is_gone():
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(getattr(error.__context__, "exit_code", 0)) from None


def _options_below(command: Any) -> set[str]:
    below = (name for inner in getattr(command, "commands", {}).values() for name in _options_below(inner))
    return {parameter.name for parameter in command.params if parameter.name}.union(below)


def _reader_is_gone() -> bool:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def load(name: str) -> Any:
    """The command behind a name of the table, or of a plugin, imported.

    Raises:
        UsageError: The plugin is broken.
    """
    if name not in COMMANDS:
        found = plugin_app(name)
    elif name in METHOD_OF:
        found = method_app(name)
    else:
        module, attribute = NOUNS[name][0].split(":")
        found = getattr(import_module(module), attribute)
    found._add_completion = False  # completing is the whole program's, not a command's
    command = typer.main.get_command(found)
    command.name = name
    import_module("dikast.cli.options").guard_numbers(command)
    return command


def method_app(noun: str) -> typer.Typer:
    """`dikast NOUN`: the run command, made from the method, and what else `dikast.cli.NOUN` offers, if there is one."""
    from dikast.cli.methods import place_of
    from dikast.graphs import load_method

    name = METHOD_OF[noun]
    method = load_method(name)
    inner = {verb: f"{name}.{folder}" for verb, folder in method.verbs.items()}
    others = {verb: (load_method(one), place_of(one)) for verb, one in inner.items()}
    app = _runs(noun, METHODS[name], method, place_of(name), others)
    if find_spec(f"dikast.cli.{noun.replace('-', '_')}") is not None:
        app.registered_commands += import_module(f"dikast.cli.{noun.replace('-', '_')}").app.registered_commands
    return app


def plugin_app(noun: str) -> typer.Typer:
    """`dikast NOUN` of a plugin: its run command, and those of its other jobs, named as `module:name`.

    Raises:
        UsageError: The plugin is broken.
    """
    from dikast.cli.own import load_own
    from dikast.graphs import load_plugin

    plugin = PLUGINS.find(noun)
    assert plugin is not None
    method = load_plugin(plugin)
    others = {verb: (load_own(place), place) for verb, place in method.verbs.items()}
    return _runs(noun, plugin.line, method, plugin.value, others)


def _runs(noun: str, about: str, method: Method, place: str, others: Mapping[str, tuple[Method, str]]) -> typer.Typer:
    """A group with the run command of a method that stands at `place`, and those of its other jobs, by their verbs."""
    from dikast.cli.run import make_run

    app = typer.Typer(no_args_is_help=True, help=about)
    app.callback()(lambda: None)  # a group, however few verbs it has
    app.command("run")(make_run(method, place, noun))
    for verb, (other, there) in others.items():
        app.command(verb)(make_run(other, there, f"{noun}-{verb}"))
    return app


def _stand_in(name: str, about: str) -> Any:
    empty = typer.Typer(help=about)
    empty.command(name)(lambda: None)
    command = typer.main.get_command(empty)
    command.name = name
    command.help = command.short_help = about
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Solver, critic, oracle and judge agents as typed LangGraph graphs over vLLM.",
    epilog=EXIT_CODES,
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"dikast {version('dikast')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Everything is done by a command; see below."""


@contextmanager
def _files_explained() -> Generator[None]:
    """What the system refuses about a file is told in a line, wherever it was touched.

    Raises:
        DataError: It refused.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or not isinstance(error.filename, str):  # no file's: a fault of ours, with its traceback
            raise
        from dikast.disk import cause_of, remedy_of

        raise DataError(cause_of(error), path=error.filename, hint=remedy_of(error, error.filename)) from error


LATE = ("langsmith.types", "langgraph_sdk")
"""Packages that LangChain and LangGraph import a module of, and of which no command needs the rest: a fifth of what
starting a job took."""
PARSER_ERROR: Any = typer.BadParameter.__bases__[0]
"""What the parser refuses a command line with, whichever way; Typer exports only this heir of it."""


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the flags; behind `--` there are none."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


def _run_for_program() -> None:
    """Run the command line; what the parser refuses is an error like any other, not a text for people.

    Raises:
        UsageError: The parser refused the command line.
        DikastError: Nobody answered a question.
    """
    try:
        code = app(prog_name="dikast", standalone_mode=False)
    except PARSER_ERROR as error:
        hint = f"{error.ctx.command_path} --help" if error.ctx else ""
        raise UsageError(" ".join(error.format_message().split()), hint=hint) from error
    except typer.Abort as error:
        raise DikastError("nobody answered, so nothing was done") from error
    sys.exit(code)


def _print_error(error: DikastError) -> None:
    """One line of JSON on stderr; what is not ASCII is escaped, control characters with it."""
    told = {"error": type(error).__name__, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
    print(import_module("json").dumps(told), file=sys.stderr)


def main() -> None:
    """Run the command line; dikast's own errors are one line and a hint, never a traceback."""
    as_json = _asks_for_json(sys.argv[1:])
    try:
        with starting_command(), late(*LATE), _files_explained():
            _run_for_program() if as_json else app(prog_name="dikast")
    except DikastError as error:
        if as_json:
            _print_error(error)
            sys.exit(error.exit_code)
        from dikast.cli.output import printable

        # A message may quote a server or a file.
        print(f"dikast: {printable(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {printable(error.hint)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
