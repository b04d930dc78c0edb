"""vLLM's engine arguments from text, by vLLM's own parser, whatever its version.

engine_arguments("Qwen/Qwen3-8B", {"tensor_parallel_size": "2", "enable_prefix_caching": "false"})
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NoReturn

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.utils.argparse_utils import FlexibleArgumentParser

from dikast.errors import UsageError
from dikast.http.server_errors import excerpt

RESERVED = frozenset({"model", "help"})
"""What a spec says in another place, or what is no argument."""
CHUNKED = "enable_chunked_prefill"
"""Off on a CPU unless it is asked for: there a seeded request whose prompt is cut into chunks ends the engine. vLLM
0.32 winds back the offset of the request's random generator, and a CPU's has none."""
TRUTH = {"true": True, "1": True, "false": False, "0": False}


class Parser(FlexibleArgumentParser):
    """vLLM's parser, raising instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has to say.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"vllm: {excerpt(message)}")


def engine_arguments(model: str, given: Mapping[str, str]) -> AsyncEngineArgs:
    """Engine arguments, typed.

    Args:
        model: Name on a hub, or a folder.
        given: Argument -> text, with `_` between words. Lists are comma-separated, objects JSON.

    Raises:
        UsageError: An argument is unknown, or its value is not of its type.
    """
    parser = Parser(add_help=False)
    AsyncEngineArgs.add_cli_args(parser)
    actions = {action.dest: action for action in parser._actions if action.option_strings}
    line = ["--model", model]
    if current_platform.is_cpu():
        given = {CHUNKED: "false", **given}
    for name, text in given.items():
        line += as_words(name, text, known(name, actions))
    return AsyncEngineArgs.from_cli_args(parser.parse_args(line))


def known(name: str, actions: Mapping[str, argparse.Action]) -> argparse.Action:
    """The parser's action for an argument.

    Raises:
        UsageError: There is none.
    """
    action = None if name in RESERVED else actions.get(name)
    if action is None:
        close = get_close_matches(name, actions, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see 'vllm serve --help=all'"
        raise UsageError(f"vllm: no engine argument is called {name!r}", hint=hint)
    return action


def as_words(name: str, text: str, action: argparse.Action) -> list[str]:
    """An argument as the words of a command line.

    Raises:
        UsageError: A switch is set to something that is neither true nor false.
    """
    flag = max(action.option_strings, key=lambda option: not option.startswith("--no-"))
    if action.nargs == 0:
        value = TRUTH.get(text.lower())
        if value is None:
            raise UsageError(f"vllm: engine argument {name!r} must be true or false")
        no = next((option for option in action.option_strings if option.startswith("--no-")), "")
        return [flag] if value else [no] if no else []
    if action.nargs in ("+", "*"):
        return [flag, *text.split(",")]
    return [f"{flag}={text}"]
