"""The command ``python -m fastmlp playground``."""

from __future__ import annotations

import contextlib
import errno
import importlib
import socket
import threading
import webbrowser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

ADDRESS = "127.0.0.1"
DEFAULT_PORT = 5470
#: Largest message, in bytes: a CSV file of `csv_data.MAX_CHARACTERS`, escaped.
MAX_MESSAGE = 4_000_000


def run(port: int = DEFAULT_PORT, open_browser: bool = True) -> None:
    """Serve the playground on this machine until Ctrl-C.

    Parameters
    ----------
    port : int, default=DEFAULT_PORT
        0 chooses a free one.
    open_browser : bool, default=True
        Whether to open the page.

    Raises
    ------
    SystemExit
        If the packages of the extra are missing, or the port is not free.
    """
    try:
        for name in ("uvicorn", "websockets", f"{__package__}.server"):
            importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(
            f"The playground needs the package {error.name!r}, which is not installed: run "
            '`pip install ".[playground]"` in a clone of fastmlp, or `pip install starlette uvicorn websockets`.'
        ) from None
    listening = listen(port)
    url = f"http://{ADDRESS}:{listening.getsockname()[1]}/"
    print(f"The playground is at {url} (Ctrl-C ends it).", flush=True)
    if open_browser:  # connections wait until the server has started; some browsers return only when they are closed
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn after it has closed all pages
        make_server(listening).run(sockets=[listening])
    print("The playground has ended.")


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this port of `ADDRESS`.

    Raises
    ------
    SystemExit
        If that is not possible.
    """
    if not 0 <= port <= 65535:
        raise SystemExit(f"--port must be from 0 to 65535, got {port}.")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where the other option would share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            reason = "is used by another program, perhaps by another playground"
        else:
            reason = f"cannot be used ({error.strerror})"
        raise SystemExit(f"Port {port} {reason}: choose another with --port, or any free one with --port 0.") from None
    return listening


def make_server(listening: socket.socket) -> uvicorn.Server:
    """Return the server of the application on this socket."""
    import uvicorn

    from .server import make_app

    config = uvicorn.Config(
        make_app(listening.getsockname()[1]),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)
