"""Go's own cache, filled once: the standard library takes a minute to compile, and Go ships without it.

The program that is built for it is ours, so that it is built outside a box; afterwards the cache is read by builds in
boxes and never written to by them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from dikast.errors import SandboxError
from dikast.graphs.cweval.toolchains import GO_PACKAGES, Toolchain

STANDARD = (
    *("archive/tar", "archive/zip", "bufio", "bytes", "compress/gzip", "context", "crypto/aes", "crypto/cipher"),
    *(
        "crypto/des",
        "crypto/dsa",
        "crypto/hmac",
        "crypto/md5",
        "crypto/rand",
        "crypto/rc4",
        "crypto/rsa",
        "crypto/sha1",
    ),
    *("crypto/sha256", "crypto/sha512", "crypto/subtle", "crypto/x509", "crypto/x509/pkix", "database/sql"),
    *("encoding/asn1", "encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "encoding/pem"),
    *("encoding/xml", "errors", "fmt", "go/ast", "go/parser", "go/token", "html", "html/template", "io", "io/fs"),
    *("io/ioutil", "log", "math", "math/big", "math/rand", "net", "net/http", "net/url", "os", "os/exec", "os/user"),
    *("path", "path/filepath", "reflect", "regexp", "regexp/syntax", "runtime", "sort", "strconv", "strings", "sync"),
    *("syscall", "text/template", "time", "unicode", "unicode/utf8"),
)
_OTHERS = {
    "github.com/golang-jwt/jwt/v5": ("github.com/golang-jwt/jwt/v5",),
    "github.com/mattn/go-sqlite3": ("github.com/mattn/go-sqlite3",),
    "github.com/ChrisTrenkamp/goxpath": (
        *("github.com/ChrisTrenkamp/goxpath", "github.com/ChrisTrenkamp/goxpath/tree"),
        "github.com/ChrisTrenkamp/goxpath/tree/xmltree",
    ),
    "golang.org/x/crypto": tuple(f"golang.org/x/crypto/{name}" for name in ("argon2", "bcrypt", "pbkdf2", "scrypt")),
}
BUILD_S = 900
"""Seconds: it took 60 on two busy cores."""


def warm(tools: Toolchain, folder: Path) -> Path:
    """The folder of a filled cache, filled now where it is not yet.

    Args:
        tools: Go's.
        folder: Where caches lie, one for each version.

    Raises:
        SandboxError: It cannot be filled; says what Go said last.
    """
    done = folder / f"go-{tools.version}-{len(tools.missing)}"
    if done.is_dir():
        return done
    folder.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder))
    try:
        _fill(tools, making)
        if not done.is_dir():
            (making / "cache").rename(done)
    except OSError as error:  # another process was first
        if not done.is_dir():
            raise SandboxError(f"cannot fill Go's cache in {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return done


def _fill(tools: Toolchain, making: Path) -> None:
    others = [package for name in GO_PACKAGES if name not in tools.missing for package in _OTHERS[name]]
    imports = "\n".join(f'import _ "{package}"' for package in (*STANDARD, *others))
    (making / "main.go").write_text(f"package main\n\n{imports}\n\nfunc main() {{}}\n")
    own = {"GOCACHE": str(making / "cache"), "HOME": str(making), "PATH": os.environ.get("PATH", os.defpath)}
    command = [str(tools.command), "build", "-trimpath", "-o", str(making / "program"), str(making / "main.go")]
    try:
        ran = subprocess.run(
            command, env={**tools.environment, **own}, cwd=making, capture_output=True, text=True, timeout=BUILD_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SandboxError(f"Go's standard library did not compile in {BUILD_S} s") from None
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no word"])[-1]
        raise SandboxError(f"Go's standard library does not compile: {last}")
