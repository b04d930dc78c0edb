"""One page that opens from disk: the same numbers, nothing loaded, nothing protected; and the same in a notebook."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

from dikast.jobs.reading import Run
from dikast.viewer.export import page_of
from dikast.viewer.telling import finder
from tests.viewer.reading import cells, see
from tests.viewer.runs import prints, row, write
from tests.viewer.test_telling import BEFORE

ROWS = [row(n, "timeout" if n % 5 == 0 else "ok") for n in range(1, 31)]


def test_it_tells_the_run(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", ROWS)
    before = prints(folder)
    text = page_of(Run.open(folder), None, most_rows=20)
    seen = see(text)
    assert "30 of 30 rows: ok 24 timeout 6" in seen.text
    assert "of 30; the others are left out of this page" in seen.text
    assert [line[0] for line in cells(text, 1)[1:]] == [str(n) for n in range(1, 21)]
    stories = [attributes["id"] for tag, attributes in seen.tags if tag == "details" and "id" in attributes]
    assert stories == [f"row-{one['key']}" for one in ROWS[:20]]
    assert prints(folder) == before
    assert not (tmp_path / "cache" / "viewer").exists() or not list((tmp_path / "cache" / "viewer").glob("*.sqlite"))


def test_it_loads_nothing(tmp_path: Path) -> None:
    text = page_of(Run.open(write(tmp_path / "x", ROWS)), None, most_rows=5)
    for _, attributes in see(text).tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith(("#", "data:"))
    assert "http" not in re.sub("http-equiv", "", text)


def test_protected_answers_are_never_in_it(tmp_path: Path) -> None:
    shutil.copytree(BEFORE / "tables", tmp_path / "x")
    journal = tmp_path / "x" / "rows.jsonl"
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    for one in rows:
        one["output"]["turns"][0]["answer"] = ["forty-two"]
    journal.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in rows))
    run = Run.open(tmp_path / "x")
    text = page_of(run, finder()(run), most_rows=10)
    assert "how many rows?" in text
    assert "forty-two" not in text


def test_a_notebook_draws_it_in_a_frame(tmp_path: Path) -> None:
    drawn = Run.open(write(tmp_path / "x", ROWS)).show(most_rows=3)._repr_html_()
    frame = see(drawn).tags
    assert [tag for tag, _ in frame] == ["iframe"]
    assert frame[0][1]["sandbox"] == "allow-scripts"  # and not its origin
    assert "30 of 30 rows" in see(unescape(drawn.partition('srcdoc="')[2])).text
