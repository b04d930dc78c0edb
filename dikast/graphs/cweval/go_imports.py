"""Go's imports, mended: those that are used and missing are added, those that are not used are taken out.

    mended("func greet() { fmt.Println(1) }", {"fmt": "fmt"})        # package main, import "fmt", ...

Go refuses a program that imports too much or too little, and a candidate does not know what the entry point behind it
needs. Upstream runs the tool goimports; this does what of it candidates need, and needs no Go.

Not done: types. A name counts as a package's where it only ever stands before a dot, which local names do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

STANDARD: Mapping[str, str] = {
    "archive": "tar zip",
    "": "bufio bytes context errors fmt hash html io log maps math net "
    "os path reflect regexp runtime slices sort strconv strings sync syscall time unicode",
    "compress": "gzip",
    "crypto": "aes cipher des dsa ecdsa ed25519 elliptic hmac md5 rsa sha1 sha256 sha512 subtle tls x509",
    "database": "sql",
    "encoding": "asn1 base64 binary csv hex json pem xml",
    "io": "fs ioutil",
    "math": "big bits",
    "net": "http mail netip url",
    "os": "exec signal user",
    "path": "filepath",
    "sync": "atomic",
    "unicode": "utf8",
}
"""Folder -> packages that have one meaning; `template` has two, and `rand`, which its members tell apart."""
KNOWN = {name: f"{folder}/{name}".lstrip("/") for folder, names in STANDARD.items() for name in names.split()}
SECURE_RAND = frozenset({"Int", "Prime", "Read", "Reader", "Text"})

TEXTS = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?|`[^`]*`?|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?", re.DOTALL
)
"""Comments and literals: what stands in them is no code."""
IMPORT = re.compile(r"^import[ \t]*(?:\([^)]*\)|[^\n]*)", re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*")
SPEC = re.compile(r"(?:([\w.]{1,64})[ \t]{1,8})?\"([^\"\n]+)\"")
PACKAGE = re.compile(r"^package[ \t]+\w+[^\n]*", re.MULTILINE)
WORD = re.compile(r"(\.?)\b([A-Za-z_]\w*)(?:[ \t]*\.[ \t]*([A-Za-z_]\w*))?")
VERSION = re.compile(r"/v\d+$|\.v\d+$")


class _Import(NamedTuple):
    alias: str
    path: str

    @property
    def names(self) -> frozenset[str]:
        """What code may call it: the alias, or what its path makes likely."""
        last = VERSION.sub("", self.path).rpartition("/")[2]
        return frozenset({self.alias} if self.alias else {last, last.removeprefix("go-"), last.removesuffix("-go")})

    def __str__(self) -> str:
        return f'\t{self.alias} "{self.path}"' if self.alias else f'\t"{self.path}"'


def imports_of(code: str) -> dict[str, str]:
    """The packages that a program imports: what it calls each, and its path."""
    found = _imports(code)
    return {name: one.path for one in found if one.alias not in ("_", ".") for name in one.names}


def mended(code: str, known: Mapping[str, str]) -> str:
    """A program with the imports that it needs; `package main` is added where it is missing.

    Args:
        code: The program.
        known: Name -> path, for packages beyond the standard library's; it goes first.
    """
    imports = _imports(code)
    bare = _blanked(IMPORT.sub("", code) if imports else code)
    members: dict[str, set[str]] = {}
    local: set[str] = set()
    for dot, name, member in WORD.findall(bare):
        if not dot and member:
            members.setdefault(name, set()).add(member)
        elif not dot:
            local.add(name)
    kept = [one for one in dict.fromkeys(imports) if one.alias in ("_", ".") or one.names & members.keys()]
    provided = frozenset[str]().union(*(one.names for one in kept))
    wanted = {name: found for name, found in members.items() if name not in provided | local}
    paths = {name: _path(name, found, known) for name, found in wanted.items()}
    added = [_Import("", path) for path in paths.values() if path]
    if not added and kept == imports and PACKAGE.search(code):
        return code
    return _assembled(code, [*kept, *added])


def _path(name: str, members: set[str], known: Mapping[str, str]) -> str | None:
    if name == "rand":
        return "crypto/rand" if members & SECURE_RAND else "math/rand"
    return known.get(name) or KNOWN.get(name)


def _imports(code: str) -> list[_Import]:
    blocks = (COMMENT.sub("", block).removeprefix("import") for block in IMPORT.findall(code))
    return [_Import(*spec) for block in blocks for spec in SPEC.findall(block)]


def _blanked(code: str) -> str:
    return TEXTS.sub(" ", code)


def _assembled(code: str, imports: list[_Import]) -> str:
    body = IMPORT.sub("", code)
    package = PACKAGE.search(body)
    line = package[0] if package else "package main"
    before, after = (body[: package.start()], body[package.end() :]) if package else ("", "\n" + body)
    block = "\n".join(["import (", *map(str, imports), ")"]) if imports else ""
    return f"{before}{line}\n\n{block}{after}" if block else f"{before}{line}\n{after}"
