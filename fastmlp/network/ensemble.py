"""`NetworkEnsemble`: several networks of one shape, trained side by side, whose outputs are averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..activations import BaseActivation
from ..callbacks.base import Callback
from ..common.checks import MOST_MEMBERS, check_count
from ..common.random_state import as_random_state
from ..common.user_warnings import warn_user
from ..engine.cores import ask_threads
from ..engine.threads import Team
from ..initializers import Initializer
from ..kernels.lowlevel.records import CANCELLED
from ..losses import BaseLoss
from ..optimizers import RunningOptimizer
from .checks import check_inputs
from .network import Network


class NetworkEnsemble:
    r"""Networks of one shape with parameters of their own; the outputs are the mean of theirs.

    .. math:: f(x) = \frac{1}{k} \sum_{m=1}^{k} f_m(x)

    Each member begins with its own parameters and has its own row orders and dropout, so that their errors differ, and
    the mean is closer to the targets than most of them. They are trained by one call: threads take whole members,
    without a barrier between their steps. The bits of a member depend neither on the number of members nor on that of
    threads.

    Parameters
    ----------
    layer_sizes, activations, loss, dtype, matmul_precision
        As in `Network`.
    n_members : int, default=4
        At most 10,000.

    Attributes
    ----------
    members : tuple of Network
        What is trained; each has its own `loss_curve_`, `best_epoch_`, … after `train`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    References
    ----------
    Hansen and Salamon (1990), "Neural network ensembles"; Lakshminarayanan, Pritzel and Blundell (2017), "Simple and
    scalable predictive uncertainty estimation using deep ensembles".

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import Adam, NetworkEnsemble
    >>> X = np.linspace(-1, 1, 100)[:, np.newaxis]
    >>> y = np.sin(3 * X[:, 0])
    >>> nets = NetworkEnsemble([1, 20, 1], ["tanh", "identity"], "half_squared_error", n_members=3)
    >>> nets.initialize(random_state=0)
    >>> losses = nets.train(X, y, Adam(0.01), epochs=100, batch_size=20, shuffle=True, random_state=0)
    >>> len(losses), len(losses[0]), nets.forward(X).shape
    (3, 100, (100, 1))
    >>> bool(nets.outputs_of_members(X).std(axis=0).max() > 0)
    True
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activations: Sequence[str | BaseActivation],
        loss: str | BaseLoss,
        dtype: Any = "float64",
        matmul_precision: str = "float32",
        *,
        n_members: int = 4,
    ) -> None:
        count = check_count("n_members", n_members, MOST_MEMBERS)
        self.members = tuple(Network(layer_sizes, activations, loss, dtype, matmul_precision) for _ in range(count))

    @property
    def n_members(self) -> int:
        """The number of networks."""
        return len(self.members)

    def initialize(self, initializer: str | Initializer = "sklearn", random_state: Any = None) -> None:
        """Draw the parameters of each member, with a seed of its own.

        Parameters
        ----------
        initializer : str or Initializer, default='sklearn'
            As in `Network.initialize`.
        random_state : int, RandomState or None, default=None
            What the members' seeds are made of.
        """
        for member, seed in zip(self.members, self._seeds(random_state), strict=True):
            member.initialize(initializer, seed)

    def train(
        self,
        X: Any,
        y: Any,
        optimizer: Any,
        epochs: int = 1,
        *,
        random_state: Any = None,
        n_jobs: int | None = None,
        **options: Any,
    ) -> list[list[float]]:
        """Train each member as `Network.train` does, several at a time.

        Parameters
        ----------
        X, y, optimizer, epochs
            As in `Network.train`; each member has an optimizer of its own, so a `RunningOptimizer` is refused.
        random_state : int, RandomState or None, default=None
            What the members' seeds are made of.
        n_jobs : int, default=None
            Number of threads; None is as many as there are members, at most the free cores.
        **options
            All other arguments of `Network.train` except for `callbacks` and `verbose`. With validation rows and
            ``early_stopping=True`` each member keeps the parameters of its own best epoch.

        Returns
        -------
        losses : list of list of float
            For each member the mean loss of each epoch; after Ctrl-C of each whole epoch.

        Raises
        ------
        TypeError, ValueError
            As `Network.train`. If parameters become infinite or NaN, a note names the member; the others then end their
            training early.

        Warns
        -----
        UserWarning
            If Ctrl-C stopped training early: each member has the parameters of its last step, and members that had not
            begun those from before.
        """
        refused = sorted({"callbacks", "verbose"} & options.keys())
        if refused:
            raise TypeError(
                f"NetworkEnsemble.train has no {' and no '.join(refused)}: its members train at the same time. Train "
                "`members` one by one to follow them."
            )
        if isinstance(optimizer, RunningOptimizer):
            raise TypeError(f"Each member needs an optimizer of its own: pass {optimizer.optimizer!r} instead.")
        threads = ask_threads(n_jobs)
        n_threads = min(threads() if callable(threads) else threads, self.n_members)
        X = check_inputs(X, self.members[0])
        team = Team(n_threads, long=True)
        losses: list[list[float]] = [[] for _ in self.members]
        former = [getattr(member, "loss_curve_", None) for member in self.members]
        left = iter(list(zip(range(self.n_members), self._seeds(random_state), strict=True)))

        def take_members(thread: int) -> None:
            for number, seed in _until(left, team):
                try:
                    losses[number] = self.members[number].train(
                        X, y, optimizer, epochs, random_state=seed, n_jobs=1, callbacks=(_EndWith(team),), **options
                    )
                except Exception as error:
                    if getattr(self.members[number], "loss_curve_", None) is not former[number]:
                        error.add_note(f"This happened to members[{number}].")
                    raise

        try:
            team.run(take_members)
        except KeyboardInterrupt:
            warn_user("Training interrupted by user.")
            curves = [getattr(member, "loss_curve_", None) for member in self.members]
            begun = [curve is not before for curve, before in zip(curves, former, strict=True)]
            return [list(curve or []) if ours else [] for curve, ours in zip(curves, begun, strict=True)]
        return losses

    def forward(self, X: Any) -> np.ndarray:
        """Compute the mean of the members' outputs.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
        """
        total = np.zeros(1)
        for member in self.members:
            total = total + member.forward(X)
        mean: np.ndarray = (total / self.n_members).astype(self.members[0].dtype, copy=False)
        return mean

    def outputs_of_members(self, X: Any) -> np.ndarray:
        """Compute each member's outputs: their spread tells how sure the ensemble is.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_members, n, n_outputs)
        """
        return np.stack([member.forward(X) for member in self.members])

    def _seeds(self, random_state: Any) -> list[int]:
        """Return a seed for each member that does not depend on how many there are."""
        drawn = int(as_random_state(random_state).randint(1 << 31))
        return [int(np.random.SeedSequence([drawn, number]).generate_state(1)[0]) for number in range(self.n_members)]

    def __repr__(self) -> str:
        inside = repr(self.members[0]).partition("(")[2].removesuffix(")")
        return f"{type(self).__name__}({inside}, n_members={self.n_members})"


class _EndWith(Callback):
    """Ends a member's training when its team is cancelled: by Ctrl-C, or because another member has failed."""

    def __init__(self, team: Team) -> None:
        self.team = team

    def is_over(self, estimator: Any) -> bool:
        return bool(self.team.barrier[CANCELLED // 8])

    def on_epoch_end(self, estimator: Any) -> bool:
        return self.is_over(estimator)


def _until(left: Iterator[tuple[int, int]], team: Team) -> Iterator[tuple[int, int]]:
    """Yield what is left until the team is cancelled; several threads share the iterator."""
    for each in left:
        if team.barrier[CANCELLED // 8]:
            return
        yield each
