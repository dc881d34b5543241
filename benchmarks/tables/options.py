"""The options of the suite `tables`."""

import argparse
from dataclasses import asdict, dataclass

from .methods import METHODS
from .sets import find_sets

CACHED = "cached"
SEEDS, SMOKE_SEEDS = 5, 2


@dataclass(frozen=True)
class TablesConfig:
    """What to measure.

    Attributes
    ----------
    data : str or None
        A folder of NAME.npz; None: two sets that scikit-learn bundles, as a smoke test.
    sets, methods : tuple of str or None
        Names; None means all. The method "cached" runs nothing, and shows what the cache has.
    seeds : int or None
        None: 5 of a folder, 2 of the bundled sets.
    cache, picture : str or None
        Files.
    """

    data: str | None = None
    sets: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    seeds: int | None = None
    cache: str | None = None
    picture: str | None = None

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> "TablesConfig":
        """Take the options that `add_options` added."""
        return cls(**{name: getattr(options, name) for name in cls.__dataclass_fields__})

    def as_arguments(self) -> list[str]:
        """Return the options for the command line of another process."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        texts = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in given.items()}
        return [part for name, text in texts.items() for part in (f"--{name}", text)]

    def check(self) -> None:
        """Raise a ValueError for an unknown set or method."""
        find_sets(self.data, self.sets)
        if self.seeds is not None and self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, got {self.seeds}")
        unknown = [name for name in self.methods or () if name not in METHODS and name != CACHED]
        if unknown:
            raise ValueError(f"no method is called {', '.join(unknown)}; there are {', '.join(METHODS)}, {CACHED}")

    @property
    def n_seeds(self) -> int:
        return self.seeds or (SEEDS if self.data else SMOKE_SEEDS)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the suite's options to the command line."""
    group = parser.add_argument_group("tables")
    group.add_argument("--data", metavar="FOLDER", help="sets, as NAME.npz (two that scikit-learn bundles)")
    group.add_argument("--sets", type=_names, metavar="A,B", help="which sets (all)")
    which = f"which of {', '.join(METHODS)} (all installed); {CACHED}: run none"
    group.add_argument("--methods", type=_names, metavar="A,B", help=which)
    group.add_argument("--seeds", type=int, metavar="N", help=f"seeds 0 … N−1 ({SEEDS}; {SMOKE_SEEDS} without --data)")
    group.add_argument("--cache", metavar="FILE", help="JSON: read results that are there, add those that are missing")
    group.add_argument("--picture", metavar="FILE", help="draw error over CPU seconds (.png …; needs matplotlib)")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
