"""A playground on a free port, and pages that talk to it as a browser's would."""

import contextlib
import http.client
import json
import struct
import threading

from websockets.sync.client import connect

from fastmlp.playground import command

#: Seconds after which a test fails; a cold cache takes some for the kernels.
PATIENCE = 60


@contextlib.contextmanager
def running_server():
    """The port of a server that runs in a thread."""
    listening = command.listen(0)
    server = command.make_server(listening)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
        assert not thread.is_alive()


def request(port, path, method="GET", **headers):
    """Status, headers and body of an answer; `headers` may replace ``Host``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = b"" if response.status == 101 else response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, body
    finally:
        connection.close()


class Page:
    """A page's side of the web socket."""

    def __init__(self, port, origin=None):
        origin = f"http://127.0.0.1:{port}" if origin is None else origin
        self._connection = connect(
            f"ws://127.0.0.1:{port}/socket", origin=origin or None, max_size=2**24,
            open_timeout=PATIENCE, close_timeout=PATIENCE,
        )  # fmt: skip

    def __enter__(self):
        self.socket = self._connection.__enter__()
        return self

    def __exit__(self, *error):
        self._connection.__exit__(*error)

    def send(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, **fields}, separators=(",", ":")))

    def receive(self):
        """The next message, or the header of the next frame, which is not yet answered by 'drawn'."""
        message = self.socket.recv(timeout=PATIENCE)
        if isinstance(message, bytes):
            (length,) = struct.unpack("<I", message[:4])
            message = message[4 : 4 + length]
        return json.loads(message)

    def wait_for(self, kind, condition=lambda message: True):
        """The next message of a type that fulfils a condition; frames that come before it are drawn."""
        while True:
            message = self.receive()
            if message["type"] == "frame":
                self.send("drawn")
            if message["type"] == kind and condition(message):
                return message
