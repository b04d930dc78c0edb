"""'dikast models', and models that cannot be had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_models_list_and_check(cli: Cli) -> None:
    told = json.loads(cli("models", "list", "--json").out)
    assert told["embedded"][0]["spec"] == "openvino:smollm2-135m"
    good = cli("models", "check", "scripted:script:shout", "--json")
    assert (good.code, json.loads(good.out)[0]["ok"]) == (0, True)
    bad = cli("models", "check", "scripted:script:shout", "server:http://127.0.0.1:9/v1#m?retries=0", "nope:x")
    assert bad.code == 4
    assert "127.0.0.1:9" in bad.out
    assert "nope" in bad.out
    assert "did you mean 'openvino:mine.gguf'?" in cli("models", "check", "mine.gguf").out


def test_a_model_that_has_not_been_pulled_is_told(cli: Cli) -> None:
    ran = cli("genqr", "run", "--collection", "sample", "--model", "openvino:smollm2-135m")
    assert ran.code == 4
    assert "dikast models pull smollm2-135m" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("size", [3, 1000, 5_000_000])
def test_a_broken_gguf_is_told(cli: Cli, tmp_path: Path, size: int) -> None:
    (tmp_path / "half.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\x00" * size)
    ran = cli("genqr", "run", "--collection", "sample", "--model", "openvino:half.gguf", "--limit", "1")
    assert ran.code in (1, 4)
    assert "half.gguf" in ran.err
    assert "Traceback" not in ran.err
