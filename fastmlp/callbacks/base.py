"""`Callback`: the base of callbacks that follow the epochs of a fit."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .nesting import depth

if TYPE_CHECKING:
    from ..training.running import RunningTraining


#: Names of the tasks: a fit, an epoch, and an iteration of a solver with all rows in each step.
FIT, EPOCH, ITERATION = "fit", "epoch", "iteration"


def is_epoch(context: Any) -> bool:
    """Whether a context is that of an epoch, or of an iteration."""
    return context.task_name in (EPOCH, ITERATION)


class Callback:
    """Base class for callbacks: override any of the methods below.

    scikit-learn reports a fit and its epochs as nested tasks; this class calls `on_fit_begin`, `on_epoch_begin` and so
    on accordingly. `partial_fit` does not call them, as in scikit-learn. During the fit the estimator's fitted
    attributes are those of the last epoch (`n_iter_`, `loss_`, `loss_curve_`, `validation_loss_curve_`, …); `coefs_`
    and `intercepts_` are the arrays that are trained. They may be read and, between two epochs, changed in place.

    For solvers with all rows in each step ('lbfgs', …) an epoch is an iteration. The attributes are the same during the
    fit, but changes of the arrays are lost, because the solver has its own; an iteration that finds no step begins and
    does not end. ``Network.train(..., callbacks=[...])`` calls the same methods with the network as `estimator`.

    `TabularMLPClassifier` and `TabularMLPRegressor` train several networks together. An epoch is one of all of them,
    and the attributes are their means; `members_` are the networks, whose `params` are the arrays that are trained.

    The state of a callback belongs to one fit: `setup` is where it begins. Copies of an estimator share its callbacks;
    what must not be shared by fits in several threads belongs into `state`. A callback may fit other models, but not
    the one that it follows.

    Attributes
    ----------
    needs_minibatches : bool
        Of the class: whether it is refused with solvers that have all rows in each step.
    needs_one_network : str
        Of the class: what to do instead, if it is refused by estimators that train several networks together.

    Examples
    --------
    Stop as soon as the training loss is small enough:

    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> class LossBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...     def on_epoch_end(self, estimator):
    ...         return estimator.loss_ < self.loss
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(random_state=0, learning_rate_init=0.01).set_callbacks(LossBelow(0.5)).fit(X, y)
    >>> bool(model.loss_curve_[-2] > 0.5 > model.loss_)
    True
    """

    needs_minibatches = False
    needs_one_network = ""

    def on_fit_begin(self, estimator: Any) -> None:
        """Do something before the first epoch."""

    def on_training_begin(self, estimator: Any, training: RunningTraining) -> None:
        """Do something with the training itself, once it is prepared: see `Checkpoint`. Mini-batches only.

        Of an estimator for tables `training` has the `members` in the place of one network.
        """

    def on_epoch_begin(self, estimator: Any) -> None:
        """Do something before an epoch."""

    def on_epoch_end(self, estimator: Any) -> bool | None:
        """Do something after an epoch; True ends the fit."""

    def on_fit_end(self, estimator: Any) -> None:
        """Do something after the last epoch, unless the fit has failed."""

    def is_over(self, estimator: Any) -> bool:
        """Whether the fit is to end now; called about twenty times a second during an epoch."""
        return False

    # scikit-learn's protocol.

    @property
    def state(self) -> SimpleNamespace:
        """What this thread's fit keeps, empty at first and after the fit; of fits in each other, the inner one's."""
        states = self._states_of_thread()
        if not states:
            states.append(SimpleNamespace())
        return states[-1]

    def _states_of_thread(self) -> list[SimpleNamespace]:
        """Return the states of the fits in this thread, the inner one's last."""
        states: dict[int, list[SimpleNamespace]] = self.__dict__.setdefault("_states", {})
        return states.setdefault(threading.get_ident(), [])

    def setup(self, estimator: Any, context: Any) -> None:
        """Reset the state: called before a fit.

        Raises
        ------
        TypeError
            If the estimator is not one of this package, but a pipeline or search around it.
        """
        states = self._states_of_thread()
        del states[depth() :]  # of fits that ended without `teardown`
        states.append(SimpleNamespace())
        if not getattr(estimator, "has_epochs", False):
            raise TypeError(
                f"{self!r} follows the epochs of an MLPClassifier, MLPRegressor, TabularMLPClassifier, "
                f"TabularMLPRegressor or Network: set it on that, not on the {type(estimator).__name__} around it."
            )

    def teardown(self, estimator: Any, context: Any) -> None:
        """Release what is kept: called after a fit, also if it has failed."""
        states = self._states_of_thread()
        del states[-1:]
        if not states:
            self.__dict__["_states"].pop(threading.get_ident(), None)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_states"}

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Call `on_epoch_begin` or `on_fit_begin`."""
        if is_epoch(context):
            self.on_epoch_begin(estimator)
        else:
            self.on_fit_begin(estimator)

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Call `on_epoch_end` or `on_fit_end`."""
        if is_epoch(context):
            return bool(self.on_epoch_end(estimator))
        self.on_fit_end(estimator)
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
