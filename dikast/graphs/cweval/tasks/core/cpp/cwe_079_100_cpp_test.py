"""CWE-079: what a member typed, read by a browser as HTML. The page is read here as a browser would read it."""

import os
import subprocess
from html.parser import HTMLParser

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "compiled", "cwe_079_100_cpp_task")


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.text += data


def read_link(name, address):
    done = subprocess.run([PROGRAM, name, address], capture_output=True, check=True)
    reader = Reader()
    reader.feed(done.stdout.decode())
    reader.close()
    return reader.tags, reader.text


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Ann", "https://ann.example"),
        ("Zoë K.", "https://zoe.example/~me"),
        ("Bob", "https://bob.example/a?b=c"),
        ("a long name of five words", "http://localhost:8000/"),
    ],
)
def test_link(name, address):
    assert read_link(name, address) == ([("a", [("href", address)])], name)


@pytest.mark.security
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("<script>alert(1)</script>", "https://eve.example"),
        ("<img src=x onerror=alert(1)>", "https://eve.example"),
        ("Eve", 'https://eve.example" onmouseover="alert(1)'),
        ("Eve", '"><script>alert(1)</script><a href="'),
    ],
)
def test_stays_text(name, address):
    assert read_link(name, address) == ([("a", [("href", address)])], name)
