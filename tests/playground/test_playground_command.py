"""``python -m fastmlp playground``: start, refusals, and end."""

import signal
import socket
import subprocess
import sys

import pytest

from fastmlp.__main__ import main
from fastmlp.playground import command

CODE = "import sys; sys.modules[{!r}] = None; from fastmlp.__main__ import main; main(['playground', '--port', '0'])"


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_a_missing_package_is_named(package):
    run = subprocess.run([sys.executable, "-c", CODE.format(package)], capture_output=True, text=True)
    assert run.returncode == 1 and run.stdout == ""
    assert package in run.stderr and 'pip install ".[playground]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_the_port_of_another_program():
    pytest.importorskip("starlette")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} is used by another program.*--port"):
            main(["playground", "--no-browser", "--port", str(port)])


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports_that_do_not_exist(port):
    with pytest.raises(SystemExit, match="--port must be from 0 to 65535"):
        command.listen(port)


def test_the_server_listens_on_this_machine_alone():
    with command.listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_port_is_free_at_once_after_its_server():
    pytest.importorskip("websockets")
    from helpers.playground_server import Page, running_server

    with running_server() as port, Page(port) as page:
        page.wait_for("frame")
    command.listen(port).close()


def test_the_browser_is_opened(monkeypatch):
    pytest.importorskip("uvicorn")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(command, "make_server", lambda listening: _Ends())
    monkeypatch.setattr("threading.Thread", _AtOnce)
    command.run(0)
    command.run(0, open_browser=False)
    assert len(opened) == 1 and opened[0].startswith("http://127.0.0.1:")


class _Ends:
    def run(self, sockets):
        for each in sockets:
            each.close()


class _AtOnce:
    def __init__(self, target, args, daemon):
        self.start = lambda: target(*args)


def test_ctrl_c_ends_the_server_while_a_network_is_trained():
    pytest.importorskip("websockets")
    from helpers.playground_server import PATIENCE, Page
    from websockets.exceptions import ConnectionClosed

    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "fastmlp", "playground", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with process, Page(int(process.stdout.readline().split(":")[2].split("/")[0])) as page:
            page.send("play", speed="full")
            page.wait_for("frame", lambda frame: frame["epochs"])
            process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed):
                page.wait_for("never")
            rest, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, rest, errors) == (0, "The playground has ended.\n", "")
