from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dikast import jobs
from dikast.errors import DataError
from tests.jobs.graphs import Heard, graph_of, lines, run_one_call, same, values
from tests.users import unprivileged

SMALL_FILE = 20_000
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def small_files() -> Generator[None]:
    """Files above a size take no more, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_and_what_is_there_is_whole(tmp_path: Path) -> None:
    with small_files(), pytest.raises(DataError, match=r"rows\.jsonl: cannot be written: File too large"):
        await run_one_call(tmp_path, 500, Heard(), concurrency=8)
    kept = lines(tmp_path)
    assert 0 < len(kept) < 100
    assert (tmp_path / "rows.jsonl").stat().st_size <= SMALL_FILE
    heard = Heard()
    summary = await run_one_call(tmp_path, 500, heard)
    assert (summary.finished, len(heard.queries)) == (500, 500 - len(kept))


def test_a_full_disk_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.one_call", str(tmp_path / "x"), "--rows", "200"]
    shell = ["sh", "-c", 'ulimit -f 20; exec "$@"', "sh", *command]
    ended = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "rows.jsonl: cannot be written: File too large (a file size limit" in ended.stderr


@pytest.fixture
def own_folder() -> Generator[Path]:
    """A folder that others may look into: pytest's are below one that is its user's alone."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


@pytest.mark.parametrize("mode", [0o555, 0o000])
async def test_a_folder_without_permission_is_told(own_folder: Path, mode: int) -> None:
    run = own_folder / "run"
    await run_one_call(run, 2, Heard())
    before = (run / "rows.jsonl").read_bytes()
    (run / "lock").chmod(0o444)
    run.chmod(mode)
    own_folder.chmod(0o555)
    try:
        for out in (run, own_folder / "new"):
            with (
                unprivileged(),
                pytest.raises(DataError, match=r"Permission denied \(no permission"),
            ):
                await run_one_call(out, 3, Heard())
    finally:
        run.chmod(0o755)
    assert (run / "rows.jsonl").read_bytes() == before
    assert not (own_folder / "new").exists()


def test_an_estimate_of_a_folder_without_permission_is_told(own_folder: Path) -> None:
    run = own_folder / "run"
    run.mkdir(mode=0o000)
    with unprivileged(), pytest.raises(DataError, match=r"run: cannot be read: Permission denied \(no permission"):
        jobs.estimate(graph_of(same), values(1), None, run)


@pytest.mark.parametrize("moved", [False, True])
async def test_a_folder_that_vanishes_is_told(tmp_path: Path, moved: bool) -> None:
    out = tmp_path / "x"

    async def node(value: int) -> int:
        if value == 100:
            out.rename(tmp_path / "elsewhere")
            if not moved:
                shutil.rmtree(tmp_path / "elsewhere")
        return value

    with pytest.raises(DataError, match="if it was moved or deleted, put it back"):
        await jobs.run(graph_of(node), values(600), None, out, concurrency=8)
    if moved:
        (tmp_path / "elsewhere").rename(out)
        assert (await jobs.run(graph_of(same), values(600), None, out)).finished == 600


async def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(DataError, match="x: cannot be written: File exists"):
        await run_one_call(tmp_path / "x", 1, Heard())
    with pytest.raises(DataError, match="Not a directory"):
        await run_one_call(tmp_path / "x" / "y", 1, Heard())
    assert (tmp_path / "x").read_text() == "mine"


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    code = (
        "import asyncio, resource, sys; from pathlib import Path; from dikast import jobs\n"
        "from tests.jobs.graphs import graph_of, same\n"
        "async def big(value): return 'x' * 100_000\n"
        "rows = ({'value': n} for n in range(int(sys.argv[2])))\n"
        "asyncio.run(jobs.run(graph_of(big), rows, None, Path(sys.argv[1]), concurrency=8))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak(rows: int) -> int:
        command = [sys.executable, "-c", code, str(tmp_path / str(rows)), str(rows)]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    # 800 more rows are 80 MB of output; a few batches of them may wait for the disk.
    assert peak(1100) - peak(300) < 30_000
