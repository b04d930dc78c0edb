"""A Hugging Face hub on loopback: data sets that can be read and pushed to, as huggingface_hub and datasets ask.

    with Hub() as hub:
        hub.add("org/mine", Path("folder"))
        ...
        hub.pushed["org/new"]["README.md"]

Every data set is at one commit. `org/gated` is gated. Uploads want a token; what was sent with it is in `tokens`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha1
from pathlib import Path
from threading import Thread
from typing import Any

from aiohttp import web

GATED = "org/gated"
COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_of_the_test"


class Hub:
    """The server, in a thread of its own."""

    def __init__(self) -> None:
        self.commit = COMMIT
        self.files: dict[str, dict[str, bytes]] = {}
        self.pushed: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.tokens: list[str] = []
        self.refuse = 0
        """A status that creating a data set is answered with."""

    def add(self, name: str, folder: Path) -> None:
        """Have a data set with a folder's files."""
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self.files[name] = {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    def __enter__(self) -> Hub:
        started: Future[tuple[asyncio.AbstractEventLoop, str]] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        self._loop, self.url = started.result(timeout=30)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(timeout=30)

    async def _serve(self, started: Future[tuple[asyncio.AbstractEventLoop, str]]) -> None:
        self._end = asyncio.Event()
        app = web.Application()
        of, rev = "/api/datasets/{org}/{name}", "/{rev}"
        routes: list[tuple[str, str, Callable[[web.Request], Any]]] = [
            ("GET", of, self._info),
            ("GET", f"{of}/revision{rev}", self._info),
            ("GET", f"{of}/tree{rev}", self._tree),
            ("GET", f"{of}/tree{rev}/{{path:.*}}", self._tree),
            ("POST", f"{of}/paths-info{rev}", self._paths),
            ("GET", "/datasets/{org}/{name}/resolve/{rev}/{path:.*}", self._file),
            ("HEAD", "/datasets/{org}/{name}/resolve/{rev}/{path:.*}", self._file),
            ("POST", "/api/repos/create", self._create),
            ("POST", f"{of}/preupload{rev}", self._preupload),
            ("POST", f"{of}/commit{rev}", self._commit),
            ("POST", "/api/validate-yaml", self._yaml),
        ]
        for method, place, handler in routes:
            app.router.add_route(method, place, handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        started.set_result((asyncio.get_running_loop(), f"http://127.0.0.1:{port}"))
        await self._end.wait()
        await runner.cleanup()

    def _of(self, request: web.Request) -> dict[str, bytes]:
        name = f"{request.match_info['org']}/{request.match_info['name']}"
        if name == GATED:
            raise refusal(403, "GatedRepo", "Access to the data set is restricted")
        if name in self.pushed:
            return self.pushed[name]
        if name not in self.files:
            raise refusal(401, "RepoNotFound", "Repository not found")
        if request.match_info.get("rev", "main") not in ("main", COMMIT):
            raise refusal(404, "RevisionNotFound", "Invalid rev id")
        return self.files[name]

    async def _info(self, request: web.Request) -> web.Response:
        files = self._of(request)
        name = f"{request.match_info['org']}/{request.match_info['name']}"
        siblings = [{"rfilename": path} for path in files]
        private = self.private.get(name, False)
        return web.json_response({"id": name, "sha": COMMIT, "private": private, "tags": [], "siblings": siblings})

    async def _tree(self, request: web.Request) -> web.Response:
        files, under = self._of(request), request.match_info.get("path", "").strip("/")
        inside = {path: data for path, data in files.items() if not under or path.startswith(f"{under}/")}
        folders = {str(parent) for path in inside for parent in Path(path).parents} - {".", under}
        if not inside and under:
            raise refusal(404, "EntryNotFound", "no such folder")
        found = [entry(path, data) for path, data in inside.items()]
        found += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
        if request.query.get("recursive", "").lower() != "true":
            found = [one for one in found if str(Path(one["path"]).parent).replace(".", "") == under]
        return web.json_response(found)

    async def _paths(self, request: web.Request) -> web.Response:
        files, form = self._of(request), await request.post()
        wanted = [str(path) for path in form.getall("paths")]
        found = [entry(path, files[path]) for path in wanted if path in files]
        folders = [path for path in wanted if any(one.startswith(f"{path}/") for one in files)]
        found += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
        return web.json_response(found)

    async def _file(self, request: web.Request) -> web.Response:
        files, path = self._of(request), request.match_info["path"]
        if path not in files:
            raise refusal(404, "EntryNotFound", "no such file")
        data = files[path]
        heads = {"X-Repo-Commit": COMMIT, "ETag": f'"{oid(data)}"', "Accept-Ranges": "bytes"}
        if request.http_range.start is None and request.http_range.stop is None:
            return web.Response(body=data, headers=heads)
        start, stop, _ = request.http_range.indices(len(data))
        heads["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return web.Response(body=data[start:stop], status=206, headers=heads)

    def _authorise(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            raise refusal(401, "", "Invalid credentials in Authorization header")
        self.tokens.append(token)

    async def _create(self, request: web.Request) -> web.Response:
        self._authorise(request)
        if self.refuse:
            raise refusal(self.refuse, "", "You don't have the rights to create a dataset under this namespace")
        said = await request.json()
        name = f"{said['organization']}/{said['name']}" if said.get("organization") else said["name"]
        self.private.setdefault(name, bool(said.get("private")) or said.get("visibility") == "private")
        self.pushed.setdefault(name, {})
        return web.json_response({"url": f"{self.url}/datasets/{name}", "id": name})

    async def _preupload(self, request: web.Request) -> web.Response:
        self._authorise(request)
        files = (await request.json())["files"]
        told = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None} for one in files]
        return web.json_response({"files": told})

    async def _commit(self, request: web.Request) -> web.Response:
        self._authorise(request)
        name = f"{request.match_info['org']}/{request.match_info['name']}"
        for line in (await request.text()).splitlines():
            one = json.loads(line)
            if one["key"] == "file":
                self.pushed[name][one["value"]["path"]] = base64.b64decode(one["value"]["content"])
            elif one["key"] == "deletedFile":
                del self.pushed[name][one["value"]["path"]]
        told = {"commitUrl": f"{self.url}/datasets/{name}/commit/{COMMIT}", "commitOid": COMMIT, "success": True}
        return web.json_response(told)

    async def _yaml(self, request: web.Request) -> web.Response:
        return web.json_response({"errors": [], "warnings": []})


def refusal(status: int, code: str, message: str) -> web.HTTPException:
    """An answer of the hub's that is an error."""
    kinds = {401: web.HTTPUnauthorized, 403: web.HTTPForbidden, 404: web.HTTPNotFound}
    heads = {"X-Error-Code": code, "X-Error-Message": message} if code else {"X-Error-Message": message}
    return kinds[status](text=json.dumps({"error": message}), content_type="application/json", headers=heads)


def oid(data: bytes) -> str:
    """Git's name of a file."""
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the hub lists it."""
    return {"type": "file", "path": path, "size": len(data), "oid": oid(data), "lastCommit": None}
