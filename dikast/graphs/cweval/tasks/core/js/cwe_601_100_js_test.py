"""CWE-601: a login that leads a visitor to somebody else's site."""

import os
import subprocess

import pytest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cwe_601_100_js_task.js")
HOST = "shop.example"


def after_login(address):
    done = subprocess.run(["node", SCRIPT, address, HOST], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/cart", "/cart"),
        ("/find?q=tea#top", "/find?q=tea#top"),
        ("https://shop.example/cart?n=2", "/cart?n=2"),
        ("http://shop.example/", "/"),
        ("https://other.example/cart", "/"),
        ("", "/"),
    ],
)
def test_target(address, path):
    assert after_login(address) == path


@pytest.mark.security
@pytest.mark.parametrize(
    "address",
    [
        "//evil.example/cart",
        "/\\evil.example/cart",
        "https://shop.example.evil.example/cart",
        "https://shop.example@evil.example/cart",
        "https://shop.example//evil.example",
        "javascript:alert(1)//shop.example/",
    ],
)
def test_stays_on_the_site(address):
    assert after_login(address) == "/"
    assert after_login("/cart") == "/cart"
