"""`Guard`: refuse requests that do not come from the page itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Callable[[], Awaitable[Scope]], Send], Awaitable[None]]

#: For every answer: the page loads nothing from elsewhere, and no other page can frame it or read it.
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'"
HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


class Guard:
    """An ASGI application in front of another one that lets through what comes from the server's own page.

    A page on the internet can make a browser send requests to this machine, and by rebinding the name of its host to
    127.0.0.1 it can even read the answers. Such requests carry the name of that host in ``Host``, or another page's
    address in ``Origin``. A web socket must have an ``Origin``, which every browser sends.

    Parameters
    ----------
    app : ASGI application
    hosts : sequence of str
        The values of ``Host`` that are allowed, such as ``127.0.0.1:5470``.
    """

    def __init__(self, app: App, hosts: tuple[str, ...]) -> None:
        self.app, self.hosts = app, hosts
        self.origins = tuple(f"http://{host}" for host in hosts)
        sockets = "".join(f" ws://{host}" for host in hosts)  # which older browsers do not count as 'self'
        headers = {**HEADERS, "content-security-policy": POLICY + sockets}
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in ("http", "websocket"):  # the server's own start and end
            await self.app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"
        if self._allows(scope, is_socket):
            await self.app(scope, receive, self._with_headers(send))
        elif is_socket:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: answered by 403
        else:
            await _refuse(self._with_headers(send))

    def _allows(self, scope: Scope, is_socket: bool) -> bool:
        hosts, origins = ([_text(value) for key, value in scope["headers"] if key == name] for name in _CHECKED)
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return False
        return len(origins) == 1 and origins[0] in self.origins if is_socket or origins else True

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        return send_with_headers


_CHECKED = b"host", b"origin"


def _text(value: bytes) -> str:
    return value.decode("latin-1").lower()


async def _refuse(send: Send) -> None:
    text = b"The playground answers only its own page, at the address that it prints when it starts.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})
