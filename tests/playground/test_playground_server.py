"""The playground's server: its pages, what it refuses, and how it ends."""

import asyncio
import socket
import threading
import tomllib
from pathlib import Path

import pytest
from helpers.merged import in_one_test

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from helpers.playground_server import PATIENCE, Page, request, running_server
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import fastmlp.playground
from fastmlp.playground.command import MAX_MESSAGE
from fastmlp.playground.tab import Tab

STATIC = Path(fastmlp.playground.__file__).parent / "static"


@pytest.fixture(scope="module")
def port():
    with running_server() as port:
        yield port


@pytest.fixture
def page(port):
    with Page(port) as page:
        yield page


# Files


@in_one_test(shared=("port",))
@pytest.mark.parametrize("path", [path.name for path in STATIC.iterdir()])
def test_every_file_of_the_page_is_served(port, path):
    status, headers, body = request(port, f"/{path}")
    assert status == 200 and body == (STATIC / path).read_bytes()
    kind = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
    assert headers["content-type"].startswith(kind[path.rsplit(".")[-1]])
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"


def test_the_page_loads_nothing_from_elsewhere():
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "").replace("ws://${", "")
        assert "://" not in text, path
        assert "eval(" not in text and "innerHTML" not in text, path


def test_the_page_is_part_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["fastmlp"]
    found = {path for pattern in patterns for path in STATIC.parents[1].glob(pattern)}
    assert set(STATIC.iterdir()) <= found


def test_the_index_is_served(port):
    assert request(port, "/")[2] == (STATIC / "index.html").read_bytes()
    assert request(port, "/?a=1")[0] == 200
    status, _, body = request(port, "/", "HEAD")
    assert (status, body) == (200, b"")


@in_one_test(shared=("port",))
@pytest.mark.parametrize("path", ["/no", "/../session.py", "/..%2fsession.py", "/%2e%2e/session.py", "/static/main.js",
                                  "//etc/passwd", "/%2fetc%2fpasswd", "/main.js/", "/main.js%00", "/..\\session.py",
                                  "/....//session.py", "/%", "/%ff"])  # fmt: skip
def test_other_paths_are_not_found(port, path):
    status, _, body = request(port, path)
    assert status in (400, 404) and b"import" not in body


@in_one_test(shared=("port",))
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_other_methods_are_refused(port, method):
    assert request(port, "/", method)[0] in (400, 405)


# Hosts and origins


@in_one_test(shared=("port",))
@pytest.mark.parametrize("host, allowed", [("127.0.0.1:{}", True), ("localhost:{}", True), ("LOCALHOST:{}", True),
                                           ("127.0.0.1", False), ("localhost", False), ("127.0.0.1:1", False),
                                           ("evil.example", False), ("evil.example:{}", False), ("", False),
                                           ("127.0.0.1:{}.evil.example", False), ("[::1]:{}", False),
                                           ("0.0.0.0:{}", False), ("evil.example@127.0.0.1:{}", False)])  # fmt: skip
def test_hosts(port, host, allowed):
    host = host.format(port)
    status, headers, body = request(port, "/main.js", Host=host)
    assert status == (200 if allowed else 403)
    assert allowed or (b"import" not in body and headers["content-security-policy"])
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    handshake |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": f"http://127.0.0.1:{port}"}
    status, _, body = request(port, "/socket", Host=host, **handshake)
    assert status == (101 if allowed else 403)


def test_a_second_host_is_refused(port):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as raw:
        raw.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n".encode())
        assert raw.recv(12).split()[1] in (b"400", b"403")


@in_one_test(shared=("port",))
@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:{}", "http://127.0.0.1:1", "null", "file://",
                                    "http://127.0.0.1:{}.evil.example", "http://127.0.0.1:{}/"])  # fmt: skip
def test_other_origins_are_refused(port, origin):
    origin = origin.format(port)
    assert request(port, "/main.js", Origin=origin)[0] == 403
    with pytest.raises(InvalidStatus, match="403"), Page(port, origin=origin):
        pass


def test_a_socket_without_an_origin_is_refused(port):
    with pytest.raises(InvalidStatus, match="403"), Page(port, origin=""):
        pass


def test_the_own_origin_is_allowed(port):
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert request(port, "/main.js", Origin=origin)[0] == 200
        with Page(port, origin=origin) as page:
            page.wait_for("data")


# The web socket


def test_a_page_is_described_first(page):
    assert [page.receive()["type"] for _ in range(4)] == ["page", "choices", "data", "frame"]


