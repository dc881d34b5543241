"""The JSON file of all results, of this machine and of others."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from .results import Compilation, Result, Trial


class Cache:
    """Results by their trial; without a path, in memory alone.

    Each result is written at once. Another process may write to the same file: what it has added is read before.
    """

    def __init__(self, path: str | None = None):
        self.path = Path(path) if path else None
        self._results: dict[str, Result] = {}
        self._compilations: dict[str, Compilation] = {}
        self._read()

    def find(self, trial: Trial) -> Result | None:
        """Return the result of exactly this trial."""
        return self._results.get(trial.key)

    def find_alike(self, trial: Trial) -> Result | None:
        """Return this trial's result, or the newest of other versions, or of another machine or number of threads."""
        alike = [one for one in self._results.values() if one.trial.answer_key == trial.answer_key]
        return max(alike, key=lambda one: (_closeness(one.trial, trial), one.date), default=None)

    def find_compilation(self, wanted: Compilation, exactly: bool = True) -> Compilation | None:
        """Return the one with this key; if not `exactly` and missing, of other versions or another machine."""
        if exactly or wanted.key in self._compilations:
            return self._compilations.get(wanted.key)
        alike = (one for one in self._compilations.values() if one.answer_key == wanted.answer_key)
        return max(alike, key=lambda one: one.machine == wanted.machine, default=None)

    def add(self, result: Result) -> None:
        self._read()
        self._results[result.trial.key] = result
        self._write()

    def add_compilation(self, compilation: Compilation) -> None:
        self._read()
        self._compilations[compilation.key] = compilation
        self._write()

    def _read(self) -> None:
        if not self.path or not self.path.exists():
            return
        content = json.loads(self.path.read_text(encoding="utf-8"))
        results = map(Result.from_plain, content["results"])
        self._results |= {one.trial.key: one for one in results}
        self._compilations |= {one.key: one for one in (Compilation(**plain) for plain in content["compilations"])}

    def _write(self) -> None:
        if not self.path:
            return
        results, compilations = self._results.values(), self._compilations.values()
        content = {"results": list(map(asdict, results)), "compilations": list(map(asdict, compilations))}
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.path)


def _closeness(there: Trial, wanted: Trial) -> tuple[bool, bool, bool]:
    """Return what orders the results that `find_alike` chooses from."""
    return (
        there.machine == wanted.machine and there.versions == wanted.versions and there.threads == wanted.threads,
        there.machine == wanted.machine and there.threads == wanted.threads,
        there.versions == wanted.versions,
    )
