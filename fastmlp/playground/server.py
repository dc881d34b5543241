"""The server: the files of the page, and a web socket for each page that is open."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from .guard import Guard
from .tab import Tab

#: Content types of the page's files, whatever this machine's registry says.
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}


def make_app(port: int) -> Guard:
    """Return the ASGI application for this port of 127.0.0.1.

    All files are read once, so that a request can name only these, and no path of the file system.
    """
    folder = resources.files(__package__) / "static"
    files = {path: (_type_of(path), file.read_bytes()) for path, file in _files(folder)}
    files["/"] = files["/index.html"]

    async def serve_file(request: Request) -> Response:
        kind, content = files.get(request.scope["path"], ("text/plain", None))
        if content is None:
            return Response("There is no such file.\n", 404, media_type=kind)
        return Response(content, media_type=kind)

    async def serve_tab(socket: WebSocket) -> None:
        await Tab(socket).serve()

    routes = [WebSocketRoute("/socket", serve_tab), Route("/{path:path}", serve_file)]
    return Guard(Starlette(routes=routes), (f"127.0.0.1:{port}", f"localhost:{port}"))


def _files(folder: Traversable, path: str = "/") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, entry


def _type_of(path: str) -> str:
    ending = path.rsplit(".", 1)[-1]
    return _TYPES.get(ending) or mimetypes.guess_type(path)[0] or "application/octet-stream"
