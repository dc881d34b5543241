"""`Tab`: one open page: its session, and the messages between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from .frames import describe_page, encode
from .messages import answer
from .session import Reply, Session

T = TypeVar("T")
#: Seconds between two frames, at least: 25 a second.
FRAME_SECONDS = 0.04
#: Messages that wait to be answered; further ones wait in the network.
MAX_WAITING = 32
#: The message of a page that has drawn a frame.
DRAWN = '{"type":"drawn"}'


class Tab:
    """Serves one page until it is closed.

    A frame is sent when the page has drawn the one before (its message 'drawn'), so that none wait in a queue where the
    browser is slow. All work is done in one thread, in which training runs from frame to frame.

    Parameters
    ----------
    socket : WebSocket
    """

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.session = socket, Session()
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue(MAX_WAITING)
        self.drawn, self.is_open, self.due = True, True, 0.0
        self._thread = ThreadPoolExecutor(1, "playground")

    async def serve(self) -> None:
        """Answer messages, train, and send frames until the page is closed."""
        await self.socket.accept()
        reading = asyncio.create_task(self._read())
        try:
            await self._send([describe_page(), *await self._work(self.session.describe)])
            while await self._answer_all():
                await self._train()
        except WebSocketDisconnect:  # sending finds out first where many messages wait to be answered
            pass
        except RuntimeError:  # what sending raises once the end has been read
            if not reading.done():
                raise
        finally:
            reading.cancel()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _read(self) -> None:
        """Put the messages into the inbox; None when the page is closed."""
        while (message := await self.socket.receive())["type"] == "websocket.receive":
            text = message.get("text")
            await self.inbox.put("" if text is None else text)
        await self.inbox.put(None)

    async def _answer_all(self) -> bool:
        """Answer messages until it is time to train or to draw; False when the page is closed."""
        while (text := await self._next_message()) is not None:
            if text == DRAWN:
                self.drawn = True
            else:
                await self._send(await self._work(answer, self.session, text))
        return self.is_open

    async def _next_message(self) -> str | None:
        """Return a message; None when it is time to train or to draw, or when the page is closed."""
        if self.inbox.empty():
            busy = self.session.playing or (self.session.changed and self.drawn)
            wait = max(0.0, self.due - time.monotonic()) if busy else None
            try:
                async with asyncio.timeout(wait):
                    text = await self.inbox.get()
            except TimeoutError:
                return None
        else:
            text = self.inbox.get_nowait()
        self.is_open = text is not None
        return text

    async def _train(self) -> None:
        """Train until the next frame is due, and send it."""
        if self.session.playing:
            self.due = time.monotonic() + FRAME_SECONDS
            await self._send(await self._work(self.session.advance, FRAME_SECONDS))
        if self.session.changed and self.drawn:
            frame = await self._work(self.session.frame)
            self.drawn = False
            await self.socket.send_bytes(frame)

    async def _send(self, replies: list[Reply]) -> None:
        for reply in replies:
            await self.socket.send_text(encode(reply))

    async def _work(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
