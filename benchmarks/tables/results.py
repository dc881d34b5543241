"""A measured fit, and what identifies it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Trial:
    """A set, a method and a seed under the conditions of a run: what identifies a fit.

    Attributes
    ----------
    digest : str
        Of the set's content.
    parameters, versions : dict
        The method's.
    machine : str
        Processor and number of cores.
    """

    set: str
    digest: str
    method: str
    parameters: dict
    seed: int
    threads: int
    versions: dict
    machine: str

    @property
    def key(self) -> str:
        """All of it, as text."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def answer_key(self) -> str:
        """What the error depends on, if versions and machines are alike."""
        return json.dumps([self.set, self.digest, self.method, self.parameters, self.seed], sort_keys=True)


@dataclass(frozen=True)
class Result:
    """A fit's scores and seconds.

    Attributes
    ----------
    error : float
        Normalized root mean squared error, or the share of wrong labels.
    log_loss : float or None
        None for regression.
    cpu_seconds, wall_seconds : float
        Of the fit, when everything is compiled and loaded.
    predict_seconds : float
        CPU seconds of the prediction of all test rows.
    """

    trial: Trial
    error: float
    log_loss: float | None
    cpu_seconds: float
    wall_seconds: float
    predict_seconds: float
    date: str

    @classmethod
    def now(cls, trial: Trial, measured: dict) -> "Result":
        """Return what a child process measured just now."""
        return cls(trial, **measured, date=datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def from_plain(cls, plain: dict) -> "Result":
        return cls(**plain | {"trial": Trial(**plain["trial"])})


@dataclass(frozen=True)
class Compilation:
    """CPU seconds that a method's first fit takes with an empty cache, above a later fit of the same rows."""

    method: str
    task: str
    parameters: dict
    versions: dict
    machine: str
    cpu_seconds: float

    @property
    def key(self) -> str:
        return json.dumps([self.method, self.task, self.parameters, self.versions, self.machine], sort_keys=True)

    @property
    def answer_key(self) -> str:
        return json.dumps([self.method, self.task, self.parameters], sort_keys=True)
