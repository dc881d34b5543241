"""``python -m benchmarks.second_order``: newton-cg and Levenberg–Marquardt compared with Adam on a 1-10-1 sine fit.

Each solver makes a fixed number of steps from each seed; then Adam gets, from the same parameters, so many times
(fifty) the seconds that the solver took, at each of its rates. What counts for Adam is the lowest loss that it had on
the way, looked at (at no cost to it) every few hundred steps, and the median over the seeds at its best rate. Its steps
are made by the compiled loop, hundreds in one call. Nothing is tuned to the machine; expect some minutes.

Exit code: 0 if Adam ends higher than both solvers at every rate, else 1.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import numpy as np

from fastmlp import Network
from fastmlp.engine.dataset import Dataset
from fastmlp.optimizers import Adam
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.training.levenberg_marquardt import levenberg_marquardt
from fastmlp.training.newton_cg import newton_cg
from fastmlp.training.progress import Progress

RATES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
N_ROWS = 200
#: Adam's passes over the rows between two looks at its loss.
PASSES = 250


def make_network(seed: int) -> Network:
    """Initialize with random biases: with zero biases the network is an odd function, and stays one."""
    network = Network([1, 10, 1], ["tanh", "identity"], "half_squared_error")
    network.initialize("sklearn", random_state=seed)
    return network


def make_rows() -> Dataset:
    """Return one period of a sine, without noise."""
    angles = np.linspace(-np.pi, np.pi, N_ROWS)[:, np.newaxis]
    return Dataset(angles, np.sin(angles))


def run_solver(solver: Callable, seed: int, steps: int, rows: Dataset) -> tuple[float, float]:
    """Return (seconds, loss) after that many steps."""
    network = make_network(seed)
    began = perf_counter()
    result = solver(network, rows, l2=0.0, max_iter=steps, tol=0.0, progress=Progress(False))
    return perf_counter() - began, float(result.fun)


def run_adam(rate: float, seed: int, budgets: list[float], batch_size: int, rows: Dataset) -> Iterator[float]:
    """Yield the lowest loss of Adam within each of these numbers of seconds, in increasing order."""
    network, rng = make_network(seed), np.random.RandomState(seed)
    order = np.tile(np.arange(N_ROWS), PASSES)
    epoch = EpochRunner(network, rows, Adam(rate), order, batch_size)
    loss_and_gradient = FullBatch(network, rows, l2=0.0)
    seconds, lowest = 0.0, loss_and_gradient(network.params)[0]
    for budget in budgets:
        while seconds < budget:
            if batch_size < N_ROWS:
                rng.shuffle(order)
            began = perf_counter()
            epoch.run(0.0)
            seconds += perf_counter() - began
            lowest = min(lowest, loss_and_gradient(network.params)[0])
        yield lowest


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.second_order", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--newton", type=int, default=150, metavar="N", help="steps of newton-cg (150)")
    parser.add_argument("--marquardt", type=int, default=100, metavar="N", help="steps of Levenberg-Marquardt (100)")
    parser.add_argument("--times", type=float, default=50.0, metavar="X", help="Adam's time, in the solver's (50)")
    parser.add_argument("--batch-size", type=int, default=N_ROWS, metavar="N", help=f"Adam's (all {N_ROWS} rows)")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, metavar="R", help="Adam's")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    rows, seeds = make_rows(), range(options.seeds)
    solvers = {
        "Levenberg-Marquardt": (levenberg_marquardt, options.marquardt),
        "newton-cg": (newton_cg, options.newton),
    }
    for solver, _ in solvers.values():
        run_solver(solver, 0, 2, rows)  # compiled, or loaded
    outcomes = {name: [run_solver(how, seed, n, rows) for seed in seeds] for name, (how, n) in solvers.items()}
    print(f"1-10-1, tanh, {N_ROWS} rows of a sine; medians of {options.seeds} seeds; the loss is ½ mean (a − sin x)²\n")
    print(f"{'':<22}{'steps':>8}{'seconds':>10}{'loss':>10}")
    for name, (_, steps) in solvers.items():
        seconds, losses = zip(*outcomes[name], strict=True)
        print(f"{name:<22}{steps:>8}{median(seconds):>10.3f}{median(losses):>10.1e}")
    return compare_with_adam(options, outcomes, rows)


def compare_with_adam(options: argparse.Namespace, outcomes: dict, rows: Dataset) -> int:
    """Print Adam's table; return 0 if its loss is above that of every solver at every rate."""
    names = sorted(outcomes, key=lambda name: median(seconds for seconds, _ in outcomes[name]))
    print(f"\nAdam, batches of {options.batch_size}, lowest loss in {options.times:g} times the seconds of")
    print(f"{'rate':<8}" + "".join(f"{name:>22}" for name in names))
    best = dict.fromkeys(names, np.inf)
    for rate in options.rates:
        reached = []
        for seed in range(options.seeds):
            budgets = [options.times * outcomes[name][seed][0] for name in names]
            reached.append(list(run_adam(rate, seed, budgets, options.batch_size, rows)))
        medians = [median(losses) for losses in zip(*reached, strict=True)]
        print(f"{rate:<8g}" + "".join(f"{loss:>22.1e}" for loss in medians), flush=True)
        best = {name: min(best[name], loss) for name, loss in zip(names, medians, strict=True)}
    print()
    for name in names:
        reached = median(loss for _, loss in outcomes[name])
        print(
            f"{name}: {reached:.1e}; Adam at its best rate {best[name]:.1e}, {best[name] / reached:.1f} times as high"
        )
    return int(any(best[name] <= median(loss for _, loss in outcomes[name]) for name in names))


if __name__ == "__main__":
    sys.exit(main())
