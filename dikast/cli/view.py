"""`dikast view`: runs in a browser, or one run as a page to pass on."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, say, show
from dikast.errors import UsageError

app = typer.Typer(help="See runs in a browser: reports, rows, stories, two runs side by side.")

LOOPBACK = "127.0.0.1"
MEANING = (
    "Whoever reaches {host} on this machine and has the link can read every run shown, and all between can read along: "
    "it is plain HTTP."
)
SAFER = "with 'ssh -L 8765:127.0.0.1:8765 THIS-MACHINE' your browser reaches it through ssh, without --host"


@app.command()
def view(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUNS]...", help="Run folders, or folders that hold some. Default: runs."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8765,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; other than loopback asks.")] = LOOPBACK,
    open_to_network: Annotated[
        bool, typer.Option("--open-to-network", help="Say yes to what --host asks: plain HTTP that others can reach.")
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show what methods protect: withheld replies, kept table answers.")
    ] = False,
    own: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE", help="A module of your own that may be loaded if a run's manifest names it; repeatable."
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one run as a single HTML page that opens from disk, and end."),
    ] = None,
    most_rows: Annotated[int, typer.Option(min=0, help="Rows that an exported page tells at most.")] = 200,
    json: Json = False,
) -> None:
    """See runs in a browser. Nothing is written into a run folder, and no request leaves the machine."""
    folders = tuple(runs or [Path("runs")])
    if export is not None:
        write_export(folders, export, most_rows, reveal, own or (), json)
        return
    check_host(host, open_to_network)
    serve(folders, host, port, reveal, own or (), json)


def write_export(
    folders: Sequence[Path], out: Path, most_rows: int, reveal: bool, own: Sequence[str], json: bool
) -> None:
    """Write one run as a page.

    Raises:
        UsageError: Not one run is named, or what is protected was asked for.
    """
    from dikast.files import write_text
    from dikast.jobs.reading import Run
    from dikast.viewer.export import page_of
    from dikast.viewer.telling import finder

    if len(folders) != 1:
        raise UsageError(f"--export writes one run, and {len(folders)} are named")
    if reveal:
        raise UsageError("what methods protect is never in an exported page", hint="leave --reveal out")
    run = Run.open(folders[0])
    text = page_of(run, finder(own)(run), most_rows=most_rows, own=own)
    write_text(out, text)
    if json:
        emit({"wrote": str(out), "bytes": len(text.encode())})
    say(f"wrote {out}")


def check_host(host: str, agreed: bool) -> None:
    """Ask whether other machines may really be answered.

    Raises:
        UsageError: The person says no, or is not there.
    """
    if is_loopback(host) or agreed:
        return
    meaning = MEANING.format(host=host)
    if not sys.stdin.isatty():
        raise UsageError(f"--host {host}: {meaning}", hint=f"--open-to-network says yes to that; safer: {SAFER}")
    say(f"{meaning} Safer: {SAFER}.")
    if not typer.confirm("Listen there all the same?", err=True):
        raise UsageError("not opened to the network", hint=SAFER)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(folders: Sequence[Path], host: str, port: int, reveal: bool, own: Sequence[str], json: bool) -> None:
    """Answer until Ctrl-C.

    Raises:
        UsageError: The port is taken, or the address is none of this machine's.
    """
    from dikast.viewer import views
    from dikast.viewer.guards import Guard, new_token
    from dikast.viewer.server import application
    from dikast.viewer.server import serve as serve_app
    from dikast.viewer.shelf import Shelf
    from dikast.viewer.telling import finder

    views.ready()
    shelf, token = Shelf(folders, finder(own)), new_token()
    listening = listen(host, port)
    port = listening.getsockname()[1]
    names = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", host, socket.gethostname().lower())}
    app = application(shelf, Guard(token, names, addresses=not is_loopback(host)), own=own, reveal=reveal)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"

    def ready() -> None:
        emit({"url": url}) if json else show(url)
        say("open this address; Ctrl-C ends")
        sys.stdout.flush()

    try:
        asyncio.run(serve_app(app, listening, ready))
    except KeyboardInterrupt:
        say("ended")


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        UsageError: The port is taken, or the address is none of this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        hint = "another --port, or --port 0 for any free one"
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
