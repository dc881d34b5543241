"""The child process that runs scripts, and the parent's end of it.

The child reads a script's path from a line of its input, runs it, and writes a line of JSON. It imports nothing heavy
itself; what scripts import stays imported.
"""

import contextlib
import io
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from dataclasses import dataclass
from pathlib import Path

#: Bytes of memory that a child may have.
MEMORY = 6 * 2**30
#: The name of the module that a script is.
MODULE = "case_of_the_fuzzer"


@dataclass
class Outcome:
    """What became of a script.

    Attributes
    ----------
    kind : str
        'passed', 'refused', 'no case', or what it failed with: 'crash', 'hang', or the type of an error.
    where : str
        The place of an error, the same for failures of the same cause.
    text : str
        The message, or what the process has written before it ended.
    seconds : float
    """

    kind: str
    where: str = ""
    text: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.kind not in ("passed", "refused", "no case")

    @property
    def signature(self) -> str:
        return f"{self.kind}: {self.where}" if self.where else self.kind


def place_of(error: BaseException) -> str:
    """Return the message of an assertion without its numbers, else the last function of the package in the trace."""
    if isinstance(error, AssertionError):
        return re.sub(r"'[^']*'|[-+.\de]*\d[-+.\de]*", "…", str(error))[:80]
    trace = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in trace if f"{os.sep}fastmlp{os.sep}" in frame.filename] or trace
    return f"{Path(own[-1].filename).name}, {own[-1].name}"


def run(path: str) -> dict:
    """Run a script in this process; return kind, where and text of its `Outcome`."""
    text, written = Path(path).read_text(encoding="utf-8"), io.StringIO()
    module = sys.modules[MODULE] = types.ModuleType(MODULE)  # where pickles find what the script defines
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            exec(compile(text, path, "exec"), vars(module))
    except SystemExit as error:
        return {"kind": "no case", "text": str(error)}
    except BaseException as error:
        return {"kind": type(error).__name__, "where": place_of(error), "text": traceback.format_exc()[-4000:]}
    said = written.getvalue()
    return {"kind": "refused", "text": said[-300:]} if "refused: " in said else {"kind": "passed"}


def serve() -> None:
    """Run the scripts whose paths come in."""
    import faulthandler

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    for line in sys.stdin:
        answers.write(json.dumps(run(line.strip())) + "\n")
        answers.flush()


class Child:
    """A process that runs scripts one after the other, and is replaced when it ends.

    Parameters
    ----------
    folder : Path
        Where scripts are written.
    limit : float
        Seconds after which a script counts as a hang.
    """

    def __init__(self, folder: Path, limit: float = 300.0) -> None:
        self.folder, self.limit = folder, limit
        self.process: subprocess.Popen | None = None
        self.served = 0

    def run(self, script: str) -> Outcome:
        """Run a script, whatever it does."""
        if self.process is None or self.served >= 400:
            self.end()
            self.start()
        path = self.folder / "running.py"
        path.write_text(script, encoding="utf-8")
        before, self.served = time.monotonic(), self.served + 1
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], self.limit)
        line = self.process.stdout.readline() if ready else ""
        seconds = time.monotonic() - before
        if line:
            return Outcome(seconds=seconds, **json.loads(line))
        return self._end_of(ready, seconds)

    def _end_of(self, ended: list, seconds: float) -> Outcome:
        """Return the outcome of a script that gave no answer: its process ended, or has to be ended."""
        if not ended:
            self.process.send_signal(signal.SIGUSR1)  # its threads then write where they are
            time.sleep(0.2)
            self.process.kill()
        code = self.process.wait()
        self.errors.seek(0)
        text = self.errors.read()[-4000:]
        self.end()
        if not ended:
            return Outcome("hang", "", text, seconds)
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        frames = re.findall(r'File ".*fastmlp/([\w/]+\.py)", line \d+ in (\w+)', text)
        return Outcome("crash", " ".join([name, *(frames[0] if frames else ())]), text, seconds)

    def start(self) -> None:
        """Start the process."""
        self.served, self.errors = 0, tempfile.TemporaryFile(mode="w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )  # fmt: skip

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.errors.close()
            self.process = None


if __name__ == "__main__":
    serve()
