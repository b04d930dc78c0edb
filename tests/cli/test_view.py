"""'dikast view': the server as a process, one page to pass on, and what it refuses."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dikast.cli import view
from dikast.errors import MissingExtraError, UsageError
from tests.cli.conftest import Cli
from tests.viewer.runs import row, write


def test_a_page_to_pass_on(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "runs" / "x", [row(1), row(2, "error")])
    ran = cli("view", "runs/x", "--export", "x.html", "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == {"wrote": "x.html", "bytes": (tmp_path / "x.html").stat().st_size}
    assert "2 of 2" in (tmp_path / "x.html").read_text().replace("<strong>2</strong>", "2")


def test_what_it_refuses(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "runs" / "x", [row(1)])
    for arguments, told in (
        (["absent"], "no such folder"),
        (["runs/x", "--host", "0.0.0.0"], "plain HTTP"),
        (["runs/x", "runs/x", "--export", "x.html"], "2 are named"),
        (["runs/x", "--export", "x.html", "--reveal"], "never in an exported page"),
        (["runs", "--export", "x.html"], "not a run folder"),
        (["runs/x", "--host", "192.0.2.1", "--open-to-network"], "cannot listen"),
    ):
        ran = cli("view", *arguments)
        assert ran.code in (1, 2), arguments
        assert told in ran.err, ran.err
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("host", "is_it"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)]
)
def test_loopback(host: str, is_it: bool) -> None:
    assert view.is_loopback(host) is is_it


def test_a_person_is_asked_what_host_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[Any] = []

    def confirm(question: str, **options: Any) -> bool:
        asked.append(question)
        return len(asked) > 1

    monkeypatch.setattr("typer.confirm", confirm)
    with pytest.raises(UsageError, match="not opened"):
        view.check_host("0.0.0.0", agreed=False)
    view.check_host("0.0.0.0", agreed=False)
    assert len(asked) == 2


def test_a_missing_package_is_one_line(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "runs" / "x", [row(1)])

    def needs(module: str, extra: str) -> Any:
        raise MissingExtraError(f"the Python package {module!r}", extra=extra)

    monkeypatch.setattr("dikast.viewer.drawing.needs", needs)
    from dikast.viewer.drawing import environment

    environment.cache_clear()
    try:
        for arguments in (["--export", "x.html"], ["--port", "0"]):
            ran = cli("view", "runs/x", *arguments)
            assert ran.code == 4
            assert "pip install 'dikast[view]'" in ran.err
    finally:
        environment.cache_clear()


def test_it_serves_until_it_is_told_to_stop(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "runs" / "x", [row(1)])
    command = [sys.executable, "-m", "dikast.cli", "view", "runs", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        url: str = json.loads(process.stdout.readline())["url"]
        parts = urlsplit(url)
        assert parts.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
        connection.request("GET", f"/?{parts.query}")
        reply = connection.getresponse()
        cookie = str(reply.getheader("Set-Cookie")).partition(";")[0]
        reply.read()
        connection.request("GET", "/", headers={"Cookie": cookie})
        assert b"Runs" in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
