"""The grid: the choice of cells.

Not all: the full product has millions. Of two dimensions every pair of values is in some cell; of a prediction every
shape (rows, features, hidden widths); of a training every solver with each number of rows, hidden widths and kind of
input, in each call: wherever there is such a cell that both libraries can run and that is affordable. The other values
of a cell are drawn, always the same for a seed. To them come the cells with a name.
"""

import random
from collections.abc import Iterable, Iterator
from itertools import combinations, product

from .cells import NAMED, OUTPUTS, PREDICTING, TRAINING, Cell
from .cost import affordable

SEED = 9
SHAPE = ("rows", "features", "hidden")
SOLVED = (("call", "solver", "rows"), ("call", "solver", "hidden"), ("call", "solver", "inputs"))
DRAWS = 40  # candidates for each cell, of which the one that covers most is taken

Wanted = tuple[tuple[str, object], ...]  # values of some dimensions, such as (("rows", 1), ("inputs", "list"))


def make_grid() -> list[Cell]:
    """Return all cells of the sweep, named ones first."""
    cells = dict.fromkeys(NAMED)
    cells |= dict.fromkeys(cover(PREDICTING, [*combinations(PREDICTING, 2), SHAPE]))
    cells |= dict.fromkeys(cover(TRAINING, [*combinations(TRAINING, 2), *SOLVED]))
    return list(cells)


def cover(values: dict[str, tuple], groups: Iterable[tuple[str, ...]]) -> Iterator[Cell]:
    """Return cells that cover each possible combination of values in each group of dimensions."""
    rng = random.Random(SEED)
    groups = list(groups)
    missing = {wanted: None for group in groups for wanted in combine(values, group)}
    while missing:
        wanted = next(iter(missing))
        del missing[wanted]
        cells = allowed(draw(values, wanted, rng)) or allowed(cheapest(values, wanted))
        if cells:
            held = [hold(cell, groups) for cell in cells]
            news = [sum(one in missing for one in each) for each in held]
            best = news.index(max(news))
            for one in held[best]:
                missing.pop(one, None)
            yield cells[best]


def combine(values: dict[str, tuple], group: tuple[str, ...]) -> list[Wanted]:
    """Return all choices of one value for each of these dimensions."""
    return [tuple(zip(group, chosen, strict=True)) for chosen in product(*(values[name] for name in group))]


def hold(cell: Cell, groups: list[tuple[str, ...]]) -> list[Wanted]:
    """Return the combinations that occur in a cell, one for each group."""
    return [tuple((name, getattr(cell, name)) for name in group) for group in groups]


def allowed(cells: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in cells if possible(cell) and affordable(cell)]


def draw(values: dict[str, tuple], wanted: Wanted, rng: random.Random) -> Iterator[Cell]:
    """Return cells with these values; the others are drawn."""
    for _ in range(DRAWS):
        yield Cell(**{name: rng.choice(each) for name, each in values.items()} | dict(wanted))


def cheapest(values: dict[str, tuple], wanted: Wanted) -> Iterator[Cell]:
    """Return the cheapest cells with these values."""
    free = ("call", "target", "rows", "inputs", "solver")
    choices = {name: each[:5] if name in free else each[:1] for name, each in values.items()}
    choices |= {name: (value,) for name, value in wanted}
    for chosen in product(*choices.values()):
        yield Cell(**dict(zip(choices, chosen, strict=True)))


def possible(cell: Cell) -> bool:
    """Whether the call exists, and scikit-learn executes it without a warning."""
    if cell.call == "predict_proba" and not cell.classifies:
        return False
    if cell.call == "score" and not cell.classifies and cell.rows < 2:
        return False  # R² of one row is not defined
    if cell.call == "partial_fit":
        return cell.solver != "lbfgs" and cell.option != "early_stopping"
    if cell.call == "fit" and cell.classifies and cell.rows < max(2, OUTPUTS[cell.target]):
        return False  # not every class would occur
    return cell.option != "early_stopping" or (cell.solver != "lbfgs" and cell.rows >= 32)


def choose_cells(cells: list[Cell], wanted: str | None, dtypes: list[str]) -> list[Cell]:
    """Return the cells of these types: all, a seeded sample, or those whose names contain all words of `wanted`."""
    cells = [cell for cell in cells if cell.dtype in dtypes]
    if wanted is None:
        return cells
    if wanted.isdigit():
        return random.Random(SEED).sample(cells, min(int(wanted), len(cells)))
    found = [cell for cell in cells if all(word in str(cell) for word in wanted.split())]
    if not found:
        raise ValueError(f"no cell of the sweep has the words {wanted!r} in its name; one is called {str(cells[0])!r}")
    return found
