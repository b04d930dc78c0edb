"""Property tests here build indexes: a busy machine's pauses are no failures."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("retrieval", deadline=None)
settings.load_profile("retrieval")
