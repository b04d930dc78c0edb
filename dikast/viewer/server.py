"""The viewer's server: addresses -> pages.

    app = application(shelf, Guard(token, names))
    await serve(app, listening, ready)

| address | page |
| --- | --- |
| `/` | all runs |
| `/runs/RUN` | a run: standing, outcomes, report, spending, settings |
| `/runs/RUN/rows?outcome=&q=&sort=&down=&low=&high=&page=` | its rows |
| `/runs/RUN/rows/KEY` | a row's story; `/raw.json` below it is the journal's line |
| `/compare?run=A&run=B` | two runs; `/compare/KEY` a row of both |

Whatever takes time (SQLite, reports) is done in threads; one request reads at most half a second of a journal, and the
page says how far it has come.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from socket import socket

from aiohttp import web

from dikast.errors import DikastError
from dikast.viewer import pairs, views
from dikast.viewer.drawing import CSS, SCRIPT, draw
from dikast.viewer.guards import HEADERS, Guard, plain
from dikast.viewer.reporting import Reports
from dikast.viewer.shelf import Shelf

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STATIC = {"viewer.css": (CSS, "text/css"), "viewer.js": (SCRIPT, "text/javascript")}
LOOK = web.AppKey("look", views.Look)


def application(shelf: Shelf, guard: Guard, *, own: Sequence[str] = (), reveal: bool = False) -> web.Application:
    """The server's application.

    Args:
        shelf: The runs that are shown.
        guard: Who is answered.
        own: Modules that a run's context may name.
        reveal: Whether what a method protects is shown on a row's page.
    """
    views.ready()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if refused := guard.refuse(request):
            return refused
        try:
            return await handler(request)
        except web.HTTPException as error:
            return plain(error.status, error.reason)
        except DikastError as error:
            return told(400, "It cannot be shown", str(error))
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            # Another viewer holds the index, the disk is full, or the run went on and has its index opened anew.
            return told(503, "The index cannot be read now", f"{error}; load the page again")
        except sqlite3.DatabaseError as error:
            await asyncio.to_thread(shelf.throw_away)
            return told(503, "The index was damaged", f"{error}. It is made again: load the page again")
        except Exception as error:  # a bug of ours: the traceback is for the terminal, and the server goes on
            logging.getLogger(__name__).exception("%s", request.path)
            return told(500, "That went wrong", f"{type(error).__name__}: {error}")

    app = web.Application(middlewares=[guarded])
    app[LOOK] = views.Look(shelf, reveal, Reports(own))
    app.router.add_get("/", page_of(views.home))
    app.router.add_get("/runs/{run}", page_of(views.run))
    app.router.add_get("/runs/{run}/rows", page_of(views.rows))
    app.router.add_get("/runs/{run}/rows/{key}", page_of(views.row))
    app.router.add_get("/runs/{run}/rows/{key}/raw.json", raw)
    app.router.add_get("/compare", page_of(pairs.compare_runs))
    app.router.add_get("/compare/{key}", page_of(pairs.compare_rows))
    app.router.add_get("/static/{name}", static)
    app.on_cleanup.append(close)
    return app


async def close(app: web.Application) -> None:
    """Close the indexes."""
    app[LOOK].reports.close()
    await asyncio.to_thread(app[LOOK].shelf.close)


def page_of(view: views.View) -> Handler:
    """A handler that draws a view in a thread."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = views.Asked(
            dict(request.match_info), {name: request.query.getall(name) for name in request.query}, request.path
        )
        text = await asyncio.to_thread(view, request.app[LOOK], asked)
        if text is None:
            return told(404, "There is no such page", "The run was moved or deleted, or the row is not finished yet.")
        return html(200, text)

    return handle


async def raw(request: web.Request) -> web.StreamResponse:
    """A row's line of the journal, without what its method protects."""
    look = request.app[LOOK]
    text = await asyncio.to_thread(views.raw_row, look, request.match_info["run"], request.match_info["key"])
    if text is None:
        return plain(404, "no such row")
    name = f"{request.match_info['key'][:8]}.json"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=text, content_type="application/json", charset="utf-8", headers=headers)


async def static(request: web.Request) -> web.StreamResponse:
    """One of our own two files."""
    found = STATIC.get(request.match_info["name"])
    if found is None:
        return plain(404, "no such file")
    path, kind = found
    return web.Response(text=read(path), content_type=kind, charset="utf-8", headers=dict(HEADERS))


def read(path: Path) -> str:
    """A file of ours."""
    return path.read_text(encoding="utf-8")


def told(status: int, title: str, text: str) -> web.Response:
    """A page that says one thing."""
    return html(status, draw("message.html", title=title, text=text, page_name="message", crumbs=()))


def html(status: int, text: str) -> web.Response:
    """A page."""
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=dict(HEADERS))


async def serve(app: web.Application, listening: socket, ready: Callable[[], None]) -> None:
    """Answer until cancelled.

    Args:
        app: The application.
        listening: Where requests come in.
        ready: Is called when they are answered.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        ready()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
