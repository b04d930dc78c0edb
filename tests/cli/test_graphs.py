"""'dikast graphs'."""

from __future__ import annotations

import json

from tests.cli.conftest import Cli


def test_graphs(cli: Cli) -> None:
    assert "genqr\tdikast.graphs.genqr:graph" in cli("graphs", "list").out
    told = json.loads(cli("graphs", "show", "genqr", "--json").out)
    assert "reformulate --> sift" in told["mermaid"]
    assert told["input"]["required"] == ["query"]
    assert "solver" in told["context"]["properties"]
    assert "genqr" in cli("graphs", "show", "geqnr").err
