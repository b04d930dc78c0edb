"""Who is answered: a request to this host's loopback name, with the token, that only reads.

    guard = Guard(token, names={"127.0.0.1:8765", "localhost:8765"})
    refused = guard.refuse(request)      # None, or an answer that says why not

The token comes with the address that the command prints; afterwards a cookie has it, so that links and bookmarks do
not. Scripts of another site get neither: the cookie is `SameSite=Strict`, and a page that reaches us by another name
(DNS rebinding) is refused by its `Host` header.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from html import escape

from aiohttp import web

TOKEN_BYTES = 24
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
METHODS = frozenset({"GET", "HEAD"})
ADDRESS = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d+)?")


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Guard:
    """Refuses whoever may not look.

    Args:
        token: The secret of this server.
        names: What a `Host` header may say.
        addresses: Whether it may say any address in figures, too: where the server is open to a network. A page of
            another site can have a name of its own lead here, and never an address.
    """

    def __init__(self, token: str, names: Collection[str], *, addresses: bool = False) -> None:
        self._token, self._names, self._addresses = token, frozenset(names), addresses
        self.cookie = f"dikast-view-{secrets.token_hex(4)}"  # cookies do not tell ports apart

    def refuse(self, request: web.Request) -> web.Response | None:
        """An answer for whoever may not look; `None` for who may."""
        if request.method not in METHODS:
            return plain(405, "only reading", {"Allow": ", ".join(sorted(METHODS))})
        if not self._is_ours(request.headers.get("Host", "").lower()):
            return plain(421, "not a name of this server")
        if self._has(request.query.get("token", "")):
            return self._enter(request)
        if not self._has(request.cookies.get(self.cookie, "")):
            return plain(403, "open the address that 'dikast view' printed: it has a token in it")
        return None

    def _is_ours(self, host: str) -> bool:
        return host in self._names or (self._addresses and ADDRESS.fullmatch(host) is not None)

    def _has(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(errors="replace"), self._token.encode())

    def _enter(self, request: web.Request) -> web.Response:
        """Keep the token in a cookie, and go on to the same address without it.

        Not a redirect: after a link on another site, a browser would follow it without the cookie.
        """
        rest = request.rel_url.without_query_params("token")
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={_attribute(str(rest))}"><p>Opening.</p>'
        reply = web.Response(text=page, content_type="text/html", headers=dict(HEADERS))
        reply.set_cookie(self.cookie, self._token, httponly=True, samesite="Strict", path="/")
        return reply


def _attribute(text: str) -> str:
    # The path alone: two slashes at its beginning would name another host.
    return escape("/" + text.lstrip("/"))


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer of one line."""
    return web.Response(status=status, text=f"{text}\n", headers={**HEADERS, **(headers or {})})
