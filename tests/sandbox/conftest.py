"""Open sandboxes, one a tier, shared by the tests that need a running one."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dikast.errors import MissingExtraError
from dikast.sandbox import Policy, Sandbox, Tier
from dikast.sandbox.inside import landlock
from dikast.sandbox.launch import bwrap


def lacking(tier: Tier) -> str:
    """What this machine lacks for a tier; a sandbox that fails for any other reason is a failure, not a skip."""
    try:
        landlock.abi()
    except OSError as error:
        return f"a kernel with Landlock: {error}"
    if tier is not Tier.BWRAP:
        return ""
    try:
        command = [bwrap()[0], "--unshare-user", "--ro-bind", "/", "/", "true"]
    except MissingExtraError as error:
        return str(error)
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"user namespaces: {made.stderr.strip()}" if made.returncode else ""


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=[Tier.BWRAP, Tier.LANDLOCK], ids=str)
async def box(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox of each strong tier; skips, saying why, where this machine cannot offer it."""
    if why := lacking(request.param):
        pytest.skip(f"needs {why}")
    async with Sandbox(Policy(tier=request.param, wall_s=30.0, cpu_s=30, memory_bytes=256 << 20, workers=2)) as sandbox:
        yield sandbox


@pytest.fixture
def landlock_tier() -> None:
    """Skips where the tier that is fallen back to cannot be had."""
    if why := lacking(Tier.LANDLOCK):
        pytest.skip(f"needs {why}")
