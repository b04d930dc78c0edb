from argparse import ArgumentParser, Namespace
from typing import Self

class AsyncEngineArgs:
    reasoning_parser: str
    @staticmethod
    def add_cli_args(parser: ArgumentParser, async_args_only: bool = ...) -> ArgumentParser: ...
    @classmethod
    def from_cli_args(cls, args: Namespace) -> Self: ...
