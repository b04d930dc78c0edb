"""Make the pictures of the docs from a real run: `dikast genqr run` with SmolLM2, looked at in `dikast view`.

    python docs/pictures.py            # some three minutes; needs Chromium, as the browser lane does
    python docs/pictures.py RUN        # of a run of that kind which is there already

They are what a user sees, in light and dark, and made anew by this script; nobody edits them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from aiohttp.test_utils import TestServer

from dikast.jobs.reading import Run
from dikast.viewer.guards import Guard
from dikast.viewer.index import name_of
from dikast.viewer.server import application
from dikast.viewer.shelf import Shelf
from dikast.viewer.telling import finder
from tests.engines.browser_lane.chromium import chromium

HERE = Path(__file__).resolve().parent
PICTURES = HERE / "pictures"
TOKEN = "pictures"
QUERIES = 8
WIDTH, HEIGHT = 1280, 800
MOST_BYTES = 400_000
"""A picture is not to weigh on whoever clones the repository."""


def make_run(folder: Path) -> None:
    """A real run over the sample collection; two samples for each query."""
    command = [sys.executable, "-m", "dikast.cli", "genqr", "run", "--collection", "sample", "--limit", str(QUERIES)]
    command += ["--model", "openvino:smollm2-135m", "--cache", "off", "-o", str(folder)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(HERE.parent)})


async def take(folder: Path, home: Path) -> None:
    """Look at the run, a row and the rows, in both schemes."""
    run = Run.open(folder)
    first = next(iter(run.rows()))["key"]
    server = TestServer(application(Shelf((folder,), finder()), Guard(TOKEN, (), addresses=True)))
    await server.start_server()
    try:
        async with chromium(home / "profile") as page:
            base = f"http://127.0.0.1:{server.port}"
            name = name_of(folder)
            await page.size(WIDTH, HEIGHT)
            await page.open(f"{base}/?token={TOKEN}")
            await page.until("document.querySelector('h1') !== null")
            for picture, address, shown in (
                ("run", f"/runs/{name}", "nDCG@10"),  # of the report, which is worked out while one waits
                ("row", f"/runs/{name}/rows/{first}", "Row 1"),
            ):
                await page.open(f"{base}{address}")
                await page.until(f"document.body.innerText.includes('{shown}')")
                for scheme in ("light", "dark"):
                    await page.scheme(scheme)
                    data = await page.screenshot(whole=False)
                    if len(data) > MOST_BYTES:
                        raise SystemExit(f"{picture}-{scheme}: {len(data)} bytes, more than {MOST_BYTES}")
                    (PICTURES / f"{picture}-{scheme}.png").write_bytes(data)
                    print(f"written: docs/pictures/{picture}-{scheme}.png, {len(data)} bytes")
    finally:
        await server.close()


def main() -> None:
    """Make all of them."""
    PICTURES.mkdir(exist_ok=True)
    given = [Path(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as home:
        if not given:
            os.chdir(home)  # so that the pictures name no place of this machine
            given = [Path("runs/sample")]
            make_run(given[0])
        asyncio.run(take(given[0], Path(home)))


if __name__ == "__main__":
    main()
