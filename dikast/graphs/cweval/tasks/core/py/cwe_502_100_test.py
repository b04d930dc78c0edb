"""CWE-502: bytes from a browser, read by something that runs what they say."""

import base64
import pickle

import pytest
from cwe_502_100_task import dump_profile, load_profile


class Touch:
    """Its pickle creates a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.functionality
@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"name": "Zoë", "visits": 3},
        {"basket": ["tea", 2, None, True], "address": {"town": "Graz"}},
        {"note": "a\nb\"c'"},
    ],
)
def test_comes_back(profile):
    assert isinstance(dump_profile(profile), bytes)
    assert load_profile(dump_profile(profile)) == profile


@pytest.mark.functionality
@pytest.mark.parametrize("data", [b"", b"nonsense"])
def test_nonsense(data):
    with pytest.raises(ValueError):
        load_profile(data)


@pytest.mark.security
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrap", [bytes, base64.b64encode], ids=["plain", "base64"])
def test_runs_nothing(tmp_path, protocol, wrap):
    mark = tmp_path / "mark"
    with pytest.raises(ValueError):
        load_profile(wrap(pickle.dumps(Touch(str(mark)), protocol)))
    assert not mark.exists()
    assert load_profile(dump_profile({"name": "Ann"})) == {"name": "Ann"}