def test_training_is_seen_while_it_runs(page):
    page.send("play", speed="full")
    seen = [page.wait_for("frame", lambda frame: frame["epochs"])["epochs"] for _ in range(5)]
    assert seen == sorted(set(seen))
    page.send("pause")
    paused = page.wait_for("frame", lambda frame: not frame["playing"])
    page.send("numbers", row=0)
    assert page.wait_for("numbers")["progress"] == paused["progress"]


def test_no_frame_is_sent_before_the_last_one_is_drawn(page):
    page.send("play", speed="full")
    kinds = []
    for _ in range(3):
        page.send("fold", layer=9, units=[0, 0])
        while True:
            kinds.append(page.receive()["type"])
            if kinds[-1] == "error":
                break
    page.send("pause")
    page.send("fold", layer=9, units=[0, 0])
    while kinds.count("error") < 4:
        kinds.append(page.receive()["type"])
    assert kinds.count("frame") <= 1
    page.send("drawn")
    assert page.wait_for("frame", lambda frame: not frame["playing"])["epochs"] > 0


def test_bad_messages_are_answered(page):
    for text in ("", "{", "[" * 100_000, '{"type":"play"}', "\x00", '{"type":"drawn","more":1}'):
        page.socket.send(text)
        assert page.wait_for("error")["message"]
    page.socket.send(b"\x00\x01\xff")
    assert "not JSON" in page.wait_for("error")["message"]
    page.send("step")
    assert page.wait_for("frame", lambda frame: frame["steps"])["steps"] == 1


def test_a_message_that_is_too_long_ends_its_page_alone(port, page):
    page.wait_for("data")
    with Page(port) as other:
        other.wait_for("data")
        with pytest.raises(ConnectionClosed):
            other.socket.send("x" * (MAX_MESSAGE + 1))
            while True:
                other.wait_for("error")
    page.send("step")
    assert page.wait_for("frame", lambda frame: frame["steps"])


def test_pages_have_their_own_sessions(port, page):
    with Page(port) as other:
        other.send("configure", values={"hidden": [3, 3], "data": "xor"})
        other.send("epoch")
        frame = other.wait_for("frame", lambda frame: frame["epochs"])
        assert [len(layer) for layer in frame["intercepts"]] == [3, 3, 1]
        page.send("step")
        frame = page.wait_for("frame", lambda frame: frame["steps"])
        assert [len(layer) for layer in frame["intercepts"]] == [4, 2, 1] and frame["epochs"] == 0


def trainings():
    return [thread for thread in threading.enumerate() if thread.name.startswith("playground")]


@pytest.mark.parametrize("drawn", [True, False])
def test_a_closed_page_ends_its_training(port, drawn):
    before = set(trainings())
    with Page(port) as page:
        page.send("play", speed="full")
        if drawn:
            page.wait_for("frame", lambda frame: frame["epochs"])
        else:
            page.receive()
        (own,) = set(trainings()) - before
    own.join(PATIENCE)
    assert not own.is_alive()


def test_a_page_that_breaks_off_ends_its_training(port):
    """Without the closing handshake, as when a browser is killed."""
    before = set(trainings())
    with Page(port) as page:
        page.send("play", speed="full")
        page.wait_for("frame", lambda frame: frame["epochs"])
        (own,) = set(trainings()) - before
        page.socket.socket.shutdown(socket.SHUT_RDWR)
        own.join(PATIENCE)
        assert not own.is_alive()


def test_a_page_that_breaks_off_while_messages_wait_is_no_error():
    """Sending fails before its end has been read: more messages wait than are read ahead."""

    class Flood:
        async def accept(self):
            pass

        async def receive(self):
            return {"type": "websocket.receive", "text": '{"type":"pause"'}

        async def send_text(self, text):
            if "not JSON" in text:
                raise WebSocketDisconnect(1006)

        send_bytes = send_text

    asyncio.run(Tab(Flood()).serve())


def test_own_data_are_uploaded(page):
    text = "a,b,c\n" + "".join(f"{row},{row % 5},{row % 2}\n" for row in range(30))
    page.send("csv", text=text)
    assert page.wait_for("data", lambda data: data["names"] == ["a", "b", "c"])["labels"] == ["0", "1"]
    page.send("csv", text="1,2\n" * 9)
    assert "Line 1 has 2 values" in page.wait_for("error")["message"]
    page.send("epoch")
    assert page.wait_for("frame", lambda frame: frame["epochs"])["steps"] == 2
